/* SPDX-License-Identifier: ISC */
#include "base/conf.h"

#include "base/endpoint.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
	bool verbose;
	uint64_t workers;
	uint64_t limit;
	char name[CONF_TEXT_MAX];
	char registry[CONF_TEXT_MAX];
	struct endpoint control;
	char peers[128]; /* "a+b;" for each line "peer a b" */
	char extra[128];
};

static bool
add_words(char to[static 128], char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		strncat(to, words[i], 60);
		strcat(to, i + 1 < count ? "+" : ";");
	}
	return true;
}

static bool
parse_peer(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct example *e = conf;

	if (count != 2)
		return fault_set(why, "needs two names");
	return add_words(e->peers, words, count);
}

static bool
parse_extra(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct example *e = conf;

	(void)why;
	return add_words(e->extra, words, count);
}

static const struct conf_option table[] = {
	{ .keyword = "verbose",
	    .type = CONF_FLAG,
	    .offset = offsetof(struct example, verbose),
	    .fallback = "yes",
	    .arguments = "yes|no",
	    .help = "Says more." },
	{ .keyword = "workers",
	    .type = CONF_UINT,
	    .offset = offsetof(struct example, workers),
	    .min = 1,
	    .max = 64,
	    .fallback = "2",
	    .arguments = "N",
	    .help = "Threads." },
	{ .keyword = "limit",
	    .type = CONF_UINT,
	    .offset = offsetof(struct example, limit),
	    .max = UINT64_MAX,
	    .arguments = "N",
	    .help = "As many as that." },
	{ .keyword = "name",
	    .type = CONF_TEXT,
	    .offset = offsetof(struct example, name),
	    .required = true,
	    .arguments = "TEXT",
	    .help = "What it is called." },
	{ .keyword = "registry",
	    .type = CONF_PATH,
	    .offset = offsetof(struct example, registry),
	    .fallback = "default.db",
	    .arguments = "PATH",
	    .help = "Where it is." },
	{ .keyword = "control",
	    .type = CONF_ENDPOINT,
	    .offset = offsetof(struct example, control),
	    .arguments = "ADDRESS:PORT",
	    .help = "Listens there." },
	{ .keyword = "peer",
	    .type = CONF_PARSE,
	    .repeats = true,
	    .fallback = "some one",
	    .parse = parse_peer,
	    .arguments = "NAME NAME",
	    .help = "Whom to know." },
	{ .keyword = "extra",
	    .type = CONF_PARSE,
	    .parse = parse_extra,
	    .help = "Takes any words." },
	{ 0 },
};

static struct example
loaded(const char *text)
{
	struct example e = { 0 };
	struct fault why;

	if (!conf_load_text(&e, table, "a.conf", text, &why))
		fail_msg("%s", why.text);
	return e;
}

static void
fallbacks_fill_what_is_not_given(void **state)
{
	struct example e = loaded("name x\n");

	(void)state;
	assert_true(e.verbose);
	assert_int_equal(e.workers, 2);
	assert_int_equal(e.limit, 0);
	assert_string_equal(e.registry, "default.db");
	assert_int_equal(e.control.port, 0);
	assert_string_equal(e.peers, "some+one;");
}

static void
lines_fill_fields_of_every_type(void **state)
{
	struct example e = loaded("# all of them\n"
				  "\n"
				  "verbose off\n"
				  "\tworkers   64 # as many as it takes\r\n"
				  "limit 18446744073709551615\n"
				  "name \"two words # no comment\"# comment\n"
				  "registry \"/var/lib/a b\"\n"
				  "control [2001:db8::1]:4500\n"
				  "peer a b\n"
				  "peer \"c\" \"\"\n"
				  "extra");
	char text[ENDPOINT_TEXT];

	(void)state;
	assert_false(e.verbose);
	assert_int_equal(e.workers, 64);
	assert_true(e.limit == UINT64_MAX);
	assert_string_equal(e.name, "two words # no comment");
	assert_string_equal(e.registry, "/var/lib/a b");
	assert_string_equal(endpoint_format(&e.control, text), "[2001:db8::1]:4500");
	assert_string_equal(e.peers, "a+b;c+;");
	assert_string_equal(e.extra, "");
}

static void
flags_have_six_words(void **state)
{
	static const struct {
		const char *text;
		bool value;
	} facts[] = {
		{ "name x\nverbose yes", true },
		{ "name x\nverbose on", true },
		{ "name x\nverbose true", true },
		{ "name x\nverbose no", false },
		{ "name x\nverbose off", false },
		{ "name x\nverbose false", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		assert_int_equal(loaded(facts[i].text).verbose, facts[i].value);
}

static void
as_many_words_as_there_is_room_for(void **state)
{
	struct example e = loaded("name x\nextra 1 2 3 4 5 6 7 8 9 a b c d e f g");

	(void)state;
	assert_string_equal(e.extra, "1+2+3+4+5+6+7+8+9+a+b+c+d+e+f+g;");
}

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X64 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
text_fits_to_its_last_byte(void **state)
{
	(void)state;
	assert_string_equal(loaded("name " X255).name, X255);
}

static void
faults_name_line_and_keyword(void **state)
{
	static const struct {
		const char *text, *fault;
	} facts[] = {
		{ "", "a.conf: name: required but missing" },
		{ "name x\n\ncolour blue\n", "a.conf:3: colour: unknown keyword" },
		{ "Name x\n", "a.conf:1: Name: unknown keyword" },
		{ "\"\"\n", "a.conf:1: : unknown keyword" },
		{ "name\n", "a.conf:1: name: needs a value" },
		{ "name # x\n", "a.conf:1: name: needs a value" },
		{ "name x y\n", "a.conf:1: name: takes one value, \"y\" is too many" },
		{ "name x\nname y\n", "a.conf:2: name: given twice" },
		{ "name " X255 "x\n", "a.conf:1: name: longer than 255 bytes" },
		{ "registry " X255 "x\n", "a.conf:1: registry: longer than 255 bytes" },
		{ "name \"x\n", "a.conf:1: name: a quote is not closed" },
		{ "\"name x\n", "a.conf:1: a quote is not closed" },
		{ "name \"x\"y\n", "a.conf:1: name: text follows a closing quote" },
		{ "name x\"y\"\n", "a.conf:1: name: a quote inside a word" },
		{ "verbose maybe\n", "a.conf:1: verbose: \"maybe\" is neither yes nor no" },
		{ "verbose YES\n", "a.conf:1: verbose: \"YES\" is neither yes nor no" },
		{ "workers many\n", "a.conf:1: workers: \"many\" is not a number" },
		{ "workers -1\n", "a.conf:1: workers: \"-1\" is not a number" },
		{ "workers \"\"\n", "a.conf:1: workers: \"\" is not a number" },
		{ "workers 1.5\n", "a.conf:1: workers: \"1.5\" is not a number" },
		{ "workers 0\n", "a.conf:1: workers: 0 is not within 1 to 64" },
		{ "workers 65\n", "a.conf:1: workers: 65 is not within 1 to 64" },
		{ "limit 18446744073709551616\n",
		    "a.conf:1: limit: 18446744073709551616 is not within 0 to "
		    "18446744073709551615" },
		{ "control 192.0.2.1\n",
		    "a.conf:1: control: \"192.0.2.1\" is not ADDRESS:PORT or [ADDRESS]:PORT" },
		{ "name x\npeer a b\npeer a\n", "a.conf:3: peer: needs two names" },
		{ "extra 1 2 3 4 5 6 7 8 9 a b c d e f g h\n",
		    "a.conf:1: extra: more than 16 words behind the keyword" },
		{ "name x\r\nbad\r\n", "a.conf:2: bad: unknown keyword" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct example e = { 0 };
		struct fault why = { "" };
		char *text = strdup(facts[i].text);

		if (conf_load_text(&e, table, "a.conf", text, &why))
			fail_msg("taken: %s", text);
		assert_string_equal(why.text, facts[i].fault);
		assert_string_equal(text, facts[i].text); /* the caller's text is not cut up */
		free(text);
	}
}

static void
faults_of_fallbacks_name_the_keyword(void **state)
{
	static const struct conf_option wrong[] = {
		{ .keyword = "workers", .type = CONF_UINT, .min = 1, .max = 9, .fallback = "10" },
		{ 0 },
	};
	struct example e = { 0 };
	struct fault why;

	(void)state;
	assert_false(conf_load_text(&e, wrong, "a.conf", "", &why));
	assert_string_equal(why.text, "fallback of workers: 10 is not within 1 to 9");
}

/* An older keyword may stand for the same field. */
static void
two_keywords_may_stand_for_one_field(void **state)
{
	static const struct conf_option both[] = {
		{ .keyword = "workers",
		    .type = CONF_UINT,
		    .offset = offsetof(struct example, workers),
		    .max = 9,
		    .required = true },
		{ .keyword = "threads",
		    .type = CONF_UINT,
		    .offset = offsetof(struct example, workers),
		    .max = 9 },
		{ 0 },
	};
	struct example e = { 0 };
	struct fault why;

	(void)state;
	assert_true(conf_load_text(&e, both, "a.conf", "threads 3\n", &why));
	assert_int_equal(e.workers, 3);
	assert_false(conf_load_text(&e, both, "a.conf", "threads 3\nworkers 3\n", &why));
	assert_string_equal(why.text, "a.conf:2: workers: says the same as threads above");
}

static void
paths_are_relative_to_the_file(void **state)
{
	struct scratch scratch = scratch_make();
	struct scratch_name n = scratch_write(&scratch, "a.conf", "name a/b\nregistry data/r.db\n");
	struct scratch_name want = scratch_name(&scratch, "data/r.db");
	struct example e = { 0 };
	struct fault why;

	(void)state;
	assert_true(conf_load(&e, table, n.path, &why));
	assert_string_equal(e.registry, want.path);
	assert_string_equal(e.name, "a/b"); /* text is not a path */

	scratch_write(&scratch, "a.conf", "name x\nregistry /srv/r.db\n");
	assert_true(conf_load(&e, table, n.path, &why));
	assert_string_equal(e.registry, "/srv/r.db");

	scratch_write(&scratch, "a.conf", "name x\nregistry \"\"\n");
	assert_true(conf_load(&e, table, n.path, &why));
	assert_string_equal(e.registry, "");

	scratch_write(&scratch, "a.conf", "name x");
	want = scratch_name(&scratch, "default.db");
	assert_true(conf_load(&e, table, n.path, &why));
	assert_string_equal(e.registry, want.path);
	scratch_remove(&scratch);
}

static void
faults_name_the_file(void **state)
{
	struct scratch scratch = scratch_make();
	struct scratch_name n = scratch_write(&scratch, "a.conf", "name x\nworkers 0\n");
	struct scratch_name gone = scratch_name(&scratch, "gone.conf");
	struct scratch_name binary = scratch_name(&scratch, "binary.conf");
	FILE *file = fopen(binary.path, "we");
	struct fault why, want;
	struct example e;

	(void)state;
	assert_false(conf_load(&e, table, n.path, &why));
	fault_set(&want, "%s:2: workers: 0 is not within 1 to 64", n.path);
	assert_string_equal(why.text, want.text);

	assert_false(conf_load(&e, table, gone.path, &why));
	fault_set(&want, "%s: No such file or directory", gone.path);
	assert_string_equal(why.text, want.text);

	assert_non_null(file);
	assert_int_equal(fwrite("name x\0y\n", 1, 9, file), 9);
	fclose(file);
	assert_false(conf_load(&e, table, binary.path, &why));
	fault_set(&want, "%s: holds a zero byte, so it is not text", binary.path);
	assert_string_equal(why.text, want.text);
	scratch_remove(&scratch);
}

static struct example
layered(const char *path, char *const *env, const char *const *given)
{
	const struct conf_sources from = {
		.path = path, .env_prefix = "EX_", .env = env, .given = given
	};
	struct example e = { 0 };
	struct fault why;

	if (!conf_load_sources(&e, table, &from, &why))
		fail_msg("%s", why.text);
	return e;
}

static char *
variable(const char *text)
{
	static char kept[16][300];
	static size_t next;
	char *to = kept[next++ % 16];

	snprintf(to, sizeof(kept[0]), "%s", text);
	return to;
}

static const struct conf_option scaled[] = {
	{ .keyword = "life",
	    .type = CONF_TIME,
	    .offset = offsetof(struct example, workers),
	    .min = 30,
	    .max = 366 * 86400,
	    .fallback = "24h",
	    .arguments = "TIME",
	    .help = "How long." },
	{ .keyword = "room",
	    .type = CONF_SIZE,
	    .offset = offsetof(struct example, limit),
	    .min = 0,
	    .max = UINT64_C(1) << 40,
	    .fallback = "64M",
	    .arguments = "SIZE",
	    .help = "How much." },
	{ 0 },
};

static void
times_and_sizes_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t life, room;
	} facts[] = {
		{ "", 86400, UINT64_C(64) << 20 },
		{ "life 30s\nroom 0K", 30, 0 },
		{ "life 1m\nroom 1K", 60, 1024 },
		{ "life 90m\nroom 3M", 5400, 3 << 20 },
		{ "life 366d\nroom 1024G", 366 * 86400, UINT64_C(1) << 40 },
	};
	static const struct {
		const char *text, *fault;
	} wrong[] = {
		{ "life 30", "a.conf:1: life: \"30\" is not a number with its unit, such as 90s, "
			     "15m, 24h or 30d" },
		{ "life s", "life: \"s\" is not a number" },
		{ "life 30w", "life: \"30w\" is not a number" },
		{ "life 30ss", "life: \"30ss\" is not a number" },
		{ "life 1.5h", "life: \"1.5h\" is not a number" },
		{ "life \"\"", "life: \"\" is not a number" },
		{ "life 99999999999999999999999999s", "is not a number" },
		{ "life 29s", "life: 29s is not within 30s to 366d" },
		{ "life 367d", "life: 367d is not within 30s to 366d" },
		{ "life 213503982334602d", "is not within 30s to 366d" },
		{ "room 64m", "room: \"64m\" is not a number with its unit, such as 512K, 64M" },
		{ "room 1025G", "room: 1025G is not within 0K to 1024G" },
	};
	struct example e = { 0 };
	struct fault why = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		assert_true(conf_load_text(&e, scaled, "a.conf", facts[i].text, &why));
		assert_true(e.workers == facts[i].life && e.limit == facts[i].room);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(conf_load_text(&e, scaled, "a.conf", wrong[i].text, &why));
		if (strstr(why.text, wrong[i].fault) == NULL)
			fail_msg("%s: %s", wrong[i].text, why.text);
	}
}

static void
help_tells_units(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	conf_print_help(to, scaled);
	fclose(to);
	assert_string_equal(text, "  life TIME  How long. (30s to 366d) [24h]\n"
				  "  room SIZE  How much. (0K to 1024G) [64M]\n");
	free(text);
}

static void
the_nearer_source_is_heard(void **state)
{
	struct scratch scratch = scratch_make();
	struct scratch_name n = scratch_write(&scratch, "a.conf",
	    "name file\nworkers 3\nlimit 3\nregistry r\npeer f 1\npeer f 2\nextra f\n");
	struct scratch_name beside = scratch_name(&scratch, "r");
	char *env[] = { variable("EX_NAME=from the environment"), variable("EX_WORKERS=4"),
		variable("EX_REGISTRY=here"), variable("OTHER=1"), variable("EX_PEER=e 1\ne 2\n"),
		variable("EX_VERBOSE="), NULL };
	const char *given[] = { "name", "given # \"so\"", "extra", "g \"1 2\"", NULL };
	struct example e = layered(n.path, env, given);

	(void)state;
	assert_string_equal(e.name, "given # \"so\"");
	assert_string_equal(e.extra, "g+1 2;");
	assert_int_equal(e.workers, 4);
	assert_int_equal(e.limit, 3);
	assert_string_equal(e.registry, "here");
	assert_string_equal(e.peers, "e+1;e+2;");
	assert_true(e.verbose); /* an empty variable says nothing */

	e = layered(n.path, env, NULL);
	assert_string_equal(e.name, "from the environment");
	e = layered(n.path, NULL, given);
	assert_string_equal(e.peers, "f+1;f+2;");
	assert_string_equal(e.registry, beside.path);
	scratch_remove(&scratch);
}

static void
no_source_has_to_be_there(void **state)
{
	char *env[] = { variable("EX_NAME=x"), NULL };
	const char *given[] = { "name", "y", "peer", "g 1", "peer", "g 2", NULL };
	struct example e = layered(NULL, env, NULL);

	(void)state;
	assert_string_equal(e.name, "x");
	assert_string_equal(e.registry, "default.db");
	assert_string_equal(e.peers, "some+one;");
	e = layered(NULL, NULL, given);
	assert_string_equal(e.name, "y");
	assert_string_equal(e.peers, "g+1;g+2;");
}

static void
another_word_in_a_nearer_source_is_no_contradiction(void **state)
{
	static const struct conf_option both[] = {
		{ .keyword = "workers",
		    .type = CONF_UINT,
		    .offset = offsetof(struct example, workers),
		    .max = 9 },
		{ .keyword = "threads",
		    .type = CONF_UINT,
		    .offset = offsetof(struct example, workers),
		    .max = 9 },
		{ 0 },
	};
	char *env[] = { variable("EX_WORKERS=4"), NULL };
	const char *given[] = { "threads", "5", NULL };
	const struct conf_sources from = { .env_prefix = "EX_", .env = env, .given = given };
	struct example e = { 0 };
	struct fault why;

	(void)state;
	assert_true(conf_load_sources(&e, both, &from, &why));
	assert_int_equal(e.workers, 5);
}

static void
faults_name_the_source(void **state)
{
	static const struct {
		const char *variable, *keyword, *value, *fault;
	} facts[] = {
		{ NULL, "nosuch", "1", "--nosuch: unknown option" },
		{ NULL, "workers", "65", "--workers: 65 is not within 1 to 64" },
		{ NULL, "workers", "1 2", "--workers: \"1 2\" is not a number" },
		{ NULL, "workers", "", "--workers: \"\" is not a number" },
		{ NULL, "peer", "a", "--peer: needs two names" },
		{ NULL, "peer", "a \"b", "--peer: a quote is not closed" },
		{ NULL, "extra", "1 2 3 4 5 6 7 8 9 a b c d e f g h",
		    "--extra: more than 16 words" },
		{ "EX_NOSUCH=1", "name", "x", "EX_NOSUCH: there is no option \"nosuch\"" },
		{ "EX_=1", "name", "x", "EX_: there is no option \"\"" },
		{ "EX_WORKERS=0", "name", "x", "EX_WORKERS: 0 is not within 1 to 64" },
		{ "EX_PEER=a b\nc", "name", "x", "EX_PEER: needs two names" },
		{ "EX_NAME=", "workers", "1", "configuration: name: required but missing" },
		{ "EY_NAME=1", "workers", "1", "configuration: name: required but missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		char *env[] = { NULL, NULL };
		const char *given[] = { facts[i].keyword, facts[i].value, NULL };
		const struct conf_sources from = {
			.env_prefix = "EX_", .env = env, .given = given
		};
		struct example e = { 0 };
		struct fault why = { "" };

		if (facts[i].variable != NULL)
			env[0] = variable(facts[i].variable);
		if (conf_load_sources(&e, table, &from, &why))
			fail_msg("taken: %s", facts[i].fault);
		assert_string_equal(why.text, facts[i].fault);
	}
}

static void
what_is_given_twice_is_noticed(void **state)
{
	const char *given[] = { "name", "x", "name", "y", NULL };
	const struct conf_sources from = { .given = given };
	struct example e = { 0 };
	struct fault why;

	(void)state;
	assert_false(conf_load_sources(&e, table, &from, &why));
	assert_string_equal(why.text, "--name: given twice");
}

static void
help_stands_in_columns(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	conf_print_help(to, table);
	fclose(to);
	assert_string_equal(text, "  verbose yes|no        Says more. [yes]\n"
				  "  workers N             Threads. (1 to 64) [2]\n"
				  "  limit N               As many as that.\n"
				  "  name TEXT             What it is called. (required)\n"
				  "  registry PATH         Where it is. [default.db]\n"
				  "  control ADDRESS:PORT  Listens there.\n"
				  "  peer NAME NAME        Whom to know. (repeatable) [some one]\n"
				  "  extra                 Takes any words.\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks_fill_what_is_not_given),
		cmocka_unit_test(lines_fill_fields_of_every_type),
		cmocka_unit_test(flags_have_six_words),
		cmocka_unit_test(as_many_words_as_there_is_room_for),
		cmocka_unit_test(text_fits_to_its_last_byte),
		cmocka_unit_test(faults_name_line_and_keyword),
		cmocka_unit_test(faults_of_fallbacks_name_the_keyword),
		cmocka_unit_test(two_keywords_may_stand_for_one_field),
		cmocka_unit_test(paths_are_relative_to_the_file),
		cmocka_unit_test(faults_name_the_file),
		cmocka_unit_test(times_and_sizes_have_units),
		cmocka_unit_test(help_tells_units),
		cmocka_unit_test(the_nearer_source_is_heard),
		cmocka_unit_test(no_source_has_to_be_there),
		cmocka_unit_test(another_word_in_a_nearer_source_is_no_contradiction),
		cmocka_unit_test(faults_name_the_source),
		cmocka_unit_test(what_is_given_twice_is_noticed),
		cmocka_unit_test(help_stands_in_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

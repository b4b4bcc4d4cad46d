/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/invocation.h"

#include "reliquary-api/commands/command.h"
#include "reliquary-api/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 80

/* A command line of words between blanks; argv points into *text, which stays. */
static bool
read_line(struct invocation *ret, char *text, struct fault *why)
{
	char *argv[ARGUMENTS_MAX + 1] = { NULL };
	char *rest = text, *word;
	int argc = 0;

	argv[argc++] = text + strlen(text); /* the program's name */
	while ((word = strsep(&rest, " ")) != NULL && argc < ARGUMENTS_MAX) {
		if (word[0] != '\0')
			argv[argc++] = word;
	}
	return invocation_read(ret, argc, argv, why);
}

static void
words_and_options_in_any_order(void **state)
{
	char line[] =
	    "--listen 127.0.0.1:1 account -c a.conf list --json --account-flocks=5 --region eu "
	    "x --key_file k";
	struct fault why = { "" };
	struct invocation in;

	(void)state;
	if (!read_line(&in, line, &why))
		fail_msg("%s", why.text);
	assert_string_equal(in.conf, "a.conf");
	assert_int_equal(in.word_count, 3);
	assert_string_equal(in.words[0], "account");
	assert_string_equal(in.words[1], "list");
	assert_string_equal(in.words[2], "x");
	assert_null(in.words[3]);
	assert_int_equal(in.given_count, 3);
	assert_string_equal(in.given[0], "listen");
	assert_string_equal(in.given[1], "127.0.0.1:1");
	assert_string_equal(in.given[2], "account_flocks");
	assert_string_equal(in.given[3], "5");
	assert_string_equal(in.given[4], "key_file");
	assert_string_equal(in.given[5], "k");
	assert_null(in.given[6]);
	assert_true(invocation_has(&in, "json"));
	assert_null(invocation_value(&in, "json"));
	assert_string_equal(invocation_value(&in, "region"), "eu");
	assert_false(invocation_has(&in, "yes"));
	assert_null(invocation_value(&in, "label"));

	invocation_shift(&in, 2);
	assert_int_equal(in.word_count, 1);
	assert_string_equal(in.words[0], "x");
	assert_null(in.words[1]);
}

static void
two_hyphens_end_the_options(void **state)
{
	char line[] = "backup -- --json --listen";
	struct fault why = { "" };
	struct invocation in;

	(void)state;
	assert_true(read_line(&in, line, &why));
	assert_int_equal(in.word_count, 3);
	assert_string_equal(in.words[1], "--json");
	assert_int_equal(in.own_count + in.given_count, 0);
}

static void
short_ones(void **state)
{
	char check[] = "-n", help[] = "-h", version[] = "-V", conf[] = "--help-conf",
	     file[] = "--config=b.conf";
	struct fault why = { "" };
	struct invocation in;

	(void)state;
	assert_true(read_line(&in, check, &why));
	assert_string_equal(in.words[0], "check");
	assert_true(read_line(&in, help, &why) && in.help);
	assert_true(read_line(&in, version, &why) && in.version);
	assert_true(read_line(&in, conf, &why) && in.help_conf);
	assert_true(read_line(&in, file, &why));
	assert_string_equal(in.conf, "b.conf");
}

static void
what_is_refused(void **state)
{
	static const struct {
		const char *line, *fault;
	} facts[] = {
		{ "--nosuch", "--nosuch: no such option; --help lists them" },
		{ "--nosuch=secret", "--nosuch: no such option; --help lists them" },
		{ "-x", "-x: no such option; --help lists them" },
		{ "--listen", "--listen needs a value" },
		{ "--region", "--region needs a value" },
		{ "--json=1", "--json takes no value" },
		{ "--json --json", "--json is given twice" },
		{ "--region a --region b", "--region is given twice" },
		{ "-c", "-c needs a file" },
		{ "1 2 3 4 5 6 7 8 9", "9: one word too many" },
		{ "--xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=1",
		    "no such option" },
		{ "--json --yes --with-key --clear --shroud --off --label 1 --uses 2 --mbit 3",
		    "too many options" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		char *line = strdup(facts[i].line);
		struct fault why = { "" };
		struct invocation in;

		if (read_line(&in, line, &why))
			fail_msg("taken: %s", facts[i].line);
		if (strstr(why.text, facts[i].fault) == NULL)
			fail_msg("%s: %s", facts[i].line, why.text);
		free(line);
	}
}

static void
there_is_room_for_so_many(void **state)
{
	char line[INVOCATION_GIVEN_MAX * 32 + 64] = "";
	struct fault why = { "" };
	struct invocation in;

	(void)state;
	for (size_t i = 0; i < INVOCATION_GIVEN_MAX; i++)
		strcat(line, " --trusted-proxy=127.0.0.1");
	assert_true(read_line(&in, line, &why));
	assert_int_equal(in.given_count, INVOCATION_GIVEN_MAX);
	line[0] = '\0';
	for (size_t i = 0; i <= INVOCATION_GIVEN_MAX; i++)
		strcat(line, " --trusted-proxy=127.0.0.1");
	assert_false(read_line(&in, line, &why));
	assert_string_equal(why.text, "too many options");
}

static void
commands_are_found_by_all_of_their_words(void **state)
{
	static const struct {
		const char *words[4];
		const char *want; /* NULL: none */
		size_t used;
	} facts[] = {
		{ { "serve" }, "serve", 1 },
		{ { "account", "list" }, "account list", 2 },
		{ { "account", "set-quota", "x" }, "account set-quota", 2 },
		{ { "backup", "file" }, "backup", 1 },
		{ { "account" }, NULL, 0 },
		{ { "account", "lis" }, NULL, 0 },
		{ { "account", "lists" }, NULL, 0 },
		{ { "account list" }, "account list", 1 },
		{ { "list", "account" }, NULL, 0 },
		{ { "serv" }, NULL, 0 },
		{ { "" }, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		size_t count = 0, used = 0;
		const struct command *c;

		while (count < 4 && facts[i].words[count] != NULL)
			count++;
		c = command_find(facts[i].words, count, &used);
		if (facts[i].want == NULL) {
			assert_null(c);
			continue;
		}
		assert_non_null(c);
		assert_string_equal(c->name, facts[i].want);
		assert_int_equal(used, facts[i].used);
	}
}

/* An option of a command that is also one of the configuration could not be said. */
static void
no_two_options_have_one_name(void **state)
{
	(void)state;
	for (const struct command *c = api_commands; c->name != NULL; c++) {
		for (const struct conf_option *o = api_conf_table; o->keyword != NULL; o++) {
			char name[80];

			snprintf(name, sizeof(name), " %s ", o->keyword);
			if (strstr(c->own, name) != NULL)
				fail_msg("%s: --%s", c->name, o->keyword);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_options_in_any_order),
		cmocka_unit_test(two_hyphens_end_the_options),
		cmocka_unit_test(short_ones),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(there_is_room_for_so_many),
		cmocka_unit_test(commands_are_found_by_all_of_their_words),
		cmocka_unit_test(no_two_options_have_one_name),
	};

	return cmocka_run_group_tests_name("invocation", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/control.h"

#include "base/log.h"
#include "cathedral/ops/report.h"
#include "cathedral/ops/service.h"
#include "tests/support/client.h"
#include "tests/support/scratch.h"
#include "tests/support/small_site.h"

#include <jansson.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct scratch scratch;
	struct scratch_name path;
	struct small_site small;
	struct event_base *base;
	struct control *control;
	bool refuse_reload;
	const char *word; /* that a refused reload tells of */
	int reloads;
};

static bool
fake_reload(void *arg, struct fault *why)
{
	struct fixture *f = arg;

	f->reloads++;
	return !f->refuse_reload ||
	       fault_set(why, "settings: line 3: unknown word \"%s\"", f->word);
}

static struct control *
control_at(struct fixture *f, const char *path, const char *user, struct fault *why)
{
	const struct control_options options = {
		.path = path,
		.user = user,
		.owner = "",
		.overview = &f->small.overview,
		.reload = fake_reload,
		.reload_arg = f,
	};

	return control_create(f->base, &options, why);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	f->word = "x";
	f->scratch = scratch_make();
	f->path = scratch_name(&f->scratch, "control");
	f->base = event_base_new();
	small_site_open(&f->small);
	f->control = control_at(f, f->path.path, "", &why);
	if (f->control == NULL)
		fail_msg("%s", why.text);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	control_destroy(f->control);
	small_site_close(&f->small);
	event_base_free(f->base);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* The document that comes back; to be released. */
static json_t *
ask(struct fixture *f, const char *line)
{
	int fd = client_unix(f->path.path);
	char *text;
	json_t *doc;

	client_send(fd, line);
	text = client_read(f->base, fd, 5000);
	assert_non_null(text);
	doc = json_loads(text, 0, NULL);
	if (doc == NULL)
		fail_msg("not JSON: %s", text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	return doc;
}

static void
assert_json(json_t *doc, const char *expected)
{
	json_t *want = json_loads(expected, 0, NULL);
	char *got = json_dumps(doc, JSON_COMPACT);

	assert_non_null(want);
	if (!json_equal(doc, want))
		fail_msg("got %s\nnot %s", got, expected);
	free(got);
	json_decref(want);
}

static void
assert_answer(struct fixture *f, const char *line, const char *expected)
{
	json_t *doc = ask(f, line);

	assert_json(doc, expected);
	json_decref(doc);
}

static void
test_status(void **state)
{
	struct fixture *f = *state;
	json_t *doc;

	small_site_add_tunnel(&f->small, 0, 0xfe);
	stats_add(&f->small.stats[0].rx_packets, 5);
	stats_add(&f->small.stats[1].rx_packets, 7);
	stats_add(&f->small.stats[0].verdicts[VERDICT_RELAYED], 2);
	stats_add(&f->small.stats[0].verdicts[VERDICT_CONSUMED], 1);
	stats_add(&f->small.stats[3].verdicts[VERDICT_DROP_SPI], 4);
	doc = ask(f, "status\n");

	assert_string_equal(json_string_value(json_object_get(doc, "instance")), "small");
	assert_string_equal(json_string_value(json_object_get(doc, "version")), "1.2.3");
	assert_int_equal(json_integer_value(json_object_get(doc, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(doc, "workers")), 2);
	assert_json(json_object_get(doc, "reload"),
	    "{\"ok\": true, \"at\": 1700000000, \"count\": 1, \"error\": null}");
	assert_json(json_object_get(doc, "handover"),
	    "{\"count\": 7, \"failed\": 2, \"at\": 1700000001, \"gap_ms\": 2.5}");
	assert_json(
	    json_object_get(doc, "state"), "{\"ok\": true, \"at\": 1700000002, \"took_ms\": 1.5}");
	assert_json(json_object_get(doc, "traffic"), "{\"received\": 12, \"sent\": 0, \"relayed\": "
						     "2, \"relayed_bytes\": 0, \"dropped\": 4}");
	assert_true(json_is_null(json_object_get(doc, "egress")));
	assert_true(json_is_null(json_object_get(doc, "budget")));
	assert_json(json_object_get(doc, "listeners"),
	    "[{\"address\": \"192.0.2.1:4500\", \"nat_port\": 4501, \"kind\": \"shroud\","
	    "  \"advertised\": \"192.0.2.1:4500\"}]");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(doc, "tunnels"), "count")), 1);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(doc, "registry"), "devices")), 3);
	json_decref(doc);
}

static void
test_status_says_why_the_files_were_refused(void **state)
{
	struct fixture *f = *state;
	json_t *doc;

	f->small.reload.ok = false;
	fault_set(&f->small.reload.fault, "line 7");
	doc = ask(f, "status\n");
	assert_json(json_object_get(doc, "reload"),
	    "{\"ok\": false, \"at\": 1700000000, \"count\": 1, \"error\": \"line 7\"}");
	json_decref(doc);
}

/* Files may hold any bytes, and faults are cut off anywhere; JSON is UTF-8. */
static void
test_text_that_is_not_utf8(void **state)
{
	struct fixture *f = *state;
	json_t *doc;

	f->refuse_reload = true;
	f->word = "fl\xf6"
		  "ck";
	assert_answer(
	    f, "reload\n", "{\"error\": \"settings: line 3: unknown word \\\"fl?ck\\\"\"}");
	f->word = "fl\xc3\xb6"
		  "ck";
	assert_answer(f, "reload\n",
	    "{\"error\": \"settings: line 3: unknown word \\\"fl\xc3\xb6"
	    "ck\\\"\"}");

	f->small.overview.instance = "M\xfcnchen";
	f->small.reload.ok = false;
	fault_set(&f->small.reload.fault, "%s", "line 7: \xc3");
	doc = ask(f, "status\n");
	assert_string_equal(json_string_value(json_object_get(doc, "instance")), "M?nchen");
	assert_json(json_object_get(doc, "reload"),
	    "{\"ok\": false, \"at\": 1700000000, \"count\": 1, \"error\": \"line 7: ?\"}");
	json_decref(doc);
}

static void
test_tunnels(void **state)
{
	static const char *const one =
	    "{\"tunnels\": [{\"flock\": \"cafeba00\", \"peer_flock\": \"cafeba00\","
	    "  \"tunnel\": \"cafe\", \"device\": \"0badf00d\", \"address\": \"192.0.2.1:1000\","
	    "  \"age\": 0, \"federated\": false, \"p2p\": null, \"spi\": \"ca010203\","
	    "  \"pending_spi\": \"00000000\", \"generation\": \"00001234\", \"listener\": 0}],"
	    " \"found\": 1, \"truncated\": false}";
	static const char *const none = "{\"tunnels\": [], \"found\": 0, \"truncated\": false}";
	struct fixture *f = *state;

	assert_answer(f, "tunnels\n", none);
	small_site_add_tunnel(&f->small, 0, 0xfe);
	assert_answer(f, "tunnels\n", one);
	assert_answer(f, "tunnels cafeba00\n", one);
	assert_answer(f, "tunnels 0xcafeba05\r\n", one); /* whatever domain is asked for */
	assert_answer(f, " tunnels\taaaaaa00 \n", none);
}

static void
test_tunnels_are_sorted_and_cut_off(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *list;
	unsigned added = 0;

	for (unsigned domain = 40; added <= REPORT_ENTRIES_MAX; domain--) {
		for (unsigned peer = 1; peer < 255; peer++, added++)
			small_site_add_tunnel(&f->small, (uint8_t)domain, (uint8_t)peer);
	}
	doc = ask(f, "tunnels\n");
	list = json_object_get(doc, "tunnels");
	assert_true(json_is_true(json_object_get(doc, "truncated")));
	assert_int_equal(json_integer_value(json_object_get(doc, "found")), added);
	assert_int_equal(json_array_size(list), REPORT_ENTRIES_MAX);
	for (size_t i = 1; i < REPORT_ENTRIES_MAX; i++) {
		const json_t *before = json_array_get(list, i - 1), *here = json_array_get(list, i);
		int flock = strcmp(json_string_value(json_object_get(before, "flock")),
		    json_string_value(json_object_get(here, "flock")));

		assert_true(
		    flock < 0 ||
		    (flock == 0 && strcmp(json_string_value(json_object_get(before, "tunnel")),
				       json_string_value(json_object_get(here, "tunnel"))) < 0));
	}
	json_decref(doc);
}

static void
test_liturgies(void **state)
{
	struct fixture *f = *state;

	small_site_add_liturgy(&f->small);
	assert_answer(f, "liturgies cafeba00\n",
	    "{\"liturgies\": [{\"flock\": \"cafeba00\", \"group\": 77, \"number\": \"ca\","
	    "  \"device\": \"0badf00d\", \"kind\": \"discovery\", \"hidden\": false,"
	    "  \"address\": \"192.0.2.1:1000\", \"age\": 0, \"federated\": false}],"
	    " \"found\": 1, \"truncated\": false}");
	assert_answer(
	    f, "liturgies aaaaaa00\n", "{\"liturgies\": [], \"found\": 0, \"truncated\": false}");
}

static void
test_federation(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "federation\n",
	    "{\"secret\": true, \"peers\": [{\"address\": \"198.51.100.7:4500\","
	    "  \"clear_port\": 4600, \"shroud_port\": 0, \"draining\": false, \"letters\": false, "
	    "\"heard\": null,"
	    "  \"offers_in\": 0, \"offers_bad\": 0}]}");
}

/* Secrets and keys of the small site are zeros: the fingerprints are of those. */
#define ZEROS_SECRET "324a12b9226d5380"
#define ZEROS_COSK   "df8bd6af00ce7632"

static void
test_flocks(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "flocks\n",
	    "{\"flocks\": ["
	    "  {\"flock\": \"aaaaaa00\", \"devices\": 1, \"generation\": null, \"xflocks\": []},"
	    "  {\"flock\": \"cafeba00\", \"devices\": 2, \"generation\": null, \"xflocks\": []}],"
	    " \"found\": 2, \"next\": null}");
	assert_answer(f, "flocks aaaaaa00\n",
	    "{\"flocks\": ["
	    "  {\"flock\": \"cafeba00\", \"devices\": 2, \"generation\": null, \"xflocks\": []}],"
	    " \"found\": 2, \"next\": null}");
	assert_answer(f, "flocks cafeba00\n", "{\"flocks\": [], \"found\": 2, \"next\": null}");
}

static void
test_a_flock(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "flock cafeba07\n",
	    "{\"flock\": \"cafeba00\", \"ambries\": null, \"xflocks\": [], \"devices\": ["
	    "  {\"device\": \"0badf00d\", \"number\": \"ca\", \"mbit\": 0,"
	    "   \"secret\": \"" ZEROS_SECRET "\", \"cosk\": \"" ZEROS_COSK "\"},"
	    "  {\"device\": \"000000fe\", \"number\": \"fe\", \"mbit\": 0,"
	    "   \"secret\": \"" ZEROS_SECRET "\", \"cosk\": \"" ZEROS_COSK "\"}]}");
	assert_answer(
	    f, "flock beef00\n", "{\"error\": \"this cathedral does not know that flock\"}");
	assert_answer(f, "flock beef\x7f\n", "{\"error\": \"not a flock: up to 16 hex digits\"}");
	assert_answer(f, "flock\n", "{\"error\": \"the verb needs an argument\"}");
}

static void
test_budgets(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *budget;

	small_site_add_budget(&f->small, 1000, 200, 190);
	doc = ask(f, "status\n");
	budget = json_object_get(doc, "budget");
	assert_int_equal(json_string_length(json_object_get(budget, "month")), 7);
	json_object_del(budget, "month");
	assert_json(budget,
	    "{\"limit\": 1000, \"used\": 190, \"stage\": \"free\", \"pace\": null,"
	    " \"flock_limit\": 200, \"flocks\": 2, \"flocks_warned\": 0, \"flocks_slowed\": 1,"
	    " \"flocks_stopped\": 0, \"file_ok\": true, \"file_at\": 1700000003}");
	json_decref(doc);
	doc = ask(f, "flock cafeba00\n");
	assert_json(json_object_get(doc, "budget"),
	    "{\"used\": 190, \"limit\": 200, \"stage\": \"slowed\"}");
	json_decref(doc);
	doc = ask(f, "flock aaaaaa00\n");
	assert_json(
	    json_object_get(doc, "budget"), "{\"used\": 0, \"limit\": 200, \"stage\": \"free\"}");
	json_decref(doc);
}

static void
test_counters(void **state)
{
	struct fixture *f = *state;
	json_t *doc, *threads, *total;

	stats_add(&f->small.stats[0].tx_bytes, 3);
	stats_add(&f->small.stats[2].tx_bytes, 4);
	stats_add(&f->small.stats[3].verdicts[VERDICT_DROP_CAP], 5);
	doc = ask(f, "counters\n");
	total = json_object_get(doc, "total");
	threads = json_object_get(doc, "threads");
	assert_int_equal(json_object_size(threads), 4);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(total, "counters"), "tx_bytes")), 7);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(total, "packets"), "cap")), 5);
	assert_int_equal(json_object_size(json_object_get(total, "packets")), VERDICT_COUNT);
	assert_int_equal(
	    json_integer_value(json_object_get(
		json_object_get(json_object_get(threads, "scanner"), "counters"), "tx_bytes")),
	    4);
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(json_object_get(threads, "main"), "packets"), "cap")),
	    5);
	json_decref(doc);
}

static void
test_reload(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "reload\n", "{\"reloaded\": true}");
	f->refuse_reload = true;
	assert_answer(f, "reload\n", "{\"error\": \"settings: line 3: unknown word \\\"x\\\"\"}");
	assert_int_equal(f->reloads, 2);
}

static void
test_loglevel(void **state)
{
	struct fixture *f = *state;
	enum log_level before = log_get_level();

	assert_answer(f, "loglevel error\n", "{\"log_level\": \"error\"}");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	assert_answer(f, "loglevel loud\n",
	    "{\"error\": \"not a log level: error, warning, info or debug\"}");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	log_set_level(before);
}

static void
test_draining(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "drained\n", "{\"draining\": false, \"tunnels\": 0, \"liturgies\": 0}");
	assert_false(f->small.site->draining);
	assert_answer(f, "drain\n", "{\"draining\": true, \"tunnels\": 0, \"liturgies\": 0}");
	assert_true(f->small.site->draining);
	assert_answer(f, "drain\n", "{\"draining\": true, \"tunnels\": 0, \"liturgies\": 0}");
	assert_answer(f, "drained\n", "{\"draining\": true, \"tunnels\": 0, \"liturgies\": 0}");
	assert_answer(f, "undrain\n", "{\"draining\": false, \"tunnels\": 0, \"liturgies\": 0}");
	assert_false(f->small.site->draining);
	small_site_add_tunnel(&f->small, 0, 0xfe);
	small_site_add_tunnel(&f->small, 0, 0xfd);
	small_site_add_liturgy(&f->small);
	assert_answer(f, "drained\n", "{\"draining\": false, \"tunnels\": 2, \"liturgies\": 1}");
	assert_answer(f, "drain now\n", "{\"error\": \"too many arguments\"}");
}

static void
test_what_is_not_understood(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "\n", "{\"error\": \"no verb\"}");
	assert_answer(f, "statu\n", "{\"error\": \"unknown verb\"}");
	assert_answer(f, "STATUS\n", "{\"error\": \"unknown verb\"}");
	assert_answer(f, "status now\n", "{\"error\": \"too many arguments\"}");
	assert_answer(f, "tunnels a b\n", "{\"error\": \"too many arguments\"}");
	assert_answer(f, "loglevel\n", "{\"error\": \"the verb needs an argument\"}");
	assert_answer(f, "tunnels all\n", "{\"error\": \"not a flock: up to 16 hex digits\"}");
	assert_answer(f, "liturgies 11112222333344445\n",
	    "{\"error\": \"not a flock: up to 16 hex digits\"}");
}

static void
test_a_request_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	int fd = client_unix(f->path.path);
	char *text;

	client_send(fd, "rel");
	client_wait(f->base, 20);
	client_send(fd, "oad\n");
	text = client_read(f->base, fd, 5000);
	assert_string_equal(text, "{\"reloaded\":true}\n");
	free(text);
}

static void
test_a_long_request_gets_nothing(void **state)
{
	struct fixture *f = *state;
	char line[4097];
	char *text;
	int fd;

	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	fd = client_unix(f->path.path);
	client_send(fd, line);
	text = client_read(f->base, fd, 2000);
	assert_string_equal(text, "");
	free(text);
}

/* As many as may idle but one: there is still room for whoever has a question. */
static void
test_idle_clients_hold_nobody_up(void **state)
{
	struct fixture *f = *state;
	int idle[SERVICE_CLIENTS_MAX - 1];

	for (int i = 0; i < SERVICE_CLIENTS_MAX - 1; i++)
		idle[i] = client_unix(f->path.path);
	assert_answer(f, "reload\n", "{\"reloaded\": true}");
	for (int i = 0; i < SERVICE_CLIENTS_MAX - 1; i++)
		close(idle[i]);
	assert_answer(f, "reload\n", "{\"reloaded\": true}");
}

/* More of them than may: they are cut off when their time is up, and then the next is served. */
static void
test_idle_clients_are_cut_off(void **state)
{
	struct fixture *f = *state;
	int idle[SERVICE_CLIENTS_MAX], fd;
	char *text;

	for (int i = 0; i < SERVICE_CLIENTS_MAX; i++)
		idle[i] = client_unix(f->path.path);
	fd = client_unix(f->path.path);
	client_send(fd, "reload\n");
	text = client_read(f->base, fd, (SERVICE_REQUEST_S + 3) * 1000);
	assert_non_null(text);
	assert_string_equal(text, "{\"reloaded\":true}\n");
	free(text);
	for (int i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		text = client_read(f->base, idle[i], 1000);
		assert_string_equal(text, "");
		free(text);
	}
}

static void
test_who_does_not_read_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	int deaf;

	for (unsigned domain = 0; domain < 30; domain++) {
		for (unsigned peer = 1; peer < 255; peer++)
			small_site_add_tunnel(&f->small, (uint8_t)domain, (uint8_t)peer);
	}
	deaf = client_unix(f->path.path);
	client_send(deaf, "tunnels\n");
	client_wait(f->base, 100);
	assert_answer(f, "reload\n", "{\"reloaded\": true}");
	close(deaf);
	assert_answer(f, "reload\n", "{\"reloaded\": true}");
}

/* ---- the socket itself ---- */

static void
assert_refused(struct fixture *f, const char *path, const char *user, const char *format)
{
	struct fault why = { "" };
	char expected[1024];
	const char *mark = strstr(format, "PATH");

	assert_null(control_at(f, path, user, &why));
	if (mark == NULL)
		snprintf(expected, sizeof(expected), "%s", format);
	else
		snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(mark - format), format, path,
		    mark + 4);
	assert_string_equal(why.text, expected);
}

static void
test_who_may_use_it(void **state)
{
	struct fixture *f = *state;
	struct scratch_name other = scratch_name(&f->scratch, "other");
	const struct passwd *me = getpwuid(geteuid());
	struct control *c;
	struct fault why = { "" };
	struct stat st;

	assert_int_equal(stat(f->path.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_non_null(me);
	c = control_at(f, other.path, me->pw_name, &why);
	if (c == NULL)
		fail_msg("%s", why.text);
	assert_int_equal(stat(other.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, me->pw_gid);
	control_destroy(c);
	assert_int_equal(stat(other.path, &st), -1); /* it goes with the daemon */

	assert_refused(f, other.path, "no-such-user", "control: user no-such-user does not exist");
	assert_int_equal(stat(other.path, &st), -1);
}

static void
test_what_is_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct scratch_name file = scratch_write(&f->scratch, "file", "precious");
	struct scratch_name away = scratch_name(&f->scratch, "away/control");
	char long_path[120];
	struct stat st;

	assert_refused(f, f->path.path, "", "control PATH: another process answers there");
	assert_refused(f, file.path, "", "control PATH: is there already and no socket");
	assert_int_equal(stat(file.path, &st), 0);
	assert_refused(f, away.path, "", "control PATH: No such file or directory");
	memset(long_path, 'a', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_refused(f, long_path, "", "control PATH: longer than 107 bytes");
}

/* What a killed daemon leaves behind. */
static void
test_a_dead_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct scratch_name aside = scratch_name(&f->scratch, "aside");
	struct fault why = { "" };

	assert_int_equal(rename(f->path.path, aside.path), 0);
	control_destroy(f->control); /* nobody listens there now, and it could not remove it */
	assert_int_equal(rename(aside.path, f->path.path), 0);
	f->control = control_at(f, f->path.path, "", &why);
	if (f->control == NULL)
		fail_msg("%s", why.text);
	assert_answer(f, "reload\n", "{\"reloaded\": true}");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_status),
		TEST(test_status_says_why_the_files_were_refused),
		TEST(test_text_that_is_not_utf8),
		TEST(test_tunnels),
		TEST(test_tunnels_are_sorted_and_cut_off),
		TEST(test_liturgies),
		TEST(test_federation),
		TEST(test_flocks),
		TEST(test_a_flock),
		TEST(test_budgets),
		TEST(test_counters),
		TEST(test_reload),
		TEST(test_loglevel),
		TEST(test_draining),
		TEST(test_what_is_not_understood),
		TEST(test_a_request_may_come_in_pieces),
		TEST(test_a_long_request_gets_nothing),
		TEST(test_idle_clients_hold_nobody_up),
		TEST(test_idle_clients_are_cut_off),
		TEST(test_who_does_not_read_holds_nobody_up),
		TEST(test_who_may_use_it),
		TEST(test_what_is_in_the_way),
		TEST(test_a_dead_socket_is_replaced),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

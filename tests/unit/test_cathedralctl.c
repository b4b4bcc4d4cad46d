/* SPDX-License-Identifier: ISC */
#include "tests/support/scratch.h"
#include "tools/cathedralctl/show.h"
#include "tools/control/ask.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- text ---- */

static void
assert_shown(void (*show)(FILE *to, json_t *doc), const char *json, const char *expected)
{
	json_t *doc = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(doc);
	assert_non_null(to);
	show(to, doc);
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
	json_decref(doc);
}

static void
test_tables_are_aligned(void **state)
{
	(void)state;
	assert_shown(show_tunnels,
	    "{\"tunnels\": [{\"flock\": \"cafeba00\", \"peer_flock\": \"cafeba00\","
	    " \"tunnel\": \"cafe\", \"device\": \"0badf00d\", \"address\": \"192.0.2.1:1000\","
	    " \"age\": 3, \"federated\": false, \"p2p\": null},"
	    " {\"flock\": \"6442a01510d91a00\", \"peer_flock\": \"cafeba00\","
	    " \"tunnel\": \"0102\", \"device\": \"00000001\", \"address\": \"192.0.2.22:1000\","
	    " \"age\": 117, \"federated\": true, \"p2p\": \"198.51.100.1:9\"}],"
	    " \"found\": 2, \"truncated\": false}",
	    "FLOCK             PEER FLOCK  TUNNEL  DEVICE    AGE (s)  FEDERATED  "
	    "ADDRESS          DIRECT\n"
	    "cafeba00          cafeba00    cafe    0badf00d        3  no         "
	    "192.0.2.1:1000   -\n"
	    "6442a01510d91a00  cafeba00    0102    00000001      117  yes        "
	    "192.0.2.22:1000  198.51.100.1:9\n");
}

static void
test_what_was_cut_off_is_said(void **state)
{
	(void)state;
	assert_shown(show_liturgies,
	    "{\"liturgies\": [{\"flock\": \"1\", \"group\": 77, \"number\": \"ca\","
	    " \"device\": \"00000001\", \"kind\": \"discovery\", \"hidden\": true,"
	    " \"address\": \"a\", \"age\": 1, \"federated\": false}],"
	    " \"found\": 10001, \"truncated\": true}",
	    "FLOCK  GROUP  NUMBER  DEVICE    KIND       HIDDEN  AGE (s)  FEDERATED  ADDRESS\n"
	    "1         77  ca      00000001  discovery  yes           1  no         a\n"
	    "... and more: 10001 liturgy entries in all\n");
}

static void
test_federation(void **state)
{
	(void)state;
	assert_shown(
	    show_federation, "{\"secret\": false, \"peers\": []}", "no federated cathedrals\n");
	assert_shown(show_federation,
	    "{\"secret\": true, \"peers\": [{\"address\": \"198.51.100.7:4500\","
	    " \"clear_port\": 0, \"shroud_port\": 4600, \"letters\": true, \"heard\": 2.25,"
	    " \"offers_in\": 12, \"offers_bad\": 0}]}",
	    "CATHEDRAL          HEARD (s)  LETTERS  OFFERS  BAD OFFERS  CLEAR PORT  SHROUD PORT\n"
	    "198.51.100.7:4500        2.2  yes          12           0           0         4600\n");
}

static void
test_flocks(void **state)
{
	(void)state;
	assert_shown(show_flocks,
	    "{\"flocks\": [{\"flock\": \"1a00\", \"devices\": 12, \"generation\": null,"
	    " \"xflocks\": []}, {\"flock\": \"cafeba00\", \"devices\": 3,"
	    " \"generation\": \"12345678\", \"xflocks\": [\"1a00\", \"beef00\"]}],"
	    " \"found\": 2, \"next\": null}",
	    "FLOCK     DEVICES  GENERATION  XFLOCKS\n"
	    "1a00           12  -           -\n"
	    "cafeba00        3  12345678    1a00 beef00\n");
	assert_shown(show_flocks,
	    "{\"flocks\": [{\"flock\": \"1a00\", \"devices\": 12, \"generation\": null,"
	    " \"xflocks\": []}], \"found\": 1001, \"next\": \"1a00\"}",
	    "FLOCK  DEVICES  GENERATION  XFLOCKS\n"
	    "1a00        12  -           -\n"
	    "... and more: 1001 flocks in all, go on with: flocks 1a00\n");
}

/* More xflocks than a line has room for. */
static void
test_long_lists_are_cut_off(void **state)
{
	char json[2048] = "{\"flocks\": [{\"flock\": \"1\", \"devices\": 1, \"generation\": null,"
			  " \"xflocks\": [\"0000000000000000\"";
	char expected[512] = "FLOCK  DEVICES  GENERATION  XFLOCKS\n"
			     "1            1  -           0000000000000000";

	(void)state;
	for (int i = 1; i < 64; i++) {
		strcat(json, ", \"0000000000000000\"");
		if (i < 7)
			strcat(expected, " 0000000000000000");
	}
	strcat(json, "]}]}");
	strcat(expected, " ...\n");
	assert_shown(show_flocks, json, expected);
}

static void
test_a_flock(void **state)
{
	(void)state;
	assert_shown(show_flock,
	    "{\"flock\": \"cafeba00\", \"ambries\": {\"generation\": \"12345678\","
	    " \"expires\": 1700000000, \"size\": 186, \"numbers\": \"01-02\","
	    " \"slice\": \"0123456789abcdef\"}, \"devices\": [{\"device\": \"0badf00d\","
	    " \"number\": \"01\", \"mbit\": 25, \"secret\": \"1111111111111111\","
	    " \"cosk\": \"2222222222222222\"}], \"xflocks\": [{\"flock\": \"beef00\","
	    " \"waiting\": false, \"ambries\": {\"generation\": \"00000007\","
	    " \"numbers\": \"01-02\", \"peer_numbers\": \"0a\","
	    " \"slice\": \"fedcba9876543210\"}},"
	    " {\"flock\": \"dead00\", \"waiting\": true, \"ambries\": null}]}",
	    "flock                 cafeba00\n"
	    "ambry generation      12345678\n"
	    "between numbers       01-02\n"
	    "slice                 0123456789abcdef\n"
	    "ambries end           2023-11-14T22:13:20Z\n"
	    "\n"
	    "NUMBER  DEVICE    MBIT/S  SECRET            COSK\n"
	    "01      0badf00d      25  1111111111111111  2222222222222222\n"
	    "\n"
	    "XFLOCK  WAITS  GENERATION  SLICE             NUMBERS  THEIR NUMBERS\n"
	    "beef00  no     00000007    fedcba9876543210  01-02    0a\n"
	    "dead00  yes    -           -                 -        -\n");
	assert_shown(show_flock,
	    "{\"flock\": \"1\", \"ambries\": null, \"devices\": [], \"xflocks\": []}",
	    "flock                 1\n"
	    "ambry generation      -\n"
	    "between numbers       -\n"
	    "slice                 -\n"
	    "\n"
	    "NUMBER  DEVICE  MBIT/S  SECRET  COSK\n");
}

static void
test_counters(void **state)
{
	(void)state;
	assert_shown(show_counters,
	    "{\"total\": {\"packets\": {\"relayed\": 12345678901}, \"counters\": {\"rx_bytes\": "
	    "0}}}",
	    "packets, by what became of them\n"
	    "         12345678901  relayed\n"
	    "\ncounters\n"
	    "                   0  rx_bytes\n");
}

static void
test_short_answers(void **state)
{
	(void)state;
	assert_shown(show_reload, "{\"reloaded\": true}", "reloaded\n");
	assert_shown(show_loglevel, "{\"log_level\": \"debug\"}", "log level is debug\n");
}

static void
test_status(void **state)
{
	static const char *const lines[] = { "instance              one\n",
		"flocks                3\n", "masks by              AVX-512\n",
		"secrets locked        yes\n", "files read at         2023-11-14T22:13:20Z\n",
		"files refused         line 7\n",
		/* two lines, one after the other */
		"registry version      1729\n", "xflocks that wait     2\n",
		("\nLISTENER        KIND   NAT PORT  ADVERTISED\n"
		 "192.0.2.1:4500  clear      4501  192.0.2.1:4500\n") };
	json_t *doc = json_loads(
	    "{\"instance\": \"one\", \"masks\": \"AVX-512\", \"registry\": {\"flocks\": 3, "
	    "\"secrets_locked\": true, \"version\": 1729, \"waiting\": 2},"
	    " \"reload\": {\"ok\": false, \"at\": 1700000000, \"count\": 2, \"error\": \"line 7\"},"
	    " \"listeners\": [{\"address\": \"192.0.2.1:4500\", \"nat_port\": 4501,"
	    " \"kind\": \"clear\", \"advertised\": \"192.0.2.1:4500\"}]}",
	    0, NULL);
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_non_null(doc);
	show_status(to, doc);
	fclose(to);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strstr(text, lines[i]) == NULL)
			fail_msg("without \"%s\": %s", lines[i], text);
	}
	free(text);
	json_decref(doc);
}

/* An answer of another version, or of something else: nothing to show, but no reason to die. */
static void
test_odd_answers(void **state)
{
	static const char *const odd[] = { "{}", "{\"tunnels\": 3, \"peers\": \"x\"}",
		("{\"tunnels\": [1, null, {}], \"peers\": [[]], \"liturgies\": [{}], \"flocks\": "
		 "[[1], {\"xflocks\": [1, []]}],"
		 " \"ambries\": [2], \"devices\": 1, \"xflocks\": [null, [3]], \"next\": 4,"
		 " \"total\": [], \"listeners\": {}, \"reload\": 7}") };
	void (*const shows[])(FILE *, json_t *) = { show_status, show_tunnels, show_liturgies,
		show_federation, show_counters, show_flocks, show_flock, show_reload,
		show_loglevel };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (size_t s = 0; s < sizeof(shows) / sizeof(shows[0]); s++) {
			json_t *doc = json_loads(odd[i], 0, NULL);
			char *text = NULL;
			size_t len;
			FILE *to = open_memstream(&text, &len);

			shows[s](to, doc);
			fclose(to);
			assert_non_null(text);
			free(text);
			json_decref(doc);
		}
	}
}

/* ---- the socket ---- */

struct answerer {
	int listener;
	const char *answer;
	char request[64];
};

static void *
answer_once(void *arg)
{
	struct answerer *a = arg;
	int fd = accept(a->listener, NULL, NULL);
	size_t len = 0;

	while (len < sizeof(a->request) - 1 && strchr(a->request, '\n') == NULL) {
		ssize_t n = read(fd, a->request + len, sizeof(a->request) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	for (size_t done = 0; done < strlen(a->answer);) {
		ssize_t n = write(fd, a->answer + done, strlen(a->answer) - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(fd);
	return NULL;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_true(strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void
assert_asked(const char *answer)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "control");
	struct answerer a = { .listener = listen_at(path.path), .answer = answer };
	struct fault why = { "" };
	pthread_t thread;
	size_t len;
	char *text;

	assert_int_equal(pthread_create(&thread, NULL, answer_once, &a), 0);
	text = control_ask(path.path, "tunnels cafeba00", &len, &why);
	pthread_join(thread, NULL);
	if (text == NULL)
		fail_msg("%s", why.text);
	assert_string_equal(a.request, "tunnels cafeba00\n");
	assert_int_equal(len, strlen(answer));
	assert_string_equal(text, answer);
	free(text);
	close(a.listener);
	scratch_remove(&s);
}

static void
test_short_and_long_answers_come_whole(void **state)
{
	char *large = malloc(300001);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 300000);
	large[300000] = '\0';
	assert_asked("{}\n");
	assert_asked("");
	assert_asked(large);
	large[4095] = '\0'; /* around the room that it begins with */
	assert_asked(large);
	large[4094] = '\0';
	assert_asked(large);
	free(large);
}

static void
assert_away(const char *path, const char *reason)
{
	struct fault why = { "" };
	char expected[1024];
	size_t len;

	assert_null(control_ask(path, "status", &len, &why));
	snprintf(expected, sizeof(expected), "%s: %s", path, reason);
	assert_string_equal(why.text, expected);
}

static void
test_nobody_there(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "control");
	char long_path[150];

	(void)state;
	assert_away(path.path, "no such socket: is the cathedral running, with a control line?");
	close(listen_at(path.path));
	assert_away(path.path, "the cathedral is not running");
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_away(long_path, "longer than 107 bytes");
	scratch_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_are_aligned),
		cmocka_unit_test(test_what_was_cut_off_is_said),
		cmocka_unit_test(test_federation),
		cmocka_unit_test(test_flocks),
		cmocka_unit_test(test_long_lists_are_cut_off),
		cmocka_unit_test(test_a_flock),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_short_answers),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_odd_answers),
		cmocka_unit_test(test_short_and_long_answers_come_whole),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

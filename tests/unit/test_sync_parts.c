/* SPDX-License-Identifier: ISC */
/* The smaller parts of cathedral-sync: heartbeats, refused pages, credentials, inquiries, lines of
 * the log and the status. */
#include "tests/support/captured.h"
#include "tests/support/scratch.h"
#include "tools/cathedral-sync/beat.h"
#include "tools/cathedral-sync/complaint.h"
#include "tools/cathedral-sync/credentials.h"
#include "tools/cathedral-sync/inquiry.h"
#include "tools/cathedral-sync/intake.h"
#include "tools/cathedral-sync/memory.h"
#include "tools/cathedral-sync/status.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- heartbeats ---- */

#define STATUS(version, address, count, capacity)                                                  \
	"{\"version\": " version ", \"listeners\": [{\"advertised\": " address "}],"               \
	" \"tunnels\": {\"count\": " count ", \"capacity\": " capacity "}}"
#define AT "\"192.0.2.1:4500\""

static void
a_heartbeat_is_made_of_the_status(void **state)
{
	static const struct {
		const char *status, *body, *fault;
	} cases[] = {
		{ STATUS("\"0.1.0\"", AT, "0", "1048576"),
		    "{\"version\":\"0.1.0\",\"address\":\"192.0.2.1:4500\",\"load\":0}", NULL },
		{ STATUS("\"0.1.0\"", "\"[2001:db8::1]:4500\"", "500", "1000"),
		    "{\"version\":\"0.1.0\",\"address\":\"[2001:db8::1]:4500\",\"load\":500}",
		    NULL },
		{ STATUS("\"1\"", AT, "999", "1000"),
		    "{\"version\":\"1\",\"address\":\"192.0.2.1:4500\",\"load\":999}", NULL },
		{ STATUS("\"1\"", AT, "1001", "1000"),
		    "{\"version\":\"1\",\"address\":\"192.0.2.1:4500\",\"load\":1000}", NULL },
		{ "{\"draining\": true, \"version\": \"1\", \"listeners\": [{\"advertised\": " AT
		  "}], \"tunnels\": {\"count\": 0, \"capacity\": 1}}",
		    "{\"version\":\"1\",\"address\":\"192.0.2.1:4500\",\"load\":0,"
		    "\"draining\":true}",
		    NULL },
		{ "{\"draining\": false, \"version\": \"1\", \"listeners\": [{\"advertised\": " AT
		  "}], \"tunnels\": {\"count\": 0, \"capacity\": 1}}",
		    "{\"version\":\"1\",\"address\":\"192.0.2.1:4500\",\"load\":0}", NULL },
		{ "", NULL, "is not JSON, or no object" },
		{ "[]", NULL, "is not JSON, or no object" },
		{ "{}", NULL, "version: is no text" },
		{ "{\"error\": \"no\"}", NULL, "version: is no text" },
		{ STATUS("\"123456789012345678901234567890123\"", AT, "0", "1"), NULL,
		    "version: is longer than 32 bytes" },
		{ STATUS("\"\\u001b\"", AT, "0", "1"), NULL, "version: is not printable" },
		{ STATUS("\"1\"", "null", "0", "1"), NULL, "listeners[0]: advertised: is no text" },
		{ STATUS("\"1\"", "\"vesper:1\"", "0", "1"), NULL,
		    "listeners[0]: advertised: is no address and port" },
		{ STATUS("\"1\"", AT, "-1", "1"), NULL,
		    "tunnels: count: no number from 0 to 18446744073709551" },
		{ STATUS("\"1\"", AT, "1", "0"), NULL,
		    "tunnels: capacity: no number from 1 to 18446744073709551" },
		{ STATUS("\"1\"", AT, "0.5", "1"), NULL,
		    "tunnels: count: no number from 0 to 18446744073709551" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault why = { "" };
		char body[BEAT_BODY_MAX] = "";
		struct taken taken = { .count = 0 };
		bool ok = beat_body(body, cases[i].status, strlen(cases[i].status), &taken, &why);

		assert_string_equal(why.text, cases[i].fault != NULL ? cases[i].fault : "");
		assert_int_equal(ok, cases[i].body != NULL);
		if (ok)
			assert_string_equal(body, cases[i].body);
	}
}

/* A file of the database at this version, up to that change. */
static void
note(struct taken *t, const char *database, uint64_t version, uint64_t until)
{
	struct registry_db_state held = { .version = version, .until = until };

	snprintf(held.database, sizeof(held.database), "%s", database);
	taken_note(t, &held);
}

static void
what_was_read_is_told_in_changes(void **state)
{
	struct taken t = { .count = 0 };

	(void)state;
	assert_int_equal(taken_until(&t, 0), 0);
	note(&t, "", 0, 0);
	assert_int_equal(taken_until(&t, 0), 0);
	note(&t, "ab", 3, 70); /* there is a registry, and a cathedral has read some of it */
	assert_int_equal(taken_until(&t, 2), 0);
	assert_int_equal(taken_until(&t, 3), 70);
	note(&t, "ab", 4, 80);
	note(&t, "ab", 4, 90); /* changes of which nothing is to be told */
	assert_int_equal(taken_until(&t, 3), 70);
	assert_int_equal(taken_until(&t, 4), 90);
	note(&t, "ab", 7, 100);
	assert_int_equal(taken_until(&t, 6), 90);
	assert_int_equal(taken_until(&t, 8), 100); /* one that has read what is not yet noted */
	note(&t, "ab", 1, 50);                     /* the file was thrown away */
	assert_int_equal(taken_until(&t, 0), 0);
	assert_int_equal(taken_until(&t, 1), 50);
	note(&t, "cd", 2, 60);
	assert_string_equal(t.database, "cd");
	assert_int_equal(taken_until(&t, 1), 0);
}

/* So many pages that the first are forgotten: what was known of them stays. */
static void
what_is_too_old_is_as_it_was(void **state)
{
	struct taken t = { .count = 0 };

	(void)state;
	for (uint64_t n = 1; n <= 3 * TAKEN_PAGES; n++) {
		note(&t, "ab", n, 10 * n);
		if (n % 100 == 0)
			assert_int_equal(taken_until(&t, n - 5), 10 * (n - 5));
	}
	assert_int_equal(taken_until(&t, 2 * TAKEN_PAGES), 10 * 695);
	assert_int_equal(taken_until(&t, 2 * TAKEN_PAGES + 1), 10 * (2 * TAKEN_PAGES + 1));
	assert_int_equal(taken_until(&t, 3 * TAKEN_PAGES), 10 * 3 * TAKEN_PAGES);
}

static void
a_heartbeat_says_how_far_the_cathedral_is(void **state)
{
	static const char status[] =
	    "{\"version\": \"1\", \"listeners\": [{\"advertised\": " AT "}],"
	    " \"tunnels\": {\"count\": 0, \"capacity\": 9}, \"registry\": {\"version\": 3}}";
	char body[BEAT_BODY_MAX] = "", database[RECORD_DATABASE];
	struct taken t = { .count = 0 };
	struct fault why = { "" };

	(void)state;
	note(&t, "9c0d", 3, 1729);
	note(&t, "9c0d", 4, 1730);
	assert_true(beat_body(body, status, sizeof(status) - 1, &t, &why));
	assert_string_equal(body, "{\"version\":\"1\",\"address\":\"192.0.2.1:4500\",\"load\":0,"
				  "\"database\":\"9c0d\",\"change\":1729}");
	memset(database, 'd', sizeof(database) - 1); /* the longest there is */
	database[sizeof(database) - 1] = '\0';
	note(&t, database, 1, INT64_MAX);
	assert_true(beat_body(body, status, sizeof(status) - 1, &t, &why));
	assert_non_null(strstr(body, "\"change\":9223372036854775807}"));
}

/* ---- what is refused ---- */

static void
what_is_kept_holds_no_secrets(void **state)
{
	static const struct {
		const char *body, *kept;
	} cases[] = {
		{ "", "" },
		{ "hello", "hello" },
		{ "{\"id\": \"6442a01510d91a00\"}", "{\"id\": \"6442a01510d91a00\"}" },
		{ "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef" },
		{ "0123456789abcdef0123456789abcdef0", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		{ "\"0123456789abcdef0123456789ABCDEF0123\",7",
		    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",7" },
		{ "g0123456789abcdef0123456789abcdef0g", "gxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxg" },
	};
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "refused");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].body), got;
		char *body = malloc(len + 1), text[128];
		struct fault why;
		struct stat st;
		FILE *file;

		assert_non_null(body);
		memcpy(body, cases[i].body, len);
		if (!intake_keep(path.path, 0640, body, len, &why))
			fail_msg("%s", why.text);
		free(body);
		file = fopen(path.path, "r");
		assert_non_null(file);
		got = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
		text[got] = '\0';
		assert_string_equal(text, cases[i].kept);
		assert_int_equal(stat(path.path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
	}
	scratch_remove(&s);
}

static void
texts_that_are_no_pages(void **state)
{
	static const struct {
		const char *body, *fault;
	} cases[] = {
		{ "", "not JSON: '[' or '{' expected near end of file, at byte 0" },
		{ "<html>", "not JSON: '[' or '{' expected near '<', at byte 1" },
		{ "{\"a\": 1, \"a\": 2}",
		    "not JSON: duplicate object key near '\"a\"', at byte 12" },
		{ "{} x", "not JSON: end of file expected near 'x', at byte 4" },
		{ "[]", "no object" },
		{ "{}", "database: is no text" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].body);
		char *body = malloc(len != 0 ? len : 1); /* without a NUL */
		struct record_page page;
		struct fault why = { "" };

		assert_non_null(body);
		memcpy(body, cases[i].body, len);
		assert_false(intake_read(&page, body, len, &why));
		assert_string_equal(why.text, cases[i].fault);
		record_page_free(&page);
		free(body);
	}
}

/* As little text as there can be for so much of a document. */
static void
a_text_that_swells_is_refused(void **state)
{
	const size_t count = 16000000, len = 2 * count + 1;
	char *body = malloc(len);
	struct record_page page;
	struct fault why = { "" };

	(void)state;
	assert_non_null(body);
	for (size_t i = 0; i < count; i++)
		memcpy(body + 1 + 2 * i, "0,", 2);
	body[0] = '[';
	body[len - 1] = ']';
	assert_false(intake_read(&page, body, len, &why));
	assert_string_equal(why.text, "a document that takes more memory than it may");
	record_page_free(&page);
	free(body);
	memory_trim();
}

static void
memory_grows_and_keeps_what_is_in_it(void **state)
{
	char *at = memory_copy("seven");

	(void)state;
	assert_non_null(at);
	for (size_t size = 8; size < 100000; size *= 3) {
		at = memory_resize(at, size);
		assert_non_null(at);
		assert_string_equal(at, "seven");
	}
	at = memory_resize(at, 6);
	assert_string_equal(at, "seven");
	assert_null(memory_resize(at, 0));
	memory_give_back(NULL);
}

/* ---- credentials ---- */

static void
tokens_are_private_words(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *header, *fault;
	} cases[] = {
		{ "a0b1", 0400, "x-token: a0b1", NULL },
		{ "\n a0b1 \r\n", 0600, "x-token: a0b1", NULL },
		{ "a0b1\n", 0440, NULL, ": its mode 440 lets others at the token: chmod 400 " },
		{ "a0b1\n", 0604, NULL, ": its mode 604 lets others at the token: chmod 400 " },
		{ "", 0400, NULL, ": not one word of letters and digits, as tokens are" },
		{ "a b", 0400, NULL, ": not one word of letters and digits, as tokens are" },
		{ "a\r\nx-more: b", 0400, NULL,
		    ": not one word of letters and digits, as tokens are" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789012345678901234567890123456789",
		    0400, NULL, ": not one word of letters and digits, as tokens are" },
	};
	struct scratch s = scratch_make();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scratch_name path = scratch_write(&s, "token", cases[i].text);
		struct credentials c = { .ca = NULL };
		struct fault why = { "" };

		assert_int_equal(chmod(path.path, cases[i].mode), 0);
		assert_int_equal(credentials_read(&c, path.path, "", &why), cases[i].fault == NULL);
		if (cases[i].fault == NULL)
			assert_string_equal(c.header, cases[i].header);
		else if (strstr(why.text, cases[i].fault) == NULL)
			fail_msg("%s, not %s", why.text, cases[i].fault);
		credentials_free(&c);
		unlink(path.path);
	}
	scratch_remove(&s);
}

static void
what_cannot_be_read_leaves_what_was(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name token = scratch_write(&s, "token", "a0b1");
	struct scratch_name ca = scratch_write(&s, "ca", "-----BEGIN CERTIFICATE-----\n");
	struct scratch_name none = scratch_name(&s, "none");
	struct credentials c = { .ca = NULL };
	struct fault why;

	(void)state;
	assert_int_equal(chmod(token.path, 0400), 0);
	assert_true(credentials_read(&c, token.path, ca.path, &why));
	assert_false(credentials_read(&c, none.path, ca.path, &why));
	assert_non_null(strstr(why.text, "none: No such file or directory"));
	assert_false(credentials_read(&c, token.path, token.path, &why));
	assert_non_null(strstr(why.text, "token: no certificate (PEM) in it"));
	assert_false(credentials_read(&c, s.path, ca.path, &why));
	assert_non_null(strstr(why.text, ": not a regular file"));
	assert_string_equal(c.header, "x-token: a0b1");
	assert_int_equal(c.ca_len, 28);
	credentials_free(&c);
	scratch_remove(&s);
}

/* ---- the cathedral ---- */

static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_true(strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

/* Takes the question, and answers with this. */
static void
answer(int listener, const char *text)
{
	char question[32] = "";
	int fd = accept(listener, NULL, NULL);

	assert_int_not_equal(fd, -1);
	assert_int_equal(read(fd, question, sizeof(question) - 1), 7);
	assert_string_equal(question, "status\n");
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
a_cathedral_that_answers(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "control");
	int listener = listen_at(path.path);
	struct inquiry q = inquiry_for(path.path, "status", 5 * NS_PER_S);
	struct fault why;
	size_t len;

	(void)state;
	assert_int_equal(inquiry_turn(&q, 1, &why), INQUIRY_QUIET);
	assert_true(inquiry_due_ns(&q, 1) == UINT64_MAX);
	assert_int_equal(inquiry_poll(&q).fd, -1);
	for (int i = 0; i < 3; i++) {
		inquiry_want(&q);
		assert_true(inquiry_due_ns(&q, 7) == 7);
		assert_int_equal(inquiry_turn(&q, 7, &why), INQUIRY_QUIET);
		assert_int_not_equal(inquiry_poll(&q).fd, -1);
		assert_true(inquiry_due_ns(&q, 8) == 7 + 5 * NS_PER_S);
		answer(listener, "{\"a\": 1}");
		assert_int_equal(inquiry_turn(&q, 8, &why), INQUIRY_ANSWERED);
		assert_string_equal(inquiry_answer(&q, &len), "{\"a\": 1}");
		assert_int_equal(len, 8);
		assert_int_equal(inquiry_turn(&q, 9, &why), INQUIRY_QUIET);
	}
	inquiry_close(&q);
	close(listener);
	scratch_remove(&s);
}

/* What is wanted while it is asked is asked once more, not once for each. */
static void
wishes_do_not_pile_up(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "control");
	int listener = listen_at(path.path);
	struct inquiry q = inquiry_for(path.path, "status", 5 * NS_PER_S);
	struct fault why;

	(void)state;
	inquiry_want(&q);
	assert_int_equal(inquiry_turn(&q, 1, &why), INQUIRY_QUIET);
	for (int i = 0; i < 10; i++)
		inquiry_want(&q);
	answer(listener, "{}");
	assert_int_equal(inquiry_turn(&q, 2, &why), INQUIRY_ANSWERED);
	assert_int_equal(inquiry_turn(&q, 3, &why), INQUIRY_QUIET);
	assert_int_not_equal(inquiry_poll(&q).fd, -1);
	answer(listener, "{}");
	assert_int_equal(inquiry_turn(&q, 4, &why), INQUIRY_ANSWERED);
	assert_int_equal(inquiry_turn(&q, 5, &why), INQUIRY_QUIET);
	assert_true(inquiry_due_ns(&q, 5) == UINT64_MAX);
	inquiry_close(&q);
	close(listener);
	scratch_remove(&s);
}

static void
cathedrals_that_do_not(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "control");
	struct inquiry q = inquiry_for(path.path, "status", 5 * NS_PER_S);
	struct fault why;
	int listener;

	(void)state;
	inquiry_want(&q); /* away */
	assert_int_equal(inquiry_turn(&q, 1, &why), INQUIRY_FAILED);
	assert_non_null(strstr(why.text, "control: no such socket: is the cathedral running"));
	assert_true(inquiry_due_ns(&q, 1) == UINT64_MAX);

	listener = listen_at(path.path);
	inquiry_want(&q); /* hangs */
	assert_int_equal(inquiry_turn(&q, 1, &why), INQUIRY_QUIET);
	assert_int_equal(inquiry_turn(&q, 5 * NS_PER_S, &why), INQUIRY_QUIET);
	assert_int_equal(inquiry_turn(&q, 5 * NS_PER_S + 1, &why), INQUIRY_FAILED);
	assert_non_null(strstr(why.text, "control: the cathedral does not answer"));
	assert_int_equal(inquiry_poll(&q).fd, -1);

	/* So many wait already that there is no place: nothing waits for one. */
	for (int i = 0; i < 8; i++) {
		struct inquiry other = inquiry_for(path.path, "status", 1);

		inquiry_want(&other);
		if (inquiry_turn(&other, 1, &why) == INQUIRY_FAILED)
			i = 8;
		assert_true(i >= 8 || i < 4);
		inquiry_close(&other);
	}
	assert_non_null(strstr(why.text, "control: the cathedral does not answer"));
	inquiry_close(&q);
	close(listener);
	scratch_remove(&s);
}

/* ---- what is said ---- */

static void
a_trouble_is_said_once(void **state)
{
	struct complaint c = complaint_none();
	struct captured captured;
	char *said;

	(void)state;
	captured_begin(&captured);
	complaint_settle(&c, 1 * NS_PER_S, "it is well");
	for (uint64_t i = 1; i < 10; i++)
		complaint_raise(&c, LOG_LEVEL_WARN, i * NS_PER_S, "one %d", 7);
	complaint_raise(&c, LOG_LEVEL_ERROR, 10 * NS_PER_S, "two");
	complaint_settle(&c, 21 * NS_PER_S, "it is well");
	complaint_settle(&c, 22 * NS_PER_S, "it is well");
	complaint_raise(&c, LOG_LEVEL_ERROR, 23 * NS_PER_S, "two");
	complaint_settle(&c, 24 * NS_PER_S, "it is well");
	said = captured_text(&captured);
	captured_end(&captured);
	assert_string_equal(said,
	    "<4>one 7\n<3>two\n<6>it is well again, after 10 failures in 20 s\n"
	    "<3>two\n<6>it is well again, after 1 failure in 1 s\n");
	free(said);
}

static void
a_trouble_of_many_faces_does_not_fill_the_log(void **state)
{
	struct complaint c = complaint_none();
	struct captured captured;
	size_t lines = 0;
	char *said;

	(void)state;
	captured_begin(&captured);
	for (uint64_t i = 1; i <= 3600; i++) {
		complaint_raise(&c, LOG_LEVEL_WARN, i * NS_PER_S, "face %d", (int)i);
		if (i % 2 == 0)
			complaint_settle(&c, i * NS_PER_S, "it is well");
	}
	said = captured_text(&captured);
	captured_end(&captured);
	for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_in_range(lines, 100, 320); /* a line each half minute, and as many that it is well */
	free(said);
}

static void
the_status_is_written(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "status");
	struct status status = { .path = path.path, .mode = 0640, .dirty = true };
	struct registry_db_state held = { .database = "cf1f", .until = 1729, .devices = 5 };
	struct trail trail = { .state = TRAIL_GOES_ON, .until = 1729 };
	struct instant now = { .mono_ns = 100 * NS_PER_S, .wall_s = 1800000000 };
	char line[STATUS_LINE], *text;
	struct fault why;
	struct stat st;
	json_t *doc;

	(void)state;
	status.success = (struct instant){ .mono_ns = 90 * NS_PER_S, .wall_s = 1799999990 };
	status_error(&status, 1799999000, "half a page \xff");
	assert_string_equal(
	    status_line(&status, &trail, now.mono_ns, line), "up to change 1729, 10 s ago");
	assert_true(status_due_ns(&status) <= now.mono_ns);
	if (!status_write(&status, &trail, &held, now, &why))
		fail_msg("%s", why.text);
	assert_int_equal(status_due_ns(&status), 130 * NS_PER_S);
	status.dirty = true;
	assert_int_equal(status_due_ns(&status), 101 * NS_PER_S);

	assert_int_equal(stat(path.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	doc = json_load_file(path.path, 0, NULL);
	json_object_del(doc, "pid");
	json_object_del(doc, "version");
	text = json_dumps(doc, JSON_SORT_KEYS);
	assert_string_equal(text,
	    "{\"cathedral\": {\"answers\": false}, \"heartbeat\": {\"at\": null, \"state\": null}, "
	    "\"registry\": {\"cathedrals\": 0, \"database\": \"cf1f\", \"devices\": 5, \"flocks\": "
	    "0, \"sweeping\": false, \"until\": 1729, \"version\": 0, \"xflocks\": 0}, "
	    "\"service\": {\"error\": {\"at\": 1799999000, \"text\": \"half a page ?\"}, "
	    "\"failures\": 0, \"refused\": 0, \"state\": \"following\", \"success\": 1799999990}, "
	    "\"started\": null, \"written\": 1800000000}");
	free(text);
	json_decref(doc);

	trail.state = TRAIL_DENIED;
	assert_string_equal(status_line(&status, &trail, now.mono_ns, line),
	    "the service denies access; up to change 1729, 10 s ago");
	status.path = s.path; /* a folder */
	assert_false(status_write(&status, &trail, &held, now, &why));
	assert_non_null(strstr(why.text, "Is a directory"));
	scratch_remove(&s);
}

/* Jansson is the program's from here on. */
static int
begin(void **state)
{
	(void)state;
	memory_for_json();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heartbeat_is_made_of_the_status),
		cmocka_unit_test(what_was_read_is_told_in_changes),
		cmocka_unit_test(what_is_too_old_is_as_it_was),
		cmocka_unit_test(a_heartbeat_says_how_far_the_cathedral_is),
		cmocka_unit_test(what_is_kept_holds_no_secrets),
		cmocka_unit_test(texts_that_are_no_pages),
		cmocka_unit_test(a_text_that_swells_is_refused),
		cmocka_unit_test(memory_grows_and_keeps_what_is_in_it),
		cmocka_unit_test(tokens_are_private_words),
		cmocka_unit_test(what_cannot_be_read_leaves_what_was),
		cmocka_unit_test(a_cathedral_that_answers),
		cmocka_unit_test(wishes_do_not_pile_up),
		cmocka_unit_test(cathedrals_that_do_not),
		cmocka_unit_test(a_trouble_is_said_once),
		cmocka_unit_test(a_trouble_of_many_faces_does_not_fill_the_log),
		cmocka_unit_test(the_status_is_written),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}

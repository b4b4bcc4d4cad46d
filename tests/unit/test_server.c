/* SPDX-License-Identifier: ISC */
/* Requests and answers over real sockets. */
#include "reliquary-api/http/upload.h"
#include "tests/support/http_stand.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define SHORT_MS 50

static void
a_request_as_it_was_meant(void **state)
{
	struct http_stand *s = stand_new();
	const struct http_request rq = { "POST", "/asked?a=b&c=%20d",
		"X-Token: secret\r\nIdempotency-Key: 0123456789abcdef\r\n"
		"Accept: text/plain\r\nContent-Type: application/json\r\n",
		"{}", 2 };
	struct http_answer a;

	(void)state;
	stand_open(s);
	a = http_ask(&s->at, &rq);
	assert_int_equal(a.status, 200);
	assert_ptr_equal(strstr(a.body, "POST /asked queries=2 token=secret key=0123456789abcdef "
					"type=1 text=1 length=2 from=127.0.0.1:"),
	    a.body);
	http_answer_free(&a);
	assert_int_equal(stand_close(s).done, 1);
}

/* The path is what was sent: nothing is decoded, nothing is taken out. */
static void
paths_stay_raw(void **state)
{
	static const char *const paths[] = { "/a%2fb", "/a/../b", "//", "/%00", "/a%20b+c", "*" };
	struct http_stand *s = stand_new();
	char long_path[400];
	struct http_answer a;

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct http_client c;

		assert_true(http_open(&c, &s->at));
		assert_true(http_print(&c, "GET /asked%s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 200);
		http_answer_free(&a);
		http_close(&c);
	}
	memset(long_path, 'a', sizeof(long_path));
	memcpy(long_path, "/", 1);
	long_path[sizeof(long_path) - 1] = '\0';
	a = stand_get(s, long_path); /* nobody's path is so long */
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	stand_close(s);
}

static const struct {
	const char *path;
	unsigned status;
	const char *body; /* NULL: any */
	const char *fields[5][2];
} answers[] = {
	{ "/echo", 200, "GET \n",
	    { { "Content-Type", "text/plain; charset=utf-8" }, { "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" }, { "Connection", NULL } } },
	{ "/json", 200, "{\"n\":1}\n",
	    { { "Content-Type", "application/json" }, { "Cache-Control", "no-store" } } },
	{ "/secret", 201, "{\"token\":\"0123456789\"}\n", { { "Cache-Control", "no-store" } } },
	{ "/empty", 204, "",
	    { { "Content-Type", NULL }, { "X-Content-Type-Options", "nosniff" } } },
	{ "/page", 200, "<p>",
	    { { "Content-Type", "text/html" }, { "Cache-Control", "public, max-age=300" } } },
	{ "/refuse", 401, NULL,
	    { { "WWW-Authenticate", "Bearer" }, { "Content-Type", "application/problem+json" },
		{ "Cache-Control", "no-store" }, { "Connection", NULL } } },
	{ "/busy", 503, NULL, { { "Retry-After", "7" }, { "Cache-Control", "no-store" } } },
	{ "/method", 405, NULL, { { "Allow", "GET, POST" }, { "Retry-After", NULL } } },
	{ "/replayed", 201, "again\n", { { "Idempotency-Replayed", "true" } } },
	{ "/nothing", 500, NULL, { { "Content-Type", "application/problem+json" } } },
};

static void
check_answer(const struct http_answer *a, size_t row, bool head)
{
	assert_int_equal(a->status, answers[row].status);
	if (answers[row].body != NULL && !head)
		assert_string_equal(a->body, answers[row].body);
	for (size_t n = 0; n < 5 && answers[row].fields[n][0] != NULL; n++) {
		const char *want = answers[row].fields[n][1];
		const char *have = http_field(a, answers[row].fields[n][0]);

		if (want == NULL && have != NULL)
			fail_msg("%s: %s", answers[row].path, have);
		if (want != NULL)
			assert_string_equal(have, want);
	}
}

/* All on one connection: each answer says where it ends. */
static void
answers_with_all_that_belongs_to_them(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct http_request rq = { .method = "GET", .path = answers[i].path };
		struct http_answer a;
		const char *length;

		assert_true(http_send_request(&c, &rq));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		check_answer(&a, i, false);
		http_answer_free(&a);
		/* HEAD says how long the body would have been, and has none. */
		rq.method = "HEAD";
		assert_true(http_send_request(&c, &rq));
		assert_true(http_read_head(&c, &a, HTTP_PATIENCE_MS));
		check_answer(&a, i, true);
		length = http_field(&a, "Content-Length");
		if (answers[i].status == 200 && strcmp(answers[i].path, "/echo") != 0)
			assert_int_equal(atoi(length), strlen(answers[i].body));
		http_answer_free(&a);
	}
	assert_true(http_silent(&c, SHORT_MS));
	http_close(&c);
	assert_int_equal(stand_close(s).done, 2 * sizeof(answers) / sizeof(answers[0]));
}

static void
pipelined_requests_are_answered_in_turn(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	for (unsigned n = 0; n < 300; n++)
		assert_true(
		    http_print(&c, "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03u",
			n % 3 == 0 ? "later" : "echo", n));
	for (unsigned n = 0; n < 300; n++) {
		char want[16];

		snprintf(want, sizeof(want), "POST %03u\n", n);
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_string_equal(a.body, want);
		http_answer_free(&a);
	}
	http_close(&c);
	stand_close(s);
}

static void
bodies_that_come_in_pieces(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "POST /echo HT"));
	usleep(2000);
	assert_true(http_print(&c, "TP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"));
	for (int n = 0; n < 5; n++) {
		usleep(2000);
		assert_true(http_print(&c, "%d", n));
	}
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_string_equal(a.body, "POST 01234\n");
	http_answer_free(&a);
	assert_true(
	    http_print(&c, "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "3\r\nabc\r\n1;x=y\r\nd\r\n"));
	usleep(2000);
	assert_true(http_print(&c, "2\r\nef\r\n0\r\nTrailer: x\r\n\r\n"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_string_equal(a.body, "PUT abcdef\n");
	http_answer_free(&a);
	http_close(&c);
	stand_close(s);
}

static void
bodies_too_large(void **state)
{
	struct http_stand *s = stand_new();
	char body[3 * STAND_BODY_MAX];
	struct http_client c;
	struct http_answer a;

	(void)state;
	memset(body, 'b', sizeof(body));
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	/* As large as may be; then one byte more, said in its length, and then in chunks. */
	for (size_t len = STAND_BODY_MAX; len <= STAND_BODY_MAX + 1; len++) {
		const struct http_request rq = { "POST", "/echo", NULL, body, len };

		assert_true(http_send_request(&c, &rq));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, len > STAND_BODY_MAX ? 413 : 200);
		http_answer_free(&a);
	}
	assert_true(http_print(&c,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3e8\r\n%.1000s\r\n1\r\nx\r\n0\r\n\r\n",
	    body));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 413);
	assert_non_null(strstr(a.body, "the body is longer than 1000 bytes"));
	http_answer_free(&a);
	http_close(&c);
	assert_int_equal(stand_close(s).run, 1);
}

/* Chunks without end are cut off. */
static void
chunks_that_nobody_wants_are_bounded(void **state)
{
	struct http_stand *s = stand_new();
	static char chunk[4096];
	struct http_client c;
	size_t sent = 0;

	(void)state;
	memset(chunk, 'b', sizeof(chunk));
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(
	    http_print(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
	while (sent < (16u << 20) && http_print(&c, "1000\r\n") &&
	       http_send(&c, chunk, sizeof(chunk)) && http_print(&c, "\r\n"))
		sent += sizeof(chunk);
	assert_true(sent < (16u << 20));
	http_close(&c);
	assert_int_equal(stand_close(s).run, 0);
}

static void
who_expects_to_be_asked(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 100);
	http_answer_free(&a);
	assert_true(http_silent(&c, SHORT_MS));
	assert_true(http_print(&c, "ok"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_string_equal(a.body, "POST ok\n");
	http_answer_free(&a);

	/* Refused: the answer is the only one, and the body stays where it is. */
	assert_true(http_print(&c, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: "
				   "4000000\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 401);
	assert_string_equal(http_field(&a, "Connection"), "close");
	http_answer_free(&a);
	assert_true(http_ended(&c, HTTP_PATIENCE_MS));
	http_close(&c);

	/* Too large is refused as early. */
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
				   "1001\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 413);
	http_answer_free(&a);
	http_close(&c);
	assert_int_equal(stand_close(s).run, 1);
}

/* Who does not expect anything and sends on gets to read the refusal all the same. */
static void
a_refusal_reaches_who_still_sends(void **state)
{
	struct http_stand *s = stand_new();
	static char body[4 << 20];
	const struct http_request rq = { "PUT", "/refuse", NULL, body, sizeof(body) };

	(void)state;
	stand_open(s);
	for (int n = 0; n < 10; n++) {
		struct http_client c;
		struct http_answer a;

		assert_true(http_open(&c, &s->at));
		assert_true(http_send_request(&c, &rq)); /* whole: nobody hangs up before */
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 401);
		http_answer_free(&a);
		assert_true(http_ended(&c, HTTP_PATIENCE_MS));
		http_close(&c);
	}
	stand_close(s);
}

static void
a_small_refused_body_costs_no_connection(void **state)
{
	struct http_stand *s = stand_new();
	struct stand_tally tally;
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	for (int n = 0; n < 5; n++) {
		assert_true(http_send_request(
		    &c, &(struct http_request){ "POST", "/refuse", NULL, "{\"a\":1}", 7 }));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 401);
		assert_null(http_field(&a, "Connection"));
		http_answer_free(&a);
	}
	http_close(&c);
	tally = stand_close(s);
	assert_int_equal(tally.begun, 5);
	assert_int_equal(tally.run, 0);
}

static void
uploads(void **state)
{
	struct http_stand *s = stand_new();
	struct scratch folder = scratch_make();
	static char body[300000];
	struct http_request rq = { "PUT", "/upload", NULL, body, sizeof(body) };
	struct fault why;
	struct http_answer a;

	(void)state;
	assert_true(upload_folder_prepare(folder.path, &why));
	s->folder = folder.path;
	stand_open(s);
	a = http_ask(&s->at, &rq);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "300000 bytes\n");
	http_answer_free(&a);
	memset(body, 0xee, 1); /* refused at its first byte: the rest is taken, and then said so */
	a = http_ask(&s->at, &rq);
	assert_int_equal(a.status, 400);
	assert_non_null(strstr(a.body, "it begins with 0xee"));
	http_answer_free(&a);
	assert_int_equal(stand_close(s).run, 2);
	scratch_remove(&folder);
}

static void
an_upload_that_the_disk_does_not_take(void **state)
{
	const struct rlimit little = { 100000, RLIM_INFINITY };
	struct http_stand *s = stand_new();
	struct scratch folder = scratch_make();
	static char body[300000];
	const struct http_request rq = { "PUT", "/upload", NULL, body, sizeof(body) };
	struct rlimit before;
	struct fault why;
	struct http_answer a;

	(void)state;
	assert_true(upload_folder_prepare(folder.path, &why));
	s->folder = folder.path;
	stand_open(s);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	a = http_ask(&s->at, &rq);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.body, "writing an upload: File too large"));
	http_answer_free(&a);
	assert_int_equal(stand_close(s).run, 1);
	scratch_remove(&folder);
}

static void
proxies_are_believed_and_others_are_not(void **state)
{
	const struct http_request rq = { "GET", "/asked", "X-Forwarded-For: 192.0.2.7\r\n", NULL,
		0 };

	(void)state;
	for (int trusted = 0; trusted < 2; trusted++) {
		struct http_stand *s = stand_new();
		struct http_answer a;

		if (trusted)
			assert_true(
			    endpoint_parse_ip(&s->o.proxies[s->o.proxy_count++], "127.0.0.1"));
		stand_open(s);
		a = http_ask(&s->at, &rq);
		assert_non_null(strstr(a.body, trusted ? "from=192.0.2.7:0" : "from=127.0.0.1:"));
		http_answer_free(&a);
		stand_close(s);
	}
}

static void
an_old_client(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "GET /echo HTTP/1.0\r\n\r\n"));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	assert_true(http_ended(&c, HTTP_PATIENCE_MS));
	http_close(&c);
	stand_close(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_as_it_was_meant),
		cmocka_unit_test(paths_stay_raw),
		cmocka_unit_test(answers_with_all_that_belongs_to_them),
		cmocka_unit_test(pipelined_requests_are_answered_in_turn),
		cmocka_unit_test(bodies_that_come_in_pieces),
		cmocka_unit_test(bodies_too_large),
		cmocka_unit_test(chunks_that_nobody_wants_are_bounded),
		cmocka_unit_test(who_expects_to_be_asked),
		cmocka_unit_test(a_refusal_reaches_who_still_sends),
		cmocka_unit_test(a_small_refused_body_costs_no_connection),
		cmocka_unit_test(uploads),
		cmocka_unit_test(an_upload_that_the_disk_does_not_take),
		cmocka_unit_test(proxies_are_believed_and_others_are_not),
		cmocka_unit_test(an_old_client),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}

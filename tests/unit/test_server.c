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

/*
 * Who passes chunks on without looking at them may see another end of them than the library does,
 * which takes LF for CR LF.  What lies behind that end is nobody's request.
 */
static void
nothing_is_asked_behind_chunks(void **state)
{
	static const char *const chunks[] = { "0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "1;a\nx\n0\n\n",
		"1\r\nx\r\n0\r\nTrailer: x\n\n" };
	struct http_stand *s = stand_new();
	size_t count = sizeof(chunks) / sizeof(chunks[0]);

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < count; i++) {
		struct http_client c;
		struct http_answer a;

		assert_true(http_open(&c, &s->at));
		assert_true(http_print(&c,
		    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s"
		    "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
		    chunks[i]));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 200);
		assert_string_equal(http_field(&a, "Connection"), "close");
		http_answer_free(&a);
		assert_true(http_ended(&c, HTTP_PATIENCE_MS));
		http_close(&c);
	}
	assert_int_equal(stand_close(s).begun, count);
}

/* Proxies may ask so, and every server must understand it (RFC 9112, 3.2.2). */
static void
targets_with_their_host(void **state)
{
	static const char *const targets[][2] = { { "http://a/asked?x=1", "GET /asked queries=1 " },
		{ "HTTPS://a:8/asked", "GET /asked queries=0 " } };
	struct http_stand *s = stand_new();
	struct http_answer a;

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		a = stand_get(s, targets[i][0]);
		assert_ptr_equal(strstr(a.body, targets[i][1]), a.body);
		http_answer_free(&a);
	}
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

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *why, *bytes;
	size_t len;
	unsigned status; /* 0: no answer, only the end */
} malformed[] = {
	{ "no HTTP at all", BYTES("hello\r\n\r\n"), 0 },
	{ "noise", BYTES("\x16\x03\x01\x02\xff\x01\xee\x01\xfc\x03\x03\r\n\r\n"), 0 },
	{ "no version", BYTES("GET /echo\r\nHost: a\r\n\r\n"), 400 },
	{ "the oldest version", BYTES("GET /echo HTTP/0.9\r\n\r\n"), 505 },
	{ "no target", BYTES("GET HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a blank in the target", BYTES("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a blank in the query", BYTES("GET /a?b c HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a tab there", BYTES("GET /a?b\tc HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "two blanks before it", BYTES("GET  /a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "two versions", BYTES("GET /a HTTP/1.0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a NUL in the path", BYTES("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a NUL in the query", BYTES("GET /a?b\0c HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "no Host", BYTES("GET /echo HTTP/1.1\r\n\r\n"), 400 },
	{ "two of them", BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400 },
	{ "two tokens", BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nx-token: a\r\nx-token: b\r\n\r\n"),
	    400 },
	{ "a field without colon", BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
	    400 },
	{ "a blank before the colon",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc"), 400 },
	{ "a blank before the first name",
	    BYTES("POST /echo HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"), 400 },
	{ "a NUL in a name", BYTES("GET /echo HTTP/1.1\r\nHo\0st: a\r\nHost: a\r\n\r\n"), 400 },
	{ "a NUL in a value", BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nx-token: a\0b\r\n\r\n"),
	    400 },
	{ "a NUL where a name begins",
	    BYTES("GET /echo HTTP/1.1\r\nHost: a\r\n\0x: y\r\nx-token: b\r\n\r\n"), 400 },
	{ "a CR in a value",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nx: y\rContent-Length: 3\r\n\r\nabc"), 400 },
	{ "a control character in a value",
	    BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nx: \x1b[2J\r\n\r\n"), 400 },
	/* What ends here for us is one field to who waits for CR LF. */
	{ "a line that ends with LF",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nx: y\nContent-Length: 3\r\n\r\nabc"), 400 },
	{ "the first line does", BYTES("GET /echo HTTP/1.1\nHost: a\r\n\r\n"), 400 },
	{ "the last one does", BYTES("GET /echo HTTP/1.1\r\nHost: a\n\r\n"), 400 },
	{ "the empty one does", BYTES("GET /echo HTTP/1.1\r\nHost: a\r\n\n"), 400 },
	{ "two lengths",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		  "Content-Length: 4\r\n\r\nabcd"),
	    400 },
	{ "a length that is none",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"), 400 },
	{ "a length beyond numbers",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
		  "99999999999999999999999\r\n\r\n"),
	    413 },
	{ "a length beyond signed numbers",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
	    400 },
	{ "a length and chunks",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	    400 },
	{ "an encoding that we do not know",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
	    400 },
	{ "a chunk without a size",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
	    400 },
	{ "a chunk of more than there is",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "ffffffffffffffff0\r\n"),
	    413 },
	/* To a proxy the second request is the first one's body. */
	{ "a length on a second line",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 32\r\n\r\n"
		  "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
	    400 },
	{ "an encoding on a second line",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"
		  "0\r\n\r\n"),
	    400 },
	/* The library puts the second line behind the name: that of the first becomes another. */
	{ "a name that becomes a length's",
	    BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nConte: 3\r\n nt-Length\r\n\r\nabc"), 400 },
	{ "a name that becomes a token's",
	    BYTES("GET /echo HTTP/1.1\r\nHost: a\r\nx-to: abc\r\n\tken\r\n\r\n"), 400 },
	{ "another version", BYTES("GET /echo HTTP/3.0\r\nHost: a\r\n\r\n"), 505 },
};

static void
malformed_bytes(void **state)
{
	struct http_stand *s = stand_new();
	struct server_counts counts;
	unsigned ours = 0; /* not answered by the library already */

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct http_client c;
		struct http_answer a;
		bool answered;

		assert_true(http_open(&c, &s->at));
		assert_true(http_send(&c, malformed[i].bytes, malformed[i].len));
		answered = http_read(&c, &a, HTTP_PATIENCE_MS);
		if (answered != (malformed[i].status != 0) || a.status != malformed[i].status)
			fail_msg("%s: %u", malformed[i].why, a.status);
		ours += answered && strstr(a.body, "urn:reliquary:problem:malformed") != NULL;
		http_answer_free(&a);
		/* The library says twice what it thinks of a length. */
		if (!http_drop_rest(&c, HTTP_PATIENCE_MS))
			fail_msg("%s: the connection goes on", malformed[i].why);
		http_close(&c);
	}
	server_counts(s->server, &counts);
	assert_in_range(ours, 20, 40);
	assert_int_equal(counts.malformed, ours);
	assert_int_equal(stand_close(s).run, 0);
}

static void
heads_too_large(void **state)
{
	struct http_stand *s = stand_new();
	static const size_t sizes[] = { 3000, 4200, 7000, 40000 };
	static const unsigned statuses[] = { 200, 431, 431, 431 };
	static char value[40001];

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct http_client c;
		struct http_answer a;

		memset(value, 'v', sizes[i]);
		value[sizes[i]] = '\0';
		assert_true(http_open(&c, &s->at));
		assert_true(
		    http_print(&c, "GET /echo HTTP/1.1\r\nHost: a\r\nx-long: %s\r\n\r\n", value));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, statuses[i]);
		http_answer_free(&a);
		http_close(&c);
	}
	assert_int_equal(stand_close(s).begun, 1);
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
		cmocka_unit_test(nothing_is_asked_behind_chunks),
		cmocka_unit_test(targets_with_their_host),
		cmocka_unit_test(bodies_too_large),
		cmocka_unit_test(chunks_that_nobody_wants_are_bounded),
		cmocka_unit_test(who_expects_to_be_asked),
		cmocka_unit_test(a_refusal_reaches_who_still_sends),
		cmocka_unit_test(a_small_refused_body_costs_no_connection),
		cmocka_unit_test(uploads),
		cmocka_unit_test(malformed_bytes),
		cmocka_unit_test(heads_too_large),
		cmocka_unit_test(proxies_are_believed_and_others_are_not),
		cmocka_unit_test(an_old_client),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}

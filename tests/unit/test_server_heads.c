/* SPDX-License-Identifier: ISC */
/* Heads over real sockets: what is understood, and what must not be. */
#include "tests/support/http_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

/* As many as there is room for in the head; whether it may be so many the service decides. */
static void
queries_of_many_parts(void **state)
{
	static const unsigned counts[] = { 8, 200, 500, 900 };
	struct http_stand *s = stand_new();
	char path[4000];

	(void)state;
	stand_open(s);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct http_answer a;
		size_t len = 0;

		len += (size_t)snprintf(path, sizeof(path), "/asked?");
		for (unsigned n = 0; n < counts[i]; n++)
			len += (size_t)snprintf(path + len, sizeof(path) - len, "a=1&");
		a = stand_get(s, path);
		assert_int_equal(a.status, 200);
		assert_ptr_equal(strstr(a.body, "GET /asked queries=8 "), a.body);
		http_answer_free(&a);
	}
	assert_int_equal(stand_close(s).run, sizeof(counts) / sizeof(counts[0]));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_bytes),
		cmocka_unit_test(heads_too_large),
		cmocka_unit_test(targets_with_their_host),
		cmocka_unit_test(queries_of_many_parts),
		cmocka_unit_test(nothing_is_asked_behind_chunks),
	};

	return cmocka_run_group_tests_name("server_heads", tests, NULL, NULL);
}

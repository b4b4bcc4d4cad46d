/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define FIELDS_MAX 4

struct field {
	const char *name, *value;
};

/* Reads fields up to one without a name. */
static bool
read_fields(struct head *h, struct request *rq, const struct field *fields)
{
	static const struct proxies none = { NULL, 0 };
	struct endpoint peer;

	assert_true(endpoint_parse(&peer, "192.0.2.1:5"));
	memset(rq, 0, sizeof(*rq));
	head_begin(h, rq, &none);
	head_field(h, "Host", "localhost");
	for (size_t i = 0; i < FIELDS_MAX && fields[i].name != NULL; i++) {
		char *value = strdup(fields[i].value); /* exactly as long as it is */

		assert_non_null(value);
		head_field(h, fields[i].name, value);
		free(value);
	}
	return head_end(h, "HTTP/1.1", &peer);
}

static void
an_empty_head(void **state)
{
	struct request rq;
	struct head h;

	(void)state;
	assert_true(read_fields(&h, &rq, (struct field[FIELDS_MAX]){ { NULL, NULL } }));
	assert_int_equal(rq.length, -1);
	assert_int_equal(rq.type, CONTENT_NONE);
	assert_false(rq.wants_text);
	assert_false(head_has_body(&h));
	assert_string_equal(rq.token, "");
	assert_int_equal(rq.from.port, 5);
}

static void
tokens(void **state)
{
	static const struct {
		const char *why;
		struct field fields[FIELDS_MAX];
		const char *want;
	} cases[] = {
		{ "x-token", { { "x-token", "abc" } }, "abc" },
		{ "any case", { { "X-Token", "abc" } }, "abc" },
		{ "Bearer", { { "Authorization", "Bearer abc" } }, "abc" },
		{ "the scheme in any case", { { "authorization", "bEARER   abc" } }, "abc" },
		{ "blanks behind it", { { "x-token", "abc \t" } }, "abc" },
		{ "a blank within makes it nobody's", { { "x-token", "abc d" } }, "abc d" },
		{ "another scheme", { { "Authorization", "Basic abc" } }, "" },
		{ "a scheme that only begins so", { { "Authorization", "Bearerabc" } }, "" },
		{ "Bearer and nothing", { { "Authorization", "Bearer" } }, "" },
		{ "Bearer and blanks", { { "Authorization", "Bearer  " } }, "" },
		{ "x-token goes first", { { "Authorization", "Bearer b" }, { "x-token", "a" } },
		    "a" },
		{ "in either order", { { "x-token", "a" }, { "Authorization", "Bearer b" } }, "a" },
		{ "without a value", { { "x-token", "" } }, "" },
		{ "an empty one leaves room",
		    { { "x-token", "" }, { "Authorization", "Bearer b" } }, "b" },
	};
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(read_fields(&h, &rq, cases[i].fields));
		if (strcmp(rq.token, cases[i].want) != 0)
			fail_msg("%s: \"%s\"", cases[i].why, rq.token);
	}
}

static void
what_is_too_long_fits_nobody(void **state)
{
	char long_text[600];
	struct field fields[FIELDS_MAX] = { { "x-token", long_text },
		{ "Idempotency-Key", long_text } };
	struct request rq;
	struct head h;

	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_true(read_fields(&h, &rq, fields));
	assert_int_equal(strlen(rq.token), REQUEST_TOKEN_MAX - 1);
	assert_string_equal(rq.repeat_key, "");
	assert_true(rq.repeat_overflow);

	long_text[REQUEST_REPEAT_MAX - 1] = '\0';
	assert_true(read_fields(&h, &rq, fields));
	assert_string_equal(rq.repeat_key, long_text);
	assert_false(rq.repeat_overflow);
}

static void
types(void **state)
{
	static const struct {
		const char *text;
		enum content_type want;
	} cases[] = {
		{ "application/json", CONTENT_JSON },
		{ "Application/JSON; charset=utf-8", CONTENT_JSON },
		{ "application/json ;charset=utf-8", CONTENT_JSON },
		{ "application/jsonp", CONTENT_OTHER },
		{ "application/x-www-form-urlencoded", CONTENT_FORM },
		{ "application/octet-stream", CONTENT_OTHER },
		{ "text/json", CONTENT_OTHER },
		{ "", CONTENT_OTHER },
	};
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct field fields[FIELDS_MAX] = { { "Content-Type", cases[i].text } };

		assert_true(read_fields(&h, &rq, fields));
		if (rq.type != cases[i].want)
			fail_msg("%s: %d", cases[i].text, (int)rq.type);
	}
}

static void
text_or_json(void **state)
{
	static const struct {
		const char *accept;
		bool text;
	} cases[] = {
		{ "text/plain", true },
		{ "TEXT/Plain", true },
		{ "text/*", true },
		{ "text/plain, */*", true },
		{ "text/plain;q=0.9, */*;q=0.1", true },
		{ "application/json;q=0.5, text/plain;q=0.6", true },
		{ "text/plain;format=flowed;q=1", true },
		{ "text/plain;q=1.000", true },
		{ "text/plain;Q=0.001", true },
		{ "*/*", false },
		{ "", false },
		{ "application/json", false },
		{ "text/html", false },
		{ "text/plainly", false },
		{ "text/plain, application/json", false },
		{ "text/plain;q=0.5,application/json;q=0.50", false },
		{ "text/plain;q=0.1, */*", false },
		{ "text/plain;q=0", false },
		{ "text/plain;q=0.000", false },
		{ "text/plain; q=0", false },
		{ "text/plain;q=0.5, application/*", false },
		/* Malformed, and no reason to look beyond the end. */
		{ "text/plain;q", true },
		{ "text/plain;", true },
		{ "text/plain;q=", true },
		{ "text/plain;q=0.", false },
		{ ",,,", false },
	};
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct field fields[FIELDS_MAX] = { { "Accept", cases[i].accept } };

		assert_true(read_fields(&h, &rq, fields));
		if (rq.wants_text != cases[i].text)
			fail_msg("\"%s\": %d", cases[i].accept, rq.wants_text);
	}
}

static void
where_the_body_ends(void **state)
{
	static const struct {
		const char *why;
		struct field fields[FIELDS_MAX];
		bool body;
		int64_t length;
		const char *wrong;
	} cases[] = {
		{ "a length", { { "Content-Length", "12" } }, true, 12, NULL },
		{ "nothing", { { "Content-Length", "0" } }, false, 0, NULL },
		{ "chunked", { { "Transfer-Encoding", "Chunked" } }, true, -1, NULL },
		{ "the longest", { { "Content-Length", "9223372036854775807" } }, true, INT64_MAX,
		    NULL },
		{ "one more", { { "Content-Length", "9223372036854775808" } }, false, -1,
		    "Content-Length is no number" },
		{ "negative", { { "Content-Length", "-1" } }, false, -1,
		    "Content-Length is no number" },
		{ "signed", { { "Content-Length", "+1" } }, false, -1,
		    "Content-Length is no number" },
		{ "hex", { { "Content-Length", "0x10" } }, false, -1,
		    "Content-Length is no number" },
		{ "a list", { { "Content-Length", "5, 5" } }, false, -1,
		    "Content-Length is no number" },
		{ "no value", { { "Content-Length", "" } }, false, -1,
		    "Content-Length is no number" },
		{ "twice the same", { { "Content-Length", "5" }, { "Content-Length", "5" } }, true,
		    5, "there is more than one Content-Length" },
		{ "both", { { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } }, true,
		    5, "there is a Content-Length and a Transfer-Encoding" },
		{ "both, the other way",
		    { { "Transfer-Encoding", "chunked" }, { "Content-Length", "5" } }, true, 5,
		    "there is a Content-Length and a Transfer-Encoding" },
		{ "another encoding", { { "Transfer-Encoding", "gzip, chunked" } }, true, -1,
		    "Transfer-Encoding may only be chunked" },
		{ "chunked twice",
		    { { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } },
		    true, -1, "Transfer-Encoding may only be chunked" },
		{ "a blank behind it", { { "Transfer-Encoding", "chunked " } }, true, -1,
		    "Transfer-Encoding may only be chunked" },
		{ "two hosts", { { "host", "localhost" } }, false, -1,
		    "there is more than one Host" },
		{ "a blank before the colon", { { "Content-Length ", "5" } }, false, -1,
		    "the name of a field is malformed" },
		{ "a name that is none", { { "", "5" } }, false, -1,
		    "the name of a field is malformed" },
		{ "a control character", { { "x-\x01", "5" } }, false, -1,
		    "the name of a field is malformed" },
		{ "a name that is only like one", { { "Content-Lengt", "5" } }, false, -1, NULL },
	};
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool right = read_fields(&h, &rq, cases[i].fields);

		if (right != (cases[i].wrong == NULL) || rq.length != cases[i].length ||
		    head_has_body(&h) != cases[i].body)
			fail_msg("%s: %d, length %lld", cases[i].why, right, (long long)rq.length);
		if (cases[i].wrong != NULL)
			assert_string_equal(h.wrong, cases[i].wrong);
	}
}

/* Two of them would be understood in two ways. */
static void
what_is_there_once(void **state)
{
	static const char *const names[] = { "Content-Length", "Expect", "X-Token", "authorization",
		"Idempotency-Key", "Content-Type", "Host" };
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct field fields[FIELDS_MAX] = { { names[i], "1" }, { names[i], "1" } };

		assert_false(read_fields(&h, &rq, fields));
		if (strncmp(h.wrong, "there is more than one ", 23) != 0 ||
		    strcasecmp(h.wrong + 23, names[i]) != 0)
			fail_msg("%s: %s", names[i], h.wrong);
	}
	assert_true(read_fields(&h, &rq,
	    (struct field[FIELDS_MAX]){ { "Accept", "a/b" }, { "Accept", "text/plain" },
		{ "X-Forwarded-For", "192.0.2.1" }, { "X-Forwarded-For", "192.0.2.2" } }));
	assert_true(rq.wants_text);
}

static void
values_that_hide_something(void **state)
{
	static const struct {
		const char *value;
		bool right;
	} cases[] = {
		{ "a b\tc", true },
		{ "", true },
		{ "\xc3\xa9", true },
		{ "a\rb", false },
		{ "a\nb", false },
		{ "\x01", false },
		{ "\x1f", false },
		{ "a\x7f", false },
	};
	struct request rq;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct field fields[FIELDS_MAX] = { { "x-any", cases[i].value } };

		assert_int_equal(read_fields(&h, &rq, fields), cases[i].right);
		assert_string_equal(
		    h.wrong, cases[i].right ? "" : "there is a control character in a field");
	}
}

static void
expectations(void **state)
{
	struct request rq;
	struct head h;

	(void)state;
	assert_true(read_fields(&h, &rq,
	    (struct field[FIELDS_MAX]){ { "expect", "100-Continue" }, { "Content-Length", "1" } }));
	assert_true(h.expects_continue);
	assert_true(read_fields(&h, &rq, (struct field[FIELDS_MAX]){ { "expect", "101" } }));
	assert_false(h.expects_continue);
}

static void
versions(void **state)
{
	static const struct proxies none = { NULL, 0 };
	static const struct {
		const char *version, *name, *wrong;
	} cases[] = {
		{ "HTTP/1.1", "Host", NULL },
		{ "HTTP/1.1", "Accept", "there is no Host" },
		{ "HTTP/1.0", "Accept", NULL },
		{ "HTTP/1.0", "Transfer-Encoding", "HTTP/1.0 knows no Transfer-Encoding" },
	};
	struct endpoint peer;
	struct request rq;
	struct head h;

	(void)state;
	assert_true(endpoint_parse(&peer, "192.0.2.1:5"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&rq, 0, sizeof(rq));
		head_begin(&h, &rq, &none);
		head_field(&h, cases[i].name, "chunked");
		assert_int_equal(head_end(&h, cases[i].version, &peer), cases[i].wrong == NULL);
		if (cases[i].wrong != NULL)
			assert_string_equal(h.wrong, cases[i].wrong);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_head),
		cmocka_unit_test(tokens),
		cmocka_unit_test(what_is_too_long_fits_nobody),
		cmocka_unit_test(types),
		cmocka_unit_test(text_or_json),
		cmocka_unit_test(where_the_body_ends),
		cmocka_unit_test(what_is_there_once),
		cmocka_unit_test(values_that_hide_something),
		cmocka_unit_test(expectations),
		cmocka_unit_test(versions),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/reply.h"

#include "reliquary-api/http/plain.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Jansson's memory: may run out, and is looked at when it comes back. */
static struct {
	bool exhausted;
	size_t secrets_seen;
} heap;

#define SECRET "e0f1a2b3c4d5"

static void *
heap_take(size_t size)
{
	return heap.exhausted ? NULL : malloc(size);
}

static void
heap_give(void *at)
{
	if (at != NULL && memmem(at, malloc_usable_size(at), SECRET, strlen(SECRET)) != NULL)
		heap.secrets_seen++;
	free(at);
}

static int
begin(void **state)
{
	(void)state;
	heap.exhausted = false;
	heap.secrets_seen = 0;
	json_set_alloc_funcs(heap_take, heap_give);
	return 0;
}

/* Renders, compares, frees. */
static void
expect_reply(struct reply r, unsigned status, const char *type, const char *body)
{
	const char *got;
	size_t len;
	bool owned;

	assert_int_equal(r.status, status);
	assert_string_equal(reply_content_type(&r), type);
	assert_true(reply_render(&r, &got, &len, &owned));
	assert_int_equal(len, strlen(body));
	assert_memory_equal(got, body, len);
	if (owned)
		free((void *)(uintptr_t)got);
	reply_free(&r);
	assert_null(r.json);
	assert_null(r.text);
	reply_free(&r);
}

#define JSON    "application/json"
#define PROBLEM "application/problem+json"
#define TEXT    "text/plain; charset=utf-8"

static void
bodies_come_out_as_they_were_given(void **state)
{
	struct reply typed = reply_text(200, "%s", "{}");

	(void)state;
	expect_reply(
	    reply_json(201, json_pack("{s:s, s:[i, n, b]}", "b", "\xc3\xa4\"\x01", "a", 1, 1)), 201,
	    JSON, "{\"b\":\"\xc3\xa4\\\"\\u0001\",\"a\":[1,null,true]}\n");
	expect_reply(reply_text(200, "%s - %d", "name", 7), 200, TEXT, "name - 7\n");
	expect_reply(reply_text(200, "%s", ""), 200, TEXT, "\n");
	expect_reply(reply_fixed("application/openapi+json", "{}x", 2), 200,
	    "application/openapi+json", "{}");
	expect_reply(reply_empty(), 204, TEXT, "");
	typed.type = JSON;
	expect_reply(typed, 200, JSON, "{}\n");
}

static void
large_bodies_come_out_whole(void **state)
{
	json_t *list = json_array(), *again;
	struct reply r;
	const char *text;
	size_t len;
	bool owned;

	(void)state;
	for (int i = 0; i < 5000; i++)
		json_array_append_new(list, json_pack("{s:i, s:s}", "n", i, "s", "a text"));
	r = reply_json(200, list);
	assert_true(reply_render(&r, &text, &len, &owned));
	assert_true(owned);
	again = json_loadb(text, len, 0, NULL);
	assert_int_equal(json_equal(again, list), 1);
	json_decref(again);
	free((void *)(uintptr_t)text);
	reply_free(&r);
}

#define DETAIL(kind, title, status, detail)                                                        \
	"{\"type\":\"urn:reliquary:problem:" kind "\",\"title\":\"" title "\",\"status\":" status  \
	",\"detail\":\"" detail "\"}\n"

static void
problems_say_what_is_wrong(void **state)
{
	(void)state;
	expect_reply(reply_problem(409, "quota", "%d flocks are all you may have", 3), 409, PROBLEM,
	    DETAIL("quota", "Conflict", "409", "3 flocks are all you may have"));
	expect_reply(reply_unknown("flock"), 404, PROBLEM,
	    DETAIL("not-found", "Not Found", "404", "there is no such flock"));
	expect_reply(reply_bad_field("uses", "is a whole number from %d to %d", 1, 1000), 400,
	    PROBLEM,
	    "{\"type\":\"urn:reliquary:problem:field\",\"title\":\"Bad Request\",\"status\":400,"
	    "\"detail\":\"uses is a whole number from 1 to 1000\",\"field\":\"uses\"}\n");
}

static void
titles_follow_the_status(void **state)
{
	static const struct {
		unsigned status;
		const char *title;
	} cases[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 418, "Error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply r = reply_problem(cases[i].status, "kind", "detail");

		assert_string_equal(
		    json_string_value(json_object_get(r.json, "title")), cases[i].title);
		assert_int_equal(
		    json_integer_value(json_object_get(r.json, "status")), cases[i].status);
		reply_free(&r);
	}
}

/* Details may quote strangers: they stay short, and fit for a terminal. */
static void
details_are_bounded_and_plain(void **state)
{
	struct {
		const char *given;
		const char *want;
	} const cases[] = {
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\x1b[31mb", "a?[31mb" },
		{ "a\nb\r", "a?b?" },
		{ "a\xff\x80z", "a??z" },
		{ "a\xe2\x80\xaez", "a???z" },
		{ "cut \xc3", "cut ?" },
	};
	char detail[1001] = "", field[1001];
	struct reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = reply_problem(400, "malformed", "%s", cases[i].given);
		assert_string_equal(
		    json_string_value(json_object_get(r.json, "detail")), cases[i].want);
		reply_free(&r);
	}

	/* Every way in which a character of two bytes can lie across the end. */
	for (size_t shift = 0; shift < 2; shift++) {
		size_t len;

		memset(detail, 'a', shift);
		for (size_t i = shift; i + 1 < 1000; i += 2)
			memcpy(detail + i, "\xc3\xa4", 3);
		r = reply_problem(400, "malformed", "%s", detail);
		len = json_string_length(json_object_get(r.json, "detail"));
		assert_int_equal(len, shift == 1 ? REPLY_DETAIL_MAX - 1 : REPLY_DETAIL_MAX - 2);
		assert_memory_equal(
		    json_string_value(json_object_get(r.json, "detail")), detail, len);
		reply_free(&r);
	}

	memset(field, 'f', 1000);
	field[1000] = '\0';
	r = reply_bad_field(field, "%s", detail);
	assert_int_equal(json_string_length(json_object_get(r.json, "field")), 63);
	assert_in_range(json_string_length(json_object_get(r.json, "detail")), 200, 255);
	reply_free(&r);
	r = reply_bad_field("a\nb", "is nothing");
	assert_string_equal(json_string_value(json_object_get(r.json, "field")), "a?b");
	reply_free(&r);
}

static const char failed[] = DETAIL(
    "failed", "Internal Server Error", "500", "something went wrong on this side, try again later");

static void
answers_are_there_without_memory(void **state)
{
	struct reply r;

	(void)state;
	heap.exhausted = true;
	expect_reply(reply_json(200, json_object()), 500, PROBLEM, failed);
	expect_reply(reply_secret(200, json_object()), 500, PROBLEM, failed);
	expect_reply(reply_problem(400, "kind", "detail"), 500, PROBLEM, failed);
	expect_reply(reply_bad_field("field", "detail"), 500, PROBLEM, failed);
	expect_reply(reply_unknown("flock"), 500, PROBLEM, failed);
	expect_reply(reply_failed(), 500, PROBLEM, failed);

	r = reply_busy(3);
	assert_int_equal(r.retry_after_s, 3);
	expect_reply(r, 503, PROBLEM,
	    DETAIL(
		"busy", "Service Unavailable", "503", "too much to do just now, try again later"));
	r = reply_limited(60);
	assert_int_equal(r.retry_after_s, 60);
	expect_reply(r, 429, PROBLEM,
	    DETAIL("rate", "Too Many Requests", "429", "too many requests, try again later"));
}

/* The texts that stand in the program are what the others are: documents with all four members. */
static void
fixed_problems_are_documents(void **state)
{
	struct reply all[] = { reply_failed(), reply_busy(1), reply_limited(1) };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *doc = json_loadb(all[i].fixed, all[i].fixed_len, 0, NULL);

		assert_non_null(doc);
		assert_int_equal(json_object_size(doc), 4);
		assert_int_equal(json_integer_value(json_object_get(doc, "status")), all[i].status);
		assert_non_null(json_string_value(json_object_get(doc, "type")));
		assert_non_null(json_string_value(json_object_get(doc, "title")));
		assert_non_null(json_string_value(json_object_get(doc, "detail")));
		json_decref(doc);
	}
}

static void
rendering_without_memory_says_so(void **state)
{
	/* Of all kinds of values this one alone is left to Jansson, and so to its memory. */
	struct reply r = reply_json(200, json_pack("{s:{s:f}}", "a", "b", 0.5));
	const char *text;
	size_t len;
	bool owned;

	(void)state;
	assert_non_null(r.json);
	heap.exhausted = true;
	assert_false(reply_render(&r, &text, &len, &owned));
	heap.exhausted = false;
	assert_true(reply_render(&r, &text, &len, &owned));
	free((void *)(uintptr_t)text);
	reply_free(&r);
}

static json_t *
json_with_secret(void)
{
	json_t *json = json_object(), *list = json_array();

	json_array_append_new(list, json_string(SECRET));
	json_object_set_new(json, "token", json_string("a" SECRET));
	json_object_set_new(json, "list", list);
	return json;
}

static void
secrets_are_wiped(void **state)
{
	struct reply r = reply_secret(201, json_with_secret());
	json_t *kept;

	(void)state;
	assert_true(r.secret);
	reply_free(&r);
	assert_int_equal(heap.secrets_seen, 0);

	/* What somebody else still holds is theirs. */
	r = reply_secret(201, json_with_secret());
	kept = json_incref(json_object_get(r.json, "token"));
	reply_free(&r);
	assert_int_equal(heap.secrets_seen, 0);
	assert_string_equal(json_string_value(kept), "a" SECRET);
	json_decref(kept);

	/* This is how it looks when they are not. */
	heap.secrets_seen = 0;
	r = reply_json(201, json_with_secret());
	assert_false(r.secret);
	reply_free(&r);
	assert_int_equal(heap.secrets_seen, 2);
}

static void
plain_text_is_told_from_the_other(void **state)
{
	static const struct {
		const char *text;
		bool plain;
	} cases[] = {
		{ "", true },
		{ " ~", true },
		{ "\x1f", false },
		{ "\x7f", false },
		{ "\xc2\x80", false },     /* U+0080 */
		{ "\xc2\x85", false },     /* U+0085 */
		{ "\xc2\x9f", false },     /* U+009F */
		{ "\xc2\xa0", true },      /* U+00A0 */
		{ "\xd8\x9c", false },     /* U+061C */
		{ "\xe2\x80\x8d", true },  /* U+200D, which joins emoji */
		{ "\xe2\x80\x8e", false }, /* U+200E */
		{ "\xe2\x80\x8f", false }, /* U+200F */
		{ "\xe2\x80\x90", true },  /* U+2010 */
		{ "\xe2\x80\xa8", false }, /* U+2028 */
		{ "\xe2\x80\xa9", false }, /* U+2029 */
		{ "\xe2\x80\xaa", false }, /* U+202A */
		{ "\xe2\x80\xae", false }, /* U+202E */
		{ "\xe2\x80\xaf", true },  /* U+202F */
		{ "\xe2\x81\xa5", true },  /* U+2065 */
		{ "\xe2\x81\xa6", false }, /* U+2066 */
		{ "\xe2\x81\xa9", false }, /* U+2069 */
		{ "\xf0\x9f\x90\x91", true },
		{ "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false }, /* a surrogate */
		{ "\xed\xbf\xbf", false },
		{ "\xee\x80\x80", true },
		{ "\x80", false },
		{ "\xc3", false },
		{ "\xc3(", false },
		{ "\xc0\xaf", false }, /* too long for what it is */
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xe0\xa0\x80", true },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf0\x90\x80", false },
		{ "\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		char *exact = malloc(len), *made = malloc(len + 1);

		memcpy(exact, cases[i].text, len);
		if (plain_is(exact, len) != cases[i].plain)
			fail_msg("case %zu", i);
		strcpy(made, cases[i].text);
		plain_make(made);
		assert_int_equal(strcmp(made, cases[i].text) == 0, cases[i].plain);
		assert_true(plain_is(made, strlen(made)));
		free(made);
		free(exact);
	}
	assert_false(plain_is("a\0b", 3));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bodies_come_out_as_they_were_given, begin),
		cmocka_unit_test_setup(large_bodies_come_out_whole, begin),
		cmocka_unit_test_setup(problems_say_what_is_wrong, begin),
		cmocka_unit_test_setup(titles_follow_the_status, begin),
		cmocka_unit_test_setup(details_are_bounded_and_plain, begin),
		cmocka_unit_test_setup(answers_are_there_without_memory, begin),
		cmocka_unit_test_setup(fixed_problems_are_documents, begin),
		cmocka_unit_test_setup(rendering_without_memory_says_so, begin),
		cmocka_unit_test_setup(secrets_are_wiped, begin),
		cmocka_unit_test_setup(plain_text_is_told_from_the_other, begin),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}

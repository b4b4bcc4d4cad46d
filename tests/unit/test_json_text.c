/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ends it, compares, frees. */
static void
expect_text(struct json_text *t, const char *want)
{
	assert_true(json_text_end(t));
	assert_string_equal(t->text, want);
	assert_int_equal(t->len, strlen(want));
	json_text_free(t);
	assert_null(t->text);
}

static void
commas_stand_between_values_only(void **state)
{
	struct json_text t = { 0 };

	(void)state;
	json_text_open(&t, '{');
	json_text_name(&t, "a");
	json_text_open(&t, '[');
	json_text_close(&t, ']');
	json_text_name(&t, "b");
	json_text_open(&t, '[');
	json_text_integer(&t, -1);
	json_text_string(&t, "");
	json_text_null(&t);
	json_text_open(&t, '{');
	json_text_close(&t, '}');
	json_text_open(&t, '[');
	json_text_close(&t, ']');
	json_text_close(&t, ']');
	json_text_name(&t, "c");
	json_text_integer(&t, INT64_MAX);
	json_text_close(&t, '}');
	expect_text(&t, "{\"a\":[],\"b\":[-1,\"\",null,{},[]],\"c\":9223372036854775807}\n");
}

/* A string that ends like an opening bracket is no opening bracket. */
static void
what_strings_end_with_does_not_matter(void **state)
{
	static const char *const texts[] = { "[", "{", ":", ",", "\\", "\"" };
	struct json_text t = { 0 };
	json_t *again;

	(void)state;
	json_text_open(&t, '[');
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_text_string(&t, texts[i]);
	json_text_close(&t, ']');
	assert_true(json_text_end(&t));
	again = json_loads(t.text, 0, NULL);
	assert_int_equal(json_array_size(again), sizeof(texts) / sizeof(texts[0]));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(json_string_value(json_array_get(again, i)), texts[i]);
	json_decref(again);
	json_text_free(&t);
}

static void
every_character_comes_back(void **state)
{
	(void)state;
	for (int c = 1; c < 0x80; c++) {
		const char text[] = { 'a', (char)c, (char)c, 'z', '\0' };
		struct json_text t = { 0 };
		json_t *again;

		json_text_string(&t, text);
		assert_true(json_text_end(&t));
		again = json_loads(t.text, JSON_DECODE_ANY, NULL);
		assert_string_equal(json_string_value(again), text);
		json_decref(again);
		json_text_free(&t);
	}
}

static void
values_are_written_as_jansson_reads_them(void **state)
{
	static const char *const documents[] = { "{}", "[]", "[[[]]]", "[true,false,null,0.5,-1]",
		"{\"b\":1,\"a\":{\"c\":[{},\"\xc3\xa4\"]},\"n\":null}",
		"[\"\xf0\x9f\x90\x91\",\"/\",\"\\\\\\\"\"]" };

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		json_t *json = json_loads(documents[i], 0, NULL);
		char want[64] = "";
		struct json_text t = { 0 };

		assert_non_null(json);
		strcat(strcpy(want, documents[i]), "\n");
		json_text_value(&t, json);
		expect_text(&t, want);
		json_decref(json);
	}
}

static void
numbers_have_all_their_digits(void **state)
{
	static const struct {
		json_int_t value;
		const char *text;
	} cases[] = {
		{ 0, "0\n" },
		{ -1, "-1\n" },
		{ 10, "10\n" },
		{ 1790000000, "1790000000\n" },
		{ INT64_MAX, "9223372036854775807\n" },
		{ INT64_MIN, "-9223372036854775808\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_text t = { 0 };

		json_text_integer(&t, cases[i].value);
		expect_text(&t, cases[i].text);
	}
}

static void
zero_bytes_in_strings_are_kept(void **state)
{
	json_t *json = json_stringn("a\0b", 3);
	struct json_text t = { 0 };

	(void)state;
	json_text_value(&t, json);
	expect_text(&t, "\"a\\u0000b\"\n");
	json_decref(json);
}

static void
pieces_fit_in_where_they_are_put(void **state)
{
	struct json_text t = { 0 }, piece = { 0 }, nothing = { 0 }, failed = { .failed = true };

	(void)state;
	json_text_open(&t, '[');
	json_text_integer(&t, 1);
	for (int i = 0; i < 5000; i++)
		json_text_integer(&piece, i);
	json_text_piece(&t, &piece);
	json_text_piece(&t, &nothing);
	json_text_close(&t, ']');
	assert_true(json_text_end(&t));
	assert_int_equal(strncmp(t.text, "[1,0,1,2,", 9), 0);
	assert_string_equal(t.text + t.len - 9, "98,4999]\n");
	json_text_free(&t);

	json_text_piece(&t, &failed);
	json_text_integer(&t, 1);
	assert_false(json_text_end(&t));
	assert_null(t.text);
	json_text_free(&piece);
}

static void
what_could_not_be_made_spoils_it_all(void **state)
{
	struct json_text t = { 0 };

	(void)state;
	json_text_open(&t, '[');
	json_text_value(&t, NULL);
	json_text_integer(&t, 1);
	json_text_close(&t, ']');
	assert_false(json_text_end(&t));
	assert_null(t.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_values_only),
		cmocka_unit_test(what_strings_end_with_does_not_matter),
		cmocka_unit_test(every_character_comes_back),
		cmocka_unit_test(values_are_written_as_jansson_reads_them),
		cmocka_unit_test(numbers_have_all_their_digits),
		cmocka_unit_test(zero_bytes_in_strings_are_kept),
		cmocka_unit_test(pieces_fit_in_where_they_are_put),
		cmocka_unit_test(what_could_not_be_made_spoils_it_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

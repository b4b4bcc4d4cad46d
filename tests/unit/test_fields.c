/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A member of every type, and which of them are there. */
struct got {
	char label[9];
	uint8_t key[4];
	uint64_t uses;
	bool open;
	bool has_label, has_key, has_uses, has_open;
};

static bool
read_all(const json_t *object, struct got *got, struct reply *problem)
{
	const struct field fields[] = {
		FIELD_TEXT_INTO("label", got->label, .given = &got->has_label),
		FIELD_HEX_INTO("key", got->key, .required = true, .given = &got->has_key),
		FIELD_UINT_INTO("uses", &got->uses, 1, 1000, .given = &got->has_uses),
		FIELD_FLAG_INTO("open", &got->open, .given = &got->has_open),
		FIELD_END,
	};

	return fields_read(object, fields, problem);
}

/* Read as the server reads it: from exactly so many bytes. */
static json_t *
json_of(const char *text)
{
	size_t len = strlen(text);
	char *exact = malloc(len);
	json_t *json;

	memcpy(exact, text, len);
	json = json_loadb(exact, len, JSON_REJECT_DUPLICATES, NULL);
	free(exact);
	if (json == NULL)
		fail_msg("%s is no JSON", text);
	return json;
}

static void
members_become_values(void **state)
{
	static const struct {
		const char *text;
		struct got want;
	} cases[] = {
		{ "{\"key\":\"00ff10Ab\"}", { .key = { 0, 255, 16, 0xab }, .has_key = true } },
		{ "{\"key\":\"00000000\",\"label\":null,\"uses\":null,\"open\":null}",
		    { .has_key = true } },
		{ "{\"key\":\"00000000\",\"label\":\"\"}", { .has_key = true, .has_label = true } },
		{ "{\"label\":\"12345678\",\"key\":\"00000000\"}",
		    { .label = "12345678", .has_key = true, .has_label = true } },
		{ "{\"label\":\"gr\xc3\xbc\xc3\x9f\\u0065\",\"key\":\"00000000\"}",
		    { .label = "gr\xc3\xbc\xc3\x9f"
			       "e",
			.has_key = true,
			.has_label = true } },
		{ "{\"uses\":1,\"key\":\"00000000\"}",
		    { .uses = 1, .has_key = true, .has_uses = true } },
		{ "{\"uses\":1000,\"key\":\"00000000\"}",
		    { .uses = 1000, .has_key = true, .has_uses = true } },
		{ "{\"open\":true,\"key\":\"00000000\"}",
		    { .open = true, .has_key = true, .has_open = true } },
		{ "{\"open\":false,\"key\":\"00000000\"}", { .has_key = true, .has_open = true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct got *want = &cases[i].want;
		json_t *json = json_of(cases[i].text);
		struct got got = { .has_label = true, .has_open = true };
		struct reply problem;

		if (!read_all(json, &got, &problem))
			fail_msg("%s", cases[i].text);
		assert_string_equal(got.label, want->label);
		assert_memory_equal(got.key, want->key, sizeof(got.key));
		assert_true(got.uses == want->uses && got.open == want->open);
		assert_true(got.has_label == want->has_label && got.has_key == want->has_key);
		assert_true(got.has_uses == want->has_uses && got.has_open == want->has_open);
		json_decref(json);
	}
}

static void
problems_name_the_member(void **state)
{
#define KEY     "\"key\":\"00000000\""
#define NO_TEXT "label is a text of at most 8 bytes"
#define CONTROL                                                                                    \
	"label is a text without control characters, line ends and marks that turn its direction"
#define NO_KEY  "key is a text of 8 hex digits"
#define NO_USES "uses is a whole number from 1 to 1000"
#define NO_FLAG "open is true or false"
	static const struct {
		const char *text, *field, *detail;
	} cases[] = {
		{ "{}", "key", "key is missing" },
		{ "{\"key\":null}", "key", "key is missing" },
		{ "{\"label\":7," KEY "}", "label", NO_TEXT },
		{ "{\"label\":[\"a\"]," KEY "}", "label", NO_TEXT },
		{ "{\"label\":\"123456789\"," KEY "}", "label", NO_TEXT },
		{ "{\"label\":\"1234567\xc3\xbc\"," KEY "}", "label", NO_TEXT },
		{ "{\"label\":\"a\\n\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u001b[2J\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u007f\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u0085\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u2028\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u2029\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"a\\u202eb\"," KEY "}", "label", CONTROL },
		{ "{\"label\":\"\\u2066\"," KEY "}", "label", CONTROL },
		{ "{\"key\":7}", "key", NO_KEY },
		{ "{\"key\":\"\"}", "key", NO_KEY },
		{ "{\"key\":\"0000000\"}", "key", NO_KEY },
		{ "{\"key\":\"000000000\"}", "key", NO_KEY },
		{ "{\"key\":\"0000000g\"}", "key", NO_KEY },
		{ "{\"key\":\"0x000000\"}", "key", NO_KEY },
		{ "{\"uses\":0," KEY "}", "uses", NO_USES },
		{ "{\"uses\":1001," KEY "}", "uses", NO_USES },
		{ "{\"uses\":-1," KEY "}", "uses", NO_USES },
		{ "{\"uses\":9223372036854775807," KEY "}", "uses", NO_USES },
		{ "{\"uses\":-9223372036854775808," KEY "}", "uses", NO_USES },
		{ "{\"uses\":1.0," KEY "}", "uses", NO_USES },
		{ "{\"uses\":1e2," KEY "}", "uses", NO_USES },
		{ "{\"uses\":\"1\"," KEY "}", "uses", NO_USES },
		{ "{\"uses\":true," KEY "}", "uses", NO_USES },
		{ "{\"open\":1," KEY "}", "open", NO_FLAG },
		{ "{\"open\":\"true\"," KEY "}", "open", NO_FLAG },
		{ "{\"nickname\":1," KEY "}", "nickname",
		    "nickname is no member of this request's body" },
		{ "{\"Key\":1," KEY "}", "Key", "Key is no member of this request's body" },
		{ "{\"\":null," KEY "}", "", " is no member of this request's body" },
		{ "{\"a\\u001bb\xc3\xbc\":1}", "a?b\xc3\xbc",
		    "a?b\xc3\xbc is no member of this request's body" },
		{ "{\"1234567890123456789012345678901234567890123456789012345678901234567\":1}",
		    "123456789012345678901234567890123456789012345678901234567890123",
		    "123456789012345678901234567890123456789012345678901234567890123 is no member "
		    "of this request's body" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = json_of(cases[i].text);
		struct reply problem;
		struct got got;
		const json_t *doc;

		if (read_all(json, &got, &problem))
			fail_msg("%s is read", cases[i].text);
		doc = problem.json;
		assert_int_equal(problem.status, 400);
		assert_string_equal(
		    json_string_value(json_object_get(doc, "type")), "urn:reliquary:problem:field");
		assert_string_equal(
		    json_string_value(json_object_get(doc, "field")), cases[i].field);
		assert_string_equal(
		    json_string_value(json_object_get(doc, "detail")), cases[i].detail);
		reply_free(&problem);
		json_decref(json);
	}
}

static void
an_empty_body_has_no_members(void **state)
{
	char label[8] = "before";
	bool given = true;
	const struct field optional[] = {
		FIELD_TEXT_INTO("label", label, .given = &given),
		FIELD_END,
	};
	const struct field none[] = { FIELD_END };
	struct reply problem;
	struct got got;

	(void)state;
	assert_true(fields_read(NULL, none, &problem));
	assert_true(fields_read(NULL, optional, &problem));
	assert_false(given);
	assert_string_equal(label, "before");
	assert_false(read_all(NULL, &got, &problem));
	reply_free(&problem);
}

static void
other_bodies_are_no_objects(void **state)
{
	static const char *const texts[] = { "[]", "[{}]", "[\"key\"]" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *json = json_of(texts[i]);
		struct reply problem;
		struct got got;

		assert_false(read_all(json, &got, &problem));
		assert_int_equal(problem.status, 400);
		assert_string_equal(json_string_value(json_object_get(problem.json, "type")),
		    "urn:reliquary:problem:malformed");
		assert_string_equal(json_string_value(json_object_get(problem.json, "detail")),
		    "the body is something else than an object");
		reply_free(&problem);
		json_decref(json);
	}
}

/* A text that holds a NUL is longer than C thinks. */
static void
a_nul_hides_nothing(void **state)
{
	json_t *json = json_object();
	struct reply problem;
	struct got got;

	(void)state;
	json_object_set_new(json, "key", json_stringn("00000000\0", 9));
	assert_false(read_all(json, &got, &problem));
	reply_free(&problem);

	json_object_set_new(json, "key", json_string("00000000"));
	json_object_set_new(json, "label", json_stringn("a\0b", 3));
	assert_false(read_all(json, &got, &problem));
	reply_free(&problem);
	json_decref(json);
}

static void
numbers_reach_as_far_as_json_goes(void **state)
{
	uint64_t value = 0;
	const struct field fields[] = {
		FIELD_UINT_INTO("n", &value, 0, UINT64_MAX),
		FIELD_END,
	};
	json_t *json = json_of("{\"n\":9223372036854775807}");
	struct reply problem;

	(void)state;
	assert_true(fields_read(json, fields, &problem));
	assert_true(value == INT64_MAX);
	json_decref(json);
	json = json_of("{\"n\":0}");
	assert_true(fields_read(json, fields, &problem));
	assert_true(value == 0);
	json_decref(json);
	json = json_of("{\"n\":-1}");
	assert_false(fields_read(json, fields, &problem));
	reply_free(&problem);
	json_decref(json);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_become_values),
		cmocka_unit_test(problems_name_the_member),
		cmocka_unit_test(an_empty_body_has_no_members),
		cmocka_unit_test(other_bodies_are_no_objects),
		cmocka_unit_test(a_nul_hides_nothing),
		cmocka_unit_test(numbers_reach_as_far_as_json_goes),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Bodies in JSON, by a declaration that has a member of every type. */
#include "reliquary-api/http/fields.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/http/plain.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct everything {
	char label[33];
	uint8_t cosk[32];
	uint64_t uses;
	bool flag;
	bool has_label, has_cosk, has_flag;
};

static bool
everything_read(const json_t *json, struct everything *e, struct reply *problem)
{
	const struct field fields[] = {
		FIELD_TEXT_INTO("label", e->label, .given = &e->has_label),
		FIELD_HEX_INTO("cosk", e->cosk, .given = &e->has_cosk),
		FIELD_UINT_INTO("uses", &e->uses, 1, 1000, .required = true),
		FIELD_FLAG_INTO("flag", &e->flag, .given = &e->has_flag),
		FIELD_END,
	};

	return fields_read(json, fields, problem);
}

static void
expect_values(const json_t *json, const struct everything *e)
{
	const char *label = json_string_value(json_object_get(json, "label"));

	fuzz_expect(e->uses >= 1 && e->uses <= 1000);
	fuzz_expect(e->has_label == (label != NULL));
	if (e->has_label) {
		fuzz_expect(strcmp(label, e->label) == 0);
		fuzz_expect(plain_is(e->label, strlen(e->label)));
	}
	fuzz_expect(e->has_flag == json_is_boolean(json_object_get(json, "flag")));
	fuzz_expect(e->has_cosk == json_is_string(json_object_get(json, "cosk")));
	fuzz_expect(json_object_size(json) <= 4);
}

/* Whatever it was, a person can read why, and the answer is a document. */
static void
expect_problem(struct reply *problem)
{
	const char *detail = json_string_value(json_object_get(problem->json, "detail"));
	const char *text;
	json_t *again;
	size_t len;
	bool owned;

	fuzz_expect(problem->status == 400 && detail != NULL && detail[0] != '\0');
	fuzz_expect(strlen(detail) < REPLY_DETAIL_MAX && plain_is(detail, strlen(detail)));
	fuzz_expect(reply_render(problem, &text, &len, &owned) && owned);
	again = json_loadb(text, len, 0, NULL);
	fuzz_expect(json_equal(again, problem->json));
	json_decref(again);
	free((void *)(uintptr_t)text);
	reply_free(problem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct everything e = { .label = "" };
	struct reply problem;
	/* NULs, which the server does not allow, must not upset the reader either. */
	json_t *json = json_loadb((const char *)data, len, JSON_ALLOW_NUL, NULL);

	if (json == NULL)
		return 0;
	if (everything_read(json, &e, &problem))
		expect_values(json, &e);
	else
		expect_problem(&problem);
	forget_json(json);
	return 0;
}

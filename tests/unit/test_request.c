/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/request.h"

#include "base/random.h"
#include "reliquary-api/http/upload.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THIRTY_ONE  "1234567890123456789012345678901"
#define SIXTY_THREE THIRTY_ONE "_" THIRTY_ONE

static void
methods_have_names(void **state)
{
	static const struct {
		const char *text;
		enum method method;
	} cases[] = {
		{ "GET", METHOD_GET },
		{ "HEAD", METHOD_HEAD },
		{ "POST", METHOD_POST },
		{ "PUT", METHOD_PUT },
		{ "PATCH", METHOD_PATCH },
		{ "DELETE", METHOD_DELETE },
		{ "OPTIONS", METHOD_OTHER },
		{ "OTHER", METHOD_OTHER },
		{ "get", METHOD_OTHER },
		{ "GET ", METHOD_OTHER },
		{ "", METHOD_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(method_parse(cases[i].text), cases[i].method);
		if (cases[i].method != METHOD_OTHER)
			assert_string_equal(method_name(cases[i].method), cases[i].text);
	}
	assert_string_equal(method_name(METHOD_OTHER), "OTHER");
}

/* Reads the query from a buffer of exactly its size. */
static void
query_read(struct request *rq, const char *text)
{
	char *exact = strdup(text);

	memset(rq, 0, sizeof(*rq));
	assert_non_null(exact);
	request_query_read(rq, exact);
	free(exact);
}

static void
targets(void **state)
{
	static const struct {
		const char *target, *path, *a; /* a: of the query; NULL without */
	} cases[] = {
		{ "/", "/", NULL },
		{ "/b?a=1", "/b", "1" },
		{ "/b?a=/c?d", "/b", "/c?d" },
		{ "/%2f/..", "/%2f/..", NULL },
		{ "http://host/b?a=1", "/b", "1" },
		{ "HTTPS://[::1]:80/b", "/b", NULL },
		{ "http://user@host//b", "//b", NULL },
		{ "http://host", "", NULL },
		{ "http://host?a=/b", "", "/b" },
		{ "http:/b", "http:/b", NULL },
		{ "*", "*", NULL },
		{ "host:443", "host:443", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *exact = strdup(cases[i].target);
		struct request rq = { 0 };

		assert_non_null(exact);
		request_target_read(&rq, exact);
		free(exact);
		assert_string_equal(rq.path, cases[i].path);
		if (cases[i].a == NULL)
			assert_null(request_query(&rq, "a"));
		else
			assert_string_equal(request_query(&rq, "a"), cases[i].a);
	}
}

/* Longer ones are nobody's, to the byte. */
static void
targets_too_long(void **state)
{
	(void)state;
	for (size_t len = REQUEST_PATH_MAX - 1; len <= REQUEST_PATH_MAX; len++) {
		char *target = calloc(1, len + 1);
		struct request rq = { 0 };

		assert_non_null(target);
		memset(target, '/', len);
		request_target_read(&rq, target);
		assert_int_equal(strlen(rq.path), len < REQUEST_PATH_MAX ? len : 0);
		free(target);
	}
}

static void
queries_are_split_and_decoded(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		bool overflow;
		struct query got[2];
	} cases[] = {
		{ "", 0, false, { { "", "" } } },
		{ "&&", 0, false, { { "", "" } } },
		{ "a", 1, false, { { "a", "" } } },
		{ "a=", 1, false, { { "a", "" } } },
		{ "=b", 1, false, { { "", "b" } } },
		{ "a=b", 1, false, { { "a", "b" } } },
		{ "a=b=c", 1, false, { { "a", "b=c" } } },
		{ "a=b&c=d", 2, false, { { "a", "b" }, { "c", "d" } } },
		{ "&a=b&&c=d&", 2, false, { { "a", "b" }, { "c", "d" } } },
		{ "a+b=c+d", 1, false, { { "a b", "c d" } } },
		{ "%61=%2B%26%3d%25", 1, false, { { "a", "+&=%" } } },
		{ "a=%c3%A4", 1, false, { { "a", "\xc3\xa4" } } },
		{ "a=" SIXTY_THREE, 1, false, { { "a", SIXTY_THREE } } },
		{ SIXTY_THREE "=b", 1, false, { { SIXTY_THREE, "b" } } },
		{ "a=%31" SIXTY_THREE "&c=d", 1, true, { { "c", "d" } } },
		{ SIXTY_THREE "1=b&c=d", 1, true, { { "c", "d" } } },
		{ "a=%", 0, true, { { "", "" } } },
		{ "a=%4", 0, true, { { "", "" } } },
		{ "a=%4&c=d", 1, true, { { "c", "d" } } },
		{ "a=%zz", 0, true, { { "", "" } } },
		{ "a=%4g", 0, true, { { "", "" } } },
		{ "a=b%00c", 0, true, { { "", "" } } },
		{ "%=b", 0, true, { { "", "" } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request rq;

		query_read(&rq, cases[i].text);
		if (rq.query_count != cases[i].count || rq.query_overflow != cases[i].overflow)
			fail_msg("%s: %zu, overflow %d", cases[i].text, rq.query_count,
			    rq.query_overflow);
		for (size_t q = 0; q < rq.query_count; q++) {
			assert_string_equal(rq.query[q].name, cases[i].got[q].name);
			assert_string_equal(rq.query[q].value, cases[i].got[q].value);
		}
	}
}

static void
the_ninth_query_word_is_too_much(void **state)
{
	struct request rq;

	(void)state;
	query_read(&rq, "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&");
	assert_int_equal(rq.query_count, 8);
	assert_false(rq.query_overflow);
	assert_string_equal(request_query(&rq, "h"), "8");

	query_read(&rq, "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9");
	assert_int_equal(rq.query_count, 8);
	assert_true(rq.query_overflow);
	assert_null(request_query(&rq, "i"));
}

static void
the_first_of_a_name_counts(void **state)
{
	struct request rq;

	(void)state;
	query_read(&rq, "a=1&a=2&A=3");
	assert_string_equal(request_query(&rq, "a"), "1");
	assert_string_equal(request_query(&rq, "A"), "3");
	assert_null(request_query(&rq, "b"));
	assert_null(request_query(&rq, ""));
}

static void
pages_are_read(void **state)
{
	static const struct {
		const char *query;
		bool ok;
		uint32_t limit;
		const char *after;
	} cases[] = {
		{ "", true, 50, "" },
		{ "limit=1", true, 1, "" },
		{ "limit=100", true, 100, "" },
		{ "limit=7&after=6442a01510d91a00", true, 7, "6442a01510d91a00" },
		{ "after=" SIXTY_THREE, true, 50, SIXTY_THREE },
		{ "after=", true, 50, "" },
		{ "else=1", true, 50, "" },
		{ "limit=101", false, 0, "" },
		{ "limit=0", false, 0, "" },
		{ "limit=", false, 0, "" },
		{ "limit=-1", false, 0, "" },
		{ "limit=1x", false, 0, "" },
		{ "limit=+1", false, 0, "" },
		{ "limit=0x10", false, 0, "" },
		{ "limit=18446744073709551617", false, 0, "" },
		{ "limit=4294967297", false, 0, "" },
		{ "after=" SIXTY_THREE "4", false, 0, "" },
		{ "after=%00", false, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page p = { .limit = 12345, .after = "untouched" };
		struct request rq;

		query_read(&rq, cases[i].query);
		if (request_page(&rq, &p, 50, 100) != cases[i].ok)
			fail_msg("%s", cases[i].query);
		assert_int_equal(p.limit, cases[i].ok ? cases[i].limit : 12345);
		assert_string_equal(p.after, cases[i].ok ? cases[i].after : "untouched");
	}
}

/* Which of the four readings take a parameter. */
enum { FLOCK = 1, DOMAIN = 2, DEVICE = 4, ID = 8 };

static const struct {
	const char *text;
	unsigned readings;
	uint64_t value;
} names[] = {
	{ "6442a01510d91a00", FLOCK | DOMAIN | ID, UINT64_C(0x6442a01510d91a00) },
	{ "0000000000000100", FLOCK | DOMAIN | ID, 0x100 },
	{ "ffffffffffffff00", FLOCK | DOMAIN | ID, UINT64_C(0xffffffffffffff00) },
	{ "6442a01510d91a01", DOMAIN | ID, UINT64_C(0x6442a01510d91a01) },
	{ "ffffffffffffffff", DOMAIN | ID, UINT64_MAX },
	{ "0000000000000000", ID, 0 },
	{ "0000000000000001", ID, 1 },
	{ "00000000000000ff", ID, 255 },
	{ "36d28dec", DEVICE, 0x36d28dec },
	{ "00000000", DEVICE, 0 },
	{ "ffffffff", DEVICE, 0xffffffff },
	{ "", 0, 0 },
	{ "0", 0, 0 },
	{ "36D28DEC", 0, 0 },
	{ "36d28deC", 0, 0 },
	{ "36d28de", 0, 0 },
	{ "36d28decc", 0, 0 },
	{ "36d28deg", 0, 0 },
	{ "36d28decg", 0, 0 },
	{ "6442a01510d91a00g", 0, 0 },
	{ "0x36d28d", 0, 0 },
	{ "+36d28de", 0, 0 },
	{ " 36d28de", 0, 0 },
	{ "36d28de ", 0, 0 },
	{ "6442A01510D91A00", 0, 0 },
	{ "6442a01510d91a0", 0, 0 },
	{ "6442a01510d91a000", 0, 0 },
	{ "0x42a01510d91a00", 0, 0 },
	{ "0x6442a01510d91a00", 0, 0 },
	{ "6442a01510d91a-0", 0, 0 },
	{ "6442a015:0d91a00", 0, 0 },
	{ "6442a015/0d91a00", 0, 0 },
	{ "6442a015`0d91a00", 0, 0 },
	{ "6442a01510d91a00" THIRTY_ONE, 0, 0 },
};

static void
names_are_lower_case_hex_of_one_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t n = 0; n < REQUEST_PARAMS_MAX; n++) {
			struct request rq = { .method = METHOD_GET };
			struct flock_id flock = { 7 }, domain = { 7 };
			struct device_id device = { 7 };
			uint64_t id = 7;
			unsigned got = 0;

			strcpy(rq.param[n], names[i].text);
			got |= request_flock(&rq, n, &flock) ? FLOCK : 0;
			got |= request_flock_domain(&rq, n, &domain) ? DOMAIN : 0;
			got |= request_device(&rq, n, &device) ? DEVICE : 0;
			got |= request_id64(&rq, n, &id) ? ID : 0;
			if (got != names[i].readings)
				fail_msg("\"%s\" is read as %u", names[i].text, got);
			assert_true(flock.value == (got & FLOCK ? names[i].value : 7));
			assert_true(domain.value == (got & DOMAIN ? names[i].value : 7));
			assert_true(device.value == (got & DEVICE ? names[i].value : 7));
			assert_true(id == (got & ID ? names[i].value : 7));
		}
}

static void
what_it_owned_is_gone(void **state)
{
	static const struct request zero;
	struct scratch s = scratch_make();
	const struct upload_check check = { .state = malloc(1) };
	struct request rq = { .method = METHOD_POST };
	struct random chance;
	struct fault why;
	json_t *shared = json_string("held by the test, too");

	(void)state;
	random_from_seed(&chance, 1);
	strcpy(rq.token, "0123456789abcdef");
	strcpy(rq.repeat_key, "again");
	rq.body = malloc(5);
	memcpy(rq.body, "body", 5);
	rq.body_len = 4;
	rq.json = json_pack("{s:s, s:[s, {s:b}], s:O}", "key", "secret", "list", "another", "flag",
	    1, "shared", shared);
	assert_true(upload_folder_prepare(s.path, &why));
	rq.upload = upload_begin(s.path, &check, &chance);
	assert_non_null(rq.upload);

	request_free(&rq);
	assert_memory_equal(&rq, &zero, sizeof(rq));
	assert_string_equal(json_string_value(shared), "held by the test, too");
	json_decref(shared);
	request_free(&rq); /* and nothing is freed twice */
	scratch_remove(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_have_names),
		cmocka_unit_test(targets),
		cmocka_unit_test(targets_too_long),
		cmocka_unit_test(queries_are_split_and_decoded),
		cmocka_unit_test(the_ninth_query_word_is_too_much),
		cmocka_unit_test(the_first_of_a_name_counts),
		cmocka_unit_test(pages_are_read),
		cmocka_unit_test(names_are_lower_case_hex_of_one_length),
		cmocka_unit_test(what_it_owned_is_gone),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}

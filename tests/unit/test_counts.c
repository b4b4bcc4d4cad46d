/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/counts.h"

#include "reliquary-api/service/metrics_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
buckets_grow_by_one_two_five(void **state)
{
	static const uint64_t ends[COUNTS_BUCKETS] = { 100, 200, 500, 1000, 2000, 5000, 10000,
		20000, 50000, 100000, 200000, 500000, 1000000, 2000000 };

	(void)state;
	for (unsigned n = 0; n < COUNTS_BUCKETS; n++)
		assert_int_equal(counts_bucket_us(n), ends[n]);
}

static void
a_duration_is_in_the_first_bucket_that_holds_it(void **state)
{
	static const struct {
		uint64_t ns;
		unsigned bucket;
	} cases[] = {
		{ 0, 0 },
		{ 100000, 0 },
		{ 100001, 1 },
		{ 200000, 1 },
		{ 999999, 3 },
		{ 2000000000, 13 },
		{ 2000000001, 14 },
		{ UINT64_MAX / 2, 14 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct counts c = { 0 };

		counts_duration(&c, cases[i].ns);
		for (unsigned n = 0; n <= COUNTS_BUCKETS; n++)
			assert_int_equal(counts_read(&c.duration[n]), n == cases[i].bucket);
		assert_int_equal(counts_read(&c.duration_ns), cases[i].ns);
	}
}

/* The value of a sample; a name that is not there, or is there twice, fails. */
static double
sample(const char *text, const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (const char *line = text; line[0] != '\0'; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, name, len) != 0 || line[len] != ' ')
			continue;
		assert_null(found);
		found = line;
	}
	if (found == NULL)
		fail_msg("%s is not in %s", name, text);
	return strtod(found + len, NULL);
}

static void
each_cathedral_has_its_numbers(void **state)
{
	struct counts c = { 0 };
	static struct metrics_fleet fleet = {
		.count = 4,
		.now = 1000,
		.rows = { { .name = "alpha", .seen = 990, .says_change = true, .behind = 3 },
		    { .name = "beta", .seen = 900 },
		    { .name = "gamma", .seen = 999, .draining = true },
		    { .name = "delta.2", .seen = 999, .says_change = true, .due = 7, .behind = 9 } }
	};
	char *text = metrics_text(&(struct metrics_source){ .counts = &c, .fleet = &fleet });

	(void)state;
	assert_non_null(text);
#define HEALTHY(name) sample(text, "reliquary_api_cathedral_healthy{cathedral=\"" name "\"}")
	assert_true(HEALTHY("alpha") == 1);
	assert_true(HEALTHY("beta") == 0);
	assert_true(HEALTHY("gamma") == 1);
	assert_true(HEALTHY("delta.2") == 0);
#define BEHIND "reliquary_api_cathedral_changes_behind{cathedral="
	assert_true(sample(text, BEHIND "\"alpha\"}") == 3);
	assert_true(sample(text, BEHIND "\"delta.2\"}") == 9);
	assert_null(strstr(text, BEHIND "\"beta\""));
	free(text);
}

static void
the_text_says_what_was_counted(void **state)
{
	struct counts c = { 0 };
	struct metrics_source m = { .counts = &c,
		.server = { .connections = 3, .refused_source = 4 },
		.totals = { .flocks = 5 },
		.totals_known = true,
		.disk_free = 6,
		.disk_known = true,
		.ready = true };
	char *text;

	(void)state;
	c.groups = 7;
	c.status[2] = 8;
	counts_duration(&c, 150000);
	counts_duration(&c, 150000);
	counts_duration(&c, 3000000000);
	text = metrics_text(&m);
	assert_non_null(text);
	assert_true(sample(text, "reliquary_api_groups_total") == 7);
	assert_true(sample(text, "reliquary_api_requests_total{status=\"2xx\"}") == 8);
	assert_true(sample(text, "reliquary_api_connections") == 3);
	assert_true(sample(text, "reliquary_api_connections_refused_total{limit=\"source\"}") == 4);
	assert_true(sample(text, "reliquary_api_flocks") == 5);
	assert_true(sample(text, "reliquary_api_disk_free_bytes") == 6);
	assert_true(sample(text, "reliquary_api_ready") == 1);
#define DURATION "reliquary_api_request_duration_seconds"
	assert_true(sample(text, DURATION "_bucket{le=\"0.0001\"}") == 0);
	assert_true(sample(text, DURATION "_bucket{le=\"0.0002\"}") == 2);
	assert_true(sample(text, DURATION "_bucket{le=\"2\"}") == 2);
	assert_true(sample(text, DURATION "_bucket{le=\"+Inf\"}") == 3);
	assert_true(sample(text, DURATION "_count") == 3);
	assert_true(sample(text, DURATION "_sum") == 3.0003);
	free(text);
}

/* What is not known is left out, so that nobody takes it for nothing. */
static void
what_is_not_known_is_not_said(void **state)
{
	struct counts c = { 0 };
	char *text = metrics_text(&(struct metrics_source){ .counts = &c });

	(void)state;
	assert_non_null(text);
	assert_null(strstr(text, "reliquary_api_flocks"));
	assert_null(strstr(text, "reliquary_api_disk_free_bytes"));
	assert_null(strstr(text, "reliquary_api_cathedral_"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_grow_by_one_two_five),
		cmocka_unit_test(a_duration_is_in_the_first_bucket_that_holds_it),
		cmocka_unit_test(the_text_says_what_was_counted),
		cmocka_unit_test(each_cathedral_has_its_numbers),
		cmocka_unit_test(what_is_not_known_is_not_said),
	};

	return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}

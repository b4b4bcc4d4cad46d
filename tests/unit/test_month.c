/* SPDX-License-Identifier: ISC */
/* Months of Unix time, against the C library's calendar. */
#include "base/month.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint32_t
month_by_library(int64_t wall_s)
{
	time_t t = (time_t)wall_s;
	struct tm tm;

	assert_non_null(gmtime_r(&t, &tm));
	return (uint32_t)((tm.tm_year - 70) * 12 + tm.tm_mon);
}

static void
known_moments(void **state)
{
	char text[MONTH_TEXT];

	(void)state;
	assert_int_equal(month_of(0), 0);
	assert_string_equal(month_format(0, text), "1970-01");
	assert_int_equal(month_begin(month_of(1790000000)), 1788220800); /* 1 September 2026 */
	assert_string_equal(month_format(month_of(1790000000), text), "2026-09");
	assert_string_equal(month_format(month_of(951868799), text), "2000-02"); /* the 29th */
	assert_string_equal(month_format(month_of(951868800), text), "2000-03");
	assert_string_equal(month_format(MONTH_LAST, text), "9999-12");
}

static void
every_month_begins_where_the_one_before_ends(void **state)
{
	(void)state;
	for (uint32_t month = 0; month < MONTH_LAST; month++) {
		int64_t begin = month_begin(month + 1);

		assert_int_equal(month_of(begin), month + 1);
		assert_int_equal(month_of(begin - 1), month);
	}
}

static void
any_moment_is_in_the_month_of_the_library(void **state)
{
	struct random r;

	(void)state;
	random_for_test(&r);
	for (int n = 0; n < 100000; n++) {
		int64_t wall_s = (int64_t)(random_u64(&r) % (uint64_t)month_begin(MONTH_LAST));

		assert_int_equal(month_of(wall_s), month_by_library(wall_s));
	}
}

static void
moments_that_no_clock_shows_have_a_month(void **state)
{
	(void)state;
	assert_int_equal(month_of(-1), 0);
	assert_int_equal(month_of(INT64_MIN), 0);
	assert_int_equal(month_of(INT64_MAX), MONTH_LAST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments),
		cmocka_unit_test(every_month_begins_where_the_one_before_ends),
		cmocka_unit_test(any_moment_is_in_the_month_of_the_library),
		cmocka_unit_test(moments_that_no_clock_shows_have_a_month),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

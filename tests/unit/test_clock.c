/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void
wall_clock_is_that_of_the_c_library(void **state)
{
	(void)state;
	assert_true(llabs(clock_now().wall_s - (int64_t)time(NULL)) <= 1);
}

static void
monotonic_clock_measures_a_nap(void **state)
{
	const struct timespec nap = { 0, 20 * (long)NS_PER_MS };
	uint64_t begin, end;

	(void)state;
	begin = clock_now().mono_ns;
	nanosleep(&nap, NULL);
	end = clock_now().mono_ns;
	assert_true(end - begin >= 20 * NS_PER_MS);
	assert_true(end - begin < 60 * NS_PER_S);
}

static void
thread_clock_counts_work_only(void **state)
{
	const struct timespec nap = { 0, 200 * (long)NS_PER_MS };
	uint64_t begin, slept, worked;

	(void)state;
	begin = clock_thread_cpu_ns();
	nanosleep(&nap, NULL);
	slept = clock_thread_cpu_ns() - begin;
	assert_true(slept < 150 * NS_PER_MS);

	/* The call alone takes time, so this ends. */
	do {
		worked = clock_thread_cpu_ns() - begin;
	} while (worked < slept + NS_PER_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_clock_is_that_of_the_c_library),
		cmocka_unit_test(monotonic_clock_measures_a_nap),
		cmocka_unit_test(thread_clock_counts_work_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

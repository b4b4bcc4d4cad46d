/* SPDX-License-Identifier: ISC */
/* What a soak calls flat: a leak is found, an unquiet machine is none. */
#include "base/random.h"
#include "tests/support/seed.h"
#include "tools/cathedral-load/flat.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SAMPLES 360 /* an hour's, one each ten seconds */
#define MIB     (1024.0 * 1024.0)

static struct random randomness;
static const struct flat_rule memory = { 10, MIB }, descriptors = { 0, 2 }, times = { 100, 200 };

static double values[SAMPLES], scratch[SAMPLES];

static struct flat_result
judge(const struct flat_rule *rule)
{
	return flat_judge(values, SAMPLES, rule, scratch);
}

static void
what_stays_is_flat(void **state)
{
	struct flat_result got;

	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 30 * MIB + random_below(&randomness, 100000);
	got = judge(&memory);
	assert_true(got.seen && got.flat);
	assert_true(got.first > 30 * MIB && got.first < 30 * MIB + 100000);
	assert_true(fabs(got.limit - (got.first * 1.1 + MIB)) < 1);
}

/* Twelve kilobytes a second: 3 MB from the middle of the first quarter to that of the last ... */
static void
a_leak_of_memory_is_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 20 * MIB + (double)n * 16 * 1024 + random_below(&randomness, 500000);
	assert_false(judge(&memory).flat);
	/* ... also where other processes take over, and begin again, but never as low. */
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 20 * MIB + (double)(n % 30) * 100000 + (double)(n / 30) * MIB;
	assert_false(judge(&memory).flat);
	/* One that shows in the last third alone. */
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 20 * MIB + (n < 240 ? 0 : (double)(n - 240) * 100000);
	assert_false(judge(&memory).flat);
}

static void
a_leak_of_descriptors_is_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 18 + (double)(n / 60); /* one more each ten minutes */
	assert_false(judge(&descriptors).flat);
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 18 + random_below(&randomness, 3);
	assert_true(judge(&descriptors).flat);
}

static void
times_that_grow_are_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 150 + (double)n * 2;
	assert_false(judge(&times).flat);
}

static void
a_bad_moment_is_no_growth(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = n >= 300 && n < 330 ? 100000 : 150;
	assert_true(judge(&times).flat);
}

static void
what_shrinks_is_flat(void **state)
{
	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = 1000 - (double)n;
	assert_true(judge(&descriptors).flat);
}

static void
what_was_not_seen_is_left_out(void **state)
{
	struct flat_result got;

	(void)state;
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = n % 2 == 0 ? NAN : (double)n;
	got = judge(&descriptors);
	assert_true(got.seen);
	assert_false(got.flat);
	for (size_t n = 0; n < SAMPLES; n++)
		values[n] = n < FLAT_SAMPLES_MIN - 1 ? (double)n : NAN;
	got = judge(&descriptors);
	assert_false(got.seen);
	assert_true(got.flat);
}

static int
prepare(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_is_flat),
		cmocka_unit_test(a_leak_of_memory_is_found),
		cmocka_unit_test(a_leak_of_descriptors_is_found),
		cmocka_unit_test(times_that_grow_are_found),
		cmocka_unit_test(a_bad_moment_is_no_growth),
		cmocka_unit_test(what_shrinks_is_flat),
		cmocka_unit_test(what_was_not_seen_is_left_out),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}

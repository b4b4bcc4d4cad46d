/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/meter.h"

#include "base/clock.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static struct meter meter;

static bool
take(uint64_t run, uint64_t number, uint64_t now_ns)
{
	struct stamp s = { .run = run, .number = number };

	return meter_take(&meter, &s, 100, now_ns);
}

static int
empty_meter(void **state)
{
	(void)state;
	memset(&meter, 0, sizeof(meter));
	return 0;
}

static void
stamps_survive(void **state)
{
	static const size_t sizes[] = { STAMP_SIZE, STAMP_SIZE + 1, 700, 1490 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stamp in = { 1, UINT64_MAX, 3, STAMP_ECHO | STAMP_DIRECT }, out;
		uint8_t *payload = malloc(sizes[i]);

		assert_non_null(payload);
		stamp_write(&in, payload, sizes[i]);
		assert_true(stamp_read(&out, payload, sizes[i]));
		assert_int_equal(out.run, in.run);
		assert_int_equal(out.number, in.number);
		assert_int_equal(out.sent_ns, in.sent_ns);
		assert_int_equal(out.flags, in.flags);
		free(payload);
	}
}

/* No cut and no flipped bit goes unnoticed. */
static void
damaged_stamps_are_noticed(void **state)
{
	struct stamp s = { 1, 2, 3, 0 };
	uint8_t whole[100];

	(void)state;
	stamp_write(&s, whole, sizeof(whole));
	for (size_t len = 0; len < sizeof(whole); len++) {
		uint8_t *cut = exact_copy(whole, len);

		assert_false(stamp_read(&s, cut, len));
		free(cut);
	}
	for (size_t bit = 0; bit < 8 * sizeof(whole); bit++) {
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(stamp_read(&s, whole, sizeof(whole)));
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(stamp_read(&s, whole, sizeof(whole)));
}

static void
losses_and_doubles_are_counted(void **state)
{
	static const struct {
		uint64_t number;
		bool fresh;
	} in[] = { { 0, true }, { 1, true }, { 1, false }, { 4, true }, { 3, true }, { 3, false },
		{ 9, true }, { 0, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_int_equal(take(7, in[i].number, 0), in[i].fresh);
	assert_int_equal(meter.received, 5);
	assert_int_equal(meter.duplicates, 3);
	assert_int_equal(meter.reordered, 1);
	assert_int_equal(meter_lost(&meter), 5); /* 2 5 6 7 8 */
	assert_int_equal(meter.bytes, 500);
}

/* Against a plain list: any order, any doubles, within the window. */
static void
agrees_with_a_list(void **state)
{
	static uint8_t seen[5000];
	uint64_t received = 0, first = UINT64_MAX, last = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 8000; i++) {
		uint64_t number = random_below(&randomness, sizeof(seen));

		assert_int_equal(take(1, number, 0), !seen[number]);
		received += !seen[number];
		seen[number] = 1;
		first = number < first ? number : first;
		last = number > last ? number : last;
	}
	assert_int_equal(meter.received, received);
	assert_int_equal(meter.duplicates, 8000 - received);
	assert_int_equal(meter_lost(&meter), last - first + 1 - received);
}

static void
window_moves_on(void **state)
{
	(void)state;
	assert_true(take(1, 5, 0));
	assert_true(take(1, 5 + METER_WINDOW - 1, 0));
	assert_false(take(1, 5, 0)); /* still known */
	assert_true(take(1, 6, 0));  /* late, but not too late */
	assert_true(take(1, 5 + METER_WINDOW, 0));
	assert_false(take(1, 5, 0)); /* too late to tell: not counted twice */
	assert_true(take(1, 10 * METER_WINDOW, 0));
	assert_true(take(1, 10 * METER_WINDOW - 1, 0));
	assert_false(take(1, 10 * METER_WINDOW, 0));
	assert_true(take(1, UINT64_MAX, 0));
	assert_int_equal(meter.received, 7);
}

/* A sender that began anew counts from 0 again; what its last run missed stays counted. */
static void
new_run_begins_anew(void **state)
{
	(void)state;
	assert_true(take(1, 10, 0));
	assert_true(take(1, 13, 0));
	assert_int_equal(meter_lost(&meter), 2);
	assert_true(take(2, 0, 0));
	assert_true(take(2, 10, 0));
	assert_int_equal(meter_lost(&meter), 2 + 9);
	assert_int_equal(meter.received, 4);
	assert_int_equal(meter.duplicates, 0);
}

static void
silence_is_measured(void **state)
{
	(void)state;
	meter_start(&meter, 1000);
	assert_true(take(1, 0, 1500));
	assert_int_equal(meter.silence_ns, 500);
	assert_true(take(1, 1, 1600));
	assert_false(take(1, 1, 9999)); /* a double breaks no silence */
	assert_int_equal(meter.silence_ns, 500);
	meter_silence(&meter, 2200);
	assert_int_equal(meter.silence_ns, 600);
	meter_silence(&meter, 1600);
	assert_int_equal(meter.silence_ns, 600);
}

static void
quantiles_are_close(void **state)
{
	struct histogram *h = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	assert_int_equal(histogram_quantile(h, 0.5), 0);
	for (uint64_t us = 1; us <= 10000; us++)
		histogram_add(h, us * 1000);
	assert_int_equal(h->min_ns, 1000);
	assert_int_equal(h->max_ns, 10000000);
	assert_in_range(histogram_quantile(h, 0.5), 5000000, 5160000);
	assert_in_range(histogram_quantile(h, 0.99), 9900000, 10000000);
	assert_int_equal(histogram_quantile(h, 1), 10000000);
	histogram_add(h, 0);
	histogram_add(h, UINT64_MAX);
	assert_int_equal(histogram_quantile(h, 1), UINT64_MAX);
	assert_int_equal(histogram_quantile(h, 0), 0);
	free(h);
}

/* Any single time is told to within 3 %. */
static void
every_time_has_its_bucket(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t ns = random_u64(&randomness) >> random_below(&randomness, 64);
		struct histogram *h = calloc(1, sizeof(*h));
		uint64_t got;

		assert_non_null(h);
		histogram_add(h, ns);
		h->max_ns = UINT64_MAX; /* so that the bucket itself answers */
		got = histogram_quantile(h, 0.5);
		assert_true(got >= ns && got - ns <= ns / 32);
		free(h);
	}
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
		cmocka_unit_test(stamps_survive),
		cmocka_unit_test(damaged_stamps_are_noticed),
		cmocka_unit_test_setup(losses_and_doubles_are_counted, empty_meter),
		cmocka_unit_test_setup(agrees_with_a_list, empty_meter),
		cmocka_unit_test_setup(window_moves_on, empty_meter),
		cmocka_unit_test_setup(new_run_begins_anew, empty_meter),
		cmocka_unit_test_setup(silence_is_measured, empty_meter),
		cmocka_unit_test(quantiles_are_close),
		cmocka_unit_test(every_time_has_its_bucket),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}

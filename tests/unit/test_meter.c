/* SPDX-License-Identifier: ISC */
/* A thread's meter: what is counted, and what passes at a pace. */
#include "cathedral/state/meter.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN (1000 * NS_PER_S)

static struct meter
meter_at(uint64_t pace)
{
	struct meter m;

	memset(&m, 0, sizeof(m));
	atomic_init(&m.pace, pace);
	return m;
}

/* Bytes of `size` that pass in so many seconds when one is tried every millisecond. */
static uint64_t
passes(struct meter *m, size_t size, uint64_t from_ns, unsigned seconds)
{
	uint64_t sum = 0;

	for (unsigned ms = 0; ms < seconds * 1000; ms++) {
		if (meter_ask(m, size, from_ns + ms * NS_PER_MS) == METER_GO)
			sum += size;
	}
	return sum;
}

static void
free_ones_are_not_asked(void **state)
{
	struct meter m = meter_at(METER_FREE);

	(void)state;
	assert_int_equal(passes(&m, 1400, BEGIN, 10), 14000000);
	assert_int_equal(m.credit, 0);
}

static void
stopped_ones_stand(void **state)
{
	struct meter m = meter_at(METER_STOPPED);

	(void)state;
	assert_int_equal(meter_ask(&m, 1, BEGIN), METER_STOP);
	assert_int_equal(meter_ask(&m, 1, BEGIN + 3600 * NS_PER_S), METER_STOP);
}

/* The first second's worth at once, and then exactly the pace. */
static void
slowed_ones_keep_the_pace(void **state)
{
	static const uint64_t paces[] = { 444, 32000, 1000000, METER_FASTEST };

	(void)state;
	for (size_t n = 0; n < sizeof(paces) / sizeof(paces[0]); n++) {
		struct meter m = meter_at(paces[n]);
		uint64_t burst = paces[n] > METER_BURST ? paces[n] : METER_BURST;
		uint64_t most = burst + 100 * paces[n];
		uint64_t got = passes(&m, 1400, BEGIN, 100);

		if (most > 140000000)
			most = 140000000; /* all that was tried */
		assert_in_range(got, most - most / 1000 - 1400, most);
		assert_int_equal(meter_ask(&m, burst + 1, BEGIN + 200 * NS_PER_S), METER_SLOW);
		assert_int_equal(meter_ask(&m, burst, BEGIN + 200 * NS_PER_S), METER_GO);
	}
}

static void
full_packets_pass_however_slow_it_is(void **state)
{
	struct meter m = meter_at(1);

	(void)state;
	assert_int_equal(meter_ask(&m, 1500, BEGIN), METER_SLOW);
	for (unsigned n = 1; n < 200; n++)
		(void)meter_ask(&m, METER_BURST + 1, BEGIN + n * 10 * NS_PER_S);
	assert_int_equal(meter_ask(&m, 1500, BEGIN + 2000 * NS_PER_S), METER_GO);
}

static void
clocks_that_step_back_give_nothing(void **state)
{
	struct meter m = meter_at(32000);

	(void)state;
	while (meter_ask(&m, 1000, BEGIN) == METER_GO)
		;
	assert_int_equal(meter_ask(&m, 1000, BEGIN - NS_PER_S), METER_SLOW);
	assert_int_equal(meter_ask(&m, 1000, BEGIN), METER_SLOW);
	assert_int_equal(meter_ask(&m, 1000, BEGIN + NS_PER_S), METER_GO);
}

static void
counts_add_up(void **state)
{
	struct meter m = meter_at(METER_FREE);

	(void)state;
	meter_count(&m, 1400);
	meter_count(&m, 100);
	assert_int_equal(atomic_load(&m.sent), 1500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_ones_are_not_asked),
		cmocka_unit_test(stopped_ones_stand),
		cmocka_unit_test(slowed_ones_keep_the_pace),
		cmocka_unit_test(full_packets_pass_however_slow_it_is),
		cmocka_unit_test(clocks_that_step_back_give_nothing),
		cmocka_unit_test(counts_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

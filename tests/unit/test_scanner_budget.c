/* SPDX-License-Identifier: ISC */
#include "cathedral/io/scanner.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START (1000 * NS_PER_S)
#define MS    NS_PER_MS

static void
test_the_burst_is_there_at_once(void **state)
{
	struct budget b = budget_new(10, START);

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(budget_wait_ms(&b, START), 0);
		budget_spend(&b, 10 * MS);
	}
	assert_int_not_equal(budget_wait_ms(&b, START), 0);
}

static void
test_what_was_overdrawn_is_waited_for(void **state)
{
	struct budget b = budget_new(10, START);

	(void)state;
	budget_spend(&b, 150 * MS); /* 50 ms too much, which 500 ms earn */
	assert_int_equal(budget_wait_ms(&b, START), 501);
	assert_int_equal(budget_wait_ms(&b, START + 400 * MS), 101);
	assert_int_equal(budget_wait_ms(&b, START + 501 * MS), 0);
}

static void
test_no_more_than_the_burst_is_saved(void **state)
{
	struct budget b = budget_new(50, START);

	(void)state;
	assert_int_equal(budget_wait_ms(&b, START + UINT64_C(400) * 86400 * NS_PER_S), 0);
	assert_int_equal(b.credit_ns, BUDGET_BURST_NS);
}

/* Whatever it is asked to do, in the long run it takes its share and not more. */
static void
test_the_share_is_kept(void **state)
{
	static const unsigned percents[] = { 1, 10, 33, 99, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		struct budget b = budget_new(percents[i], START);
		uint64_t now = START, used = 0, end = START + 100 * NS_PER_S;

		while (now < end) {
			unsigned wait = budget_wait_ms(&b, now);

			if (wait > 0) {
				now += wait * MS;
				continue;
			}
			budget_spend(&b, 7 * MS);
			used += 7 * MS;
			now += 7 * MS;
		}
		assert_in_range(used, (uint64_t)percents[i] * NS_PER_S * 98 / 100,
		    (uint64_t)percents[i] * NS_PER_S + (uint64_t)BUDGET_BURST_NS + 7 * MS);
	}
}

static void
test_what_was_of_use_is_not_counted(void **state)
{
	(void)state;
	assert_int_equal(budget_in_vain(800, 8, 0), 800);
	assert_int_equal(budget_in_vain(800, 8, 3), 500);
	assert_int_equal(budget_in_vain(800, 8, 8), 0);
	assert_int_equal(budget_in_vain(800, 1, 0), 800);
	assert_int_equal(budget_in_vain(800, 1, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_burst_is_there_at_once),
		cmocka_unit_test(test_what_was_overdrawn_is_waited_for),
		cmocka_unit_test(test_no_more_than_the_burst_is_saved),
		cmocka_unit_test(test_the_share_is_kept),
		cmocka_unit_test(test_what_was_of_use_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "base/limiter.h"

#include "base/clock.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;

static bool
allow(struct limiter *l, uint32_t who, uint64_t now_ns)
{
	return limiter_allow(l, &who, sizeof(who), now_ns);
}

static void
a_burst_then_the_rate(void **state)
{
	struct limiter *l = limiter_create(4, 10, &randomness);

	(void)state;
	for (int n = 0; n < 10; n++)
		assert_true(allow(l, 1, T0));
	assert_false(allow(l, 1, T0));
	assert_false(allow(l, 1, T0 + NS_PER_S / 4 - 1));
	assert_true(allow(l, 1, T0 + NS_PER_S / 4));
	assert_false(allow(l, 1, T0 + NS_PER_S / 4));
	/* Ten seconds bring no more than the burst. */
	for (int n = 0; n < 10; n++)
		assert_true(allow(l, 1, T0 + 11 * NS_PER_S));
	assert_false(allow(l, 1, T0 + 11 * NS_PER_S));
	limiter_destroy(l);
	limiter_destroy(NULL);
}

/* Refusals cost nothing: who asks all the time gets as much as who asks when it is due. */
static void
the_rate_is_exact(void **state)
{
	struct limiter *l = limiter_create(8, 1, &randomness);
	unsigned allowed = 0;

	(void)state;
	for (uint64_t ms = 0; ms < 60000; ms++)
		allowed += allow(l, 1, T0 + ms * NS_PER_MS);
	assert_int_equal(allowed, 60 * 8);
	limiter_destroy(l);
}

static void
keys_have_credit_of_their_own(void **state)
{
	struct limiter *l = limiter_create(1, 1, &randomness);
	unsigned allowed = 0;

	(void)state;
	/* A hundred keys in 16384 places: hardly two share one. */
	for (uint32_t who = 0; who < 100; who++)
		allowed += allow(l, who, T0);
	assert_true(allowed >= 90);
	for (uint32_t who = 0; who < 100; who++)
		assert_false(allow(l, who, T0));
	limiter_destroy(l);
}

/* However many keys there are, so much is allowed in all and no more. */
static void
many_keys_share_fixed_memory(void **state)
{
	struct limiter *l = limiter_create(1, 1, &randomness);
	unsigned allowed = 0;

	(void)state;
	for (uint32_t who = 0; who < 1000000; who++)
		allowed += allow(l, who, T0);
	assert_true(allowed <= 16384);
	assert_true(allowed > 16000);
	limiter_destroy(l);
}

static void
zero_means_one(void **state)
{
	struct limiter *l = limiter_create(0, 0, &randomness);

	(void)state;
	assert_true(allow(l, 1, T0));
	assert_false(allow(l, 1, T0 + NS_PER_S - 1));
	assert_true(allow(l, 1, T0 + NS_PER_S));
	limiter_destroy(l);
}

static void
a_slow_rate_says_when(void **state)
{
	struct limiter *l = limiter_create_interval(100 * NS_PER_S, 2, &randomness);
	uint32_t who = 7;

	(void)state;
	assert_int_equal(limiter_wait_ns(l, &who, sizeof(who), T0), 0);
	assert_true(allow(l, who, T0));
	assert_int_equal(limiter_wait_ns(l, &who, sizeof(who), T0), 0);
	assert_true(allow(l, who, T0));
	assert_int_equal(limiter_wait_ns(l, &who, sizeof(who), T0), 100 * NS_PER_S);
	assert_false(allow(l, who, T0 + 40 * NS_PER_S));
	assert_int_equal(limiter_wait_ns(l, &who, sizeof(who), T0 + 50 * NS_PER_S), 50 * NS_PER_S);
	assert_false(allow(l, who, T0 + 100 * NS_PER_S - 1));
	assert_true(allow(l, who, T0 + 100 * NS_PER_S));
	limiter_destroy(l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_then_the_rate),
		cmocka_unit_test(the_rate_is_exact),
		cmocka_unit_test(keys_have_credit_of_their_own),
		cmocka_unit_test(many_keys_share_fixed_memory),
		cmocka_unit_test(zero_means_one),
		cmocka_unit_test(a_slow_rate_says_when),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}

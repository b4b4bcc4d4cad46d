/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/rates.h"

#include "base/clock.h"
#include "tests/support/seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;

static struct endpoint
from(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(&e, text));
	return e;
}

static void
a_burst_then_the_rate_and_when_to_come_again(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_REGISTER] = { 2, 3 } };
	struct rates *r = rates_create(limits, &randomness);
	struct endpoint who = from("192.0.2.1:1000");
	unsigned wait = 0;

	(void)state;
	for (int n = 0; n < 3; n++)
		assert_true(rates_take(r, RATE_REGISTER, &who, T0, &wait));
	assert_int_equal(wait, 0);

	/* Two a minute: the next in half a minute, and what is said is what comes true. */
	assert_false(rates_take(r, RATE_REGISTER, &who, T0, &wait));
	assert_int_equal(wait, 30);
	assert_false(rates_take(r, RATE_REGISTER, &who, T0 + 10 * NS_PER_S + 1, &wait));
	assert_int_equal(wait, 20);
	assert_false(rates_take(r, RATE_REGISTER, &who, T0 + 30 * NS_PER_S - 1, &wait));
	assert_int_equal(wait, 1);
	assert_true(rates_take(r, RATE_REGISTER, &who, T0 + 30 * NS_PER_S, &wait));
	assert_false(rates_take(r, RATE_REGISTER, &who, T0 + 30 * NS_PER_S, &wait));
	assert_int_equal(wait, 30);
	rates_destroy(r);
	rates_destroy(NULL);
}

static void
fast_rates_say_a_second_at_least(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_REQUEST] = { 6000, 1 } };
	struct rates *r = rates_create(limits, &randomness);
	struct endpoint who = from("192.0.2.1:1000");
	unsigned wait = 0;

	(void)state;
	assert_true(rates_take(r, RATE_REQUEST, &who, T0, &wait));
	assert_false(rates_take(r, RATE_REQUEST, &who, T0, &wait));
	assert_int_equal(wait, 1);
	assert_true(rates_take(r, RATE_REQUEST, &who, T0 + 10 * NS_PER_MS, &wait));
	rates_destroy(r);
}

static void
without_a_rate_there_is_no_limit(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_JOIN] = { 1, 1 } };
	struct rates *r = rates_create(limits, &randomness);
	struct endpoint who = from("192.0.2.1:1000");
	unsigned wait;

	(void)state;
	for (int n = 0; n < 1000; n++)
		assert_true(rates_take(r, RATE_LOGIN, &who, T0, &wait));
	assert_true(rates_take(r, RATE_JOIN, &who, T0, &wait));
	assert_false(rates_take(r, RATE_JOIN, &who, T0, &wait));
	assert_int_equal(wait, 60);
	rates_destroy(r);
}

/* A host of IPv6 has a whole /64, and any port. */
static void
sources_are_hosts(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{ "192.0.2.1:1", true },
		{ "192.0.2.1:2", false },
		{ "192.0.2.2:1", true },
		{ "[2001:db8:0:1::1]:1", true },
		{ "[2001:db8:0:1:ffff::2]:1", false },
		{ "[2001:db8:0:2::1]:1", true },
	};
	const struct rate limits[RATE_COUNT] = { [RATE_LOGIN] = { 1, 1 } };
	struct random fixed;
	struct rates *r;
	unsigned wait;

	(void)state;
	random_from_seed(&fixed, 1); /* no two of these share a place */
	r = rates_create(limits, &fixed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint who = from(cases[i].text);

		assert_int_equal(rates_take(r, RATE_LOGIN, &who, T0, &wait), cases[i].want);
	}
	rates_destroy(r);
}

/* A thread that looked at the clock earlier must not give anybody the credit of an age. */
static void
time_runs_forwards_only(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_LOGIN] = { 1, 2 } };
	struct rates *r = rates_create(limits, &randomness);
	struct endpoint who = from("192.0.2.1:1000");
	unsigned wait;

	(void)state;
	assert_true(rates_take(r, RATE_LOGIN, &who, T0, &wait));
	assert_true(rates_take(r, RATE_LOGIN, &who, T0 - 1, &wait));
	assert_false(rates_take(r, RATE_LOGIN, &who, T0 - 2, &wait));
	assert_int_equal(wait, 60);
	rates_destroy(r);
}

struct taker {
	struct rates *rates;
	unsigned got;
};

static void *
take_many(void *arg)
{
	struct taker *t = arg;
	struct endpoint who = { .ip = { [15] = 1 } };
	unsigned wait;

	for (unsigned n = 0; n < 20000; n++)
		t->got += rates_take(t->rates, RATE_REQUEST, &who, T0 + n, &wait);
	return NULL;
}

static void
threads_share_what_there_is(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_REQUEST] = { 60, 1000 } };
	struct taker takers[4] = { 0 };
	pthread_t threads[4];
	unsigned got = 0;

	(void)state;
	takers[0].rates = rates_create(limits, &randomness);
	for (size_t i = 0; i < 4; i++) {
		takers[i].rates = takers[0].rates;
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		got += takers[i].got;
	}
	assert_int_equal(got, 1000);
	rates_destroy(takers[0].rates);
}

/* Every request pays for this; a machine ten times as slow as ours may fail it, and should. */
static void
it_costs_next_to_nothing(void **state)
{
	const struct rate limits[RATE_COUNT] = { [RATE_REQUEST] = { 6000, 100 } };
	struct rates *r = rates_create(limits, &randomness);
	struct endpoint who = from("192.0.2.1:1000");
	uint64_t begun = clock_thread_cpu_ns(), each;
	unsigned wait, got = 0;

	(void)state;
	for (uint32_t n = 0; n < 200000; n++) {
		who.ip[12] = (uint8_t)(n >> 8);
		who.ip[13] = (uint8_t)n;
		got += rates_take(r, RATE_REQUEST, &who, T0 + n, &wait);
	}
	each = (clock_thread_cpu_ns() - begun) / 200000;
	assert_true(got > 0);
	printf("# %lu ns each\n", (unsigned long)each);
	assert_true(each < 5000);
	rates_destroy(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_then_the_rate_and_when_to_come_again),
		cmocka_unit_test(fast_rates_say_a_second_at_least),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
		cmocka_unit_test(sources_are_hosts),
		cmocka_unit_test(time_runs_forwards_only),
		cmocka_unit_test(threads_share_what_there_is),
		cmocka_unit_test(it_costs_next_to_nothing),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}

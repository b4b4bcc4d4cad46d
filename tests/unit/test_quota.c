/* SPDX-License-Identifier: ISC */
#include "cathedral/state/quota.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct random randomness;
static const struct flock_id flock = { 0xcafeba00 };
static const struct device_id alice = { 1 }, bob = { 2 };

static void
each_device_has_its_own(void **state)
{
	struct quota *q = quota_create(100, 3, &randomness);

	(void)state;
	for (int n = 0; n < 3; n++)
		assert_true(quota_take(q, flock, alice));
	assert_false(quota_take(q, flock, alice));
	assert_false(quota_take(q, flock, alice));
	assert_true(quota_take(q, flock, bob));
	assert_true(quota_take(q, (struct flock_id){ 0x100 }, alice));

	quota_give_back(q, flock, alice);
	assert_true(quota_take(q, flock, alice));
	assert_false(quota_take(q, flock, alice));
	quota_destroy(q);
	quota_destroy(NULL);
}

/* Were it by domain, a device could have 256 times as much. */
static void
domains_share_it(void **state)
{
	struct quota *q = quota_create(100, 2, &randomness);

	(void)state;
	assert_true(quota_take(q, flock_with_domain(flock, 1), alice));
	assert_true(quota_take(q, flock_with_domain(flock, 2), alice));
	assert_false(quota_take(q, flock_with_domain(flock, 3), alice));
	quota_give_back(q, flock_with_domain(flock, 9), alice);
	assert_true(quota_take(q, flock, alice));
	quota_destroy(q);
}

/* Whoever has nothing takes no room: many devices, one after the other, find theirs. */
static void
what_was_given_back_leaves_no_trace(void **state)
{
	struct quota *q = quota_create(16, 1, &randomness);

	(void)state;
	for (uint32_t n = 0; n < 100000; n++) {
		struct device_id device = { n };

		assert_true(quota_take(q, flock, device));
		assert_false(quota_take(q, flock, device));
		quota_give_back(q, flock, device);
	}
	quota_destroy(q);
}

static void
nothing_is_ever_allowed_by_a_limit_of_nothing(void **state)
{
	struct quota *q = quota_create(16, 0, &randomness);

	(void)state;
	for (uint32_t n = 0; n < 1000; n++)
		assert_false(quota_take(q, flock, (struct device_id){ n }));
	quota_give_back(q, flock, alice);
	assert_false(quota_take(q, flock, alice));
	quota_destroy(q);
}

static void
more_devices_than_there_is_room_for_are_refused(void **state)
{
	struct quota *q = quota_create(64, 5, &randomness);
	uint32_t taken = 0;

	(void)state;
	for (uint32_t n = 0; n < 5000; n++)
		taken += quota_take(q, flock, (struct device_id){ n });
	assert_true(taken >= 64 && taken < 1000);
	/* Those who had some may have more. */
	assert_true(quota_take(q, flock, (struct device_id){ 0 }));
	quota_destroy(q);
}

static void
giving_back_what_nobody_took_does_no_harm(void **state)
{
	struct quota *q = quota_create(16, 1, &randomness);

	(void)state;
	quota_give_back(q, flock, alice);
	assert_true(quota_take(q, flock, alice));
	assert_false(quota_take(q, flock, alice));
	quota_destroy(q);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_device_has_its_own),
		cmocka_unit_test(domains_share_it),
		cmocka_unit_test(what_was_given_back_leaves_no_trace),
		cmocka_unit_test(nothing_is_ever_allowed_by_a_limit_of_nothing),
		cmocka_unit_test(more_devices_than_there_is_room_for_are_refused),
		cmocka_unit_test(giving_back_what_nobody_took_does_no_harm),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Who waits where: weights of workers, against sums made anew after every step. */
#include "cathedral/state/waiters.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FLOCKS  40
#define WORKERS 5

static struct random randomness;

static struct flock_id
flock(unsigned n)
{
	return (struct flock_id){ (n + 1) << 8 };
}

static void
one_flock_has_one_weight_wherever_it_waits(void **state)
{
	struct waiters *c = waiters_create(1024, &randomness);
	const _Atomic uint64_t *workers = waiters_join(c, 3, flock(0));

	(void)state;
	assert_int_equal(atomic_load(workers), 8);
	assert_int_equal(waiters_weight(c, 3), WAITERS_WHOLE);
	/* In another domain it is the same. */
	assert_ptr_equal(waiters_join(c, 63, flock_with_domain(flock(0), 9)), workers);
	assert_int_equal(atomic_load(workers), UINT64_C(1) << 63 | 8);
	assert_int_equal(waiters_weight(c, 3), WAITERS_WHOLE / 2);
	assert_int_equal(waiters_weight(c, 63), WAITERS_WHOLE / 2);
	assert_int_equal(waiters_weight(c, 0), 0);
	assert_int_equal(waiters_total(c), WAITERS_WHOLE);
	assert_int_equal(waiters_flocks(c), 1);
	waiters_leave(c, 3, flock(0));
	assert_int_equal(waiters_weight(c, 3), 0);
	assert_int_equal(waiters_weight(c, 63), WAITERS_WHOLE);
	waiters_leave(c, 63, flock(0));
	assert_int_equal(waiters_total(c), 0);
	assert_int_equal(waiters_flocks(c), 0);
	waiters_destroy(c);
	waiters_destroy(NULL);
}

static void
expect_weights(struct waiters *c, bool waits[FLOCKS][WORKERS])
{
	uint64_t weights[WORKERS] = { 0 }, total = 0;
	size_t flocks = 0;

	for (unsigned f = 0; f < FLOCKS; f++) {
		unsigned count = 0;

		for (unsigned w = 0; w < WORKERS; w++)
			count += waits[f][w];
		flocks += count > 0;
		for (unsigned w = 0; w < WORKERS; w++)
			weights[w] += waits[f][w] ? WAITERS_WHOLE / count : 0;
	}
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_int_equal(waiters_weight(c, w), weights[w]);
		total += weights[w];
	}
	assert_int_equal(waiters_total(c), total);
	assert_int_equal(waiters_flocks(c), flocks);
}

static void
whoever_comes_and_goes_the_weights_are_right(void **state)
{
	struct waiters *c = waiters_create(1024, &randomness);
	bool waits[FLOCKS][WORKERS] = { 0 };

	(void)state;
	for (int n = 0; n < 20000; n++) {
		unsigned f = random_below(&randomness, FLOCKS);
		unsigned w = random_below(&randomness, WORKERS);

		if (waits[f][w])
			waiters_leave(c, w, flock(f));
		else
			assert_non_null(waiters_join(c, w, flock(f)));
		waits[f][w] = !waits[f][w];
		expect_weights(c, waits);
	}
	waiters_destroy(c);
}

/* Those for whom there is no room have a whole part at each worker, and give it back. */
static void
who_has_no_room_counts_for_himself(void **state)
{
	enum { MANY = 2000 };
	struct waiters *c = waiters_create(16, &randomness);
	size_t without = 0;

	(void)state;
	for (unsigned f = 0; f < MANY; f++)
		without += waiters_join(c, 0, flock(f)) == NULL;
	assert_true(without > 0);
	assert_int_equal(waiters_flocks(c) + without, MANY);
	assert_int_equal(waiters_weight(c, 0), MANY * WAITERS_WHOLE);
	for (unsigned f = 0; f < MANY; f++)
		waiters_leave(c, 0, flock(f));
	assert_int_equal(waiters_total(c), 0);
	assert_int_equal(waiters_flocks(c), 0);
	waiters_destroy(c);
}

static int
setup(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flock_has_one_weight_wherever_it_waits),
		cmocka_unit_test(whoever_comes_and_goes_the_weights_are_right),
		cmocka_unit_test(who_has_no_room_counts_for_himself),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/publish.h"

#include "tests/support/members.h"
#include "tests/support/seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOCK UINT64_C(0xcafeba00)

static struct random randomness;
static struct member member;

/* A registry that can be told from others by its device's Mbit/s. */
static struct registry *
edition(uint32_t number)
{
	struct registry_flock *flock;
	struct registry_parts parts = { .flocks = &flock, .flock_count = 1 };
	struct registry *r;

	member.mbit = number;
	flock = members_flock((struct flock_id){ FLOCK }, &member, 1);
	r = registry_create(&parts, NULL);
	assert_non_null(r);
	return r;
}

/* What a reader reads: 0 when the registry is not whole. */
static uint32_t
number_of(const struct registry *r)
{
	struct flock_id flock = { FLOCK };
	struct party p;

	if (!registry_party(r, flock, flock, (struct device_id){ 7 }, &p))
		return 0;
	return p.device->mbit;
}

static void
readers_see_the_newest(void **state)
{
	struct publish *p = publish_create(edition(1), 2);

	(void)state;
	assert_int_equal(number_of(publish_current(p)), 1);
	assert_int_equal(number_of(publish_enter(p, 0)), 1);
	assert_true(publish_swap(p, edition(2)));
	assert_int_equal(number_of(publish_current(p)), 2);
	assert_int_equal(number_of(publish_enter(p, 1)), 2);
	publish_leave(p, 1);
	publish_leave(p, 0);
	assert_int_equal(number_of(publish_enter(p, 0)), 2);
	publish_leave(p, 0);
	publish_destroy(p);
	publish_destroy(NULL);
}

/* What a reader holds stays whole (the sanitizer would see it freed) until it leaves. */
static void
what_is_held_stays(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot < 3; slot++) {
		struct publish *p = publish_create(edition(1), 3);
		const struct registry *held = publish_enter(p, slot);

		assert_true(publish_swap(p, edition(2)));
		assert_false(publish_reclaim(p));
		assert_true(publish_swap(p, edition(3)));
		assert_false(publish_reclaim(p));
		assert_int_equal(number_of(held), 1);

		/* A batch begun after both swaps holds neither back. */
		publish_enter(p, (slot + 1) % 3);
		publish_leave(p, slot);
		assert_true(publish_reclaim(p));
		publish_leave(p, (slot + 1) % 3);
		assert_true(publish_reclaim(p));
		assert_int_equal(number_of(publish_current(p)), 3);
		publish_destroy(p);
	}
}

static void
nobody_reading_holds_nothing_back(void **state)
{
	struct publish *p = publish_create(edition(1), PUBLISH_SLOTS_MAX);

	(void)state;
	for (uint32_t n = 2; n < 50; n++) {
		assert_true(publish_swap(p, edition(n)));
		assert_true(publish_reclaim(p));
	}
	publish_destroy(p);
}

static void
the_end_frees_what_was_not_reclaimed(void **state)
{
	struct publish *p = publish_create(edition(1), 1);

	(void)state;
	for (uint32_t n = 2; n < 10; n++)
		assert_true(publish_swap(p, edition(n)));
	publish_destroy(p);
}

static void
slots_have_a_limit(void **state)
{
	struct registry *r = edition(1);

	(void)state;
	assert_null(publish_create(r, PUBLISH_SLOTS_MAX + 1));
	registry_free(r);
}

/* ---- readers in a loop while the main thread swaps ---- */

#define READERS 4
#define SWAPS   1000

struct reader {
	struct publish *publish;
	unsigned slot;
	atomic_bool *stop;
	atomic_uint *started;
	uint64_t batches;
	unsigned broken, backwards;
};

static void *
read_batches(void *arg)
{
	struct reader *r = arg;
	uint32_t last = 0;

	atomic_fetch_add(r->started, 1);
	while (!atomic_load(r->stop)) {
		const struct registry *held = publish_enter(r->publish, r->slot);

		for (int n = 0; n < 20; n++) {
			uint32_t number = number_of(held);

			r->broken += number == 0 || (n > 0 && number != last);
			r->backwards += number < last;
			last = number;
		}
		publish_leave(r->publish, r->slot);
		r->batches++;
	}
	return NULL;
}

static void
nothing_is_freed_under_a_reader(void **state)
{
	struct publish *p = publish_create(edition(1), READERS);
	struct reader readers[READERS];
	pthread_t threads[READERS];
	atomic_bool stop = false;
	atomic_uint started = 0;
	unsigned waited = 0;

	(void)state;
	for (unsigned n = 0; n < READERS; n++) {
		readers[n] = (struct reader){ p, n, &stop, &started, 0, 0, 0 };
		assert_int_equal(pthread_create(&threads[n], NULL, read_batches, &readers[n]), 0);
	}
	while (atomic_load(&started) < READERS)
		sched_yield();
	for (uint32_t n = 2; n <= SWAPS; n++) {
		publish_swap(p, edition(n));
		waited += !publish_reclaim(p);
	}
	/* Readers finish their batches: nothing waits for ever. */
	while (!publish_reclaim(p))
		sched_yield();
	atomic_store(&stop, true);
	for (unsigned n = 0; n < READERS; n++)
		pthread_join(threads[n], NULL);
	for (unsigned n = 0; n < READERS; n++) {
		assert_int_equal(readers[n].broken, 0);
		assert_int_equal(readers[n].backwards, 0);
		assert_true(readers[n].batches > 0);
	}
	print_message("# %u of %u swaps found a reader inside\n", waited, SWAPS);
	assert_int_equal(number_of(publish_current(p)), SWAPS);
	publish_destroy(p);
}

/* ---- the same while flocks change one by one, and all else is shared ---- */

#define FLOCKS 400

static struct flock_id
flock_of(unsigned n)
{
	return (struct flock_id){ (uint64_t)(n + 1) << 8 };
}

/* Flock 0 is in all of them, and says by its Mbit/s which one it is; others come and go. */
static void
change_flock(struct registry *r, unsigned n, uint32_t number)
{
	struct member m = member;

	m.mbit = number;
	if (n > 0 && random_below(&randomness, 3) == 0)
		assert_true(registry_remove_flock(r, flock_of(n)));
	else
		assert_true(registry_put_flock(r, members_flock(flock_of(n), &m, 1)));
}

/* How many flocks there are, and what the first of them says; 0: not whole. */
static uint32_t
number_of_many(const struct registry *r)
{
	struct party p;
	size_t found = 0;

	for (unsigned n = 0; n < FLOCKS; n++) {
		if (registry_party(r, flock_of(n), flock_of(n), member.id, &p))
			found += p.device->kek_number == member.number;
	}
	if (found != registry_counts(r).flocks ||
	    !registry_party(r, flock_of(0), flock_of(0), member.id, &p))
		return 0;
	return p.device->mbit;
}

static void *
read_many(void *arg)
{
	struct reader *r = arg;
	uint32_t last = 0;

	atomic_fetch_add(r->started, 1);
	while (!atomic_load(r->stop)) {
		uint32_t number = number_of_many(publish_enter(r->publish, r->slot));

		r->broken += number == 0;
		r->backwards += number < last;
		last = number;
		publish_leave(r->publish, r->slot);
		r->batches++;
	}
	return NULL;
}

static void
change_many(struct publish *p, uint32_t until)
{
	for (uint32_t number = 2; number <= until; number++) {
		struct registry *next = registry_copy(publish_current(p));

		assert_non_null(next);
		change_flock(next, 0, number);
		change_flock(next, 1 + random_below(&randomness, FLOCKS - 1), number);
		assert_true(publish_swap(p, next));
		publish_reclaim(p);
	}
}

static void
what_is_shared_is_not_changed_under_a_reader(void **state)
{
	struct registry *first = registry_empty(hash_key_new(&randomness));
	struct reader readers[READERS];
	pthread_t threads[READERS];
	atomic_bool stop = false;
	atomic_uint started = 0;
	struct publish *p;

	(void)state;
	for (unsigned n = 0; n < FLOCKS; n++)
		change_flock(first, n, 1);
	p = publish_create(first, READERS);
	for (unsigned n = 0; n < READERS; n++) {
		readers[n] = (struct reader){ p, n, &stop, &started, 0, 0, 0 };
		assert_int_equal(pthread_create(&threads[n], NULL, read_many, &readers[n]), 0);
	}
	while (atomic_load(&started) < READERS)
		sched_yield();
	change_many(p, SWAPS);
	atomic_store(&stop, true);
	for (unsigned n = 0; n < READERS; n++)
		pthread_join(threads[n], NULL);
	for (unsigned n = 0; n < READERS; n++) {
		assert_int_equal(readers[n].broken, 0);
		assert_int_equal(readers[n].backwards, 0);
	}
	assert_true(publish_reclaim(p));
	assert_int_equal(number_of_many(publish_current(p)), SWAPS);
	publish_destroy(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_the_newest),
		cmocka_unit_test(what_is_held_stays),
		cmocka_unit_test(nobody_reading_holds_nothing_back),
		cmocka_unit_test(the_end_frees_what_was_not_reclaimed),
		cmocka_unit_test(slots_have_a_limit),
		cmocka_unit_test(nothing_is_freed_under_a_reader),
		cmocka_unit_test(what_is_shared_is_not_changed_under_a_reader),
	};

	random_for_test(&randomness);
	member = member_make(7, 1, 0, &randomness);
	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}

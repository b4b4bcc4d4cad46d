/* SPDX-License-Identifier: ISC */
/* Registries loaded again: what is kept of the old one, and what is not. */
#include "base/clock.h"
#include "cathedral/state/registry.h"
#include "tests/support/place.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;
static const struct flock_id flock_a = { PLACE_A }, flock_b = { PLACE_B };
static const struct device_id first = { 1 }, second = { 2 };

/* ---- what is kept ---- */

static void
what_did_not_change_is_shared(void **state)
{
	struct place p;
	struct registry *r, *next;
	struct registry_flock *a, *b;
	struct member m = member_make(1, 1, 0, &randomness);

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, PLACE_TWO_FLOCKS);
	r = place_load(&p, NULL);
	a = registry_flock_find(r, flock_a);
	b = registry_flock_find(r, flock_b);

	/* Other lines, in another order, with the same meaning. */
	place_say(
	    &p, "flock bb00 {\n\n allow 2 spi 2 0\n allow 1 spi 01 25\n}\n# c\n" PLACE_ONE_FLOCK);
	next = place_load(&p, r);
	assert_ptr_equal(registry_flock_find(next, flock_a), a);
	assert_ptr_equal(registry_flock_find(next, flock_b), b);
	registry_free(r);

	/* One flock's key is another: only it is new. */
	place_write_keys(&p, flock_b, &m);
	r = place_load(&p, next);
	assert_ptr_equal(registry_flock_find(r, flock_a), a);
	assert_ptr_not_equal(registry_flock_find(r, flock_b), b);
	registry_free(next);
	registry_free(r);
	place_remove(&p);
}

static void
every_change_of_a_flock_is_seen(void **state)
{
	static const char *const others[] = {
		"flock aa00 {\nallow 1 spi 1 26\nallow 2 spi 2 0\n}\n", /* a cap */
		"flock aa00 {\nallow 1 spi 3 25\nallow 2 spi 2 0\n}\n", /* a number */
		"flock aa00 {\nallow 1 spi 1 25\n}\n",                  /* one less */
		"flock aa00 {\nallow 1 spi 1 25\nallow 2 spi 2 0\nallow 3 spi 3 0\n}\n",
		"flock aa00 {\nallow 3 spi 1 25\nallow 2 spi 2 0\n}\n", /* another device */
		"flock aa00 {\nallow 1 spi 1 25\nallow 2 spi 2 0\nambry bundle\n}\n",
	};
	const struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	struct place p;
	struct registry *r, *next;
	struct member third = member_make(3, 3, 0, &randomness);

	(void)state;
	place_make(&p, &randomness);
	place_write_keys(&p, flock_a, &third);
	place_write_bundle(&p, "bundle", &plan);
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
		place_say(&p, PLACE_ONE_FLOCK);
		r = place_load(&p, NULL);
		place_say(&p, others[n]);
		next = place_load(&p, r);
		assert_ptr_not_equal(
		    registry_flock_find(next, flock_a), registry_flock_find(r, flock_a));
		registry_free(r);
		/* And back again. */
		place_say(&p, PLACE_ONE_FLOCK);
		r = place_load(&p, next);
		assert_ptr_not_equal(
		    registry_flock_find(next, flock_a), registry_flock_find(r, flock_a));
		registry_free(next);
		registry_free(r);
	}
	place_remove(&p);
}

/* A fault leaves the old one whole: every flock of it still counts its references right. */
static void
a_fault_changes_nothing(void **state)
{
	struct place p;
	struct registry *r, *next;

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, PLACE_TWO_FLOCKS);
	r = place_load(&p, NULL);
	for (int n = 0; n < 3; n++) {
		place_say(&p, PLACE_TWO_FLOCKS "flock cc00 {\nallow 1 spi 1 0\n}\n");
		place_expect_fault(&p, r,
		    "@/settings: line 10: @/secrets/flock-cc00/00000001.key: No such file or "
		    "directory");
		place_say(&p, PLACE_TWO_FLOCKS "federate 192.0.2.1 1\n");
		place_expect_fault(&p, r, "@/settings: line 9: federate needs a federation secret");
		place_say(&p, PLACE_TWO_FLOCKS "xflock aa00 bb00 nowhere\n");
		place_expect_fault(
		    &p, r, "@/settings: line 9: @/nowhere: No such file or directory");
	}
	assert_int_equal(registry_flock_find(r, flock_a)->references, 1);
	place_say(&p, PLACE_TWO_FLOCKS);
	next = place_load(&p, r);
	assert_int_equal(registry_flock_find(r, flock_a)->references, 2);
	registry_free(r);
	assert_int_equal(registry_flock_find(next, flock_a)->references, 1);
	registry_free(next);
	place_remove(&p);
}

/* Loads until r's successor keeps flock a and its pair, which young bundles keep it from doing. */
static struct registry *
load_until_kept(const struct place *p, struct registry *r)
{
	uint64_t deadline = clock_now().mono_ns + 20 * NS_PER_S;
	const struct timespec nap = { .tv_nsec = 100 * (long)NS_PER_MS };

	for (;;) {
		struct registry *next = place_load(p, r);
		bool kept = registry_flock_find(next, flock_a) == registry_flock_find(r, flock_a) &&
			    registry_xflock_find(next, flock_a, flock_b) ==
				registry_xflock_find(r, flock_a, flock_b);

		registry_free(r);
		r = next;
		if (kept)
			return r;
		if (clock_now().mono_ns > deadline)
			fail_msg("a bundle that does not change is read again and again");
		nanosleep(&nap, NULL);
	}
}

static uint32_t
generation(const struct registry *r, struct flock_id own, struct flock_id other)
{
	struct party party;

	assert_true(registry_party(r, own, other, first, &party));
	return party.ambries->present ? party.ambries->bundle.head.generation : 0;
}

static void
bundles_are_kept_until_they_change(void **state)
{
	struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 },
			   both = { flock_b, flock_a, PLACE_EXPIRES, 7 };
	struct place p;
	struct registry *r, *next;
	struct registry_flock *a;
	struct registry_xflock *x;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "bundle", &plan);
	place_write_bundle(&p, "pair", &both);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n"
		      "flock bb00 {\nallow 1 spi 1 0\n}\nxflock bb00 aa00 pair\n");
	r = load_until_kept(&p, place_load(&p, NULL));
	a = registry_flock_find(r, flock_a);
	x = registry_xflock_find(r, flock_a, flock_b);
	next = place_load(&p, r);
	assert_ptr_equal(registry_flock_find(next, flock_a), a);
	assert_ptr_equal(registry_xflock_find(next, flock_a, flock_b), x);
	registry_free(r);

	/* Written over in place, with the same length, within one tick of a clock perhaps. */
	plan.generation = 2;
	place_write_bundle(&p, "bundle", &plan);
	r = place_load(&p, next);
	assert_ptr_not_equal(registry_flock_find(r, flock_a), a);
	assert_int_equal(generation(r, flock_a, flock_a), 2);
	/* A pair's keys come from its flocks: it is made anew as well. */
	assert_ptr_not_equal(registry_xflock_find(r, flock_a, flock_b), x);
	assert_int_equal(generation(r, flock_b, flock_a), 7);
	registry_free(next);
	plan.generation = 3;
	place_write_bundle(&p, "bundle", &plan);
	next = place_load(&p, r);
	assert_int_equal(generation(next, flock_a, flock_a), 3);
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

/*
 * A file that has just been written may be written again within the same tick of its clock: until
 * it is two seconds old it is read every time.
 */
static void
a_young_bundle_is_read_again(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	uint64_t start = clock_now().mono_ns;
	struct place p;
	struct registry *r, *next;
	bool kept;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "bundle", &plan);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = place_load(&p, NULL);
	next = place_load(&p, r);
	kept = registry_flock_find(next, flock_a) == registry_flock_find(r, flock_a);
	if (clock_now().mono_ns - start < NS_PER_S) /* on a machine that is not all too slow */
		assert_false(kept);
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

/* No fault: it is there, and whoever hands out ambries sees that it has ended. */
static void
an_expired_bundle_is_no_fault(void **state)
{
	struct bundle_plan good = { flock_a, flock_a, PLACE_EXPIRES, 1 },
			   old = { flock_a, flock_a, 5, 2 };
	struct place p;
	struct registry *r, *next;
	struct party party;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "good", &good);
	place_write_bundle(&p, "bundle", &good);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = place_load(&p, NULL);
	place_write_bundle(&p, "bundle", &old);
	next = place_load(&p, r);
	assert_true(registry_party(next, flock_a, flock_a, first, &party));
	assert_true(party.ambries->present);
	assert_int_equal(party.ambries->bundle.head.expires, 5);
	registry_free(r);

	/* Put back, it serves again. */
	assert_int_equal(rename(place_name(&p, "good").path, place_name(&p, "bundle").path), 0);
	r = place_load(&p, next);
	assert_int_equal(generation(r, flock_a, flock_a), 1);
	assert_true(registry_party(r, flock_a, flock_a, first, &party));
	assert_int_equal(party.ambries->bundle.head.expires, PLACE_EXPIRES);
	registry_free(next);
	registry_free(r);
	place_remove(&p);
}

/* Two names of one file: the one that the settings name now is the one that is read. */
static void
the_name_of_a_bundle_may_change(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	struct place p;
	struct registry *r, *next;
	struct party party;
	struct bundle_entry got;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "one", &plan);
	assert_int_equal(link(place_name(&p, "one").path, place_name(&p, "two").path), 0);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry one\n}\n");
	r = load_until_kept(&p, place_load(&p, NULL));
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry two\n}\n");
	next = place_load(&p, r);
	assert_int_equal(unlink(place_name(&p, "one").path), 0);
	assert_true(registry_party(next, flock_a, flock_a, second, &party));
	assert_true(registry_read_ambry(party.ambries, flock_a, tunnel_between(2, 9), &got));
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_did_not_change_is_shared),
		cmocka_unit_test(every_change_of_a_flock_is_seen),
		cmocka_unit_test(a_fault_changes_nothing),
		cmocka_unit_test(bundles_are_kept_until_they_change),
		cmocka_unit_test(a_young_bundle_is_read_again),
		cmocka_unit_test(an_expired_bundle_is_no_fault),
		cmocka_unit_test(the_name_of_a_bundle_may_change),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("registry loaded again", tests, NULL, NULL);
}

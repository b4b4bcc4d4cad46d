/* SPDX-License-Identifier: ISC */
#include "cathedral/state/rhythm.h"

#include "cathedral/state/peer_stats.h"
#include "cathedral/state/tunnels.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;

static struct rhythm_terms
terms_of(uint64_t refresh_s, bool late)
{
	return (struct rhythm_terms){
		.refresh_ns = refresh_s * NS_PER_S, .late = late, .draw = random_u64(&randomness)
	};
}

static enum tell
next(struct rhythm *r, bool changed, double at_s)
{
	struct rhythm_terms terms = terms_of(40, false);

	return rhythm_next(r, changed, T0 + (uint64_t)(at_s * 1e9), &terms);
}

/* A change goes at once and then with the next six that the device says, if 3 s have passed. */
static void
a_change_is_repeated(void **state)
{
	struct rhythm r = { 0 };

	(void)state;
	assert_int_equal(next(&r, true, 0), TELL_CHANGE);
	assert_int_equal(next(&r, false, 2.999), TELL_NOBODY);
	for (int n = 1; n <= RHYTHM_REPEATS; n++) {
		assert_int_equal(next(&r, false, 3 * n), TELL_AGAIN);
		assert_int_equal(next(&r, false, 3 * n + 2.999), TELL_NOBODY);
	}
	assert_int_equal(r.repeats, 0);

	/* A device that speaks every second repeats for longer than a silence that is noticed. */
	assert_true(RHYTHM_REPEATS * RHYTHM_LEAST_NS > PEER_SILENCE_NS);
}

/* Four changes go at once; then each waits for its turn, but none is forgotten. */
static void
changes_have_a_limit(void **state)
{
	struct rhythm r = { 0 };

	(void)state;
	for (int n = 0; n < RHYTHM_BURST; n++)
		assert_int_equal(next(&r, true, 0.001 * n), TELL_CHANGE);
	assert_int_equal(next(&r, true, 0.1), TELL_NOBODY);
	assert_int_equal(next(&r, true, 2.9), TELL_NOBODY);
	assert_int_equal(next(&r, false, 3.1), TELL_AGAIN);
	assert_int_equal(r.repeats, RHYTHM_REPEATS - 1);
	assert_int_equal(next(&r, true, 3.2), TELL_CHANGE);
	assert_int_equal(next(&r, true, 3.3), TELL_NOBODY);
	assert_int_equal(r.changes, RHYTHM_BURST + 4);

	/* Whoever changes all the time is told of once in 3 s. */
	{
		unsigned told = 0;

		for (int n = 0; n < 3000; n++)
			told += next(&r, true, 10 + 0.1 * n) != TELL_NOBODY;
		assert_in_range(told, 100, 100 + RHYTHM_BURST);
	}
	assert_int_equal(next(&r, true, 1000), TELL_CHANGE);
}

/* With a device that speaks every 5 s, whatever is drawn: at least three in what entries live. */
static void
refreshes_are_in_time(void **state)
{
	unsigned first[8] = { 0 };

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct rhythm r = { 0 };
		double at = 0, last = 0;
		unsigned refreshes = 0;

		next(&r, true, at);
		while (refreshes < 4) {
			at += 5;
			switch (next(&r, false, at)) {
			case TELL_REFRESH:
				if (refreshes == 0)
					first[(int)(at - last) / 5 - 1]++;
				else
					assert_true(at - last >= 30);
				refreshes++;
				/* fall through */
			case TELL_AGAIN:
				assert_true(at - last <= RHYTHM_REFRESH_S);
				last = at;
				break;
			case TELL_NOBODY:
				break;
			case TELL_LATE:
			case TELL_CHANGE:
				fail();
			}
		}
	}
	assert_true(3 * RHYTHM_REFRESH_S * NS_PER_S <= ENTRY_TTL_NS);
	/* The first ones are anywhere in the period: 3 to 35 s, that is 5, 10 ... 35. */
	assert_int_equal(first[7], 0);
	for (int n = 0; n < 7; n++)
		assert_in_range(first[n], 150, 1000);
}

/* Every setting holds what it says; 3 is each time that there is something. */
static void
the_period_is_a_setting(void **state)
{
	(void)state;
	for (uint64_t refresh_s = 3; refresh_s <= 40; refresh_s++) {
		struct rhythm r = { 0 };
		uint64_t last = 0, most = refresh_s > 8 ? refresh_s : refresh_s < 5 ? 5 : 8;

		for (uint64_t at = 0; at < 1000; at += refresh_s == 3 ? 3 : 1) {
			struct rhythm_terms terms = terms_of(refresh_s, false);

			if (rhythm_next(&r, at == 0, T0 + at * NS_PER_S, &terms) == TELL_NOBODY)
				continue;
			assert_true(at - last <= most);
			assert_true(refresh_s > 3 || at - last <= 3);
			last = at;
		}
	}
}

/* Who missed things is told all that devices say; that changes nothing for the others. */
static void
who_is_late_is_told_everything(void **state)
{
	struct rhythm_terms late = terms_of(40, true);
	struct rhythm r = { 0 };
	uint64_t due;

	(void)state;
	next(&r, true, 0);
	for (int n = 1; n <= RHYTHM_REPEATS; n++)
		next(&r, false, 3 * n);
	due = r.due_ns;
	assert_int_equal(rhythm_next(&r, false, due - 1, &late), TELL_LATE);
	assert_true(r.due_ns == due);
	assert_int_equal(rhythm_next(&r, false, due + 1, &late), TELL_NOBODY);
	assert_int_equal(rhythm_next(&r, false, due + 3 * NS_PER_S, &late), TELL_REFRESH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_repeated),
		cmocka_unit_test(changes_have_a_limit),
		cmocka_unit_test(refreshes_are_in_time),
		cmocka_unit_test(the_period_is_a_setting),
		cmocka_unit_test(who_is_late_is_told_everything),
	};

	random_from_seed(&randomness, seed_for_test());
	return cmocka_run_group_tests(tests, NULL, NULL);
}

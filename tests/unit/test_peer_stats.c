/* SPDX-License-Identifier: ISC */
#include "cathedral/state/peer_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static int
make(void **state)
{
	*state = peer_stats_create();
	return *state == NULL;
}

static int
done(void **state)
{
	free(*state);
	return 0;
}

/* One that is new is told everything, and anybody who has missed something. */
static void
who_is_new_is_late(void **state)
{
	struct peer_stats *p = *state;

	assert_true(peer_is_late(p, T0));
	assert_true(peer_is_late(p, T0 + PEER_LATE_NS - 1));
	assert_false(peer_is_late(p, T0 + PEER_LATE_NS));
	peer_missed(p, T0 + 2 * PEER_LATE_NS);
	assert_true(peer_is_late(p, T0 + 3 * PEER_LATE_NS - 1));
	assert_false(peer_is_late(p, T0 + 3 * PEER_LATE_NS));
}

/* After 15 s without a word it is late, and ours asks. */
static void
silence_is_noticed(void **state)
{
	struct peer_stats *p = *state;
	uint64_t at = T0 + PEER_LATE_NS;

	peer_is_late(p, T0);
	peer_heard_plain(p, T0);
	assert_int_equal(p->ask, 1);
	for (; at < T0 + 100 * NS_PER_S; at += PEER_SILENCE_NS - 1)
		peer_heard_plain(p, at);
	assert_int_equal(p->ask, 2);
	peer_heard_plain(p, at - 1);
	assert_int_equal(p->ask, 2);
	assert_false(peer_is_late(p, at));
	peer_heard_plain(p, at - 1 + PEER_SILENCE_NS);
	assert_int_equal(p->ask, 3);
	assert_true(peer_is_late(p, at + PEER_SILENCE_NS));
	/* Two threads' clocks may have been read in the other order. */
	peer_heard_plain(p, at - 1);
	assert_int_equal(p->ask, 3);
	assert_false(peer_speaks(p, at));
}

/* Who writes letters reads them. */
static void
letters_are_read_for_a_while(void **state)
{
	struct peer_stats *p = *state;

	assert_false(peer_speaks(p, T0));
	peer_heard_letter(p, 7, T0);
	assert_true(peer_speaks(p, T0 + PEER_SPEAKS_NS - 1));
	assert_false(peer_speaks(p, T0 + PEER_SPEAKS_NS));
}

/* An offer of its own while its next letter is overdue: it is another program now, and has missed
 * things.
 */
static void
another_program_is_noticed(void **state)
{
	struct peer_stats *p = *state;
	uint64_t at = T0 + 100 * NS_PER_S;

	peer_is_late(p, T0);
	for (uint64_t t = T0; t <= at; t += PEER_HELLO_NS) {
		peer_heard_letter(p, 7, t);
		peer_heard_hello(p, 1, t);
	}
	assert_false(peer_is_late(p, at));
	/* It may not know yet that we read letters. */
	peer_heard_plain(p, at + PEER_OVERDUE_NS - 1);
	assert_true(peer_speaks(p, at + PEER_OVERDUE_NS));
	assert_false(peer_is_late(p, at + PEER_OVERDUE_NS));
	peer_heard_plain(p, at + PEER_OVERDUE_NS);
	assert_false(peer_speaks(p, at + PEER_OVERDUE_NS));
	assert_true(peer_is_late(p, at + PEER_OVERDUE_NS));
	peer_heard_letter(p, 7, at + PEER_OVERDUE_NS);
	peer_heard_hello(p, 1, at + PEER_OVERDUE_NS);
	assert_true(peer_speaks(p, at + PEER_OVERDUE_NS));
}

/* Another instance, or another number that it asks with: it is late. */
static void
who_asks_is_late(void **state)
{
	struct peer_stats *p = *state;
	static const struct {
		uint64_t instance;
		uint32_t asks;
		bool late;
	} hellos[] = { { 7, 1, true }, { 7, 1, false }, { 7, 2, true }, { 7, 2, false },
		{ 8, 2, true }, { 8, 1, true }, { 8, 1, false } };
	uint64_t at = T0;

	for (size_t n = 0; n < sizeof(hellos) / sizeof(hellos[0]); n++) {
		for (int again = 0; again < 10; again++) {
			at += PEER_HELLO_NS;
			peer_heard_letter(p, hellos[n].instance, at);
			peer_heard_hello(p, hellos[n].asks, at);
			if (again == 0)
				assert_int_equal(peer_is_late(p, at), hellos[n].late);
		}
		assert_false(peer_is_late(p, at));
	}
}

/* Hellos in so many seconds. */
static unsigned
greetings(struct peer_stats *p, uint64_t *at, unsigned seconds)
{
	uint64_t until = *at + seconds * NS_PER_S;
	unsigned count = 0;

	for (; *at < until; *at += 100 * NS_PER_MS)
		count += peer_greet(p, *at);
	return count;
}

static void
hellos_have_a_rhythm(void **state)
{
	struct peer_stats *p = *state;
	uint64_t at = T0;

	/* To one that never answers: five seconds fast, then one in four. */
	assert_int_equal(greetings(p, &at, 5), 5);
	assert_int_equal(greetings(p, &at, 100), 25);
	/* It answers: at once, and fast again. */
	peer_heard_letter(p, 7, at);
	assert_int_equal(greetings(p, &at, 5), 5);
	peer_heard_letter(p, 7, at);
	assert_int_equal(greetings(p, &at, 8), 2);
	/* When it is silent it is called every second, as long as it takes. */
	assert_in_range(greetings(p, &at, 105), 95, 102);
	peer_heard_letter(p, 7, at);
	greetings(p, &at, 5);
	assert_int_equal(greetings(p, &at, 4), 1);
	/* Started anew it does not know us: one at once. */
	peer_heard_letter(p, 8, at);
	assert_int_equal(greetings(p, &at, 1), 1);
}

/* Sanctum's, which drops them, is bothered once a minute; one that becomes ours says so itself. */
static void
who_reads_none_hears_few_hellos(void **state)
{
	struct peer_stats *p = *state;
	uint64_t at = T0;
	unsigned count = 0;

	peer_heard_plain(p, at);
	assert_int_equal(greetings(p, &at, 5), 5);
	for (unsigned n = 0; n < 300; n++) {
		peer_heard_plain(p, at);
		count += greetings(p, &at, 1);
	}
	assert_int_equal(count, 5);
	peer_heard_letter(p, 7, at);
	assert_int_equal(greetings(p, &at, 1), 1);
	/* It writes none for a while, and goes on with the next: it has not been started anew. */
	at += PEER_OVERDUE_NS;
	peer_heard_plain(p, at);
	greetings(p, &at, 5);
	for (unsigned n = 0; n < 20; n++) {
		peer_heard_plain(p, at);
		greetings(p, &at, 1);
	}
	peer_heard_letter(p, 7, at);
	assert_int_equal(greetings(p, &at, 1), 1);
	assert_int_equal(greetings(p, &at, 8), 2);
	/* One that falls silent may come back as anything. */
	at += 1000 * NS_PER_S;
	assert_in_range(greetings(p, &at, 100), 25, 102);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make, done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_new_is_late),
		TEST(silence_is_noticed),
		TEST(letters_are_read_for_a_while),
		TEST(another_program_is_noticed),
		TEST(who_asks_is_late),
		TEST(hellos_have_a_rhythm),
		TEST(who_reads_none_hears_few_hellos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

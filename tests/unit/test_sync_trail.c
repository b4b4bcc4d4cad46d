/* SPDX-License-Identifier: ISC */
/* When the service is asked, and from where on: in virtual time. */
#include "base/clock.h"
#include "tools/cathedral-sync/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW  (1000 * NS_PER_S)
#define WAIT 50

static struct random dice;

static struct trail
trail_new(const char *database, uint64_t until)
{
	struct trail t;

	random_from_seed(&dice, 7);
	trail_begin(&t, WAIT, NOW);
	trail_set(&t, database, until);
	return t;
}

static struct record_page
page_of(const char *database, uint64_t since, uint64_t until)
{
	struct record_page p = { .since = since, .until = until };

	snprintf(p.database, sizeof(p.database), "%s", database);
	return p;
}

static void
expect_question(struct trail *t, uint64_t since, const char *database)
{
	struct trail_question q;

	assert_int_equal(trail_due_ns(t), NOW);
	q = trail_ask(t, NOW);
	assert_int_equal(q.since, since);
	assert_string_equal(q.database, database);
	assert_int_equal(q.wait_s, t->state == TRAIL_GOES_ON && since > 0 ? WAIT : 0);
	assert_true(trail_due_ns(t) == TRAIL_NEVER);
}

static void
it_goes_on_where_the_registry_ends(void **state)
{
	struct trail t = trail_new("cf1f", 1729);

	(void)state;
	assert_int_equal(t.state, TRAIL_BEGINS);
	expect_question(&t, 1729, "cf1f");
	t = trail_new("", 0);
	expect_question(&t, 0, "");
}

/* ---- where a page stands ---- */

static void
pages_have_their_place(void **state)
{
	static const struct {
		const char *why;
		bool fresh, anew; /* the registry is empty, or all has to come again */
		struct record_page page;
		enum trail_place want;
	} cases[] = {
		{ "the next", 0, 0, { "cf1f", 7, 9, .more = false }, TRAIL_NEXT },
		{ "the next of many", 0, 0, { "cf1f", 7, 9, .more = true }, TRAIL_NEXT },
		{ "nothing new", 0, 0, { "cf1f", 7, 7, .more = false }, TRAIL_NEXT },
		{ "a beginning", 0, 0, { "ab", 0, 9, .reset = true }, TRAIL_NEXT },
		{ "a beginning of nothing", 0, 0, { "ab", 0, 0, .reset = true }, TRAIL_NEXT },
		{ "a jump", 0, 0, { "cf1f", 8, 9, .more = false }, TRAIL_ASTRAY },
		{ "what is known", 0, 0, { "cf1f", 6, 9, .more = false }, TRAIL_ASTRAY },
		{ "from 0, no beginning", 0, 0, { "cf1f", 0, 9, .more = false }, TRAIL_ASTRAY },
		{ "of another", 0, 0, { "ab", 7, 9, .more = false }, TRAIL_ASTRAY },
		{ "a beginning amid", 0, 0, { "cf1f", 7, 9, .reset = true }, TRAIL_ASTRAY },
		{ "no further", 0, 0, { "cf1f", 7, 7, .more = true }, TRAIL_CIRCLE },
		{ "no further at 0", 0, 0, { "ab", 0, 0, .reset = true, .more = true },
		    TRAIL_CIRCLE },
		{ "first of all", 1, 0, { "ab", 0, 9, .reset = true }, TRAIL_NEXT },
		{ "first, no beginning", 1, 0, { "ab", 0, 9, .more = false }, TRAIL_ASTRAY },
		{ "first, of nobody", 1, 0, { "", 0, 9, .more = false }, TRAIL_ASTRAY },
		{ "anew", 0, 1, { "cf1f", 0, 9, .reset = true }, TRAIL_NEXT },
		{ "anew, no beginning", 0, 1, { "cf1f", 7, 9, .more = false }, TRAIL_ASTRAY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trail t = cases[i].fresh ? trail_new("", 0) : trail_new("cf1f", 7);

		t.anew = cases[i].anew;
		trail_ask(&t, NOW);
		if (trail_place(&t, &cases[i].page) != cases[i].want)
			fail_msg("%s", cases[i].why);
	}
}

/* ---- when ---- */

static void
after_a_page_it_asks_at_once(void **state)
{
	struct trail t = trail_new("cf1f", 7);
	struct record_page p = page_of("cf1f", 7, 9);
	struct trail_question q;

	(void)state;
	p.more = true;
	p.begun = 12;
	trail_ask(&t, NOW);
	trail_set(&t, "cf1f", 9);
	trail_kept(&t, &p, NOW, &dice);
	assert_int_equal(t.state, TRAIL_GOES_ON);
	assert_int_equal(trail_due_ns(&t), NOW);
	q = trail_ask(&t, NOW);
	assert_true(q.since == 9 && q.begun == 12);

	p = page_of("cf1f", 9, 12);
	p.begun = 12;
	trail_set(&t, "cf1f", 12);
	trail_kept(&t, &p, NOW, &dice);
	q = trail_ask(&t, NOW);
	assert_true(q.since == 12 && q.begun == 0); /* there was no more */

	p = page_of("cf1f", 12, 12);
	trail_kept(&t, &p, NOW + WAIT * NS_PER_S, &dice);
	assert_int_equal(trail_due_ns(&t), NOW + WAIT * NS_PER_S);
}

static void
who_says_nothing_too_early_is_asked_later(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct trail t = trail_new("cf1f", 7);
		struct record_page p = page_of("cf1f", 7, 7);

		/* At first it is not asked to wait. */
		trail_ask(&t, NOW);
		trail_kept(&t, &p, NOW, &dice);
		assert_int_equal(trail_due_ns(&t), NOW);
		trail_ask(&t, NOW);
		trail_kept(&t, &p, NOW + NS_PER_MS, &dice);
		assert_in_range(trail_due_ns(&t) - NOW - NS_PER_MS, 1 * NS_PER_S, 2 * NS_PER_S);
	}
}

/* One that has no change at all yet begins anew each time, and does not wait. */
static void
an_empty_service_is_not_hurried(void **state)
{
	struct trail t = trail_new("", 0);
	struct record_page p = page_of("ab", 0, 0);

	(void)state;
	p.reset = true;
	trail_ask(&t, NOW);
	trail_set(&t, "ab", 0);
	trail_kept(&t, &p, NOW, &dice);
	assert_in_range(trail_due_ns(&t) - NOW, 1 * NS_PER_S, 2 * NS_PER_S);
}

/* Fails so often; how long until it asks again. */
static uint64_t
pause_after(struct trail *t, unsigned times, enum trail_failure how, uint64_t retry_after_s)
{
	for (unsigned i = 0; i < times; i++) {
		trail_ask(t, NOW);
		trail_failed(t, how, retry_after_s, NOW, &dice);
	}
	return trail_due_ns(t) - NOW;
}

static void
failures_are_borne_with_patience(void **state)
{
	static const struct {
		unsigned times;
		enum trail_failure how;
		uint64_t retry_after_s;
		uint64_t least_ms, most_ms;
	} cases[] = {
		{ 1, TRAIL_NO_PAGE, 0, 500, 1000 },
		{ 2, TRAIL_NO_PAGE, 0, 1000, 2000 },
		{ 3, TRAIL_NO_PAGE, 0, 2000, 4000 },
		{ 4, TRAIL_NO_PAGE, 0, 4000, 8000 },
		{ 5, TRAIL_NO_PAGE, 0, 8000, 16000 },
		{ 6, TRAIL_NO_PAGE, 0, 16000, 32000 },
		{ 7, TRAIL_NO_PAGE, 0, 30000, 60000 },
		{ 1000, TRAIL_NO_PAGE, 0, 30000, 60000 },
		{ 1, TRAIL_AWAY, 0, 500, 1000 },
		{ 5, TRAIL_AWAY, 0, 8000, 16000 },
		{ 6, TRAIL_AWAY, 0, 10000, 20000 },
		{ 1000, TRAIL_AWAY, 0, 10000, 20000 },
		{ 1000, TRAIL_AWAY, 60, 60000, 75000 },
		{ 1, TRAIL_NO_ROW, 0, 500, 1000 },
		{ 1, TRAIL_NO_ACCESS, 0, 30000, 60000 },
		{ 9, TRAIL_NO_ACCESS, 0, 30000, 60000 },
		{ 1, TRAIL_NO_PAGE, 1, 1000, 1250 },
		{ 1, TRAIL_NO_PAGE, 20, 20000, 25000 },
		{ 9, TRAIL_NO_PAGE, 20, 30000, 60000 },
		{ 1, TRAIL_NO_PAGE, 86400, 300000, 375000 },
		{ 1, TRAIL_NO_PAGE, UINT64_MAX, 300000, 375000 },
	};

	(void)state;
	random_from_seed(&dice, 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t least = UINT64_MAX, most = 0;

		for (int round = 0; round < 200; round++) {
			struct trail t = trail_new("cf1f", 7);
			uint64_t ns;

			random_from_seed(&dice, (uint64_t)round);
			ns = pause_after(&t, cases[i].times, cases[i].how, cases[i].retry_after_s);
			assert_int_equal(t.failures, cases[i].times);
			least = ns < least ? ns : least;
			most = ns > most ? ns : most;
		}
		if (least < cases[i].least_ms * NS_PER_MS || most > cases[i].most_ms * NS_PER_MS)
			fail_msg("case %zu: %ju to %ju ms", i, (uintmax_t)(least / NS_PER_MS),
			    (uintmax_t)(most / NS_PER_MS));
		/* Not all at the same time. */
		assert_true(most - least > (cases[i].most_ms - cases[i].least_ms) * NS_PER_MS / 2);
	}
}

/* A thousand cathedrals, some time after the service went away: how many of them ask in a second.
 */
static void
a_service_that_comes_back_is_not_run_over(void **state)
{
	enum { CATHEDRALS = 1000, BACK_S = 600, SECONDS = 21 };
	unsigned asked[SECONDS] = { 0 }, most = 0, all = 0;

	(void)state;
	for (unsigned n = 0; n < CATHEDRALS; n++) {
		const uint64_t back_ns = NOW + BACK_S * NS_PER_S;
		struct trail t = trail_new("cf1f", 7);

		random_from_seed(&dice, n);
		while (trail_due_ns(&t) < back_ns) {
			uint64_t now_ns = trail_due_ns(&t);

			trail_ask(&t, now_ns);
			trail_failed(&t, TRAIL_AWAY, 0, now_ns, &dice);
		}
		assert_in_range(trail_due_ns(&t) - back_ns, 0, 20 * NS_PER_S);
		asked[(trail_due_ns(&t) - back_ns) / NS_PER_S]++;
	}
	for (unsigned second = 0; second < SECONDS; second++) {
		most = asked[second] > most ? asked[second] : most;
		all += asked[second];
	}
	assert_int_equal(all, CATHEDRALS);
	assert_in_range(most, CATHEDRALS / SECONDS, CATHEDRALS / 8);
}

static void
a_success_ends_the_failures(void **state)
{
	struct trail t = trail_new("cf1f", 7);
	struct record_page p = page_of("cf1f", 7, 8);

	(void)state;
	pause_after(&t, 9, TRAIL_NO_ACCESS, 0);
	assert_int_equal(t.state, TRAIL_DENIED);
	trail_ask(&t, NOW);
	trail_kept(&t, &p, NOW, &dice);
	assert_int_equal(t.state, TRAIL_GOES_ON);
	assert_in_range(pause_after(&t, 1, TRAIL_NO_PAGE, 0), 500 * NS_PER_MS, 1 * NS_PER_S);
	assert_int_equal(t.state, TRAIL_FAILS);
}

static void
who_went_astray_begins_anew_until_that_is_done(void **state)
{
	struct trail t = trail_new("cf1f", 7);
	struct record_page p = page_of("ab", 0, 3);
	struct trail_question q;

	(void)state;
	trail_ask(&t, NOW);
	trail_failed(&t, TRAIL_NO_ROW, 0, NOW, &dice);
	trail_set(&t, "cf1f", 7); /* the registry is as it was */
	q = trail_ask(&t, NOW);
	assert_true(q.since == 0 && q.database[0] == '\0');
	trail_failed(&t, TRAIL_NO_PAGE, 0, NOW, &dice);
	q = trail_ask(&t, NOW);
	assert_true(q.since == 0 && q.database[0] == '\0');
	p.reset = true;
	assert_int_equal(trail_place(&t, &p), TRAIL_NEXT);
	trail_set(&t, "ab", 3);
	trail_kept(&t, &p, NOW, &dice);
	expect_question(&t, 3, "ab");
}

static void
a_hint_makes_it_ask_at_once(void **state)
{
	struct trail t = trail_new("cf1f", 7);

	(void)state;
	pause_after(&t, 9, TRAIL_NO_ACCESS, 0);
	trail_hurry(&t, NOW);
	expect_question(&t, 7, "cf1f");
	trail_hurry(&t, NOW);
	expect_question(&t, 7, "cf1f");
}

/* What is under way, or waits because all is well, is left alone. */
static void
a_service_that_is_back_is_asked_if_it_had_failed(void **state)
{
	static const enum trail_failure failures[] = { TRAIL_NO_PAGE, TRAIL_NO_ACCESS,
		TRAIL_NO_ROW };
	struct trail t = trail_new("cf1f", 7);
	struct record_page nothing = page_of("cf1f", 7, 7);

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		pause_after(&t, 9, failures[i], 0);
		assert_true(trail_due_ns(&t) > NOW + 10 * NS_PER_S);
		trail_service_is_back(&t, NOW + 1);
		assert_int_equal(trail_due_ns(&t), NOW + 1);
		trail_ask(&t, NOW + 1);
		trail_service_is_back(&t, NOW + 2);
		assert_true(trail_due_ns(&t) == TRAIL_NEVER);
	}
	trail_kept(&t, &nothing, NOW + 3 * NS_PER_S, &dice);
	trail_ask(&t, NOW + 3 * NS_PER_S);
	trail_kept(&t, &nothing, NOW + 3 * NS_PER_S, &dice); /* too early: it waits a second */
	assert_true(trail_due_ns(&t) > NOW + 3 * NS_PER_S);
	trail_service_is_back(&t, NOW + 3 * NS_PER_S);
	assert_true(trail_due_ns(&t) > NOW + 3 * NS_PER_S);
}

/* ---- without end ---- */

/* A service that always has one more, or begins anew each time, for a day. */
static void
no_service_keeps_it_busy_for_ever(bool reset)
{
	const uint64_t day_ns = 86400 * NS_PER_S;
	struct trail t = trail_new("cf1f", 7);
	uint64_t now_ns = NOW, pages = 0;

	for (; now_ns < NOW + day_ns; pages++) {
		struct record_page p = page_of("cf1f", reset ? 0 : t.until, t.until + 1);

		now_ns = trail_due_ns(&t) > now_ns ? trail_due_ns(&t) : now_ns;
		trail_ask(&t, now_ns);
		p.reset = reset;
		p.more = true;
		now_ns += NS_PER_MS; /* it is fast */
		assert_int_equal(trail_place(&t, &p), TRAIL_NEXT);
		trail_set(&t, "cf1f", p.until);
		trail_kept(&t, &p, now_ns, &dice);
		if (pages == 1000)
			assert_in_range(now_ns - NOW, 0, 2 * NS_PER_S);
	}
	assert_in_range(pages, 86400 * 10, 86400 * 10 + 2000);
}

static void
pages_without_end(void **state)
{
	(void)state;
	no_service_keeps_it_busy_for_ever(false);
	no_service_keeps_it_busy_for_ever(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_where_the_registry_ends),
		cmocka_unit_test(pages_have_their_place),
		cmocka_unit_test(after_a_page_it_asks_at_once),
		cmocka_unit_test(who_says_nothing_too_early_is_asked_later),
		cmocka_unit_test(an_empty_service_is_not_hurried),
		cmocka_unit_test(failures_are_borne_with_patience),
		cmocka_unit_test(a_service_that_comes_back_is_not_run_over),
		cmocka_unit_test(a_success_ends_the_failures),
		cmocka_unit_test(who_went_astray_begins_anew_until_that_is_done),
		cmocka_unit_test(a_hint_makes_it_ask_at_once),
		cmocka_unit_test(a_service_that_is_back_is_asked_if_it_had_failed),
		cmocka_unit_test(pages_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

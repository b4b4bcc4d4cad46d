/* SPDX-License-Identifier: ISC */
/* Months pass in virtual time: what is counted, who is slowed and stopped, and clocks that step. */
#include "cathedral/state/budget.h"

#include "base/month.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GB      UINT64_C(1000000000)
#define THREADS 4
#define DAY_S   INT64_C(86400)
#define HEARD   64

/* 2026-11-01T00:00:00Z, and the beginnings of months around it. */
#define OCTOBER  INT64_C(1790812800)
#define NOVEMBER INT64_C(1793491200)
#define DECEMBER INT64_C(1796083200)

static const struct flock_id one = { 0xaaaa00 }, two = { 0xbbbb00 };

struct hall {
	struct budget *budget;
	struct instant now;
	struct budget_news heard[HEARD];
	size_t heard_count;
};

static struct random randomness;

static struct hall
hall_open(uint64_t host, uint64_t flock)
{
	const struct budget_options options = {
		.host = host,
		.flock = flock,
		.threads = THREADS,
		.flocks_max = 8192,
	};
	struct hall h = { .now = { 1000 * NS_PER_S, NOVEMBER } };

	h.budget = budget_create(&options, &randomness);
	assert_non_null(h.budget);
	return h;
}

static void
hear(const struct budget_news *news, void *arg)
{
	struct hall *h = arg;

	assert_true(h->heard_count < HEARD);
	h->heard[h->heard_count++] = *news;
}

static void
tick(struct hall *h)
{
	h->now.mono_ns += 100 * NS_PER_MS;
	budget_tick(h->budget, h->now, hear, h);
}

static void
tick_at(struct hall *h, int64_t wall_s)
{
	h->now.wall_s = wall_s;
	tick(h);
}

/* A thread relays so much for a flock: the host sends it. */
static void
relay(struct hall *h, struct flock_id flock, unsigned thread, uint64_t bytes)
{
	meter_count(&budget_flock_meters(h->budget, flock)[thread], bytes);
	meter_count(budget_host_meter(h->budget, thread), bytes);
}

static struct budget_report
report(const struct hall *h)
{
	struct budget_report r;

	budget_report(h->budget, &r);
	return r;
}

static struct budget_report
report_of(const struct hall *h, struct flock_id flock)
{
	struct budget_report r;

	assert_true(budget_report_flock(h->budget, flock, &r));
	return r;
}

static uint64_t
pace_of(const struct hall *h, struct flock_id flock, unsigned thread)
{
	return atomic_load(&budget_flock_meters(h->budget, flock)[thread].pace);
}

static void
expect_news(const struct hall *h, size_t n, struct flock_id flock, enum budget_stage is)
{
	assert_true(n < h->heard_count);
	assert_int_equal(h->heard[n].flock.value, flock.value);
	assert_int_equal(h->heard[n].is, is);
}

static const struct flock_id host = { 0 };

static void
the_host_is_warned_slowed_and_stopped(void **state)
{
	struct hall h = hall_open(1000 * GB, 0);

	(void)state;
	tick_at(&h, NOVEMBER + 15 * DAY_S);
	relay(&h, one, 0, 800 * GB - 1);
	tick(&h);
	assert_int_equal(report(&h).stage, BUDGET_FREE);
	assert_int_equal(h.heard_count, 0);

	relay(&h, one, 1, 1);
	tick(&h);
	assert_int_equal(report(&h).stage, BUDGET_WARNED);
	assert_int_equal(pace_of(&h, one, 0), METER_FREE);

	/* 50 GB are left for 15 days: 38,580 bytes in a second, for the one flock that sends. */
	relay(&h, one, 0, 150 * GB);
	tick(&h);
	assert_int_equal(report(&h).stage, BUDGET_SLOWED);
	assert_int_equal(report(&h).pace, 50 * GB / (15 * DAY_S));
	assert_int_equal(pace_of(&h, one, 3), 50 * GB / (15 * DAY_S) / 2); /* of two threads */
	tick(&h);

	relay(&h, one, 0, 50 * GB);
	tick(&h);
	assert_int_equal(report(&h).stage, BUDGET_STOPPED);
	assert_int_equal(pace_of(&h, one, 0), METER_STOPPED);
	assert_int_equal(pace_of(&h, two, 2), METER_STOPPED);
	for (int n = 0; n < 20; n++)
		tick(&h);

	/* One piece of news for each. */
	assert_int_equal(h.heard_count, 3);
	expect_news(&h, 0, host, BUDGET_WARNED);
	expect_news(&h, 1, host, BUDGET_SLOWED);
	expect_news(&h, 2, host, BUDGET_STOPPED);
	budget_destroy(h.budget);
}

static void
a_new_month_begins_at_zero(void **state)
{
	struct hall h = hall_open(10 * GB, 10 * GB);

	(void)state;
	tick(&h);
	relay(&h, one, 0, 20 * GB);
	tick_at(&h, DECEMBER - 1);
	assert_int_equal(report_of(&h, one).stage, BUDGET_STOPPED);
	assert_int_equal(h.heard_count, 2);

	/* What was not added up yet when the month ended is its own. */
	relay(&h, one, 0, GB);
	tick_at(&h, DECEMBER);
	assert_int_equal(report(&h).used, 0);
	assert_int_equal(report(&h).stage, BUDGET_FREE);
	assert_int_equal(report_of(&h, one).used, 0);
	assert_int_equal(report_of(&h, one).stage, BUDGET_FREE);
	assert_int_equal(pace_of(&h, one, 0), METER_FREE);
	assert_int_equal(h.heard_count, 3);
	assert_true(h.heard[2].month_began);
	assert_int_equal(h.heard[2].month, month_of(DECEMBER));
	relay(&h, one, 0, GB);
	tick(&h);
	assert_int_equal(report(&h).used, GB);
	assert_int_equal(report_of(&h, one).used, GB);
	budget_destroy(h.budget);
}

static void
a_flock_is_warned_slowed_and_stopped_alone(void **state)
{
	struct hall h = hall_open(0, 100 * GB);
	struct budget_report r;

	(void)state;
	tick_at(&h, NOVEMBER + 15 * DAY_S);
	relay(&h, two, 0, 10 * GB);
	relay(&h, one, 0, 80 * GB);
	tick(&h);
	relay(&h, one, 0, 16 * GB);
	tick(&h);
	/* Too little to live on: the floor. */
	assert_int_equal(pace_of(&h, one, 0), BUDGET_FLOOR);
	assert_int_equal(pace_of(&h, two, 0), METER_FREE);
	r = report(&h);
	assert_int_equal(r.stages[BUDGET_FREE], 1);
	assert_int_equal(r.stages[BUDGET_SLOWED], 1);
	relay(&h, one, 0, 4 * GB);
	tick(&h);
	r = report(&h);
	assert_int_equal(r.stages[BUDGET_STOPPED], 1);
	assert_int_equal(r.stages[BUDGET_SLOWED], 0);
	assert_int_equal(r.stage, BUDGET_FREE);
	assert_int_equal(r.used, 110 * GB);
	assert_int_equal(pace_of(&h, one, 2), METER_STOPPED);
	assert_int_equal(pace_of(&h, two, 2), METER_FREE);
	assert_int_equal(h.heard_count, 3);
	for (size_t n = 0; n < 3; n++)
		expect_news(&h, n, one, (enum budget_stage)(BUDGET_WARNED + n));
	/* In any domain it is the same flock. */
	assert_int_equal(report_of(&h, flock_with_domain(one, 7)).used, 100 * GB);
	budget_destroy(h.budget);
}

/* What is left is for those who send; who has not for a while wants nothing of it. */
static void
flocks_that_send_share_the_pace_of_the_host(void **state)
{
	struct hall h = hall_open(10000 * GB, 0);
	uint64_t pace;

	(void)state;
	tick_at(&h, DECEMBER - DAY_S);
	relay(&h, one, 0, 9600 * GB);
	tick(&h);
	tick(&h);
	pace = report(&h).pace;
	assert_int_equal(pace, 400 * GB / DAY_S);
	assert_int_equal(pace_of(&h, one, 0), pace);
	relay(&h, two, 0, 1);
	tick(&h);
	tick(&h);
	assert_int_equal(pace_of(&h, one, 0), report(&h).pace / 2);
	assert_int_equal(pace_of(&h, two, 0), report(&h).pace / 2);
	h.now.mono_ns += 20 * NS_PER_S;
	relay(&h, two, 0, 1);
	tick(&h);
	tick(&h);
	assert_int_equal(pace_of(&h, two, 0), report(&h).pace);
	budget_destroy(h.budget);
}

/* At the end of the month what is left is more than anybody can send. */
static void
nobody_is_slowed_by_a_pace_beyond_all_measure(void **state)
{
	struct hall h = hall_open(100000 * GB, 0);

	(void)state;
	tick_at(&h, DECEMBER - 1000);
	relay(&h, one, 0, 95000 * GB);
	tick(&h);
	assert_int_equal(report(&h).stage, BUDGET_SLOWED);
	assert_int_equal(pace_of(&h, one, 0), METER_FREE);
	budget_destroy(h.budget);
}

/* ---- clocks ---- */

static void
a_step_back_within_the_month_changes_nothing(void **state)
{
	struct hall h = hall_open(10 * GB, 10 * GB);

	(void)state;
	tick_at(&h, NOVEMBER + 20 * DAY_S);
	relay(&h, one, 0, 5 * GB);
	tick(&h);
	tick_at(&h, NOVEMBER + 10 * DAY_S);
	tick_at(&h, NOVEMBER + 20 * DAY_S);
	assert_int_equal(report(&h).used, 5 * GB);
	assert_int_equal(report_of(&h, one).used, 5 * GB);
	assert_int_equal(h.heard_count, 0);
	budget_destroy(h.budget);
}

/* A clock that is set back over the beginning of a month finds both as they were. */
static void
a_step_back_into_the_month_before_resets_and_doubles_nothing(void **state)
{
	struct hall h = hall_open(100 * GB, 100 * GB);

	(void)state;
	tick_at(&h, DECEMBER - 10);
	relay(&h, one, 0, 30 * GB);
	tick_at(&h, DECEMBER + 5);
	assert_int_equal(report(&h).used, 0);
	relay(&h, one, 0, 2 * GB);
	tick_at(&h, DECEMBER - 5);
	assert_int_equal(report(&h).used, 30 * GB);
	relay(&h, one, 0, GB);
	tick(&h);
	assert_int_equal(report(&h).used, 31 * GB);
	assert_int_equal(report_of(&h, one).used, 31 * GB);
	for (int n = 0; n < 10; n++) {
		tick_at(&h, DECEMBER + n);
		assert_int_equal(report(&h).used, 2 * GB);
		assert_int_equal(report_of(&h, one).used, 2 * GB);
		tick_at(&h, DECEMBER - 1 - n);
		assert_int_equal(report(&h).used, 31 * GB);
	}
	budget_destroy(h.budget);
}

/* No battery, or a slip of the hand: 1970 is not believed. */
static void
a_clock_before_everything_counts_for_the_month_that_was(void **state)
{
	struct hall h = hall_open(100 * GB, 100 * GB);

	(void)state;
	tick_at(&h, NOVEMBER + DAY_S);
	relay(&h, one, 0, 30 * GB);
	tick_at(&h, 5);
	assert_int_equal(report(&h).month, month_of(NOVEMBER));
	relay(&h, one, 0, GB);
	tick(&h);
	assert_int_equal(report(&h).used, 31 * GB);
	tick_at(&h, NOVEMBER + 2 * DAY_S);
	assert_int_equal(report(&h).used, 31 * GB);
	assert_int_equal(report_of(&h, one).used, 31 * GB);
	assert_int_equal(h.heard_count, 0);
	budget_destroy(h.budget);
}

/* One that was years ahead for a while leaves nothing behind, not even once the next month comes.
 */
static void
a_clock_that_was_ahead_is_forgiven(void **state)
{
	struct hall h = hall_open(100 * GB, 100 * GB);

	(void)state;
	tick_at(&h, NOVEMBER + DAY_S);
	relay(&h, one, 0, 30 * GB);
	tick_at(&h, NOVEMBER + 4000 * DAY_S);
	relay(&h, one, 0, 7 * GB);
	tick_at(&h, NOVEMBER + 2 * DAY_S);
	assert_int_equal(report(&h).used, 30 * GB);
	tick_at(&h, DECEMBER);
	assert_int_equal(report(&h).month, month_of(DECEMBER));
	assert_int_equal(report(&h).used, 0);
	relay(&h, one, 0, GB);
	tick(&h);
	tick_at(&h, DECEMBER + 40 * DAY_S);
	assert_int_equal(report(&h).month, month_of(DECEMBER + 40 * DAY_S));
	assert_int_equal(report(&h).used, 0);
	assert_int_equal(report_of(&h, one).used, 0);
	budget_destroy(h.budget);
}

/*
 * Whatever the clock does, each byte is counted once, for the month that it showed: random steps
 * among three months, against sums kept here.
 */
static void
random_steps_count_every_byte_once(void **state)
{
	const int64_t begins[] = { OCTOBER, NOVEMBER, DECEMBER };
	struct hall h = hall_open(0, 1000000 * GB);
	uint64_t sums[3] = { 0 };
	size_t in = 0;

	(void)state;
	tick_at(&h, OCTOBER);
	for (int n = 0; n < 20000; n++) {
		uint64_t bytes = random_u64(&randomness) % 100000;

		relay(&h, one, random_u64(&randomness) % THREADS, bytes);
		sums[in] += bytes;
		if (random_u64(&randomness) % 4 == 0)
			in = random_u64(&randomness) % 3;
		h.heard_count = 0;
		tick_at(&h, begins[in] + (int64_t)(random_u64(&randomness) % 1000000));
		assert_int_equal(report(&h).used, sums[in]);
		assert_int_equal(report_of(&h, one).used, sums[in]);
	}
	budget_destroy(h.budget);
}

/* ---- crowds ---- */

static void
a_crowd_is_looked_at_in_parts_and_stopped_at_once(void **state)
{
	struct hall h = hall_open(1000 * GB, 0);
	unsigned ticks = 0;

	(void)state;
	tick(&h);
	for (uint64_t n = 1; n <= 8000; n++)
		relay(&h, (struct flock_id){ n << 8 }, 0, 1000);
	for (uint64_t n = 1; n <= 8000; n++) {
		while (report_of(&h, (struct flock_id){ n << 8 }).used == 0) {
			tick(&h);
			ticks++;
		}
	}
	/* Chance spreads them unevenly over the table. */
	assert_in_range(ticks, 2, 2 * 8000 / BUDGET_FLOCKS_A_TICK);
	meter_count(budget_host_meter(h.budget, 0), 1000 * GB);
	tick(&h);
	for (uint64_t n = 1; n <= 8000; n++)
		assert_int_equal(pace_of(&h, (struct flock_id){ n << 8 }, 1), METER_STOPPED);
	budget_destroy(h.budget);
}

/* Those for whom there is no room are counted for the host, and stop with it. */
static void
who_has_no_room_shares_a_meter(void **state)
{
	struct hall h = hall_open(GB, GB);
	const struct meter *shared = NULL, *last = NULL;

	(void)state;
	tick(&h);
	for (uint64_t n = 1; n <= 100000; n++) {
		const struct meter *m = budget_flock_meters(h.budget, (struct flock_id){ n << 8 });

		if (m == last)
			shared = m;
		last = m;
	}
	assert_non_null(shared);
	assert_true(report(&h).flocks < 100000);
	meter_count(budget_host_meter(h.budget, 0), GB);
	tick(&h);
	assert_int_equal(atomic_load(&shared[2].pace), METER_STOPPED);
	budget_destroy(h.budget);
}

/* ---- for who comes after ---- */

struct copy {
	struct hall *to;
	size_t count;
};

static void
copy_record(const struct budget_record *r, void *arg)
{
	struct copy *c = arg;

	assert_true(budget_restore(c->to->budget, r));
	c->count++;
}

static bool
rest(void *arg)
{
	(void)arg;
	return true;
}

/* As a bequest does it: what changed since the round before, all in the first. */
static size_t
copy_round(struct hall *from, struct hall *to, uint32_t *mark)
{
	struct copy c = { to, 0 };
	uint32_t since = *mark;

	*mark = budget_mark(from->budget);
	assert_true(budget_changed(from->budget, since, copy_record, rest, &c));
	return c.count;
}

static size_t
copy_all(struct hall *from, struct hall *to)
{
	uint32_t mark = 0;

	return copy_round(from, to, &mark);
}

static void
what_was_used_goes_on_elsewhere(void **state)
{
	struct hall h = hall_open(10 * GB, 10 * GB), next = hall_open(10 * GB, 10 * GB);
	uint32_t mark = 0;

	(void)state;
	tick_at(&h, NOVEMBER - 1);
	relay(&h, one, 0, GB);
	tick_at(&h, NOVEMBER + DAY_S);
	relay(&h, one, 0, 3 * GB);
	relay(&h, two, 1, 4 * GB);
	/* Two months of the host and of one, one of two; without a tick between. */
	assert_int_equal(copy_round(&h, &next, &mark), 5);
	/* What was added up in a round may be told in the next one, too, and then no more. */
	copy_round(&h, &next, &mark);
	assert_int_equal(copy_round(&h, &next, &mark), 2);
	relay(&h, two, 1, 3 * GB);
	assert_int_equal(copy_round(&h, &next, &mark), 2 + 1);

	tick_at(&next, NOVEMBER + DAY_S);
	assert_int_equal(report(&next).used, 10 * GB);
	assert_int_equal(report(&next).stage, BUDGET_STOPPED);
	assert_int_equal(report_of(&next, one).used, 3 * GB);
	assert_int_equal(report_of(&next, two).used, 7 * GB);
	tick_at(&next, NOVEMBER - 1);
	assert_int_equal(report(&next).used, GB);

	/* Told again it is not more. */
	copy_all(&h, &next);
	tick_at(&next, NOVEMBER + DAY_S);
	assert_int_equal(report(&next).used, 10 * GB);
	budget_destroy(h.budget);
	budget_destroy(next.budget);
}

/* A machine whose clock starts in 1970 has the latest month until it is set. */
static void
after_a_start_with_a_wrong_clock_the_latest_month_counts(void **state)
{
	struct hall h = hall_open(10 * GB, 0), next = hall_open(10 * GB, 0);

	(void)state;
	tick_at(&h, OCTOBER);
	relay(&h, one, 0, GB);
	tick_at(&h, NOVEMBER);
	relay(&h, one, 0, 2 * GB);
	tick(&h);
	copy_all(&h, &next);
	tick_at(&next, 60);
	assert_int_equal(report(&next).month, month_of(NOVEMBER));
	assert_int_equal(report(&next).used, 2 * GB);
	tick_at(&next, NOVEMBER + 60);
	assert_int_equal(report(&next).used, 2 * GB);
	budget_destroy(h.budget);
	budget_destroy(next.budget);
}

static void
figures_that_cannot_be_are_refused(void **state)
{
	struct hall h = hall_open(GB, GB);
	struct budget_record r = { month_of(NOVEMBER), one, BUDGET_USED_MAX + 1 };

	(void)state;
	assert_false(budget_restore(h.budget, &r));
	r.used = 1;
	r.month = MONTH_LAST + 1;
	assert_false(budget_restore(h.budget, &r));
	/* More months than are remembered: the earliest go. */
	for (unsigned n = 0; n < 5; n++) {
		r.month = month_of(NOVEMBER) + n;
		assert_true(budget_restore(h.budget, &r));
	}
	r.month = month_of(NOVEMBER);
	assert_false(budget_restore(h.budget, &r));
	tick_at(&h, month_begin(month_of(NOVEMBER) + 4));
	assert_int_equal(report_of(&h, one).used, 1);
	budget_destroy(h.budget);
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
		cmocka_unit_test(the_host_is_warned_slowed_and_stopped),
		cmocka_unit_test(a_new_month_begins_at_zero),
		cmocka_unit_test(a_flock_is_warned_slowed_and_stopped_alone),
		cmocka_unit_test(flocks_that_send_share_the_pace_of_the_host),
		cmocka_unit_test(nobody_is_slowed_by_a_pace_beyond_all_measure),
		cmocka_unit_test(a_step_back_within_the_month_changes_nothing),
		cmocka_unit_test(a_step_back_into_the_month_before_resets_and_doubles_nothing),
		cmocka_unit_test(a_clock_before_everything_counts_for_the_month_that_was),
		cmocka_unit_test(a_clock_that_was_ahead_is_forgiven),
		cmocka_unit_test(random_steps_count_every_byte_once),
		cmocka_unit_test(a_crowd_is_looked_at_in_parts_and_stopped_at_once),
		cmocka_unit_test(who_has_no_room_shares_a_meter),
		cmocka_unit_test(what_was_used_goes_on_elsewhere),
		cmocka_unit_test(after_a_start_with_a_wrong_clock_the_latest_month_counts),
		cmocka_unit_test(figures_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Budgets of hosts and flocks, in virtual time: months pass, cathedrals crash and are replaced, and
 * devices find each other whatever was used up.
 */
#include "tests/support/heritage.h"
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MB      UINT64_C(1000000)
#define DAY_S   INT64_C(86400)
#define PAYLOAD 1300

static struct budget_report
report(const struct world *w, unsigned cathedral)
{
	struct budget_report r;

	budget_report(w->cathedrals[cathedral].site->budget, &r);
	return r;
}

static uint64_t
used_by_flock(const struct world *w, unsigned cathedral, unsigned flock)
{
	struct budget_report r;

	assert_true(
	    budget_report_flock(w->cathedrals[cathedral].site->budget, w->flocks[flock].id, &r));
	return r.used;
}

/* The next month, or one of those after it, by everybody's clock. */
static void
pass_month(struct world *w)
{
	w->wall_s += 31 * DAY_S;
	scene_run_s(w, 1);
}

/* A tunnel that is known at both ends, and the first hello of each. */
static unsigned
open_tunnel(struct world *w, unsigned cathedral, unsigned peer_cathedral)
{
	unsigned a = scene_tunnel(w, 0, 1, cathedral, peer_cathedral);

	world_open(w);
	scene_run_s(w, 11);
	scene_expect_talk(w, a);
	return a;
}

/* So many packets a second for a while; how many of them arrive. */
static size_t
stream(struct world *w, unsigned device, unsigned a_second, unsigned seconds)
{
	size_t arrived = 0, first = w->data_count, last;

	for (unsigned n = 0; n < a_second * seconds; n++) {
		world_send_data(w, device, PAYLOAD);
		world_run(w, NS_PER_S / a_second);
	}
	scene_run_s(w, 0.2);
	last = w->data_count;
	for (size_t n = first; n < last; n++)
		arrived += world_arrived(w, n) > 0;
	return arrived;
}

/* Sends until the host or the flock is there. */
static void
stream_until(struct world *w, unsigned device, enum budget_stage stage, bool flock)
{
	for (unsigned n = 0; n < 1000; n++) {
		struct budget_report r = report(w, 0);

		if (flock ? r.stages[stage] > 0 : r.stage == stage)
			return;
		stream(w, device, 1000, 1);
	}
	fail_msg("never %s", budget_stage_name(stage));
}

/* Offers are answered, and nobody gives the cathedral up. */
static void
expect_discovery(struct world *w, unsigned device)
{
	uint64_t infos = w->devices[device].events[DEVICE_INFO];

	scene_run_s(w, 60);
	assert_true(w->devices[device].events[DEVICE_INFO] >= infos + 10);
	assert_int_equal(w->devices[device].moves, 0);
}

/* Warned, slowed, stopped, and free again when the month is over: host and flock alike. */
static void
a_month_is_used_up_and_the_next_one_begins(void **state)
{
	(void)state;
	for (unsigned flock = 0; flock < 2; flock++) {
		struct world *w = scene_begin(1, flock == 1, 2);
		struct site_options *o = &w->cathedrals[0].options;
		unsigned a;
		size_t arrived;

		*(flock ? &o->flock_budget_month : &o->budget_month) = 20 * MB;
		a = open_tunnel(w, 0, 0);
		for (int month = 0; month < 2; month++) {
			stream_until(w, a, BUDGET_WARNED, flock);
			assert_int_equal(stream(w, a, 100, 1), 100);
			stream_until(w, a, BUDGET_SLOWED, flock);
			stream(w, a, 100, 2); /* what its bucket has at first */
			arrived = stream(w, a, 100, 10);
			assert_in_range(arrived, 190, 240); /* 320,000 bytes, of 1 MB */
			assert_true(world_verdicts(w, 0, VERDICT_DROP_BUDGET_SLOW) > 0);
			expect_discovery(w, a);
			stream_until(w, a, BUDGET_STOPPED, flock);
			assert_int_equal(stream(w, a, 100, 2), 0);
			assert_true(world_verdicts(w, 0, VERDICT_DROP_BUDGET) > 0);
			scene_expect_silence(w, a);
			expect_discovery(w, a);
			pass_month(w);
			assert_int_equal(stream(w, a, 100, 2), 200);
			scene_expect_talk(w, a);
		}
		scene_end(w);
	}
}

/* What the host counts is what it sent, to the byte. */
static void
count_sent(struct world *w, const struct world_datagram *d, void *arg)
{
	unsigned cathedral;
	uint8_t listener;
	bool nat;

	if (world_find_cathedral(w, &d->from, &cathedral, &listener, &nat))
		*(uint64_t *)arg += d->len + EGRESS_HEADERS;
}

static void
all_that_is_sent_is_counted_once(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	uint64_t sent = 0;
	unsigned a;

	(void)state;
	w->cathedrals[0].options.budget_month = 1000 * MB;
	w->cathedrals[0].workers = 3;
	w->tap = count_sent;
	w->tap_arg = &sent;
	a = open_tunnel(w, 0, 0);
	stream(w, a, 500, 3);
	scene_run_s(w, 1);
	assert_true(sent > 1500 * PAYLOAD);
	assert_int_equal(report(w, 0).used, sent);
	/* The flock's part of it: all but the answers, give or take the padding. */
	assert_in_range(used_by_flock(w, 0, 0), sent * 9 / 10, sent * 11 / 10);
	scene_end(w);
}

/* Between cathedrals a packet is sent twice, and each of them counts its own. */
static void
what_goes_to_another_cathedral_counts(void **state)
{
	struct world *w = scene_begin(2, false, 2);
	unsigned a;

	(void)state;
	w->cathedrals[0].options.flock_budget_month = 5 * MB;
	w->cathedrals[1].options.budget_month = 1000 * MB;
	a = open_tunnel(w, 0, 1);
	stream_until(w, a, BUDGET_STOPPED, true);
	assert_in_range(used_by_flock(w, 0, 0), 5 * MB, 5 * MB + 300000);
	assert_in_range(used_by_flock(w, 1, 0), 5 * MB - 10000, 5 * MB + 300000);
	assert_true(report(w, 1).used > used_by_flock(w, 1, 0));
	assert_int_equal(stream(w, a, 100, 1), 0);
	/* What comes from there is not handed on, either. */
	assert_int_equal(stream(w, a + 1, 100, 1), 0);
	scene_end(w);
}

/* One flock's budget is nobody else's. */
static void
expect_others_go_on(bool follow)
{
	struct world *w = scene_begin(1, false, 2);
	struct world_end other = { .flock = 1, .member = 0, .peer_flock = 1, .peer_member = 1 };
	unsigned a, b;

	if (follow)
		world_follow(w);
	w->cathedrals[0].options.flock_budget_month = 3 * MB;
	assert_int_equal(world_add_flock(w), 1);
	world_add_member(w, 1, 1, 0);
	world_add_member(w, 1, 2, 0);
	world_renew(w, 1, 10);
	b = world_add_tunnel(w, &other, 0, 0);
	a = open_tunnel(w, 0, 0);
	stream_until(w, a, BUDGET_STOPPED, true);
	assert_int_equal(stream(w, a, 100, 1), 0);
	assert_int_equal(stream(w, b, 100, 2), 200);
	/* A registry that is read again changes nothing of that. */
	w->flocks[0].members[1].mbit = 1000;
	world_touch(w, 0);
	world_publish_all(w);
	scene_run_s(w, 1);
	assert_int_equal(stream(w, a, 100, 1), 0);
	assert_int_equal(stream(w, b, 100, 2), 200);
	scene_end(w);
}

/* From files, and from registry.db, of which only what was touched is read. */
static void
other_flocks_go_on(void **state)
{
	(void)state;
	expect_others_go_on(false);
	expect_others_go_on(true);
}

/* ---- one cathedral after another ---- */

/* Ends the cathedral and starts another, which knows what this one would have left. */
static void
replace(struct world *w, enum bequest_scope scope)
{
	struct world_cathedral *c = &w->cathedrals[0];
	struct heritage_stream stream = { NULL, 0 };
	const struct bequest_sink sink = heritage_sink(&stream);
	struct bequest *b = bequest_create(c->site, &sink, scope);
	struct bequest_counts counts = { 0 };
	struct fault why = { "" };
	struct heir heir;

	assert_non_null(b);
	assert_true(bequest_write(b, world_cathedral_now(w, 0), &counts));
	bequest_destroy(b);
	world_crash(w, 0);
	world_start(w, 0);
	heir = heir_of(c->site, scope);
	if (!heritage_take(&heir, &stream, world_cathedral_now(w, 0), &why))
		fail_msg("%s", why.text);
	free(stream.bytes);
	budget_tick(c->site->budget, world_cathedral_now(w, 0), NULL, NULL);
}

static void
what_was_used_outlives_the_process(void **state)
{
	static const enum bequest_scope scopes[] = { BEQUEST_MONTHS, BEQUEST_PROCESS };

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct world *w = scene_begin(1, false, 2);
		uint64_t host, flock;
		unsigned a;

		w->cathedrals[0].options.budget_month = 200 * MB;
		w->cathedrals[0].options.flock_budget_month = 10 * MB;
		a = open_tunnel(w, 0, 0);
		stream(w, a, 1000, 3);
		scene_run_s(w, 1);
		for (int again = 0; again < 3; again++) {
			host = report(w, 0).used;
			flock = used_by_flock(w, 0, 0);
			replace(w, scopes[n]);
			assert_int_equal(report(w, 0).used, host);
			assert_int_equal(used_by_flock(w, 0, 0), flock);
			scene_run_s(w, 11);
			stream(w, a, 100, 1);
		}
		stream_until(w, a, BUDGET_STOPPED, true);
		replace(w, scopes[n]);
		/* From the first moment on. */
		assert_int_equal(report(w, 0).stages[BUDGET_STOPPED], 1);
		scene_run_s(w, 11);
		assert_int_equal(stream(w, a, 100, 1), 0);
		/* A new month is one for the next process, too. */
		replace(w, scopes[n]);
		w->wall_s += 31 * DAY_S;
		scene_run_s(w, 11);
		assert_int_equal(stream(w, a, 100, 1), 100);
		scene_end(w);
	}
}

/* With a rate of the host, too, what waited and was sent counts, and what was dropped does not. */
static void
what_waits_counts_when_it_goes(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	uint64_t sent = 0, flock;
	unsigned a;

	(void)state;
	w->cathedrals[0].options.budget_month = 1000 * MB;
	w->cathedrals[0].options.egress_mbit = 1;
	w->tap = count_sent;
	w->tap_arg = &sent;
	a = open_tunnel(w, 0, 0);
	stream(w, a, 500, 4);
	scene_run_s(w, 3);
	flock = used_by_flock(w, 0, 0);
	assert_true(world_verdicts(w, 0, VERDICT_QUEUED) > 500);
	assert_in_range(flock, 4 * 125000 * 8 / 10, sent);
	assert_int_equal(report(w, 0).used, sent);
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_month_is_used_up_and_the_next_one_begins),
		cmocka_unit_test(all_that_is_sent_is_counted_once),
		cmocka_unit_test(what_goes_to_another_cathedral_counts),
		cmocka_unit_test(other_flocks_go_on),
		cmocka_unit_test(what_was_used_outlives_the_process),
		cmocka_unit_test(what_waits_counts_when_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

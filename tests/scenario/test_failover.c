/* SPDX-License-Identifier: ISC */
/* Cathedrals die, come back and lose sight of each other; devices move between them. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
remember(struct world *w)
{
	for (unsigned n = 0; n < w->device_count; n++)
		w->devices[n].d.config.remembrance = true;
}

static unsigned
cathedral_of(const struct world *w, unsigned device)
{
	unsigned cathedral = WORLD_CATHEDRALS;
	uint8_t listener;
	bool nat_port;

	assert_true(world_find_cathedral(
	    w, device_cathedral(&w->devices[device].d), &cathedral, &listener, &nat_port));
	return cathedral;
}

/* What every cathedral that is up knows of the device's tunnel: local at one, that one's at all. */
static void
expect_known(const struct world *w, unsigned device)
{
	const struct device_config *c = &w->devices[device].d.config;
	const struct tunnel_key key = tunnel_key(c->flock, c->flock_dst, c->tunnel);
	unsigned home = cathedral_of(w, device);

	for (unsigned n = 0; n < w->cathedral_count; n++) {
		struct tunnel t;

		if (w->cathedrals[n].site == NULL)
			continue;
		assert_true(tunnels_find(
		    w->cathedrals[n].site->tunnels, &key, world_cathedral_now(w, n).mono_ns, &t));
		assert_int_equal(t.federated, n != home);
		assert_true(endpoint_equal(
		    &t.at, n == home ? &w->devices[device].at : &world_listener(w, home, 0)->main));
	}
}

static void
devices_go_to_the_next(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(3, shrouded, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 1);
		uint64_t died_ns, answered_ns;

		remember(w);
		world_open(w);
		scene_run_s(w, 33);
		scene_expect_talk(w, a);
		expect_known(w, a);
		expect_known(w, a + 1);

		world_crash(w, 0);
		died_ns = w->now_ns;
		answered_ns = w->devices[a].d.answered_ns;
		assert_true(answered_ns <= died_ns && answered_ns + 20 * NS_PER_S > died_ns);
		world_run(w, answered_ns + 45 * NS_PER_S - died_ns);
		assert_int_equal(cathedral_of(w, a), 0);
		scene_expect_silence(w, a + 1);
		assert_int_not_equal(cathedral_of(w, a), 0);
		assert_int_equal(w->devices[a].moves, 1);
		scene_run_s(w, 1);
		scene_expect_talk(w, a);
		expect_known(w, a);
		assert_int_equal(w->devices[a + 1].moves, 0);

		/* Both at one cathedral now; the one that comes back learns of both. */
		world_start(w, 0);
		scene_run_s(w, 10);
		expect_known(w, a);
		expect_known(w, a + 1);

		/* The next one dies with both: they meet elsewhere. */
		world_crash(w, 1);
		scene_run_s(w, 60);
		assert_int_not_equal(cathedral_of(w, a), 1);
		assert_int_not_equal(cathedral_of(w, a + 1), 1);
		scene_expect_talk(w, a);
		expect_known(w, a);
		expect_known(w, a + 1);
		scene_end(w);
	}
}

/* Down and up again before anybody gives it up: the next info brings everything back. */
static void
a_restart_costs_one_interval(void **state)
{
	struct world *w = scene_begin(2, true, 4);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1), b = scene_tunnel(w, 2, 3, 0, 0);

	(void)state;
	remember(w);
	world_open(w);
	scene_run_s(w, 33);
	world_crash(w, 0);
	scene_run_s(w, 1);
	world_start(w, 0);
	/* Devices still have their ambries, and the other cathedral tells what it has. */
	scene_run_s(w, 5.1);
	scene_expect_talk(w, a);
	scene_expect_talk(w, b);
	for (unsigned n = 0; n < w->device_count; n++)
		assert_int_equal(w->devices[n].moves, 0);
	scene_end(w);
}

/* By hand, in all directions: nothing is lost but what was under way. */
static void
devices_move(void **state)
{
	static const unsigned order[] = { 1, 2, 0, 2, 1, 0, 1, 0 };

	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(3, shrouded, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);
		struct device *d = &w->devices[a].d;

		for (unsigned n = 1; n < 3; n++)
			world_add_fallback(w, a, n, 0);
		d->config.liturgy.on = true;
		world_open(w);
		scene_run_s(w, 7);
		for (unsigned n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
			uint64_t moved_ns = w->now_ns;

			d->cathedral = (uint8_t)order[n];
			d->answered_ns = d->info_due_ns = moved_ns;
			/* After the info has shown who it is: only one packet is looked up at a
			 * time. */
			d->liturgy_due_ns = moved_ns + 50 * NS_PER_MS;
			scene_run_s(w, 0.1);
			/* What others told of it is no reason to let it wait. */
			assert_true(w->devices[a].liturgy_ns > moved_ns);
			expect_known(w, a);
			expect_known(w, a + 1);
			scene_expect_talk(w, a);
			/* The same cathedral answers a liturgy every three seconds. */
			scene_run_s(w, 2);
		}
		scene_end(w);
	}
}

static void
cut_cathedrals(struct world *w, unsigned one, bool cut)
{
	for (unsigned n = 0; n < w->cathedral_count; n++)
		if (n != one)
			world_cut(w, one, n, cut);
}

/* Cathedrals that do not hear each other forget what the other has, and learn it again. */
static void
partitions_heal(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(3, shrouded, 6);
		unsigned a = scene_tunnel(w, 0, 1, 0, 1), b = scene_tunnel(w, 2, 3, 1, 2);
		unsigned c = scene_tunnel(w, 4, 5, 0, 0);

		remember(w);
		world_open(w);
		scene_run_s(w, 20);
		cut_cathedrals(w, 0, true);
		for (unsigned n = 0; n < 200; n += 40) {
			scene_run_s(w, 40);
			scene_expect_silence(w, a);
			scene_expect_silence(w, a + 1);
			scene_expect_talk(w, b);
			scene_expect_talk(w, c);
		}
		assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 3);
		assert_int_equal(tunnels_count(w->cathedrals[1].site->tunnels), 3);
		cut_cathedrals(w, 0, false);
		scene_run_s(w, 5.1);
		scene_expect_talk(w, a);
		for (unsigned n = 0; n < w->device_count; n++) {
			expect_known(w, n);
			assert_int_equal(w->devices[n].moves, 0);
		}
		scene_end(w);
	}
}

/* The way of one device to its cathedral breaks: it goes to another, the rest stay. */
static void
broken_ways_are_left(void **state)
{
	struct world *w = scene_begin(2, true, 4);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0), b = scene_tunnel(w, 2, 3, 0, 0);

	(void)state;
	remember(w);
	world_open(w);
	scene_run_s(w, 20);
	world_cut(w, world_host_of_device(a), 0, true);
	scene_run_s(w, 51);
	assert_int_equal(cathedral_of(w, a), 1);
	assert_int_equal(cathedral_of(w, a + 1), 0);
	scene_expect_talk(w, a);
	scene_expect_talk(w, b);
	scene_end(w);
}

/* Those that are heard are listed first. */
static void
remembrances_know_who_is_alive(void **state)
{
	struct world *w = scene_begin(3, true, 3);
	unsigned a = scene_tunnel(w, 0, 1, 0, 2);
	struct world_end third = { .member = 2, .peer_member = 1, .cathedral = 1 };
	unsigned c = world_add_device(w, &third);
	const struct remembrance *r = &w->devices[a].remembrance.remembrance;

	(void)state;
	remember(w);
	world_open(w);
	scene_run_s(w, 31);
	assert_int_equal(r->cathedrals[1].ip[2], 2);
	assert_int_equal(r->cathedrals[2].ip[2], 3);
	world_crash(w, 1);
	w->devices[c].off = true;
	scene_run_s(w, 100);
	assert_int_equal(r->cathedrals[1].ip[2], 2);
	scene_run_s(w, 50);
	assert_int_equal(r->count, 3);
	assert_int_equal(r->cathedrals[0].ip[2], 1);
	assert_int_equal(r->cathedrals[1].ip[2], 3);
	assert_int_equal(r->cathedrals[2].ip[2], 2);
	scene_end(w);
}

/* Clocks that are ten seconds apart are good enough, eleven are not. */
static void
clocks_may_differ_by_ten_seconds(void **state)
{
	static const struct {
		int64_t skew_s[2];
		bool works;
	} cases[] = {
		{ { 9, 0 }, true },
		{ { -9, 0 }, true },
		{ { 5, -5 }, true },
		{ { 12, 0 }, false },
		{ { -12, 0 }, false },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct world *w = scene_begin(2, true, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 1);

		w->cathedrals[0].skew_s = cases[n].skew_s[0];
		w->cathedrals[1].skew_s = cases[n].skew_s[1];
		world_open(w);
		scene_run_s(w, 11);
		if (cases[n].works) {
			scene_expect_talk(w, a);
			scene_expect_verdicts(w, 0, VERDICT_DROP_STALE, 0);
			scene_expect_verdicts(w, 1, VERDICT_DROP_STALE, 0);
		} else {
			scene_expect_silence(w, a);
			assert_true(world_verdicts(w, 0, VERDICT_DROP_STALE) >= 3);
			assert_false(w->devices[a].d.has_secret);
		}
		scene_end(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_go_to_the_next),
		cmocka_unit_test(a_restart_costs_one_interval),
		cmocka_unit_test(devices_move),
		cmocka_unit_test(partitions_heal),
		cmocka_unit_test(broken_ways_are_left),
		cmocka_unit_test(remembrances_know_who_is_alive),
		cmocka_unit_test(clocks_may_differ_by_ten_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

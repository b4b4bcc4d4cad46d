/* SPDX-License-Identifier: ISC */
/* How long things live and how often they happen, to the nanosecond where that can be said. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
run_until(struct world *w, uint64_t at_ns)
{
	assert_true(at_ns >= w->now_ns);
	world_run(w, at_ns - w->now_ns);
}

/* From its last info on a tunnel lives for 120 s, and not a nanosecond longer. */
static void
tunnels_live_for_two_minutes(void **state)
{
	(void)state;
	for (unsigned cathedrals = 1; cathedrals <= 2; cathedrals++) {
		for (unsigned over = 0; over < 2; over++) {
			struct world *w = scene_begin(cathedrals, false, 2);
			unsigned a = scene_tunnel(w, 0, 1, 0, cathedrals - 1);
			uint64_t last_ns;
			size_t serial;

			world_open(w);
			scene_run_s(w, 11);
			scene_quiet(w, a);
			/* One that is told to the other cathedral, too. */
			scene_run_s(w, 3);
			last_ns = w->now_ns;
			scene_send_info(w, a);
			run_until(w, last_ns + (uint64_t)(119.9 * NS_PER_S));
			serial = world_send_data(w, a + 1, 100);
			/* What counts is when it comes to the cathedral of the device. */
			run_until(w, last_ns + 120 * NS_PER_S - 1 + over -
					 (cathedrals - 1) * w->line.delay_ns);
			assert_int_equal(world_arrived(w, serial), 1);
			serial = world_send_data(w, a + 1, 100);
			scene_run_s(w, 0.05);
			assert_int_equal(world_arrived(w, serial), !over);
			if (over)
				scene_expect_verdicts(w, 0, VERDICT_DROP_NO_TUNNEL, 1);
			scene_end(w);
		}
	}
}

static void
liturgies_live_for_two_minutes(void **state)
{
	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct world *w = scene_begin(1, false, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);
		uint64_t last_ns;

		world_open(w);
		for (unsigned n = a; n < a + 2; n++) {
			scene_quiet(w, n);
			w->devices[n].d.config.liturgy.group = 7;
		}
		scene_send_liturgy(w, a);
		last_ns = w->now_ns;
		run_until(w, last_ns + (uint64_t)(110 * NS_PER_S));
		scene_send_liturgy(w, a + 1);
		run_until(w, last_ns + 120 * NS_PER_S - 1 + over);
		assert_true(kek_set_has(&w->devices[a + 1].liturgy.liturgy.peers, 0xa0));
		scene_send_liturgy(w, a + 1);
		scene_run_s(w, 0.05);
		assert_int_equal(w->devices[a + 1].events[DEVICE_LITURGY], 2);
		assert_int_equal(
		    kek_set_has(&w->devices[a + 1].liturgy.liturgy.peers, 0xa0), !over);
		scene_end(w);
	}
}

/* What nobody refreshes leaves the tables, without anybody asking for it. */
static void
tables_become_empty(void **state)
{
	struct world *w = scene_begin(2, true, 4);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1), b = scene_tunnel(w, 2, 3, 0, 0);

	(void)state;
	for (unsigned n = a; n < b + 2; n++)
		w->devices[n].d.config.liturgy.on = true;
	world_open(w);
	scene_run_s(w, 20);
	for (unsigned n = a; n < b + 2; n++)
		scene_quiet(w, n);
	for (unsigned n = 0; n < 2; n++) {
		const struct site *s = w->cathedrals[n].site;

		assert_int_equal(tunnels_count(s->tunnels), 4);
		assert_int_equal(liturgies_count(s->liturgies), 4);
		assert_int_equal(identities_count(s->identities), n == 0 ? 3 : 1);
		assert_true(replay_count(s->replay) > 0);
	}
	scene_run_s(w, 35);
	/* But what cathedrals write to each other: a hello in four seconds, kept for 21. */
	for (unsigned n = 0; n < 2; n++)
		assert_in_range(replay_count(w->cathedrals[n].site->replay), 5, 8);
	scene_run_s(w, 100);
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(tunnels_count(w->cathedrals[n].site->tunnels), 0);
		assert_int_equal(liturgies_count(w->cathedrals[n].site->liturgies), 0);
	}
	scene_run_s(w, 510);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(identities_count(w->cathedrals[n].site->identities), 0);
	scene_end(w);
}

/* ---- rhythms ---- */

/* As cathedrals do that know neither letters nor patience. */
static void
tell_as_ever(struct world *w)
{
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		w->cathedrals[n].options.letters = false;
		w->cathedrals[n].options.refresh_s = 3;
	}
}

static void
liturgies_are_answered_every_three_seconds(void **state)
{
	struct world *w = scene_begin(3, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	struct device_config *c = &w->devices[a].d.config;

	(void)state;
	scene_quiet(w, a + 1);
	c->info = false;
	c->liturgy.on = true;
	c->liturgy_ns = NS_PER_S;
	tell_as_ever(w);
	world_open(w);
	scene_run_s(w, 30.5);
	/* At 0, 3, 6 ... 30. */
	assert_int_equal(w->devices[a].events[DEVICE_LITURGY], 11);
	assert_int_equal(world_stats(w, 0).federated_out, 11 * 2);
	assert_int_equal(world_stats(w, 1).federated_in, 11);
	assert_int_equal(world_stats(w, 2).federated_in, 11);
	/* Not even one that comes a nanosecond early. */
	scene_quiet(w, a);
	run_until(w, 33 * NS_PER_S - 1);
	scene_send_liturgy(w, a);
	scene_run_s(w, 0.1);
	assert_int_equal(w->devices[a].events[DEVICE_LITURGY], 11);
	scene_end(w);
}

/* As a setting of 3 seconds has it. */
static void
infos_are_told_every_three_seconds(void **state)
{
	struct world *w = scene_begin(3, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint64_t told;

	(void)state;
	w->devices[a + 1].off = true;
	w->devices[a].d.config.info_ns = NS_PER_S;
	tell_as_ever(w);
	world_open(w);
	scene_run_s(w, 30.5);
	/* An info to two others each time, and a p2p info while that is new. */
	told = world_stats(w, 0).federated_out;
	assert_int_equal(told, (11 + 1 + RHYTHM_REPEATS) * 2);
	assert_int_equal(world_stats(w, 1).federated_in, told / 2);
	scene_quiet(w, a);
	run_until(w, 33 * NS_PER_S - 1);
	scene_send_info(w, a);
	scene_run_s(w, 0.1);
	assert_int_equal(world_stats(w, 0).federated_out, told);
	scene_end(w);
}

/* Three refreshes fit into what an entry lives, though its device speaks every five seconds only.
 */
static void
what_did_not_change_is_refreshed_within_40_seconds(void **state)
{
	struct world *w = scene_begin(2, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint64_t told, last = 0, count = 0;

	(void)state;
	w->devices[a + 1].off = true;
	w->devices[a].d.config.liturgy.on = true;
	world_open(w);
	scene_run_s(w, 60);
	told = world_stats(w, 1).federated_in;
	for (unsigned second = 0; second < 600; second++) {
		scene_run_s(w, 1);
		if (world_stats(w, 1).federated_in == told)
			continue;
		told = world_stats(w, 1).federated_in;
		count++;
		last = second;
		assert_int_equal(tunnels_count(w->cathedrals[1].site->tunnels), 1);
	}
	assert_true(last > 559);
	/* Two entries: of each, one in 30 to 40 seconds. */
	assert_in_range(count, 15, 40);
	scene_end(w);
}

static void
remembrances_come_every_fifteen_seconds(void **state)
{
	struct world *w = scene_begin(2, false, 4);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0), b = scene_tunnel(w, 2, 3, 0, 0);

	(void)state;
	w->devices[a].d.config.info_ns = NS_PER_S;
	w->devices[a].d.config.remembrance = true;
	w->devices[b].d.config.info = false;
	w->devices[b].d.config.liturgy.on = true;
	w->devices[b].d.config.liturgy_ns = NS_PER_S;
	w->devices[b].d.config.remembrance = true;
	world_open(w);
	scene_run_s(w, 60.5);
	assert_int_equal(w->devices[a].events[DEVICE_REMEMBRANCE], 5);
	assert_int_equal(w->devices[b].events[DEVICE_REMEMBRANCE], 5);

	/* A restart is answered with neither info nor remembrance. */
	scene_run_s(w, 14);
	w->devices[a].d.instance++;
	scene_run_s(w, 1);
	assert_int_equal(w->devices[a].events[DEVICE_REMEMBRANCE], 5);
	scene_run_s(w, 1);
	assert_int_equal(w->devices[a].events[DEVICE_REMEMBRANCE], 6);
	scene_end(w);
}

/* A NAT probe counts 15 s after the tunnel began or its device started anew. */
static void
probes_count_after_the_cooldown(void **state)
{
	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct world *w = scene_begin(1, false, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);
		struct device *d = &w->devices[a].d;
		struct device_moment now;
		struct device_packet packet;
		uint64_t began_ns;

		w->devices[a + 1].d.cathedrals[0].nat_port = 4501;
		d->cathedrals[0].nat_port = 4501;
		world_open(w);
		scene_run_s(w, 61);
		assert_false(w->devices[a + 1].info.info.relayed);
		/* The probe goes with the info: the one of a new instance changes nothing yet. */
		scene_quiet(w, a);
		device_restart(d, &(struct device_moment){ { w->now_ns, 0 }, &w->random });
		began_ns = w->now_ns;
		scene_send_info(w, a);
		scene_run_s(w, 10);
		assert_true(w->devices[a + 1].info.info.relayed);

		run_until(w, began_ns + 15 * NS_PER_S - 1 + over);
		now = world_moment(w);
		device_make_probe(d, &now, &packet);
		world_send(w, a, &packet);
		scene_run_s(w, 6);
		assert_int_equal(w->devices[a + 1].info.info.relayed, !over);
		scene_end(w);
	}
}

/* ---- identities ---- */

/* Devices show another identity every 300 s; not one packet is lost over it. */
static void
identities_change_unnoticed(void **state)
{
	struct world *w = scene_begin(2, true, 6);
	unsigned tunnels[] = { scene_tunnel(w, 0, 1, 0, 0), scene_tunnel(w, 2, 3, 0, 1),
		scene_tunnel(w, 4, 5, 0, 1) };

	(void)state;
	/* Two behind one address. */
	memcpy(w->devices[tunnels[2]].at.ip, w->devices[tunnels[1]].at.ip, 16);
	world_open(w);
	scene_run_s(w, 10.05);
	while (w->now_ns < 1000 * NS_PER_S) {
		for (unsigned n = 0; n < 6; n++)
			world_send_data(w, n, 50);
		scene_run_s(w, 0.25);
	}
	for (size_t n = 0; n < w->data_count; n++)
		assert_int_equal(world_arrived(w, n), 1);
	/* All but the first identity of each are found by where they come from. */
	assert_int_equal(world_stats(w, 0).identity_scans, 4);
	assert_int_equal(world_stats(w, 0).identity_hits, 4 * 3);
	assert_int_equal(world_stats(w, 1).identity_scans, 2);
	assert_int_equal(world_stats(w, 1).identity_hits, 2 * 3);
	scene_end(w);
}

/* A new identity from a new address is looked up, and its packet goes on all the same. */
static void
identities_move(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	size_t serial;

	(void)state;
	world_open(w);
	scene_run_s(w, 11);
	for (unsigned n = 0; n < 5; n++) {
		w->devices[a].at.ip[15]++;
		w->devices[a].d.seed_id_until_ns = 0;
		serial = world_send_data(w, a, 50);
		scene_run_s(w, 10);
		assert_int_equal(world_arrived(w, serial), 1);
		scene_expect_talk(w, a);
	}
	scene_end(w);
}

/* ---- replays ---- */

/* An offer is good once: later it is a repeat, and after that too old, whatever the clocks say. */
static void
offers_are_good_once(void **state)
{
	(void)state;
	for (int skew = -10; skew <= 10; skew += 5) {
		for (unsigned phase = 0; phase < 4; phase++) {
			struct world *w = scene_begin(1, false, 2);
			unsigned a = scene_tunnel(w, 0, 1, 0, 0);
			struct device_moment now;
			struct device_packet packet;
			uint64_t seen;

			world_open(w);
			scene_quiet(w, a);
			scene_quiet(w, a + 1);
			scene_run_s(w, 3 + 0.3 * phase);
			now = world_moment(w);
			now.now.wall_s += skew;
			device_make_info(&w->devices[a].d, &now, &packet);
			world_send(w, a, &packet);
			scene_run_s(w, 0.01);
			scene_expect_verdicts(w, 0, VERDICT_CONSUMED, 1);
			for (unsigned n = 0; n < 100; n++) {
				scene_run_s(w, 0.25);
				world_send(w, a, &packet);
			}
			scene_run_s(w, 0.01);
			scene_expect_verdicts(w, 0, VERDICT_CONSUMED, 1);
			seen = world_verdicts(w, 0, VERDICT_DROP_REPLAY);
			assert_true(seen >= (uint64_t)(10 + skew) * 4);
			scene_expect_verdicts(w, 0, VERDICT_DROP_STALE, 100 - seen);
			assert_true(seen <= (uint64_t)(10 + skew + 1) * 4);
			scene_end(w);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_live_for_two_minutes),
		cmocka_unit_test(liturgies_live_for_two_minutes),
		cmocka_unit_test(tables_become_empty),
		cmocka_unit_test(liturgies_are_answered_every_three_seconds),
		cmocka_unit_test(infos_are_told_every_three_seconds),
		cmocka_unit_test(what_did_not_change_is_refreshed_within_40_seconds),
		cmocka_unit_test(remembrances_come_every_fifteen_seconds),
		cmocka_unit_test(probes_count_after_the_cooldown),
		cmocka_unit_test(identities_change_unnoticed),
		cmocka_unit_test(identities_move),
		cmocka_unit_test(offers_are_good_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * What cathedrals tell each other, how often and how fast: as ever (each thing each time that a
 * device speaks, as sanctum's do), patiently (changes at once, the rest every 40 s, in sanctum's
 * packets), and by letter.  Figures are printed; what is asserted is how they compare.
 */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum manner { AS_EVER, PATIENT, BY_LETTER, MANNERS };

static const char *const names[] = { "as ever", "patient", "by letter" };

static void
behave(struct world *w, unsigned cathedral, enum manner manner)
{
	w->cathedrals[cathedral].options.letters = manner == BY_LETTER;
	w->cathedrals[cathedral].options.refresh_s = manner == AS_EVER ? 3 : RHYTHM_REFRESH_S;
}

/* Tunnels between members of one flock, all of them at cathedral 0. */
static struct world *
begin(unsigned cathedrals, enum manner manner, unsigned tunnels)
{
	const struct world_listener listener = { .shrouded = true };
	struct world *w = world_create(scene_seed());

	for (unsigned n = 0; n < cathedrals; n++) {
		world_add_cathedral(w, &listener, 1);
		behave(w, n, manner);
	}
	world_add_flock(w);
	for (unsigned n = 0; n < tunnels + 1; n++)
		world_add_member(w, 0, (uint8_t)(0xa0 + n), 0);
	for (unsigned n = 0; n < tunnels; n++)
		scene_tunnel(w, n, n + 1, 0, 0);
	return w;
}

/* What the cathedral knows of the device's tunnel: that it is there, and in this instance. */
static bool
knows(const struct world *w, unsigned cathedral, unsigned device, unsigned there)
{
	const struct device_config *c = &w->devices[device].d.config;
	const struct tunnel_key key = tunnel_key(c->flock, c->flock_dst, c->tunnel);
	struct tunnel t;

	return tunnels_find(w->cathedrals[cathedral].site->tunnels, &key,
		   world_cathedral_now(w, cathedral).mono_ns, &t) &&
	       t.federated && endpoint_equal(&t.at, &world_listener(w, there, 0)->main) &&
	       t.instance == w->devices[device].d.instance;
}

static bool
knows_all(const struct world *w, unsigned cathedral, unsigned there)
{
	for (unsigned n = 0; n < w->device_count; n++)
		if (!knows(w, cathedral, n, there))
			return false;
	return true;
}

/* ---- how fast ---- */

#define MOVERS 16
#define MOVES  15

struct delays {
	double mean_s, p95_s, p99_s;
};

/* A device goes over to the other of the first two cathedrals, and says so at once. */
static void
move(struct world *w, unsigned device, unsigned to)
{
	w->devices[device].d.cathedrals[0].at = world_listener(w, to, 0)->main;
	w->devices[device].d.cathedral = 0;
	scene_send_info(w, device);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct delays
sum_up(double *delays, size_t count)
{
	struct delays d = { 0 };

	qsort(delays, count, sizeof(*delays), by_size);
	for (size_t n = 0; n < count; n++)
		d.mean_s += delays[n] / (double)count;
	d.p95_s = delays[count * 95 / 100];
	d.p99_s = delays[count * 99 / 100];
	return d;
}

/* All devices move, one after the other; returns how many delays there are then. */
static size_t
move_all(struct world *w, unsigned to, double *delays, size_t count)
{
	uint64_t began_ns[MOVERS];
	bool moved[MOVERS] = { false }, learned[MOVERS] = { false };
	size_t all = count + MOVERS;

	for (unsigned n = 0; n < MOVERS; n++)
		began_ns[n] = w->now_ns + random_below(&w->random, 5000) * NS_PER_MS;
	while (count < all) {
		scene_run_s(w, 0.02);
		for (unsigned n = 0; n < MOVERS; n++) {
			if (!moved[n] && w->now_ns >= began_ns[n]) {
				moved[n] = true;
				began_ns[n] = w->now_ns;
				move(w, n, to);
			}
			if (learned[n] || !moved[n] || !knows(w, 2, n, to))
				continue;
			learned[n] = true;
			delays[count++] = (double)(w->now_ns - began_ns[n]) / 1e9;
		}
	}
	return count;
}

/* How long a third cathedral takes to learn that a device has moved. */
static struct delays
measure_moves(enum manner manner, uint32_t lost)
{
	static double delays[MOVERS * MOVES];
	struct world *w = begin(3, manner, MOVERS / 2);
	size_t count = 0;

	world_open(w);
	scene_run_s(w, 90);
	w->line.lost_between = lost;
	for (unsigned round = 1; round <= MOVES; round++) {
		scene_run_s(w, 40 + random_below(&w->random, 5000) / 1000.0);
		count = move_all(w, round % 2, delays, count);
	}
	scene_end(w);
	return sum_up(delays, count);
}

/* By letter everybody learns of a change as fast as ever, or faster, however much is lost. */
static void
moves_are_learned_as_fast(void **state)
{
	static const uint32_t losses[] = { 10, 100, 300 };

	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct delays d[MANNERS];

		for (int m = 0; m < MANNERS; m++) {
			d[m] = measure_moves((enum manner)m, losses[i]);
			printf("# %2u %% lost, %-9s: a move is learned after %.2f s, 95 %% within "
			       "%.2f s, 99 %% within %.2f s\n",
			    losses[i] / 10, names[m], d[m].mean_s, d[m].p95_s, d[m].p99_s);
		}
		/* What chance takes from one and not from the other is a repeat's time, or a few.
		 */
		assert_true(d[BY_LETTER].mean_s <= d[AS_EVER].mean_s + 0.05);
		assert_true(d[BY_LETTER].p95_s <= d[AS_EVER].p95_s + 0.4);
		assert_true(d[BY_LETTER].p99_s <= d[AS_EVER].p99_s + 0.4);
		assert_true(d[PATIENT].mean_s <= 1.5 * d[AS_EVER].mean_s + 0.5);
	}
}

/* ---- how much ---- */

static void
count_between(struct world *w, const struct world_datagram *d, void *arg)
{
	uint64_t *count = arg;
	unsigned cathedral;
	uint8_t listener;
	bool nat;

	if (!world_find_cathedral(w, &d->from, &cathedral, &listener, &nat) ||
	    !world_find_cathedral(w, &d->to, &cathedral, &listener, &nat))
		return;
	count[0]++;
	count[1] += d->len;
}

static void
steady_traffic_is_small(void **state)
{
	uint64_t count[MANNERS][2];

	(void)state;
	for (int m = 0; m < MANNERS; m++) {
		struct world *w = begin(3, (enum manner)m, 19);

		/* Then sanctum's have two packets to send each time. */
		for (unsigned n = 0; n < 3; n++)
			w->cathedrals[n].options.p2p_sync = true;
		world_open(w);
		scene_run_s(w, 120);
		memset(count[m], 0, sizeof(count[m]));
		w->tap = count_between;
		w->tap_arg = count[m];
		scene_run_s(w, 400);
		/* Of one cathedral's tunnels, to two others. */
		printf("# %-9s: %.4f packets and %.1f bytes a second for each tunnel and cathedral "
		       "told\n",
		    names[m], (double)count[m][0] / 400 / 38 / 2,
		    (double)count[m][1] / 400 / 38 / 2);
		for (unsigned n = 1; n < 3; n++)
			assert_true(knows_all(w, n, 0));
		scene_end(w);
	}
	/* Devices speak every 5 s; and of so few tunnels the hellos are most of what there is. */
	assert_true(count[PATIENT][0] * 6 < count[AS_EVER][0]);
	assert_true(count[BY_LETTER][0] * 10 < count[AS_EVER][0]);
	assert_true(count[BY_LETTER][1] * 10 < count[AS_EVER][1]);
}

/* ---- who comes back ---- */

static double
until_known(struct world *w, unsigned cathedral, unsigned there)
{
	uint64_t began_ns = w->now_ns;

	while (!knows_all(w, cathedral, there)) {
		scene_run_s(w, 0.05);
		if (w->now_ns - began_ns > 130 * NS_PER_S)
			break;
	}
	return (double)(w->now_ns - began_ns) / 1e9;
}

static void
the_restarted_learn_everything(void **state)
{
	(void)state;
	for (uint32_t lost = 0; lost <= 100; lost += 100) {
		for (int down_s = 1; down_s <= 50; down_s += 49) {
			struct world *w = begin(3, BY_LETTER, MOVERS);

			world_open(w);
			w->line.lost_between = lost;
			scene_run_s(w, 100);
			world_crash(w, 2);
			scene_run_s(w, down_s);
			world_start(w, 2);
			{
				double took_s = until_known(w, 2, 0);

				printf("# %2u %% lost, %2d s down: everything known after %.2f s\n",
				    lost / 10, down_s, took_s);
				assert_true(took_s <= (lost == 0 ? 5.6 : 21));
			}
			scene_end(w);
		}
	}
}

/* Everybody moves while they do not hear each other; one way only is as bad. */
static void
partitions_heal(void **state)
{
	(void)state;
	for (unsigned seconds = 5; seconds <= 85; seconds += 20) {
		for (int both = 0; both < 2; both++) {
			struct world *w = begin(3, BY_LETTER, MOVERS / 2);
			double took_s;

			world_open(w);
			scene_run_s(w, 100);
			for (unsigned n = 0; n < 2; n++) {
				w->cut[n][2] = true;
				w->cut[2][n] = both;
			}
			for (unsigned n = 0; n < w->device_count; n++)
				move(w, n, 1);
			scene_run_s(w, seconds);
			assert_false(knows(w, 2, 0, 1));
			world_heal(w);
			took_s = until_known(w, 2, 1);
			printf("# %u s apart%s: everything known after %.2f s\n", seconds,
			    both ? "" : ", one way", took_s);
			/* A hello within a second, and then all that devices say next. */
			assert_true(took_s <= 6.5);
			scene_end(w);
		}
	}
}

/* ---- others ---- */

static void
becomes(struct world *w, unsigned cathedral, enum manner manner)
{
	world_crash(w, cathedral);
	behave(w, cathedral, manner);
	scene_run_s(w, 1);
	world_start(w, cathedral);
}

/* Beside one that knows no letters: it is told in its own way, and what it says is believed. */
static void
manners_mix(void **state)
{
	struct world *w = begin(4, BY_LETTER, MOVERS / 2);

	(void)state;
	behave(w, 3, AS_EVER);
	world_open(w);
	scene_run_s(w, 60);
	for (unsigned n = 1; n < 4; n++)
		assert_true(knows_all(w, n, 0));
	assert_int_equal(world_stats(w, 3).letters_in, 0);
	assert_true(world_stats(w, 1).letters_in > 0);
	/* Half go there, and half to one that does. */
	for (unsigned n = 0; n < w->device_count; n++)
		move(w, n, n % 2 ? 3 : 1);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < w->device_count; n++)
		for (unsigned c = 0; c < 4; c++)
			assert_true(c == (n % 2 ? 3 : 1) || knows(w, c, n, n % 2 ? 3 : 1));
	scene_expect_talk(w, 0);
	scene_end(w);
}

/* A program is exchanged for one that reads no letters, and back. */
static void
programs_may_change(void **state)
{
	struct world *w = begin(3, BY_LETTER, MOVERS / 2);
	double took_s;

	(void)state;
	/* One device is at the other, so that it has something to say. */
	w->devices[0].d.cathedrals[0].at = world_listener(w, 2, 0)->main;
	world_open(w);
	scene_run_s(w, 100);
	becomes(w, 2, AS_EVER);
	took_s = 0;
	while (took_s < 60 && !(knows(w, 2, 1, 0) && knows(w, 2, w->device_count - 1, 0))) {
		scene_run_s(w, 0.1);
		took_s += 0.1;
	}
	printf("# after a change to a program without letters: known again after %.1f s\n", took_s);
	assert_true(took_s < 17);
	assert_true(knows(w, 0, 0, 2));
	scene_run_s(w, 100);
	assert_true(knows(w, 2, 1, 0));
	becomes(w, 2, BY_LETTER);
	scene_run_s(w, 6);
	assert_true(knows(w, 2, 1, 0) && knows(w, 0, 0, 2));
	scene_run_s(w, 100);
	assert_true(world_stats(w, 2).letters_in > 0);
	scene_end(w);
}

/* More of them than a remembrance has room for. */
static void
forty_federate(void **state)
{
	struct world *w = begin(40, BY_LETTER, 1);
	const struct remembrance *r = &w->devices[1].remembrance.remembrance;

	(void)state;
	w->devices[1].d.cathedrals[0].at = world_listener(w, 39, 0)->main;
	w->devices[1].d.config.remembrance = true;
	world_open(w);
	scene_run_s(w, 12);
	for (unsigned n = 0; n < 40; n++) {
		assert_true(n == 0 || knows(w, n, 0, 0));
		assert_true(n == 39 || knows(w, n, 1, 39));
	}
	scene_expect_talk(w, 0);

	/* Those who are there come before those who are not. */
	for (unsigned n = 0; n < 20; n++)
		world_crash(w, n);
	w->devices[0].d.cathedrals[0].at = world_listener(w, 38, 0)->main;
	scene_run_s(w, 150);
	assert_int_equal(r->count, REMEMBRANCE_MAX);
	for (unsigned n = 0; n < r->count; n++) {
		struct endpoint at = endpoint_from_ipv4(r->cathedrals[n].ip, r->cathedrals[n].port);
		unsigned cathedral;
		uint8_t listener;
		bool nat;

		assert_true(world_find_cathedral(w, &at, &cathedral, &listener, &nat));
		if (n == 0)
			assert_int_equal(cathedral, 39);
		else
			assert_int_equal(cathedral >= 20, n < 20);
	}
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_are_learned_as_fast),
		cmocka_unit_test(steady_traffic_is_small),
		cmocka_unit_test(the_restarted_learn_everything),
		cmocka_unit_test(partitions_heal),
		cmocka_unit_test(manners_mix),
		cmocka_unit_test(programs_may_change),
		cmocka_unit_test(forty_federate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

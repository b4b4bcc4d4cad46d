/* SPDX-License-Identifier: ISC */
/*
 * How many offers a second one core accepts, against how many Ed25519 signatures it verifies: the
 * signature is what cannot be saved, everything else should be little beside it.  Offers are as in
 * the steady state of a tunnel: an info each, answered with an info.  The same where many other
 * tunnels and flocks are known.
 */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"
#include "tests/support/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 4
#define ROUNDS  41
#define GOAL    "at least 0.70"

/* A cathedral that knows so many flocks and their tunnels besides those that speak. */
struct ground {
	size_t flocks; /* of four tunnels */
	struct stage stage;
	struct actor actors[4];
	double ns[3][ROUNDS];
};

static struct ground grounds[] = { { .flocks = 0 }, { .flocks = 250 }, { .flocks = 25000 },
	{ .flocks = 250000 } };

#define GROUNDS       (sizeof(grounds) / sizeof(grounds[0]))
#define GROUNDS_SHORT 2

/* What is offered: by which actor, in clear or shrouded, and whether it is a probe. */
static const struct {
	const char *name;
	unsigned actor;
	bool probe;
} kinds[] = {
	{ "infos accepted and answered, clear", 0, false },
	{ "infos accepted and answered, shrouded", 2, false },
	{ "NAT probes accepted, clear", 0, true },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct random randomness;
static struct packet packets[PIPELINE_BATCH];
static struct device_packet made;

static void
make_offers(struct stage *s, struct actor *who, bool probe)
{
	struct device_moment m = { s->now, &s->random };

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		struct packet *pkt = &packets[n];

		if (probe)
			device_make_probe(&who->d, &m, &made);
		else
			device_make_info(&who->d, &m, &made);
		packet_reset(pkt, made.len);
		memcpy(pkt->head, made.bytes, made.len);
		pkt->from = who->at;
		pkt->listener = who->listener;
		pkt->nat_port = probe;
	}
}

static double
offers_ns(struct stage *s, struct actor *who, bool probe)
{
	struct packet *batch[PIPELINE_BATCH];
	uint64_t took = 0;

	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		batch[n] = &packets[n];
	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		make_offers(s, who, probe);
		stage_pass(s, NS_PER_S / 10);
		site_sweep(s->site, s->now.mono_ns);
		tray_empty(&s->tray);
		start = clock_thread_cpu_ns();
		pipeline_run(s->pipeline, batch, PIPELINE_BATCH, s->now);
		took += clock_thread_cpu_ns() - start;
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static double
verify_ns(const struct member *m)
{
	struct offer o = { .type = OFFER_INFO, .timestamp = 1 };
	struct envelope e;
	uint64_t start;
	unsigned good = 0;

	envelope_signed(&e, &o, &m->keys.cosk);
	start = clock_thread_cpu_ns();
	for (int n = 0; n < BATCHES * PIPELINE_BATCH; n++)
		good += sign_verify(e.extra, e.data, sizeof(e.data), &m->public);
	if (good != BATCHES * PIPELINE_BATCH)
		exit(EXIT_FAILURE);
	return (double)(clock_thread_cpu_ns() - start) / BATCHES / PIPELINE_BATCH;
}

static void
know_others(struct stage *s, size_t flocks)
{
	const struct crowd_places places = {
		.first = endpoint_from_ipv4((uint8_t[]){ 198, 51, 100, 1 }, 1000),
		.second = endpoint_from_ipv4((uint8_t[]){ 198, 51, 100, 2 }, 1000),
	};
	struct registry *r = registry_copy(publish_current(s->site->publish));

	if (r == NULL)
		exit(EXIT_FAILURE);
	crowd_join(r, flocks, 2);
	if (!publish_swap(s->site->publish, r))
		exit(EXIT_FAILURE);
	publish_reclaim(s->site->publish);
	crowd_meet(s->site, flocks, &places, s->now.mono_ns);
}

static void
ground_open(struct ground *g)
{
	const struct site_options ordinary = SITE_OPTIONS_DEFAULT;
	const struct flock_id a = { STAGE_A };
	struct stage *s = &g->stage;

	stage_plan(s, &randomness);
	s->options.offer_rate = 1 << 20;
	s->options.replays_max = 1 << 20;
	s->options.tunnels_max = ordinary.tunnels_max;
	stage_open(s);
	know_others(s, g->flocks);
	for (uint8_t n = 0; n < 4; n++) {
		struct flock_id flock = flock_with_domain(a, n / 2);
		struct actor *who = &g->actors[n];

		*who = stage_actor(s, &s->a[n % 2], flock, flock, (uint8_t)(2 - n % 2), n / 2);
		who->d.generation = s->bundle_a.generation;
		if (stage_info(s, who) == VERDICT_DROP_UNKNOWN_IDENTITY)
			stage_look_up(s);
	}
}

static void
run_round(size_t count, size_t round)
{
	for (size_t k = 0; k < KINDS; k++) {
		for (size_t n = 0; n < count; n++) {
			struct ground *g = &grounds[(n + round) % count];

			g->ns[k][round] =
			    offers_ns(&g->stage, &g->actors[kinds[k].actor], kinds[k].probe);
		}
	}
}

/* Every one of them was accepted, or nothing was measured. */
static void
expect_accepted(const struct stage *s, uint64_t before, size_t rounds)
{
	uint64_t accepted = stats_get(&s->stats.verdicts[VERDICT_CONSUMED]) - before;
	uint64_t given = (uint64_t)rounds * KINDS * BATCHES * PIPELINE_BATCH;

	if (accepted == given)
		return;
	fprintf(
	    stderr, "%lu offers of %lu accepted\n", (unsigned long)accepted, (unsigned long)given);
	exit(EXIT_FAILURE);
}

static void
report(size_t kind, size_t count, double verify, size_t rounds)
{
	double few = median(grounds[0].ns[kind], rounds);
	struct figure f = { kinds[kind].name, 1e9 / few, "offers/s/core", verify / few,
		"the verifications", GOAL };

	figure_print(&f);
	for (size_t n = 1; n < count; n++) {
		double ns = median(grounds[n].ns[kind], rounds);
		char name[96];

		snprintf(name, sizeof(name), "... with %zu tunnels of %zu flocks known",
		    4 * grounds[n].flocks, grounds[n].flocks);
		f = (struct figure){ name, 1e9 / ns, "offers/s/core", ns / few,
			"the time with none", "at most 1.10" };
		figure_print(&f);
	}
}

int
main(void)
{
	static double verify[ROUNDS];
	size_t rounds = bench_is_short() ? 9 : ROUNDS;
	size_t count = bench_is_short() ? GROUNDS_SHORT : GROUNDS;
	struct figure f = { "Ed25519 verifications of 451 B", 0, "1/s/core", 0, NULL, NULL };
	uint64_t before[GROUNDS];
	double bare;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	for (size_t n = 0; n < count; n++) {
		ground_open(&grounds[n]);
		before[n] = stats_get(&grounds[n].stage.stats.verdicts[VERDICT_CONSUMED]);
	}
	for (size_t round = 0; round < rounds; round++) {
		verify[round] = verify_ns(&grounds[0].stage.a[0]);
		run_round(count, round);
	}
	bare = median(verify, rounds);
	f.value = 1e9 / bare;
	figure_print(&f);
	for (size_t k = 0; k < KINDS; k++)
		report(k, count, bare, rounds);
	for (size_t n = 0; n < count; n++) {
		expect_accepted(&grounds[n].stage, before[n], rounds);
		stage_close(&grounds[n].stage);
	}
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: ISC */
/*
 * What limits of the host cost a clear packet between receiving and sending it: without any, with a
 * rate that is never used up, with one that is half of what comes, and with a month's budget, among
 * few flocks and among many.  What is compared takes turns in every round; the time is this
 * thread's CPU time.
 */
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 20 /* a round's, of each kind */
#define ROUNDS  61
#define LEN     600
#define MBIT    1000
#define CROWDS  2
#define KINDS   4

enum kind { NO_LIMIT, RATE_LEFT, RATE_HALF, BUDGET };

static const size_t crowds[CROWDS] = { 16, 4096 };
static const struct {
	const char *name;
	uint32_t mbit;
	uint64_t budget;
} kinds[KINDS] = {
	[NO_LIMIT] = { "without limits", 0, 0 },
	[RATE_LEFT] = { "a rate that is not used up", 1000000, 0 },
	[RATE_HALF] = { "a rate of half of what comes", MBIT, 0 },
	[BUDGET] = { "a month's budget", 0, UINT64_C(1000000000000000) },
};

static const struct crowd_places places = {
	.first = { { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 }, 1000 },
	.second = { { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 2 }, 1000 },
};

struct ground {
	struct site *site;
	struct drain drain;
	struct stats stats;
	struct pipeline *pipeline;
	struct instant now;
	uint8_t *bytes; /* a packet of each flock */
	size_t flocks, next;
};

static struct random randomness;
static struct crowd_batch *batch;

static void
ground_open(struct ground *g, size_t flocks, int kind)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct crowd_packet what = { .len = LEN };

	options.listener_count = 2;
	options.egress_mbit = kinds[kind].mbit;
	options.budget_month = options.flock_budget_month = kinds[kind].budget;
	g->now = (struct instant){ 1000 * NS_PER_S, 1790000000 };
	g->flocks = flocks;
	g->site = site_create(&options, crowd_registry(flocks, 2, &randomness), 1, &randomness);
	g->bytes = malloc(flocks * LEN);
	if (g->site == NULL || g->bytes == NULL)
		abort();
	crowd_meet(g->site, flocks, &places, g->now.mono_ns);
	drain_init(&g->drain);
	g->pipeline = pipeline_create(g->site, 0, &g->drain.sender, &g->stats, &randomness);
	if (g->pipeline == NULL || !pipeline_take_turns(g->pipeline, &randomness))
		abort();
	for (what.flock = 0; what.flock < flocks; what.flock++)
		crowd_packet(g->bytes + what.flock * LEN, &what, g->site, g->now, &randomness);
}

/* Nanoseconds a packet, coming twice as fast as MBIT. */
static double
relay_ns(struct ground *g)
{
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		for (size_t i = 0; i < PIPELINE_BATCH; i++) {
			struct packet *pkt = batch->at[i];

			packet_reset(pkt, LEN);
			memcpy(pkt->head, g->bytes + g->next++ % g->flocks * LEN, LEN);
			pkt->from = places.first;
			pkt->listener = 0;
			pkt->nat_port = false;
		}
		g->now.mono_ns +=
		    PIPELINE_BATCH * (LEN + EGRESS_HEADERS) * UINT64_C(8000) / MBIT / 2;
		start = clock_thread_cpu_ns();
		pipeline_run(g->pipeline, batch->at, PIPELINE_BATCH, g->now);
		took += clock_thread_cpu_ns() - start;
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static void
report(double ns[KINDS][ROUNDS], size_t rounds, size_t flocks)
{
	double base = median(ns[NO_LIMIT], rounds);

	for (int kind = 0; kind < KINDS; kind++) {
		double value = median(ns[kind], rounds);
		char name[96];
		struct figure f = { name, value, "ns/packet", value / base, kinds[NO_LIMIT].name,
			NULL };

		snprintf(name, sizeof(name), "relay clear %d B, %zu flocks, %s", LEN, flocks,
		    kinds[kind].name);
		figure_print(&f);
	}
}

int
main(void)
{
	static struct ground grounds[CROWDS][KINDS];
	static double ns[CROWDS][KINDS][ROUNDS];
	/* Enough for the queue of the half rate to be full: 6 MB. */
	size_t rounds = bench_is_short() ? 21 : ROUNDS;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	batch = crowd_batch_create();
	for (int c = 0; c < CROWDS; c++) {
		for (int kind = 0; kind < KINDS; kind++)
			ground_open(&grounds[c][kind], crowds[c], kind);
	}
	for (size_t round = 0; round < rounds; round++) {
		for (int n = 0; n < CROWDS * KINDS; n++)
			ns[n / KINDS][n % KINDS][round] = relay_ns(&grounds[n / KINDS][n % KINDS]);
	}
	for (int c = 0; c < CROWDS; c++) {
		report(ns[c], rounds, crowds[c]);
		struct budget_report budget;

		budget_tick(grounds[c][BUDGET].site->budget, grounds[c][BUDGET].now, NULL, NULL);
		budget_report(grounds[c][BUDGET].site->budget, &budget);
		if (budget.used == 0 || budget.stage != BUDGET_FREE ||
		    stats_get(&grounds[c][RATE_LEFT].stats.verdicts[VERDICT_QUEUED]) > 0 ||
		    stats_get(&grounds[c][RATE_HALF].stats.waited_dropped) == 0) {
			fputs("the limits were not what they were meant to be\n", stderr);
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}

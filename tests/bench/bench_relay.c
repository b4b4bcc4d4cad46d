/* SPDX-License-Identifier: ISC */
/*
 * What relaying a packet costs between receiving and sending it, in clear and shrouded, with few
 * and with many other tunnels known; against the two masks of a shrouded packet alone.  No padding,
 * so that both have the same bytes to mask.  What is compared takes turns in every round; the time
 * is this thread's CPU time.
 */
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 10 /* a round's, of each kind */
#define ROUNDS  61
#define POOL    1024 /* different tunnels whose packets take turns, when there are so many */

static const size_t sizes[] = { 100, 1300 };
static const size_t tunnels[] = { 1, 1000, 100000, 1000000 };

#define SIZES         2
#define GROUNDS       (sizeof(tunnels) / sizeof(tunnels[0]))
#define GROUNDS_SHORT 3

/* Packets of one kind, ready to be received. */
struct pool {
	size_t count, len;
	uint8_t *bytes; /* count of len */
};

/* A cathedral that knows so many tunnels. */
struct ground {
	struct site *site;
	struct drain drain;
	struct stats stats;
	struct pipeline *pipeline;
	struct pool pools[2][SIZES]; /* by listener and size */
};

static const struct crowd_places places = {
	.first = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
	.second = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
};

static struct instant now = { 1000 * NS_PER_S, 1790000000 };
static struct random randomness;
static struct crowd_batch *batch;

static void
pool_fill(struct pool *p, struct ground *g, size_t flocks, uint8_t listener, size_t size)
{
	struct crowd_packet what = { .listener = listener, .len = size };

	p->count = flocks < POOL ? flocks : POOL;
	p->len = listener == 0 ? size : SHROUD_HEADER_SIZE + size + 1;
	p->bytes = malloc(p->count * p->len);
	if (p->bytes == NULL)
		abort();
	for (size_t n = 0; n < p->count; n++) {
		what.flock = n * flocks / p->count;
		crowd_packet(p->bytes + n * p->len, &what, g->site, now, &randomness);
	}
}

static void
ground_open(struct ground *g, size_t flocks)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	g->site = site_create(&options, crowd_registry(flocks, 2, &randomness), 1, &randomness);
	if (g->site == NULL)
		abort();
	crowd_meet(g->site, flocks, &places, now.mono_ns);
	drain_init(&g->drain);
	g->pipeline = pipeline_create(g->site, 0, &g->drain.sender, &g->stats, &randomness);
	for (uint8_t listener = 0; listener < 2; listener++) {
		for (size_t n = 0; n < SIZES; n++)
			pool_fill(&g->pools[listener][n], g, flocks, listener, sizes[n]);
	}
}

static void
load(const struct pool *p, size_t first, uint8_t listener)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		struct packet *pkt = batch->at[n];

		packet_reset(pkt, p->len);
		memcpy(pkt->head, p->bytes + (first + n) % p->count * p->len, p->len);
		pkt->from = places.first;
		pkt->listener = listener;
		pkt->nat_port = false;
	}
}

/* Nanoseconds a packet: traffic of one tunnel alone, or of as many as the pool has. */
static double
relay_ns(struct ground *g, uint8_t listener, size_t size, bool spread)
{
	static size_t next;
	struct pool p = g->pools[listener][size];
	uint64_t took = 0;

	if (!spread)
		p.count = 1;
	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		load(&p, next, listener);
		next += PIPELINE_BATCH;
		start = clock_thread_cpu_ns();
		pipeline_run(g->pipeline, batch->at, PIPELINE_BATCH, now);
		took += clock_thread_cpu_ns() - start;
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* Nanoseconds for taking one mask off and putting another on, nothing else. */
static double
masks_ns(const struct pool *p, enum keccak_way way)
{
	static struct kmac_prefix prefix;
	struct kmac_job jobs[PIPELINE_BATCH];
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		load(p, 0, 1);
		start = clock_thread_cpu_ns();
		for (size_t k = 0; k < PIPELINE_BATCH; k++) {
			uint8_t *at = batch->at[k]->head;

			jobs[k] = shroud_job(
			    &prefix, at, at + SHROUD_HEADER_SIZE, p->len - SHROUD_HEADER_SIZE);
		}
		kmac_run_by(way, jobs, PIPELINE_BATCH, true);
		kmac_run_by(way, jobs, PIPELINE_BATCH, true);
		took += clock_thread_cpu_ns() - start;
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static size_t grounds_count = GROUNDS;
static double results[GROUNDS][2][SIZES][2][ROUNDS], masks[SIZES][KECCAK_WAYS][ROUNDS];

static void
run_round(struct ground *grounds, size_t round)
{
	for (size_t size = 0; size < SIZES; size++) {
		for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
			if (keccak_way_works(way))
				masks[size][way][round] = masks_ns(&grounds[0].pools[1][size], way);
		}
		for (uint8_t listener = 0; listener < 2; listener++) {
			for (size_t kind = 0; kind < 2 * grounds_count; kind++)
				results[kind / 2][listener][size][kind % 2][round] =
				    relay_ns(&grounds[kind / 2], listener, size, kind % 2);
		}
	}
}

static void
report_masks(size_t size, size_t rounds)
{
	char name[96];
	struct figure f = { name, 0, "ns/packet", 0, NULL, NULL };

	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		if (!keccak_way_works(way))
			continue;
		snprintf(name, sizeof(name), "two masks of %zu B alone, %s", sizes[size] + 1,
		    keccak_way_name(way));
		f.value = median(masks[size][way], rounds);
		figure_print(&f);
	}
}

static void
report_kind(uint8_t listener, size_t size, size_t rounds)
{
	double base = 0, mask = median(masks[size][keccak_best_way()], rounds);
	char name[96];

	for (int spread = 0; spread < 2; spread++) {
		for (size_t g = 0; g < grounds_count; g++) {
			double ns = median(results[g][listener][size][spread], rounds);
			struct figure f = { name, ns, "ns/packet", ns / mask,
				listener == 1 ? "the two masks" : NULL, NULL };

			snprintf(name, sizeof(name), "relay %s %zu B, %s, %zu tunnel%s known",
			    listener == 0 ? "clear" : "shrouded", sizes[size],
			    spread ? "of many" : "of one", tunnels[g], g == 0 ? "" : "s");
			figure_print(&f);
			if (g == 0) {
				base = ns;
				continue;
			}
			f = (struct figure){ name, 100 * (ns / base - 1), "% more than 1", 0, NULL,
				spread ? NULL : "at most 10" };
			figure_print(&f);
		}
	}
}

/* Nanoseconds a device for looking up identities that are nobody's, so many together. */
static void
report_search(struct ground *g, size_t together, size_t rounds)
{
	static struct lookup what[LOOKUPS_TOGETHER];
	static double ns[ROUNDS];
	double devices = (double)registry_counts(publish_current(g->site->publish)).devices;
	struct figure f = { "search for a stranger's identity", 0, "ns/device", 0, NULL, NULL };

	if (together > 1)
		f.name = "the same, each of eight together";
	for (size_t round = 0; round < rounds; round++) {
		uint64_t start;

		for (size_t n = 0; n < together; n++) {
			what[n] = (struct lookup){ .kind = LOOKUP_IDENTITY, .listener = 1 };
			what[n].from = places.first;
			what[n].len = 700;
			random_bytes(&randomness, what[n].bytes, what[n].len);
		}
		start = clock_thread_cpu_ns();
		pipeline_look_up(g->pipeline, what, together, batch->at[0], now);
		ns[round] = (double)(clock_thread_cpu_ns() - start) / devices / (double)together;
	}
	f.value = median(ns, rounds);
	figure_print(&f);
}

int
main(void)
{
	static struct ground grounds[GROUNDS];
	size_t rounds = bench_is_short() ? 9 : ROUNDS;
	uint64_t dropped = 0;

	if (!aead_init())
		return EXIT_FAILURE;
	printf("# masks: %s\n", keccak_way_name(keccak_best_way()));
	if (bench_is_short())
		grounds_count = GROUNDS_SHORT;
	random_from_seed(&randomness, 1);
	batch = crowd_batch_create();
	for (size_t g = 0; g < grounds_count; g++)
		ground_open(&grounds[g], (tunnels[g] + 3) / 4);
	for (size_t round = 0; round < rounds; round++)
		run_round(grounds, round);
	for (size_t size = 0; size < SIZES; size++) {
		report_masks(size, rounds);
		for (uint8_t listener = 0; listener < 2; listener++)
			report_kind(listener, size, rounds);
	}
	report_search(&grounds[GROUNDS_SHORT - 1], 1, rounds);
	report_search(&grounds[GROUNDS_SHORT - 1], LOOKUPS_TOGETHER, rounds);
	for (size_t g = 0; g < grounds_count; g++) {
		for (int v = 0; v < VERDICT_COUNT; v++)
			dropped +=
			    v != VERDICT_RELAYED ? stats_get(&grounds[g].stats.verdicts[v]) : 0;
	}
	if (dropped > 0) {
		fprintf(stderr, "%lu packets were not relayed\n", (unsigned long)dropped);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

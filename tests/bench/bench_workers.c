/* SPDX-License-Identifier: ISC */
/*
 * What workers cost each other: the pipeline of one thread, alone and beside that of another thread
 * which relays for the same cathedral, packets of other tunnels or of the same ones.  No sockets.
 * CPU time of the measuring thread; with fewer than two CPUs free they seldom meet, and it shows
 * less than there is.
 */
#include "base/clock.h"
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"
#include "tests/support/pinned.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOCKS  250
#define POOL    64
#define BATCHES 400
#define ROUNDS  21
#define SIZE    512

enum company { ALONE, OTHERS, SAME, COMPANIES };

static const char *const companies[COMPANIES] = {
	"alone",
	"beside one with other tunnels",
	"beside one with the same tunnels",
};

/* What a thread has for itself, and packets that it relays again and again. */
struct place {
	unsigned slot;
	struct site *site;
	struct drain drain;
	struct stats *stats;
	struct pipeline *pipeline;
	struct crowd_batch *batch;
	uint8_t listener;
	const uint8_t *bytes; /* POOL of ROOM */
	size_t len;
};

#define ROOM 1024

static const struct crowd_places places = {
	.first = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
	.second = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
};

static struct instant now = { 1000 * NS_PER_S, 1790000000 };
static struct random randomness;
static uint8_t pools[2][2][POOL][ROOM]; /* by listener: one's tunnels, the other's */
static size_t lengths[2];
static struct place one, other;
static _Atomic bool company, stop;

static uint64_t
relay(struct place *p)
{
	uint64_t start;

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		struct packet *pkt = p->batch->at[n];

		packet_reset(pkt, p->len);
		memcpy(pkt->head, p->bytes + n * ROOM, p->len);
		pkt->from = places.first;
		pkt->listener = p->listener;
		pkt->nat_port = false;
	}
	start = clock_thread_cpu_ns();
	pipeline_run(p->pipeline, p->batch->at, PIPELINE_BATCH, now);
	return clock_thread_cpu_ns() - start;
}

static void *
keep_company(void *arg)
{
	struct place *p = arg;

	stay_on(1);
	while (!atomic_load(&stop)) {
		relay(p);
		atomic_store(&company, true);
	}
	return NULL;
}

static void
place_open(struct place *p, struct site *site, unsigned slot)
{
	p->site = site;
	p->slot = slot;
	p->stats = aligned_alloc(64, sizeof(*p->stats));
	p->batch = crowd_batch_create();
	if (p->stats == NULL)
		abort();
	memset(p->stats, 0, sizeof(*p->stats));
	drain_init(&p->drain);
	p->pipeline = pipeline_create(site, slot, &p->drain.sender, p->stats, &randomness);
}

static void
place_give(struct place *p, uint8_t listener, unsigned whose)
{
	p->listener = listener;
	p->bytes = &pools[listener][whose][0][0];
	p->len = lengths[listener];
}

static double
measure(uint8_t listener, enum company with)
{
	pthread_t thread;
	uint64_t took = 0;

	place_give(&one, listener, 0);
	place_give(&other, listener, with == OTHERS);
	atomic_store(&stop, false);
	atomic_store(&company, false);
	if (with != ALONE) {
		if (pthread_create(&thread, NULL, keep_company, &other) != 0)
			abort();
		while (!atomic_load(&company))
			;
	}
	for (int n = 0; n < BATCHES; n++)
		took += relay(&one);
	atomic_store(&stop, true);
	if (with != ALONE)
		pthread_join(thread, NULL);
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static void
make_pools(struct site *site)
{
	for (uint8_t listener = 0; listener < 2; listener++) {
		for (size_t n = 0; n < 2 * (size_t)POOL; n++) {
			struct crowd_packet what = { n, listener, SIZE };

			lengths[listener] = crowd_packet(
			    pools[listener][n / POOL][n % POOL], &what, site, now, &randomness);
		}
	}
}

int
main(void)
{
	static double times[2][COMPANIES][ROUNDS];
	struct site_options options = SITE_OPTIONS_DEFAULT;
	size_t rounds = bench_is_short() ? 5 : ROUNDS;
	struct site *site;

	if (!aead_init())
		return EXIT_FAILURE;
	stay_on(0);
	random_from_seed(&randomness, 1);
	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	site = site_create(&options, crowd_registry(FLOCKS, 2, &randomness), 2, &randomness);
	if (site == NULL)
		abort();
	crowd_meet(site, FLOCKS, &places, now.mono_ns);
	make_pools(site);
	place_open(&one, site, 0);
	place_open(&other, site, 1);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t n = 0; n < 2 * (size_t)COMPANIES; n++)
			times[n % 2][n / 2][round] = measure(n % 2, (enum company)(n / 2));
	}
	for (size_t n = 0; n < 2 * (size_t)COMPANIES; n++) {
		double *of = times[n / COMPANIES][n % COMPANIES],
		       alone = median(times[n / COMPANIES][ALONE], rounds);
		char name[96];
		struct figure f = { name, median(of, rounds), "ns/packet", 0, "alone", NULL };

		f.ratio = f.value / alone;
		snprintf(name, sizeof(name), "%s 512 B, %s",
		    n / COMPANIES == 0 ? "clear" : "shrouded", companies[n % COMPANIES]);
		figure_print(&f);
	}
	return EXIT_SUCCESS;
}

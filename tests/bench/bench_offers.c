/* SPDX-License-Identifier: ISC */
/*
 * How many offers a second one core accepts, against how many Ed25519 signatures it verifies: the
 * signature is what cannot be saved, everything else should be little beside it.  Offers are as in
 * the steady state of a tunnel: an info each, answered with an info.
 */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "tests/support/figure.h"
#include "tests/support/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 4
#define ROUNDS  41
#define GOAL    "at least 0.70"

static struct random randomness;
static struct stage stage;
static struct packet packets[PIPELINE_BATCH];
static struct device_packet made;

static void
make_offers(struct actor *who, bool probe)
{
	struct device_moment m = { stage.now, &stage.random };

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
offers_ns(struct actor *who, bool probe)
{
	struct packet *batch[PIPELINE_BATCH];
	uint64_t took = 0;

	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		batch[n] = &packets[n];
	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		make_offers(who, probe);
		stage_pass(&stage, NS_PER_S / 10);
		site_sweep(stage.site, stage.now.mono_ns);
		tray_empty(&stage.tray);
		start = clock_thread_cpu_ns();
		pipeline_run(stage.pipeline, batch, PIPELINE_BATCH, stage.now);
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
report(const char *what, double ns, double verify)
{
	struct figure f = { what, 1e9 / ns, "offers/s/core", verify / ns, "the verifications",
		GOAL };

	figure_print(&f);
}

int
main(void)
{
	static double clear[ROUNDS], shrouded[ROUNDS], probes[ROUNDS], verify[ROUNDS];
	size_t rounds = bench_is_short() ? 9 : ROUNDS;
	const struct flock_id a = { STAGE_A };
	struct figure f = { "Ed25519 verifications of 451 B", 0, "1/s/core", 0, NULL, NULL };
	struct actor actors[4];
	uint64_t given, accepted;
	double bare;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	stage_plan(&stage, &randomness);
	stage.options.offer_rate = 1 << 20;
	stage.options.replays_max = 1 << 20;
	stage_open(&stage);
	for (uint8_t n = 0; n < 4; n++) {
		struct flock_id flock = flock_with_domain(a, n / 2);

		actors[n] =
		    stage_actor(&stage, &stage.a[n % 2], flock, flock, (uint8_t)(2 - n % 2), n / 2);
		actors[n].d.generation = stage.bundle_a.generation;
		if (stage_info(&stage, &actors[n]) == VERDICT_DROP_UNKNOWN_IDENTITY)
			stage_look_up(&stage);
	}
	given = stats_get(&stage.stats.verdicts[VERDICT_CONSUMED]);
	for (size_t round = 0; round < rounds; round++) {
		verify[round] = verify_ns(&stage.a[0]);
		clear[round] = offers_ns(&actors[0], false);
		shrouded[round] = offers_ns(&actors[2], false);
		probes[round] = offers_ns(&actors[0], true);
	}
	accepted = stats_get(&stage.stats.verdicts[VERDICT_CONSUMED]) - given;
	given = (uint64_t)rounds * 3 * BATCHES * PIPELINE_BATCH;
	if (accepted != given) {
		fprintf(stderr, "%lu offers of %lu accepted\n", (unsigned long)accepted,
		    (unsigned long)given);
		return EXIT_FAILURE;
	}
	bare = median(verify, rounds);
	f.value = 1e9 / bare;
	figure_print(&f);
	report("infos accepted and answered, clear", median(clear, rounds), bare);
	report("infos accepted and answered, shrouded", median(shrouded, rounds), bare);
	report("NAT probes accepted, clear", median(probes, rounds), bare);
	stage_close(&stage);
	return EXIT_SUCCESS;
}

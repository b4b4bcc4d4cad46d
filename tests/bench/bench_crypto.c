/* SPDX-License-Identifier: ISC */
/*
 * What the cryptography of the packet path costs: one line a number, each the median of several
 * rounds, in nanoseconds of this thread's CPU time.
 */
#include "base/clock.h"
#include "base/random.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/keccak.h"
#include "protocol/crypto/kmac.h"
#include "protocol/crypto/shroud.h"
#include "protocol/crypto/sign.h"
#include "protocol/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS   15
#define ROUND_NS (20 * NS_PER_MS)
#define BATCH    32

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

/* Everything that is measured works on this. */
struct work {
	uint64_t lanes[KECCAK_LANES];
	struct kmac_prefix mask, identity;
	uint8_t headers[BATCH][SHROUD_HEADER_SIZE], bodies[BATCH][1500];
	size_t body_len;
	struct cathedral_secret cs;
	struct offer_key key;
	struct cosk_secret secret;
	struct cosk_public public;
	struct envelope inside, opened;
	uint8_t packet[OFFER_SIZE], id[SHROUD_IDENTITY_SIZE];
	unsigned failed; /* operations that did not do what they should */
};

static void
permutation(struct work *w)
{
	keccak_permute(w->lanes);
}

/* A whole batch, as a worker hands them over. */
static void
masks(struct work *w)
{
	struct kmac_job jobs[BATCH];

	for (size_t n = 0; n < BATCH; n++)
		jobs[n] = shroud_job(&w->mask, w->headers[n], w->bodies[n], w->body_len);
	kmac_mask(jobs, BATCH);
}

static void
identities(struct work *w)
{
	struct kmac_job jobs[BATCH];

	for (size_t n = 0; n < BATCH; n++)
		jobs[n] = (struct kmac_job){ &w->identity, w->headers[n] + SHROUD_SEED_ID_AT, 16,
			w->bodies[n], SHROUD_IDENTITY_SIZE };
	kmac_run(jobs, BATCH);
}

static void
offer_key(struct work *w)
{
	struct offer_key key;

	offer_key_device(&key, &w->cs, w->packet, (struct flock_id){ 0xcafeba00 });
	w->id[0] ^= key.bytes[0];
}

static void
open_offer(struct work *w)
{
	w->failed += !envelope_open(&w->opened, w->packet, OFFER_SIZE, &w->key);
}

static void
verify_offer(struct work *w)
{
	w->failed += !envelope_verify(&w->inside, &w->public);
}

static int
by_value(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static double
round_ns(void (*run)(struct work *), struct work *w, uint64_t times)
{
	uint64_t start = clock_thread_cpu_ns();

	for (uint64_t n = 0; n < times; n++)
		run(w);
	return (double)(clock_thread_cpu_ns() - start) / (double)times;
}

/* Prints the median time of one of the many that each call of run does. */
static void
measure(const char *name, void (*run)(struct work *), struct work *w, unsigned many)
{
	double ns[ROUNDS];
	uint64_t times = 1;

	while (round_ns(run, w, times) * (double)times < ROUND_NS / 4 && times < 1u << 30)
		times *= 2;
	for (int n = 0; n < ROUNDS; n++)
		ns[n] = round_ns(run, w, times * 2) / many;
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	printf("%-28s %10.1f ns   (%.1f to %.1f)\n", name, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1]);
	fflush(stdout);
}

static void
prepare(struct work *w)
{
	const struct offer offer = { .type = OFFER_INFO, .timestamp = 1790000000 };
	struct offer_header header = { .flock_src = { 0xcafeba00 }, .spi = 7 };
	struct shroud_key shroud;
	uint8_t seed[32];
	struct random r;

	random_from_seed(&r, 1);
	random_bytes(&r, w->lanes, sizeof(w->lanes));
	random_bytes(&r, w->headers, sizeof(w->headers));
	random_bytes(&r, w->bodies, sizeof(w->bodies));
	random_bytes(&r, w->cs.bytes, sizeof(w->cs.bytes));
	random_bytes(&r, w->key.bytes, sizeof(w->key.bytes));
	random_bytes(&r, seed, sizeof(seed));
	shroud_key_device(&shroud, &w->cs, header.flock_src, header.flock_src);
	shroud_mask_prefix(&w->mask, &shroud);
	shroud_identity_prefix(
	    &w->identity, header.flock_src, header.flock_src, (struct device_id){ 7 });
	sign_key_pair(&w->secret, &w->public, seed);
	envelope_signed(&w->inside, &offer, &w->secret);
	envelope_seal(w->packet, &header, &w->inside, &w->key);
}

int
main(void)
{
	static const size_t lengths[] = { 64, 672, 1372 };
	static const enum aead_backend backends[] = { AEAD_SODIUM, AEAD_LIBCRYPTO };
	static struct work w;
	char name[64];

	if (!aead_init())
		return EXIT_FAILURE;
	printf("# %s, AES-256-GCM by %s, batches of %d\n", COMPILER, aead_backend_name(), BATCH);
	prepare(&w);

	measure("keccak permutation", permutation, &w, 1);
	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
		w.body_len = lengths[n];
		snprintf(name, sizeof(name), "mask of %zu bytes", lengths[n]);
		measure(name, masks, &w, BATCH);
	}
	measure("shroud identity", identities, &w, BATCH);
	measure("offer key", offer_key, &w, 1);
	for (size_t n = 0; n < sizeof(backends) / sizeof(backends[0]); n++) {
		if (!aead_force_backend(backends[n]))
			continue;
		snprintf(name, sizeof(name), "open an offer, %s", aead_backend_name());
		measure(name, open_offer, &w, 1);
	}
	measure("verify an offer (Ed25519)", verify_offer, &w, 1);
	return w.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

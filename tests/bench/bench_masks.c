/* SPDX-License-Identifier: ISC */
/*
 * What Keccak and the masks cost by each way of permuting that works here: a state's permutation,
 * batches of masks of one length and of mixed lengths, and the few packets of a quiet moment.  The
 * ways take turns in every round; the time is this thread's CPU time.
 */
#include "base/clock.h"
#include "base/random.h"
#include "protocol/crypto/kmac.h"
#include "protocol/crypto/shroud.h"
#include "tests/support/figure.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS   31
#define ROUND_NS (2 * NS_PER_MS)
#define BATCH    64
#define SMALL    64 /* bytes under the mask */
#define FULL     1373

/* A batch: the first `small` packets are small and lie anywhere among the others. */
struct kind {
	const char *name;
	size_t count, small, len;
};

static const struct kind kinds[] = {
	{ "64 masks of 64 B", 64, 64, 0 },
	{ "64 masks of 672 B", 64, 0, 672 },
	{ "64 masks of 1372 B", 64, 0, 1372 },
	{ "64 masks, 16 of 64 B, 48 of 1373 B", 64, 16, FULL },
	{ "64 masks, 32 of 64 B, 32 of 1373 B", 64, 32, FULL },
	{ "64 masks, 56 of 64 B, 8 of 1373 B", 64, 56, FULL },
	{ "20 masks, 10 of 64 B, 10 of 1373 B", 20, 10, FULL },
	{ "1 mask of 1373 B", 1, 0, FULL },
	{ "2 masks of 1373 B", 2, 0, FULL },
	{ "3 masks of 1373 B", 3, 0, FULL },
	{ "4 masks of 1373 B", 4, 0, FULL },
	{ "5 masks of 1373 B", 5, 0, FULL },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct masks {
	struct kmac_prefix prefixes[BATCH];
	uint8_t headers[BATCH][SHROUD_HEADER_SIZE], bodies[BATCH][1500];
	struct kmac_job jobs[BATCH];
};

static struct masks masks;
static double alone_ns[KECCAK_WAYS][ROUNDS], batch_ns[KINDS][KECCAK_WAYS][ROUNDS];
static size_t needed[KINDS], permuted[KINDS][KECCAK_WAYS];

/* Nanoseconds for the permutation of one state, when all places are taken. */
static double
permutation_ns(enum keccak_way way)
{
	static struct keccak_wide wide;
	size_t width = keccak_way_width(way), times = ROUND_NS / 400;
	uint64_t plain[KECCAK_LANES] = { 0 }, start = clock_thread_cpu_ns();

	for (size_t n = 0; n < times; n++) {
		if (way == KECCAK_ONE_BY_ONE)
			keccak_permute(plain);
		else
			keccak_permute_wide(&wide, width, way);
	}
	return (double)(clock_thread_cpu_ns() - start) / (double)(times * width);
}

/* Small ones and full ones are mixed as a stride that meets every place mixes them. */
static void
jobs_make(const struct kind *k)
{
	size_t stride = k->count % 7 == 0 ? 11 : 7;

	for (size_t n = 0; n < k->count; n++) {
		size_t at = n * stride % k->count;

		masks.jobs[at] = shroud_job(&masks.prefixes[at], masks.headers[at],
		    masks.bodies[at], n < k->small ? SMALL : k->len);
	}
}

static double
kind_ns(const struct kind *k, enum keccak_way way)
{
	size_t times = ROUND_NS / (k->count * 500) + 1;
	uint64_t start;

	jobs_make(k);
	start = clock_thread_cpu_ns();
	for (size_t n = 0; n < times; n++)
		permuted[k - kinds][way] = kmac_run_by(way, masks.jobs, k->count, true);
	return (double)(clock_thread_cpu_ns() - start) / (double)(times * k->count);
}

static void
run_round(size_t round)
{
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		if (!keccak_way_works(way))
			continue;
		alone_ns[way][round] = permutation_ns(way);
		for (size_t k = 0; k < KINDS; k++)
			batch_ns[k][way][round] = kind_ns(&kinds[k], way);
	}
}

static void
report(const char *what, double by_way[][ROUNDS], size_t rounds, const size_t *places, size_t need)
{
	double plain = median(by_way[KECCAK_ONE_BY_ONE], rounds);
	char name[96];

	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		double ns;
		struct figure f = { name, 0, "ns each", 0, "one by one", NULL };

		if (!keccak_way_works(way))
			continue;
		ns = median(by_way[way], rounds);
		snprintf(name, sizeof(name), "%s, %s", what, keccak_way_name(way));
		f.value = ns;
		f.ratio = ns / plain;
		figure_print(&f);
		if (places == NULL || way == KECCAK_ONE_BY_ONE)
			continue;
		f = (struct figure){ "  places that were busy",
			100 * (double)need / (double)places[way], "%", 0, NULL, NULL };
		figure_print(&f);
	}
}

int
main(void)
{
	size_t rounds = bench_is_short() ? 5 : ROUNDS;
	struct random r;

	random_from_seed(&r, 1);
	random_bytes(&r, &masks, sizeof(masks));
	printf("# the best way here: %s\n", keccak_way_name(keccak_best_way()));
	for (size_t round = 0; round < rounds; round++)
		run_round(round);
	report("permutation of a state", alone_ns, rounds, NULL, 0);
	for (size_t k = 0; k < KINDS; k++) {
		needed[k] = permuted[k][KECCAK_ONE_BY_ONE];
		report(kinds[k].name, batch_ns[k], rounds, permuted[k], needed[k]);
	}
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: ISC */
/* Four states at once are four states, whichever instructions the CPU has for it. */
#include "protocol/crypto/keccak_wide.h"

#include "protocol/crypto/kmac.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JOBS    40
#define LONGEST 1500

static struct random randomness;
static const enum keccak_way ways[] = { KECCAK_ONE_BY_ONE, KECCAK_AVX2, KECCAK_AVX512 };

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void
each_state_is_permuted_alone(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		for (int round = 0; round < 200 && keccak_way_works(ways[way]); round++) {
			uint64_t plain[KECCAK_WIDE][KECCAK_LANES];
			struct keccak_wide wide;

			random_bytes(&randomness, plain, sizeof(plain));
			for (size_t n = 0; n < KECCAK_WIDE; n++) {
				for (size_t i = 0; i < KECCAK_LANES; i++)
					wide.lanes[i][n] = plain[n][i];
			}
			keccak_permute_wide(&wide, ways[way]);
			for (size_t n = 0; n < KECCAK_WIDE; n++) {
				keccak_permute(plain[n]);
				for (size_t i = 0; i < KECCAK_LANES; i++)
					assert_true(wide.lanes[i][n] == plain[n][i]);
			}
		}
	}
}

static void
the_best_way_works(void **state)
{
	(void)state;
	assert_true(keccak_way_works(KECCAK_ONE_BY_ONE));
	assert_true(keccak_way_works(keccak_best_way()));
	print_message("# the best way here: %s\n", keccak_way_name(keccak_best_way()));
	assert_string_equal(keccak_way_name(KECCAK_ONE_BY_ONE), "one by one");
	assert_string_equal(keccak_way_name(KECCAK_AVX2), "AVX2");
	assert_string_equal(keccak_way_name(KECCAK_AVX512), "AVX-512");
}

/* A batch of jobs with all kinds of lengths, in buffers of exactly their size. */
struct batch {
	size_t count;
	struct kmac_prefix prefixes[JOBS];
	struct kmac_job jobs[JOBS];
	uint8_t *inputs[JOBS];
	uint8_t *outs[JOBS];
};

static void
batch_make(struct batch *b, size_t count)
{
	b->count = count;
	random_bytes(&randomness, b->prefixes, sizeof(b->prefixes));
	for (size_t n = 0; n < count; n++) {
		size_t input_len = random_below(&randomness, 3 * KECCAK_RATE_256);
		size_t out_len = 1 + random_below(&randomness, LONGEST);

		if (random_below(&randomness, 3) == 0) /* whole blocks, and a byte beside */
			out_len = (1 + random_below(&randomness, 10)) * KECCAK_RATE_256 - 1 +
				  random_below(&randomness, 3);
		b->inputs[n] = malloc(input_len);
		b->outs[n] = malloc(out_len);
		random_bytes(&randomness, b->inputs[n], input_len);
		random_bytes(&randomness, b->outs[n], out_len);
		b->jobs[n] = (struct kmac_job){ &b->prefixes[n], b->inputs[n], input_len,
			b->outs[n], out_len };
	}
}

static void
batch_free(struct batch *b)
{
	for (size_t n = 0; n < b->count; n++) {
		free(b->inputs[n]);
		free(b->outs[n]);
	}
}

/* The outputs that one job after the other gives, in plain C. */
static uint8_t *
expected(const struct kmac_job *job, bool mask)
{
	uint8_t *out = malloc(job->out_len);
	struct kmac_job alone = *job;

	memcpy(out, job->out, job->out_len);
	alone.out = out;
	kmac_run_by(KECCAK_ONE_BY_ONE, &alone, 1, mask);
	return out;
}

static void
compare(size_t count, bool mask, enum keccak_way way)
{
	uint8_t *want[JOBS];
	struct batch b;

	batch_make(&b, count);
	for (size_t n = 0; n < count; n++)
		want[n] = expected(&b.jobs[n], mask);
	kmac_run_by(way, b.jobs, count, mask);
	for (size_t n = 0; n < count; n++) {
		if (memcmp(b.outs[n], want[n], b.jobs[n].out_len) != 0)
			fail_msg("%s: job %zu of %zu, %zu bytes", keccak_way_name(way), n, count,
			    b.jobs[n].out_len);
		free(want[n]);
	}
	batch_free(&b);
}

/* More jobs than places, fewer, as many; long ones beside short ones. */
static void
jobs_come_out_as_one_by_one(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		for (size_t count = 0; count <= JOBS && keccak_way_works(ways[way]); count++) {
			compare(count, false, ways[way]);
			compare(count, true, ways[way]);
		}
	}
}

/* Masking twice undoes it, also when the two went different ways. */
static void
masks_undo_each_other(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		struct batch b;
		uint8_t *before[JOBS];

		if (!keccak_way_works(ways[way]))
			continue;
		batch_make(&b, JOBS);
		for (size_t n = 0; n < JOBS; n++) {
			before[n] = malloc(b.jobs[n].out_len);
			memcpy(before[n], b.outs[n], b.jobs[n].out_len);
		}
		kmac_run_by(ways[way], b.jobs, JOBS, true);
		kmac_run_by(KECCAK_ONE_BY_ONE, b.jobs, JOBS, true);
		for (size_t n = 0; n < JOBS; n++) {
			assert_memory_equal(b.outs[n], before[n], b.jobs[n].out_len);
			free(before[n]);
		}
		batch_free(&b);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_permuted_alone),
		cmocka_unit_test(the_best_way_works),
		cmocka_unit_test(jobs_come_out_as_one_by_one),
		cmocka_unit_test(masks_undo_each_other),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("keccak, wide", tests, NULL, NULL);
}

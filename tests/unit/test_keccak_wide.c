/* SPDX-License-Identifier: ISC */
/* Several states at once are several states, whichever instructions the CPU has for it. */
#include "protocol/crypto/keccak_wide.h"

#include "protocol/crypto/kmac.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JOBS    300 /* more than are put in order together */
#define COUNTS  33  /* four times eight, and one */
#define LONGEST 1500

static struct random randomness;

/* Every number of states that a way takes; what lies behind them may become anything. */
static void
each_state_is_permuted_alone(void **state)
{
	(void)state;
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		for (size_t round = 0; round < 1000 && keccak_way_works(way); round++) {
			size_t count = 1 + round % keccak_way_width(way), permuted;
			uint64_t plain[KECCAK_WIDE][KECCAK_LANES];
			struct keccak_wide wide;

			random_bytes(&randomness, plain, sizeof(plain));
			for (size_t n = 0; n < KECCAK_WIDE; n++) {
				for (size_t i = 0; i < KECCAK_LANES; i++)
					wide.lanes[i][n] = plain[n][i];
			}
			permuted = keccak_permute_wide(&wide, count, way);
			assert_in_range(permuted, count, keccak_way_width(way));
			for (size_t n = 0; n < count; n++) {
				keccak_permute(plain[n]);
				for (size_t i = 0; i < KECCAK_LANES; i++)
					assert_true(wide.lanes[i][n] == plain[n][i]);
			}
		}
	}
}

/* Wherever they lie, and however many there are; nothing else is touched. */
static void
all_states_are_permuted_where_they_lie(void **state)
{
	uint64_t before[COUNTS + 1][KECCAK_LANES], after[COUNTS + 1][KECCAK_LANES];
	uint64_t *states[COUNTS];

	(void)state;
	for (size_t count = 0; count <= COUNTS; count++) {
		random_bytes(&randomness, before, sizeof(before));
		memcpy(after, before, sizeof(after));
		for (size_t n = 0; n < count; n++)
			states[n] = after[count - n];
		keccak_permute_all(states, count);
		for (size_t n = 1; n <= count; n++)
			keccak_permute(before[n]);
		assert_memory_equal(after, before, sizeof(after));
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
	assert_string_equal(keccak_way_name(KECCAK_AVX512_FOUR), "AVX-512, four");
	assert_string_equal(keccak_way_name(KECCAK_AVX512), "AVX-512");
	assert_int_equal(keccak_way_width(KECCAK_ONE_BY_ONE), 1);
	assert_int_equal(keccak_way_width(KECCAK_AVX2), 4);
	assert_int_equal(keccak_way_width(KECCAK_AVX512_FOUR), 4);
	assert_int_equal(keccak_way_width(KECCAK_AVX512), KECCAK_WIDE);
}

#define ANY SIZE_MAX

/* How long inputs and outputs are. */
struct shape {
	size_t input_len, out_len;
};

static const struct shape any_shape = { ANY, ANY };
static struct shape shape = { ANY, ANY };

/* A batch of jobs in buffers of exactly their size. */
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
		if (shape.input_len != ANY)
			input_len = shape.input_len;
		if (shape.out_len != ANY)
			out_len = shape.out_len;
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
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		for (size_t count = 0; count <= COUNTS && keccak_way_works(way); count++) {
			compare(count, false, way);
			compare(count, true, way);
		}
	}
}

static void
a_great_many_jobs_come_out_right(void **state)
{
	(void)state;
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		if (keccak_way_works(way))
			compare(JOBS, true, way);
	}
}

/* As masks are: inputs of 48 bytes, outputs of one length, 0 to beyond the longest packet's. */
static void
every_length_comes_out_as_one_by_one(void **state)
{
	(void)state;
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		for (size_t len = 0; len <= LONGEST && keccak_way_works(way); len++) {
			shape = (struct shape){ .input_len = 48, .out_len = len };
			compare(1 + len % COUNTS, len % 2 == 0, way);
		}
	}
	shape = any_shape;
}

/* Inputs up to what fits into a block with what ends them, and beyond; in whole lanes or not. */
static void
every_input_comes_out_as_one_by_one(void **state)
{
	(void)state;
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		for (size_t len = 0; len <= 2 * KECCAK_RATE_256 && keccak_way_works(way); len++) {
			shape = (struct shape){ .input_len = len, .out_len = ANY };
			compare(9, true, way);
		}
	}
	shape = any_shape;
}

/* Masking twice undoes it, also when the two went different ways. */
static void
masks_undo_each_other(void **state)
{
	(void)state;
	for (enum keccak_way way = 0; way < KECCAK_WAYS; way++) {
		struct batch b;
		uint8_t *before[JOBS];

		if (!keccak_way_works(way))
			continue;
		batch_make(&b, JOBS);
		for (size_t n = 0; n < JOBS; n++) {
			before[n] = malloc(b.jobs[n].out_len);
			memcpy(before[n], b.outs[n], b.jobs[n].out_len);
		}
		kmac_run_by(way, b.jobs, JOBS, true);
		kmac_run_by(KECCAK_ONE_BY_ONE, b.jobs, JOBS, true);
		for (size_t n = 0; n < JOBS; n++) {
			assert_memory_equal(b.outs[n], before[n], b.jobs[n].out_len);
			free(before[n]);
		}
		batch_free(&b);
	}
}

/* A receive batch of small and full packets: hardly a place in a permutation is empty. */
static void
places_are_kept_busy(void **state)
{
	for (size_t small = 0; small <= 64; small += 16) {
		size_t needed = small + (64 - small) * 11, permuted;
		struct batch b;

		(void)state;
		if (!keccak_way_works(KECCAK_AVX512))
			return;
		shape = (struct shape){ .input_len = 48, .out_len = 1373 };
		batch_make(&b, 64);
		for (size_t n = 0; n < small; n++)
			b.jobs[n * 7 % 64].out_len = 64;
		assert_int_equal(kmac_run_by(KECCAK_ONE_BY_ONE, b.jobs, 64, true), needed);
		permuted = kmac_run_by(KECCAK_AVX512, b.jobs, 64, true);
		print_message("# %zu small of 64: %zu permutations needed, %zu made\n", small,
		    needed, permuted);
		assert_in_range(permuted, needed, needed + 16);
		batch_free(&b);
	}
	shape = any_shape;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_permuted_alone),
		cmocka_unit_test(all_states_are_permuted_where_they_lie),
		cmocka_unit_test(the_best_way_works),
		cmocka_unit_test(jobs_come_out_as_one_by_one),
		cmocka_unit_test(a_great_many_jobs_come_out_right),
		cmocka_unit_test(every_length_comes_out_as_one_by_one),
		cmocka_unit_test(every_input_comes_out_as_one_by_one),
		cmocka_unit_test(masks_undo_each_other),
		cmocka_unit_test(places_are_kept_busy),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("keccak, wide", tests, NULL, NULL);
}

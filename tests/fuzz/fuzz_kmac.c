/* SPDX-License-Identifier: ISC */
/*
 * Batches of KMAC jobs, whose number, lengths and keys the bytes choose: every way of permuting
 * that works here gives what one job after the other gives, and writes nothing beside it.
 */
#include "protocol/crypto/kmac.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define JOBS      40
#define PREFIXES  4
#define PER_JOB   4 /* bytes that describe one */
#define INPUT_MAX 300
#define OUT_MAX   1600
#define GUARD     0xa5

struct batch {
	size_t count;
	struct kmac_prefix prefixes[PREFIXES];
	struct kmac_job jobs[JOBS];
	uint8_t *inputs[JOBS], *outs[JOBS];
};

/* What is described in four bytes: key, length of input, length of output. */
static void
batch_add(struct batch *b, const uint8_t what[static PER_JOB], bool mask)
{
	size_t n = b->count++;
	size_t input_len = (what[0] >> 2 | (what[1] & 7u) << 6) % (INPUT_MAX + 1);
	size_t out_len = (what[2] | (what[3] & 7u) << 8) % (OUT_MAX + 1);

	b->inputs[n] = malloc(input_len);
	b->outs[n] = malloc(out_len + 1);
	fuzz_expect((b->inputs[n] != NULL || input_len == 0) && b->outs[n] != NULL);
	for (size_t i = 0; i < input_len; i++)
		b->inputs[n][i] = (uint8_t)(what[3] + i * 7);
	memset(b->outs[n], mask ? what[1] : 0, out_len);
	b->outs[n][out_len] = GUARD;
	b->jobs[n] = (struct kmac_job){ &b->prefixes[what[0] % PREFIXES], b->inputs[n], input_len,
		b->outs[n], out_len };
}

static void
batch_make(struct batch *b, const uint8_t *data, size_t len, bool mask)
{
	memset(b, 0, sizeof(*b));
	for (uint8_t n = 0; n < PREFIXES; n++)
		kmac_prefix_init(&b->prefixes[n], "SANCTUM.TEST", &n, 1);
	for (; len >= PER_JOB && b->count < JOBS; len -= PER_JOB, data += PER_JOB)
		batch_add(b, data, mask);
}

static void
batch_free(struct batch *b)
{
	for (size_t n = 0; n < b->count; n++) {
		free(b->inputs[n]);
		free(b->outs[n]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool mask = len % 2 == 0;
	struct batch want, got;

	batch_make(&want, data, len, mask);
	kmac_run_by(KECCAK_ONE_BY_ONE, want.jobs, want.count, mask);
	for (enum keccak_way way = KECCAK_ONE_BY_ONE + 1; way < KECCAK_WAYS; way++) {
		if (!keccak_way_works(way))
			continue;
		batch_make(&got, data, len, mask);
		kmac_run_by(way, got.jobs, got.count, mask);
		for (size_t n = 0; n < got.count; n++)
			fuzz_expect(
			    memcmp(got.outs[n], want.outs[n], want.jobs[n].out_len + 1) == 0);
		batch_free(&got);
	}
	batch_free(&want);
	return 0;
}

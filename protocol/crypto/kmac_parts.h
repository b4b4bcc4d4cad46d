/* SPDX-License-Identifier: ISC */
/* What kmac.c, one job after the other, and kmac_wide.c, several at once, have in common. */
#ifndef PROTOCOL_CRYPTO_KMAC_PARTS_H
#define PROTOCOL_CRYPTO_KMAC_PARTS_H

#include "protocol/crypto/kmac.h"

#include <endian.h>
#include <string.h>

#define KMAC_RATE_LANES  (KECCAK_RATE_256 / sizeof(uint64_t))
#define KMAC_PADDING_END (UINT64_C(0x80) << 56) /* in the last lane of the rate */

/* A Keccak state that is being fed; at counts the bytes of the current block. */
struct sponge {
	uint64_t state[KECCAK_LANES];
	size_t at;
};

/* Everything of a job up to the permutation that gives its first block of output. */
void kmac_job_begin(struct sponge *s, const struct kmac_job *job);

/* What ends the input of a job: its output's length and the first bit of the padding. */
uint64_t kmac_job_end(size_t out_len);

size_t kmac_jobs_wide(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask);

/*
 * The next block of a job's output, after `done` bytes, from a state whose lanes lie `stride`
 * apart: written to out, or XORed into it.  Returns how many bytes.
 */
static inline __attribute__((always_inline)) size_t
kmac_block_out(
    const struct kmac_job *job, size_t done, const uint64_t *state, size_t stride, bool mask)
{
	size_t left = job->out_len - done, len = left < KECCAK_RATE_256 ? left : KECCAK_RATE_256;
	uint8_t *out = job->out + done;
	uint64_t word, old = 0;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		if (mask)
			memcpy(&old, out + i, sizeof(word));
		word = htole64(*state) ^ old;
		memcpy(out + i, &word, sizeof(word));
		state += stride;
	}
	if (i < len) {
		if (mask)
			memcpy(&old, out + i, len - i);
		word = htole64(*state) ^ old;
		memcpy(out + i, &word, len - i);
	}
	return len;
}

#endif

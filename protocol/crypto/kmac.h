/* SPDX-License-Identifier: ISC */
/*
 * KMAC256 as in NIST SP 800-185, never the XOF variant (docs/protocol.md, "Primitives").
 *
 * The state after label and key depends on neither input nor length, so it is kept as a prefix:
 * a mask then costs only its own permutations.  Work is handed over in batches: where the CPU has
 * vectors for it, up to eight jobs are done at a time.
 */
#ifndef PROTOCOL_CRYPTO_KMAC_H
#define PROTOCOL_CRYPTO_KMAC_H

#include "protocol/crypto/keccak_wide.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As secret as the key it was made from. */
struct kmac_prefix {
	uint64_t state[KECCAK_LANES];
};

void kmac_prefix_init(struct kmac_prefix *p, const char *label, const void *key, size_t key_len);

/* Prefixes of one label and many keys, with most of the work done for all of them together. */
#define KMAC_KEYS_LEN_MAX 64

void kmac_prefixes_init(struct kmac_prefix *const *p, const char *label, const uint8_t *const *keys,
    size_t key_len, size_t count);

/* Has it fetched into the cache: for jobs that are collected before they run. */
static inline void
kmac_prefix_fetch(const struct kmac_prefix *p)
{
	for (size_t n = 0; n < KECCAK_LANES; n += 8) /* a cache line */
		__builtin_prefetch(&p->state[n]);
}

struct kmac_job {
	const struct kmac_prefix *prefix;
	const uint8_t *input;
	size_t input_len;
	uint8_t *out;
	size_t out_len; /* part of what is authenticated, as KMAC demands */
};

/* Writes each job's output to its out.  Jobs are independent; input and out may not overlap. */
void kmac_run(const struct kmac_job *jobs, size_t count);

/* The same, but XORs the output into what is at out: masks and unmasks. */
void kmac_mask(const struct kmac_job *jobs, size_t count);

/*
 * Either of them by one way of permuting, which must work here: for tests and benches.  Returns how
 * many states were permuted for it, idle ones that only went along included.
 */
size_t kmac_run_by(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask);

/* One computation from scratch, for keys that are used once. */
void kmac256(void *out, size_t out_len, const void *key, size_t key_len, const void *input,
    size_t input_len, const char *label);

#endif

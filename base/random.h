/* SPDX-License-Identifier: ISC */
/*
 * Randomness as an argument: a ChaCha20 generator with fast key erasure.  Seeded from the kernel
 * in daemons (no system call per packet), from a number in tests (repeatable).  Not thread-safe:
 * one per thread.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint8_t key[32];
	uint8_t pool[1024];
	size_t left; /* unused bytes at the end of pool */
};

void random_from_system(struct random *r);
void random_from_seed(struct random *r, uint64_t seed); /* tests only */

/* A generator of its own, for another thread, with a key drawn from this one. */
void random_split(struct random *child, struct random *parent);

void random_bytes(struct random *r, void *out, size_t len);
uint64_t random_u64(struct random *r);

/* Uniform in 0 .. limit - 1; 0 when limit is 0. */
uint32_t random_below(struct random *r, uint32_t limit);

#endif

/* SPDX-License-Identifier: ISC */
/* Several Keccak states at once, where the CPU has vectors that make it worth it. */
#ifndef PROTOCOL_CRYPTO_KECCAK_WIDE_H
#define PROTOCOL_CRYPTO_KECCAK_WIDE_H

#include "protocol/crypto/keccak.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KECCAK_WIDE 8

/* Lane n of state s is lanes[n][s]. */
struct keccak_wide {
	_Alignas(64) uint64_t lanes[KECCAK_LANES][KECCAK_WIDE];
};

enum keccak_way {
	KECCAK_ONE_BY_ONE,
	KECCAK_AVX2,
	KECCAK_AVX512_FOUR, /* for tests and benches: what a CPU without wide registers would do */
	KECCAK_AVX512,
	KECCAK_WAYS /* always last */
};

/* The fastest that works on this CPU and system. */
enum keccak_way keccak_best_way(void);

bool keccak_way_works(enum keccak_way way);
const char *keccak_way_name(enum keccak_way way);

/* How many states this way permutes at once at most. */
size_t keccak_way_width(enum keccak_way way);

/*
 * Permutes the first count states, 1 up to the way's width; those behind them may become anything.
 * way must work here.  Returns how many states were permuted for it.
 */
size_t keccak_permute_wide(struct keccak_wide *s, size_t count, enum keccak_way way);

/* Permutes so many states, wherever each of them lies, the fastest way. */
void keccak_permute_all(uint64_t *const *states, size_t count);

#endif

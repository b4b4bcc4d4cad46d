/* SPDX-License-Identifier: ISC */
/* Four Keccak states at once, where the CPU has vectors that make it worth it. */
#ifndef PROTOCOL_CRYPTO_KECCAK_WIDE_H
#define PROTOCOL_CRYPTO_KECCAK_WIDE_H

#include "protocol/crypto/keccak.h"

#include <stdbool.h>
#include <stdint.h>

#define KECCAK_WIDE 4

/* Lane n of state s is lanes[n][s]. */
struct keccak_wide {
	_Alignas(32) uint64_t lanes[KECCAK_LANES][KECCAK_WIDE];
};

enum keccak_way { KECCAK_ONE_BY_ONE, KECCAK_AVX2, KECCAK_AVX512 };

/* The fastest that works on this CPU. */
enum keccak_way keccak_best_way(void);

bool keccak_way_works(enum keccak_way way);
const char *keccak_way_name(enum keccak_way way);

/* Permutes all four; way must work here. */
void keccak_permute_wide(struct keccak_wide *s, enum keccak_way way);

#endif

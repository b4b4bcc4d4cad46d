/* SPDX-License-Identifier: ISC */
/*
 * What x86-64 CPUs have for several Keccak states at once.  Each function works only where the CPU
 * has what its name says (keccak_wide.h chooses); four states are those from 0 or from 4 on.
 */
#ifndef PROTOCOL_CRYPTO_KECCAK_X86_H
#define PROTOCOL_CRYPTO_KECCAK_X86_H

#include "protocol/crypto/keccak_wide.h"

/* Permute the first four states, or all eight.  AVX-512 means its parts F and VL. */
void keccak_four_avx2(struct keccak_wide *s);
void keccak_four_avx512(struct keccak_wide *s);
void keccak_eight_avx512(struct keccak_wide *s);

/*
 * What a state begins with: the lanes of another, into which are XORed whole lanes of input, the
 * lane that comes behind them, and the bit at the block's end.
 */
struct keccak_start {
	const uint64_t *state;
	const uint8_t *input;
	uint64_t end;
};

/* Starts four states; each input is `lanes` lanes long, at most one less than a block. */
void keccak_start_four_avx2(
    struct keccak_wide *s, size_t first, const struct keccak_start *from, size_t lanes);

/* Writes the block of four states to where each of them has its out, or XORs it into that. */
void keccak_give_four_avx2(
    const struct keccak_wide *s, size_t first, uint8_t *const out[static 4], bool mask);

#endif

/* SPDX-License-Identifier: ISC */
#ifndef PROTOCOL_CRYPTO_KECCAK_H
#define PROTOCOL_CRYPTO_KECCAK_H

#include <stdint.h>

#define KECCAK_LANES    25
#define KECCAK_ROUNDS   24
#define KECCAK_RATE_256 136 /* bytes absorbed or squeezed per permutation with capacity 512 */

extern const uint64_t keccak_round_constants[KECCAK_ROUNDS];

/* Keccak-f[1600], plain C: the reference that faster versions are compared with. */
void keccak_permute(uint64_t state[static KECCAK_LANES]);

#endif

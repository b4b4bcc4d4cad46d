/* SPDX-License-Identifier: ISC */
/*
 * Keccak-f[1600] as in FIPS 202.  Lane (x, y) is state[x + 5 * y].  A round reads one copy of the
 * state and writes the other, and every index is a constant: the compiler keeps lanes in registers
 * as far as they go, and nothing depends on what the lanes hold.
 *
 * Between the rounds six lanes are kept complemented.  Chi is b0 ^ (~b1 & b2) for each lane; where
 * an operand is complemented already, De Morgan's laws turn that into an AND or OR without NOT,
 * which leaves five of 25 (the technique is described in the designers' implementation overview).
 */
#include "protocol/crypto/keccak.h"

const uint64_t keccak_round_constants[KECCAK_ROUNDS] = { UINT64_C(0x0000000000000001),
	UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a), UINT64_C(0x8000000080008000),
	UINT64_C(0x000000000000808b), UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008081),
	UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a), UINT64_C(0x0000000000000088),
	UINT64_C(0x0000000080008009), UINT64_C(0x000000008000000a), UINT64_C(0x000000008000808b),
	UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089), UINT64_C(0x8000000000008003),
	UINT64_C(0x8000000000008002), UINT64_C(0x8000000000000080), UINT64_C(0x000000000000800a),
	UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081), UINT64_C(0x8000000000008080),
	UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008008) };

static inline uint64_t
rotl(uint64_t lane, unsigned bits)
{
	return lane << bits | lane >> (64 - bits);
}

/* The parity of column x, for theta. */
static inline uint64_t
column(const uint64_t a[static KECCAK_LANES], unsigned x)
{
	return a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
}

/* Six lanes chosen so that every round leaves the same six complemented. */
static inline void
complement(uint64_t a[static KECCAK_LANES])
{
	a[1] = ~a[1];
	a[2] = ~a[2];
	a[8] = ~a[8];
	a[12] = ~a[12];
	a[17] = ~a[17];
	a[20] = ~a[20];
}

/* One round from a to e: theta as the lanes are read, rho and pi as they move, chi and iota. */
static inline __attribute__((always_inline)) void
round_from_to(
    const uint64_t a[static KECCAK_LANES], uint64_t e[static KECCAK_LANES], uint64_t constant)
{
	uint64_t c0 = column(a, 0), c1 = column(a, 1), c2 = column(a, 2), c3 = column(a, 3),
		 c4 = column(a, 4);
	uint64_t d0 = c4 ^ rotl(c1, 1), d1 = c0 ^ rotl(c2, 1), d2 = c1 ^ rotl(c3, 1),
		 d3 = c2 ^ rotl(c4, 1), d4 = c3 ^ rotl(c0, 1);
	uint64_t b0, b1, b2, b3, b4;

	b0 = a[0] ^ d0;
	b1 = rotl(a[6] ^ d1, 44);
	b2 = rotl(a[12] ^ d2, 43);
	b3 = rotl(a[18] ^ d3, 21);
	b4 = rotl(a[24] ^ d4, 14);
	e[0] = b0 ^ (b1 | b2) ^ constant;
	e[1] = b1 ^ (~b2 | b3);
	e[2] = b2 ^ (b3 & b4);
	e[3] = b3 ^ (b4 | b0);
	e[4] = b4 ^ (b0 & b1);

	b0 = rotl(a[3] ^ d3, 28);
	b1 = rotl(a[9] ^ d4, 20);
	b2 = rotl(a[10] ^ d0, 3);
	b3 = rotl(a[16] ^ d1, 45);
	b4 = rotl(a[22] ^ d2, 61);
	e[5] = b0 ^ (b1 | b2);
	e[6] = b1 ^ (b2 & b3);
	e[7] = b2 ^ (b3 | ~b4);
	e[8] = b3 ^ (b4 | b0);
	e[9] = b4 ^ (b0 & b1);

	b0 = rotl(a[1] ^ d1, 1);
	b1 = rotl(a[7] ^ d2, 6);
	b2 = rotl(a[13] ^ d3, 25);
	b3 = rotl(a[19] ^ d4, 8);
	b4 = rotl(a[20] ^ d0, 18);
	e[10] = b0 ^ (b1 | b2);
	e[11] = b1 ^ (b2 & b3);
	e[12] = b2 ^ (~b3 & b4);
	e[13] = ~b3 ^ (b4 | b0);
	e[14] = b4 ^ (b0 & b1);

	b0 = rotl(a[4] ^ d4, 27);
	b1 = rotl(a[5] ^ d0, 36);
	b2 = rotl(a[11] ^ d1, 10);
	b3 = rotl(a[17] ^ d2, 15);
	b4 = rotl(a[23] ^ d3, 56);
	e[15] = b0 ^ (b1 & b2);
	e[16] = b1 ^ (b2 | b3);
	e[17] = b2 ^ (~b3 | b4);
	e[18] = ~b3 ^ (b4 & b0);
	e[19] = b4 ^ (b0 | b1);

	b0 = rotl(a[2] ^ d2, 62);
	b1 = rotl(a[8] ^ d3, 55);
	b2 = rotl(a[14] ^ d4, 39);
	b3 = rotl(a[15] ^ d0, 41);
	b4 = rotl(a[21] ^ d1, 2);
	e[20] = b0 ^ (~b1 & b2);
	e[21] = ~b1 ^ (b2 | b3);
	e[22] = b2 ^ (b3 & b4);
	e[23] = b3 ^ (b4 | b0);
	e[24] = b4 ^ (b0 & b1);
}

void
keccak_permute(uint64_t state[static KECCAK_LANES])
{
	uint64_t between[KECCAK_LANES];

	complement(state);
	for (unsigned n = 0; n < KECCAK_ROUNDS; n += 2) {
		round_from_to(state, between, keccak_round_constants[n]);
		round_from_to(between, state, keccak_round_constants[n + 1]);
	}
	complement(state);
}

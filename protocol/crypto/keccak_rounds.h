/* SPDX-License-Identifier: ISC */
/*
 * A round of Keccak-f[1600] on vectors: as macros, since vectors cannot be handed to functions
 * that are compiled for another kind of CPU.
 *
 * The lanes stay in one array `a`, each row written over the lanes that it was made from, so that
 * they find room in 32 registers.  That shears the places of the lanes a little more in each round:
 * lane (x, y) lies at (x, s * x + m * y), all modulo 5, with (s, m) = (0, 1), (1, 2), (3, 4),
 * (2, 3) in turns; after four rounds all are where they were (the designers' implementation
 * overview calls it in-place processing).
 *
 * V says which instructions: V_TYPE, V_XOR(a, b), V_XOR3(a, b, c), V_CHI(a, b, c) for
 * a ^ (~b & c), V_ROL(a, bits), V_SET(value) for the same value in all states.
 */
#ifndef PROTOCOL_CRYPTO_KECCAK_ROUNDS_H
#define PROTOCOL_CRYPTO_KECCAK_ROUNDS_H

#include "protocol/crypto/keccak.h"

#define KECCAK_AT(x, y, s, m) a[(x) % 5 + 5 * (((s) * ((x) % 5) + (m) * (y)) % 5)]

/* The parity of column x; wherever its lanes lie, they are those of the column. */
#define KECCAK_COLUMN(V, x)                                                                        \
	V##_XOR3(V##_XOR3(a[x], a[(x) + 5], a[(x) + 10]), a[(x) + 15], a[(x) + 20])

/* Lane x of row y after theta, rho and pi: it comes from lane (x + 3y, x). */
#define KECCAK_MOVED(V, b, x, y, s, m, bits)                                                       \
	do {                                                                                       \
		b = V##_XOR(KECCAK_AT((x) + 3 * (y), x, s, m), d[((x) + 3 * (y)) % 5]);            \
		b = V##_ROL(b, bits);                                                              \
	} while (0)

#define KECCAK_ROW(V, y, s, m, s2, m2, r0, r1, r2, r3, r4)                                         \
	do {                                                                                       \
		V##_TYPE b0, b1, b2, b3, b4;                                                       \
		KECCAK_MOVED(V, b0, 0, y, s, m, r0);                                               \
		KECCAK_MOVED(V, b1, 1, y, s, m, r1);                                               \
		KECCAK_MOVED(V, b2, 2, y, s, m, r2);                                               \
		KECCAK_MOVED(V, b3, 3, y, s, m, r3);                                               \
		KECCAK_MOVED(V, b4, 4, y, s, m, r4);                                               \
		KECCAK_AT(0, y, s2, m2) = V##_CHI(b0, b1, b2);                                     \
		KECCAK_AT(1, y, s2, m2) = V##_CHI(b1, b2, b3);                                     \
		KECCAK_AT(2, y, s2, m2) = V##_CHI(b2, b3, b4);                                     \
		KECCAK_AT(3, y, s2, m2) = V##_CHI(b3, b4, b0);                                     \
		KECCAK_AT(4, y, s2, m2) = V##_CHI(b4, b0, b1);                                     \
	} while (0)

/* From places sheared by (s, m) to places sheared by (s2, m2). */
#define KECCAK_ROUND(V, s, m, s2, m2, constant)                                                    \
	do {                                                                                       \
		V##_TYPE c0 = KECCAK_COLUMN(V, 0), c1 = KECCAK_COLUMN(V, 1),                       \
			 c2 = KECCAK_COLUMN(V, 2), c3 = KECCAK_COLUMN(V, 3),                       \
			 c4 = KECCAK_COLUMN(V, 4), d[5];                                           \
		d[0] = V##_XOR(c4, V##_ROL(c1, 1));                                                \
		d[1] = V##_XOR(c0, V##_ROL(c2, 1));                                                \
		d[2] = V##_XOR(c1, V##_ROL(c3, 1));                                                \
		d[3] = V##_XOR(c2, V##_ROL(c4, 1));                                                \
		d[4] = V##_XOR(c3, V##_ROL(c0, 1));                                                \
		KECCAK_ROW(V, 0, s, m, s2, m2, 0, 44, 43, 21, 14);                                 \
		a[0] = V##_XOR(a[0], V##_SET(constant));                                           \
		KECCAK_ROW(V, 1, s, m, s2, m2, 28, 20, 3, 45, 61);                                 \
		KECCAK_ROW(V, 2, s, m, s2, m2, 1, 6, 25, 8, 18);                                   \
		KECCAK_ROW(V, 3, s, m, s2, m2, 27, 36, 10, 15, 56);                                \
		KECCAK_ROW(V, 4, s, m, s2, m2, 62, 55, 39, 41, 2);                                 \
	} while (0)

/* Unrolled by hand: an array that a loop goes over would not be kept in registers. */
#define KECCAK_FIVE(DO, n) DO(n) DO(n + 1) DO(n + 2) DO(n + 3) DO(n + 4)
#define KECCAK_EACH(DO)                                                                            \
	KECCAK_FIVE(DO, 0)                                                                         \
	KECCAK_FIVE(DO, 5) KECCAK_FIVE(DO, 10) KECCAK_FIVE(DO, 15) KECCAK_FIVE(DO, 20)

/* On an array a of V_TYPE that holds the lanes. */
#define KECCAK_ALL_ROUNDS(V)                                                                       \
	do {                                                                                       \
		for (unsigned n = 0; n < KECCAK_ROUNDS; n += 4) {                                  \
			KECCAK_ROUND(V, 0, 1, 1, 2, keccak_round_constants[n]);                    \
			KECCAK_ROUND(V, 1, 2, 3, 4, keccak_round_constants[n + 1]);                \
			KECCAK_ROUND(V, 3, 4, 2, 3, keccak_round_constants[n + 2]);                \
			KECCAK_ROUND(V, 2, 3, 0, 1, keccak_round_constants[n + 3]);                \
		}                                                                                  \
	} while (0)

#endif

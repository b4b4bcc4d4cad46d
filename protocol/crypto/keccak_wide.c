/* SPDX-License-Identifier: ISC */
/*
 * The rounds of keccak.c on vectors of four lanes, written once with the compiler's own vectors and
 * compiled for each kind of CPU: with AVX-512VL a rotation and each step of chi are one
 * instruction, with AVX2 they are three and two.
 */
#include "protocol/crypto/keccak_wide.h"

#include <stddef.h>

/* The same lane of four states.  A type of the compiler's, which cannot be a struct. */
typedef uint64_t four __attribute__((vector_size(32), may_alias));

/* Macros, since a function would pass vectors, for which CPUs have different conventions. */
#define ROTL(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))
#define COLUMN(a, x)  (a[x] ^ a[(x) + 5] ^ a[(x) + 10] ^ a[(x) + 15] ^ a[(x) + 20])
#define MOVE(b, x, bits)                                                                           \
	do {                                                                                       \
		b = (x);                                                                           \
		b = ROTL(b, bits);                                                                 \
	} while (0)
#define CHI(e, y)                                                                                  \
	do {                                                                                       \
		e[(y)] = b0 ^ (~b1 & b2);                                                          \
		e[(y) + 1] = b1 ^ (~b2 & b3);                                                      \
		e[(y) + 2] = b2 ^ (~b3 & b4);                                                      \
		e[(y) + 3] = b3 ^ (~b4 & b0);                                                      \
		e[(y) + 4] = b4 ^ (~b0 & b1);                                                      \
	} while (0)

/* One round from a to e, as in keccak.c but without its complemented lanes. */
static inline __attribute__((always_inline)) void
round_from_to(const four a[static KECCAK_LANES], four e[static KECCAK_LANES], uint64_t constant)
{
	four c0 = COLUMN(a, 0), c1 = COLUMN(a, 1), c2 = COLUMN(a, 2), c3 = COLUMN(a, 3),
	     c4 = COLUMN(a, 4);
	four d0 = c4 ^ ROTL(c1, 1), d1 = c0 ^ ROTL(c2, 1), d2 = c1 ^ ROTL(c3, 1),
	     d3 = c2 ^ ROTL(c4, 1), d4 = c3 ^ ROTL(c0, 1);
	four b0, b1, b2, b3, b4;

	b0 = a[0] ^ d0;
	MOVE(b1, a[6] ^ d1, 44);
	MOVE(b2, a[12] ^ d2, 43);
	MOVE(b3, a[18] ^ d3, 21);
	MOVE(b4, a[24] ^ d4, 14);
	CHI(e, 0);
	e[0] ^= constant;

	MOVE(b0, a[3] ^ d3, 28);
	MOVE(b1, a[9] ^ d4, 20);
	MOVE(b2, a[10] ^ d0, 3);
	MOVE(b3, a[16] ^ d1, 45);
	MOVE(b4, a[22] ^ d2, 61);
	CHI(e, 5);

	MOVE(b0, a[1] ^ d1, 1);
	MOVE(b1, a[7] ^ d2, 6);
	MOVE(b2, a[13] ^ d3, 25);
	MOVE(b3, a[19] ^ d4, 8);
	MOVE(b4, a[20] ^ d0, 18);
	CHI(e, 10);

	MOVE(b0, a[4] ^ d4, 27);
	MOVE(b1, a[5] ^ d0, 36);
	MOVE(b2, a[11] ^ d1, 10);
	MOVE(b3, a[17] ^ d2, 15);
	MOVE(b4, a[23] ^ d3, 56);
	CHI(e, 15);

	MOVE(b0, a[2] ^ d2, 62);
	MOVE(b1, a[8] ^ d3, 55);
	MOVE(b2, a[14] ^ d4, 39);
	MOVE(b3, a[15] ^ d0, 41);
	MOVE(b4, a[21] ^ d1, 2);
	CHI(e, 20);
}

static inline __attribute__((always_inline)) void
permute(struct keccak_wide *s)
{
	four *a = (four *)(void *)s->lanes, between[KECCAK_LANES];

	for (unsigned n = 0; n < KECCAK_ROUNDS; n += 2) {
		round_from_to(a, between, keccak_round_constants[n]);
		round_from_to(between, a, keccak_round_constants[n + 1]);
	}
}

/* Without vectors of that size the compiler takes smaller ones, or none. */
static void
permute_plain(struct keccak_wide *s)
{
	permute(s);
}

#if defined(__x86_64__)

static __attribute__((target("avx2"))) void
permute_avx2(struct keccak_wide *s)
{
	permute(s);
}

static __attribute__((target("avx512f,avx512vl"))) void
permute_avx512(struct keccak_wide *s)
{
	permute(s);
}

bool
keccak_way_works(enum keccak_way way)
{
	switch (way) {
	case KECCAK_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
	case KECCAK_AVX2:
		return __builtin_cpu_supports("avx2");
	case KECCAK_ONE_BY_ONE:
		break;
	}
	return true;
}

#else

#define permute_avx2   permute_plain
#define permute_avx512 permute_plain

bool
keccak_way_works(enum keccak_way way)
{
	return way == KECCAK_ONE_BY_ONE;
}

#endif

enum keccak_way
keccak_best_way(void)
{
	if (keccak_way_works(KECCAK_AVX512))
		return KECCAK_AVX512;
	return keccak_way_works(KECCAK_AVX2) ? KECCAK_AVX2 : KECCAK_ONE_BY_ONE;
}

const char *
keccak_way_name(enum keccak_way way)
{
	static const char *const names[] = {
		[KECCAK_ONE_BY_ONE] = "one by one",
		[KECCAK_AVX2] = "AVX2",
		[KECCAK_AVX512] = "AVX-512",
	};

	return names[way];
}

void
keccak_permute_wide(struct keccak_wide *s, enum keccak_way way)
{
	switch (way) {
	case KECCAK_AVX512:
		permute_avx512(s);
		return;
	case KECCAK_AVX2:
		permute_avx2(s);
		return;
	case KECCAK_ONE_BY_ONE:
		break;
	}
	permute_plain(s);
}

/* SPDX-License-Identifier: ISC */
/*
 * The rounds of keccak_rounds.h for each kind of vectors that x86-64 CPUs have: with AVX-512 a
 * rotation, a step of chi and a XOR of three are one instruction, with AVX2 three, two and two.
 * Each function is compiled for its own kind of CPU, whatever the rest is compiled for.
 */
#include "protocol/crypto/keccak_x86.h"

#if defined(__x86_64__)

#include "protocol/crypto/keccak_rounds.h"

#include <immintrin.h>
#include <string.h>

/* Truth tables of vpternlogq. */
#define XOR_OF_THREE 0x96
#define CHI_OF_THREE 0xd2

#define AVX2_TYPE          __m256i
#define AVX2_XOR(a, b)     _mm256_xor_si256(a, b)
#define AVX2_XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define AVX2_CHI(a, b, c)  _mm256_xor_si256(a, _mm256_andnot_si256(b, c))
#define AVX2_SET(value)    _mm256_set1_epi64x((long long)(value))
#define AVX2_ROL(a, bits)                                                                          \
	((bits) == 0                                                                               \
		? (a)                                                                              \
		: _mm256_or_si256(_mm256_slli_epi64(a, bits), _mm256_srli_epi64(a, 64 - (bits))))

#define VL_TYPE          __m256i
#define VL_XOR(a, b)     _mm256_xor_si256(a, b)
#define VL_XOR3(a, b, c) _mm256_ternarylogic_epi64(a, b, c, XOR_OF_THREE)
#define VL_CHI(a, b, c)  _mm256_ternarylogic_epi64(a, b, c, CHI_OF_THREE)
#define VL_SET(value)    _mm256_set1_epi64x((long long)(value))
#define VL_ROL(a, bits)  ((bits) == 0 ? (a) : _mm256_rol_epi64(a, bits))

#define EIGHT_TYPE          __m512i
#define EIGHT_XOR(a, b)     _mm512_xor_si512(a, b)
#define EIGHT_XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, XOR_OF_THREE)
#define EIGHT_CHI(a, b, c)  _mm512_ternarylogic_epi64(a, b, c, CHI_OF_THREE)
#define EIGHT_SET(value)    _mm512_set1_epi64((long long)(value))
#define EIGHT_ROL(a, bits)  ((bits) == 0 ? (a) : _mm512_rol_epi64(a, bits))

#define LOAD_FOUR(n)   a[n] = _mm256_load_si256((const __m256i *)(const void *)s->lanes[n]);
#define STORE_FOUR(n)  _mm256_store_si256((__m256i *)(void *)s->lanes[n], a[n]);
#define LOAD_EIGHT(n)  a[n] = _mm512_load_si512(s->lanes[n]);
#define STORE_EIGHT(n) _mm512_store_si512(s->lanes[n], a[n]);

__attribute__((target("avx2"))) void
keccak_four_avx2(struct keccak_wide *s)
{
	__m256i a[KECCAK_LANES];

	KECCAK_EACH(LOAD_FOUR)
	KECCAK_ALL_ROUNDS(AVX2);
	KECCAK_EACH(STORE_FOUR)
}

__attribute__((target("avx512f,avx512vl"))) void
keccak_four_avx512(struct keccak_wide *s)
{
	__m256i a[KECCAK_LANES];

	KECCAK_EACH(LOAD_FOUR)
	KECCAK_ALL_ROUNDS(VL);
	KECCAK_EACH(STORE_FOUR)
}

__attribute__((target("avx512f"))) void
keccak_eight_avx512(struct keccak_wide *s)
{
	__m512i a[KECCAK_LANES];

	KECCAK_EACH(LOAD_EIGHT)
	KECCAK_ALL_ROUNDS(EIGHT);
	KECCAK_EACH(STORE_EIGHT)
}

/* ---- between the lanes of a wide state, which lie side by side, and the bytes of each ---- */

#define LAST_OF_BLOCK            (KECCAK_RATE_256 / sizeof(uint64_t) - 1)
#define PADDING_END              INT64_MIN
#define LOAD_ANY(at)             _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define STORE_ANY(at, v)         _mm256_storeu_si256((__m256i *)(void *)(at), v)
#define LANE(s, n, first)        _mm256_load_si256((const __m256i *)(const void *)&(s)->lanes[n][first])
#define SET_LANE(s, n, first, v) _mm256_store_si256((__m256i *)(void *)&(s)->lanes[n][first], v)

/* Four vectors of four, rows to columns. */
#define TRANSPOSE(r0, r1, r2, r3)                                                                  \
	do {                                                                                       \
		__m256i low01 = _mm256_unpacklo_epi64(r0, r1),                                     \
			high01 = _mm256_unpackhi_epi64(r0, r1),                                    \
			low23 = _mm256_unpacklo_epi64(r2, r3),                                     \
			high23 = _mm256_unpackhi_epi64(r2, r3);                                    \
		r0 = _mm256_permute2x128_si256(low01, low23, 0x20);                                \
		r1 = _mm256_permute2x128_si256(high01, high23, 0x20);                              \
		r2 = _mm256_permute2x128_si256(low01, low23, 0x31);                                \
		r3 = _mm256_permute2x128_si256(high01, high23, 0x31);                              \
	} while (0)

static long long
word_at(const uint8_t *bytes, size_t n)
{
	long long word;

	memcpy(&word, bytes + n * sizeof(word), sizeof(word));
	return word;
}

static inline __attribute__((always_inline, target("avx2"))) void
xor_lane(struct keccak_wide *s, size_t n, size_t first, __m256i with)
{
	SET_LANE(s, n, first, _mm256_xor_si256(LANE(s, n, first), with));
}

__attribute__((target("avx2"))) void
keccak_start_four_avx2(
    struct keccak_wide *s, size_t first, const struct keccak_start *from, size_t lanes)
{
	const uint64_t *a = from[0].state, *b = from[1].state, *c = from[2].state,
		       *d = from[3].state;
	const size_t last = KECCAK_LANES - 1;

	for (size_t n = 0; n < last; n += 4) {
		__m256i r0 = LOAD_ANY(a + n), r1 = LOAD_ANY(b + n), r2 = LOAD_ANY(c + n),
			r3 = LOAD_ANY(d + n);

		TRANSPOSE(r0, r1, r2, r3);
		SET_LANE(s, n, first, r0);
		SET_LANE(s, n + 1, first, r1);
		SET_LANE(s, n + 2, first, r2);
		SET_LANE(s, n + 3, first, r3);
	}
	SET_LANE(s, last, first,
	    _mm256_set_epi64x(
		(long long)d[last], (long long)c[last], (long long)b[last], (long long)a[last]));
	for (size_t n = 0; n < lanes; n++)
		xor_lane(s, n, first,
		    _mm256_set_epi64x(word_at(from[3].input, n), word_at(from[2].input, n),
			word_at(from[1].input, n), word_at(from[0].input, n)));
	xor_lane(s, lanes, first,
	    _mm256_set_epi64x((long long)from[3].end, (long long)from[2].end,
		(long long)from[1].end, (long long)from[0].end));
	xor_lane(s, LAST_OF_BLOCK, first, _mm256_set1_epi64x(PADDING_END));
}

static inline __attribute__((always_inline, target("avx2"))) void
give_lanes(uint8_t *to, __m256i lanes, bool mask)
{
	if (mask)
		lanes = _mm256_xor_si256(lanes, LOAD_ANY(to));
	STORE_ANY(to, lanes);
}

__attribute__((target("avx2"))) void
keccak_give_four_avx2(
    const struct keccak_wide *s, size_t first, uint8_t *const out[static 4], bool mask)
{
	uint64_t word;

	for (size_t n = 0; n < LAST_OF_BLOCK; n += 4) {
		__m256i r0 = LANE(s, n, first), r1 = LANE(s, n + 1, first),
			r2 = LANE(s, n + 2, first), r3 = LANE(s, n + 3, first);

		TRANSPOSE(r0, r1, r2, r3);
		give_lanes(out[0] + n * sizeof(word), r0, mask);
		give_lanes(out[1] + n * sizeof(word), r1, mask);
		give_lanes(out[2] + n * sizeof(word), r2, mask);
		give_lanes(out[3] + n * sizeof(word), r3, mask);
	}
	for (size_t k = 0; k < 4; k++) {
		uint8_t *to = out[k] + LAST_OF_BLOCK * sizeof(word);

		word = s->lanes[LAST_OF_BLOCK][first + k];
		if (mask)
			word ^= (uint64_t)word_at(to, 0);
		memcpy(to, &word, sizeof(word));
	}
}

#endif

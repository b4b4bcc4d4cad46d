/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/keccak_wide.h"

#include "protocol/crypto/keccak_x86.h"
#include "protocol/crypto/secret.h"

#include <assert.h>

static size_t
permute_alone(struct keccak_wide *s, size_t count)
{
	uint64_t state[KECCAK_LANES];

	for (size_t n = 0; n < count; n++) {
		for (size_t i = 0; i < KECCAK_LANES; i++)
			state[i] = s->lanes[i][n];
		keccak_permute(state);
		for (size_t i = 0; i < KECCAK_LANES; i++)
			s->lanes[i][n] = state[i];
	}
	secret_wipe(state, sizeof(state));
	return count;
}

static bool
always(void)
{
	return true;
}

#if defined(__x86_64__)

/* These ask for both, the CPU's ability and the system's saving of the registers. */
static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool
has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512vl");
}

/* One state alone is faster without vectors, two are not. */
static size_t
permute_avx2(struct keccak_wide *s, size_t count)
{
	if (count == 1)
		return permute_alone(s, 1);
	keccak_four_avx2(s);
	return 4;
}

/* Here even one state alone is faster, or as fast, among four. */
static size_t
permute_avx512_four(struct keccak_wide *s, size_t count)
{
	(void)count;
	keccak_four_avx512(s);
	return 4;
}

static size_t
permute_avx512(struct keccak_wide *s, size_t count)
{
	if (count <= 4)
		return permute_avx512_four(s, count);
	keccak_eight_avx512(s);
	return 8;
}

#else

static bool
never(void)
{
	return false;
}

#define has_avx2            never
#define has_avx512          never
#define permute_avx2        permute_alone
#define permute_avx512_four permute_alone
#define permute_avx512      permute_alone

#endif

static const struct {
	const char *name;
	size_t width;
	bool (*works)(void);
	size_t (*permute)(struct keccak_wide *s, size_t count);
} ways[KECCAK_WAYS] = {
	[KECCAK_ONE_BY_ONE] = { "one by one", 1, always, permute_alone },
	[KECCAK_AVX2] = { "AVX2", 4, has_avx2, permute_avx2 },
	[KECCAK_AVX512_FOUR] = { "AVX-512, four", 4, has_avx512, permute_avx512_four },
	[KECCAK_AVX512] = { "AVX-512", KECCAK_WIDE, has_avx512, permute_avx512 },
};

enum keccak_way
keccak_best_way(void)
{
	if (keccak_way_works(KECCAK_AVX512))
		return KECCAK_AVX512;
	return keccak_way_works(KECCAK_AVX2) ? KECCAK_AVX2 : KECCAK_ONE_BY_ONE;
}

bool
keccak_way_works(enum keccak_way way)
{
	return ways[way].works();
}

const char *
keccak_way_name(enum keccak_way way)
{
	return ways[way].name;
}

size_t
keccak_way_width(enum keccak_way way)
{
	return ways[way].width;
}

size_t
keccak_permute_wide(struct keccak_wide *s, size_t count, enum keccak_way way)
{
	assert(count >= 1 && count <= ways[way].width);
	return ways[way].permute(s, count);
}

/* As many as go together; returns how many. */
static size_t
permute_some(uint64_t *const *states, size_t count, enum keccak_way way)
{
	size_t width = count < ways[way].width ? count : ways[way].width;
	struct keccak_wide wide;

	for (size_t i = 0; i < KECCAK_LANES; i++) {
		for (size_t n = 0; n < width; n++)
			wide.lanes[i][n] = states[n][i];
	}
	keccak_permute_wide(&wide, width, way);
	for (size_t i = 0; i < KECCAK_LANES; i++) {
		for (size_t n = 0; n < width; n++)
			states[n][i] = wide.lanes[i][n];
	}
	secret_wipe(&wide, sizeof(wide));
	return width;
}

void
keccak_permute_all(uint64_t *const *states, size_t count)
{
	enum keccak_way way = keccak_best_way();

	for (size_t done = 0; done < count;)
		done += permute_some(states + done, count - done, way);
}

/* SPDX-License-Identifier: ISC */
/*
 * How long queues are, roughly: four ranks to each doubling, so that one of the longest is found at
 * once however many there are.
 */
#ifndef CATHEDRAL_RELAY_RANKS_H
#define CATHEDRAL_RELAY_RANKS_H

#include <stdint.h>

#define RANKS     64
#define RANKS_TOP ((UINT32_C(1) << 17) - 1) /* the longest that is told from others */

/* length: 1 .. RANKS_TOP. */
static inline unsigned
rank_of(uint32_t length)
{
	unsigned e;

	if (length < 4)
		return length;
	e = 31 - (unsigned)__builtin_clz(length);
	return (e - 1) * 4 + (length >> (e - 2) & 3);
}

/* used: a bit for each rank that somebody has; not 0. */
static inline unsigned
rank_top(uint64_t used)
{
	return 63 - (unsigned)__builtin_clzll(used);
}

#endif

/* SPDX-License-Identifier: ISC */
/* What came of a tunnel's numbered packets, in a few bytes, so that there can be many tunnels. */
#ifndef TOOLS_CATHEDRAL_LOAD_TALLY_H
#define TOOLS_CATHEDRAL_LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#define TALLY_WINDOW 64 /* so many behind the highest number duplicates are told apart */

struct tally {
	uint64_t highest, seen; /* seen: bit n stands for highest - n */
	uint64_t received;      /* without duplicates */
	uint64_t duplicates;    /* and those too old to be told from one */
	uint64_t reordered;     /* came after a higher number */
};

/* Numbers begin at 1.  False for a duplicate. */
bool tally_take(struct tally *t, uint64_t number);

#endif

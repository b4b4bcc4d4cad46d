/* SPDX-License-Identifier: ISC */
/*
 * Keeps tunnels known for as long as it is asked to: cathedrals forget those of which they do not
 * hear for 120 s.  One end after the other tells of itself, from the socket that it is known by.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_KEEPER_H
#define TOOLS_CATHEDRAL_LOAD_KEEPER_H

#include "base/random.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/roster.h"

#include <stdint.h>

#define KEEPER_ROUND_NS (UINT64_C(20) * 1000000000) /* in which each end's turn comes once */

struct keeper {
	const struct roster *roster;
	const struct lanes *lanes;
	struct random *random;
	bool shroud;
	uint64_t run;            /* see struct fleet_end */
	uint64_t first, tunnels; /* of the fleet */
	/* Its own: */
	uint64_t next, due_ns, told;
};

/* A traffic_aside's: tells of those that are due, returns when the next one is. */
uint64_t keeper_turn(void *keeper, uint64_t now_ns);

#endif

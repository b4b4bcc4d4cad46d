/* SPDX-License-Identifier: ISC */
/*
 * The ends of a fleet's tunnels as devices that can make packets.  End 2t is the first device of
 * tunnel t, which sends; 2t + 1 the second, which receives.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_ENDS_H
#define TOOLS_CATHEDRAL_LOAD_ENDS_H

#include "tools/cathedral-load/roster.h"
#include "tools/device/device.h"

#include <stdbool.h>
#include <stdint.h>

#define END_NONE UINT64_MAX

struct fleet_end {
	uint64_t number;
	bool shroud;
	uint64_t run; /* for as long as it is the same, so is the shroud identity */
};

static inline uint64_t
end_tunnel(uint64_t end)
{
	return end / 2;
}

/* Ready to make packets for its cathedral; device_wipe() it. */
void end_open(struct device *d, const struct roster *r, const struct fleet_end *end,
    const struct device_moment *m);

/* Whose identity that is; END_NONE when it is nobody's. */
uint64_t end_of_device(const struct roster *r, struct device_id id);

/* The mask between the devices of a flock and their cathedrals. */
void end_mask(struct kmac_prefix *ret, const struct roster *r, uint64_t flock);

#endif

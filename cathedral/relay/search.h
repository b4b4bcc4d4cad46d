/* SPDX-License-Identifier: ISC */
/*
 * The search for identities among all devices, the scanner's: one KMAC for each identity and
 * device.  What a device needs for it comes from memory once for all that are searched together.
 */
#ifndef CATHEDRAL_RELAY_SEARCH_H
#define CATHEDRAL_RELAY_SEARCH_H

#include "cathedral/state/identities.h"
#include "cathedral/state/lookups.h"
#include "cathedral/state/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wanted {
	const uint8_t *header; /* of a shrouded packet */
	bool found;
	struct identity who; /* if found */
};

/* At most LOOKUPS_TOGETHER. */
void search_devices(const struct registry *r, struct wanted *wanted, size_t count);

#endif

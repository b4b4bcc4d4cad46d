/* SPDX-License-Identifier: ISC */
/* A fleet as cathedrals are told of it: a registry.db, and configurations that name it. */
#ifndef TOOLS_CATHEDRAL_LOAD_ENLIST_H
#define TOOLS_CATHEDRAL_LOAD_ENLIST_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/roster.h"

#include <stdbool.h>
#include <stdint.h>

struct enlist_where {
	struct endpoint shroud_at, clear_at;
	struct endpoint far_at; /* port 0: there is no second cathedral */
	uint64_t workers;
	const char *lines; /* of configurations, besides; NULL: as measurements need them */
	const char *user;  /* whom cathedrals started by root become; NULL: nobody else */
};

/*
 * Makes the folder and writes FOLDER/registry.db and its key, federation.key, cathedral.conf, and,
 * for what there is without a fleet, empty.db and empty.conf; with a second cathedral far.conf.
 */
bool enlist_all(const char *folder, const struct roster *r, const struct enlist_where *where,
    struct random *random, struct fault *why);

/*
 * Tells `count` flocks, spread over the fleet, anew: with one device more, whose number is extra
 * (0: without any).  Flock 0 is always among them.
 */
bool enlist_change(const char *folder, const struct roster *r, uint64_t count, uint8_t extra,
    struct random *random, struct fault *why);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Devices that come and go: each lives for some seconds at one of the listeners, from a port of
 * its own, shows one shroud identity after another, tells of its tunnel and its presence, and
 * makes room for another one of its flock.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_COMERS_H
#define TOOLS_CATHEDRAL_LOAD_COMERS_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/roster.h"

#include <stdint.h>

#define COMERS_LISTENERS 4

struct comers_listener {
	struct endpoint at;
	bool shroud;
};

struct comers_wish {
	uint64_t first_flock, count; /* one of each flock at a time */
	struct comers_listener listeners[COMERS_LISTENERS];
};

struct comers;

struct comers *comers_create(const struct comers_wish *wish, const struct roster *r,
    struct random *random, struct fault *why);
void comers_destroy(struct comers *c); /* NULL is fine */

/* For struct party. */
uint64_t comers_turn(void *comers, uint64_t now_ns);

struct comers_counts {
	uint64_t came, left;
	uint64_t unserved;         /* of those that left: never had an answer */
	uint64_t answers, refused; /* refused: what a real device would not have taken */
};

struct comers_counts comers_counts(const struct comers *c);

#endif

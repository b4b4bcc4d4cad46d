/* SPDX-License-Identifier: ISC */
/*
 * Packets that no device would send: under identities that are nobody's, garbage, and offers in
 * the name of real devices that nobody sealed.  From many sockets, one after the other.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_STRANGERS_H
#define TOOLS_CATHEDRAL_LOAD_STRANGERS_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/pace.h"
#include "tools/cathedral-load/roster.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strangers_wish {
	struct endpoint at;
	uint64_t sources;
	bool shroud;
	double rate;
};

struct strangers;

/* On loopback each has an address of its own as well, out of 127.0.0.0/8. */
struct strangers *strangers_create(const struct strangers_wish *wish, const struct roster *r,
    struct random *random, struct fault *why);
void strangers_destroy(struct strangers *s); /* NULL is fine */

/* A traffic_aside's: sends what is due, says when more is. */
uint64_t strangers_turn(void *strangers, uint64_t now_ns);

uint64_t strangers_sent(const struct strangers *s);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Packets under unknown identities that wait for the search among all devices, off the workers.
 * One a source at a time and a fixed number in all: what a stranger can make the search cost is
 * bounded, and sources take turns.
 */
#ifndef CATHEDRAL_STATE_LOOKUPS_H
#define CATHEDRAL_STATE_LOOKUPS_H

#include "base/endpoint.h"
#include "base/random.h"
#include "protocol/wire/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookup {
	uint8_t bytes[PACKET_MAX]; /* the packet as it came */
	size_t len;
	struct endpoint from;
	uint8_t listener;
	bool nat_port;
};

struct lookups;

struct lookups *lookups_create(size_t slots, struct random *r);
void lookups_destroy(struct lookups *l);

/* Workers: copies it; false when this source has one waiting, or there is no room. */
bool lookups_offer(struct lookups *l, const struct lookup *what);

/* The scanner: the next one; waits up to wait_ms; false when none came or after lookups_stop(). */
bool lookups_next(struct lookups *l, struct lookup *ret, unsigned wait_ms);

void lookups_stop(struct lookups *l);
bool lookups_stopped(struct lookups *l);

#endif

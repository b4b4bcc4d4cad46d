/* SPDX-License-Identifier: ISC */
/*
 * What takes longer than a packet may: the search for an unknown identity among all devices, and
 * ambries that are not in memory.  The workers leave it here and go on; one thread, under a budget,
 * takes it up.  A few of a source at a time and a fixed number in all: what a stranger can make it
 * cost is bounded, and sources take turns.
 */
#ifndef CATHEDRAL_STATE_LOOKUPS_H
#define CATHEDRAL_STATE_LOOKUPS_H

#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"
#include "protocol/wire/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * So many identities a source may have looked up at a time, by the identity itself: with only one,
 * a device that shows an identity nobody knows would keep its own others from being found.
 */
#define LOOKUPS_PER_SOURCE 8

/* So many are looked up together: as many as there are lanes for them (protocol/crypto). */
#define LOOKUPS_TOGETHER 8

enum lookup_kind { LOOKUP_IDENTITY, LOOKUP_AMBRY };

struct lookup {
	enum lookup_kind kind;
	struct endpoint from;
	uint8_t listener;

	/* LOOKUP_AMBRY: for whom, and how large the answer may be. */
	struct flock_id own, other; /* with their domain */
	struct device_id device;
	struct tunnel_id tunnel;
	size_t most;

	/* LOOKUP_IDENTITY: the packet as it came. */
	bool nat_port;
	size_t len;
	uint8_t bytes[PACKET_MAX];
};

struct lookups;

struct lookups *lookups_create(size_t slots, struct random *r);
void lookups_destroy(struct lookups *l);

/* Workers: copies it.  False when one waits in its place already: then chance says which stays. */
bool lookups_offer(struct lookups *l, const struct lookup *what);

/* The thread that looks up: the next ones, at most `most`; waits up to wait_ms for the first.  0
 * when none came or after lookups_stop(). */
size_t lookups_next(struct lookups *l, struct lookup *ret, size_t most, unsigned wait_ms);

void lookups_stop(struct lookups *l);
void lookups_go_on(struct lookups *l); /* after lookups_stop(); what waited waits still */
bool lookups_stopped(struct lookups *l);

#endif

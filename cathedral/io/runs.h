/* SPDX-License-Identifier: ISC */
/*
 * Which packets go out as one: those to one destination, in their order, all of one size but for
 * the last, which may be shorter.  The kernel cuts such a run into packets again (UDP_SEGMENT) as
 * late as it can, and does most of its work once.  Pure bookkeeping: no socket, no copy of a
 * packet.
 */
#ifndef CATHEDRAL_IO_RUNS_H
#define CATHEDRAL_IO_RUNS_H

#include "cathedral/relay/outbox.h"
#include "cathedral/relay/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_PACKETS_MAX 64    /* what every kernel takes that takes runs */
#define RUN_BYTES_MAX   65487 /* a datagram with the headers of IPv6 */

/* Memory of destinations that did not take runs: bounded, the newest win. */
#define REFUSALS 64

struct refusal {
	struct endpoint to;
	size_t segment; /* packets of this size and longer do not go as runs; 0: nothing known */
	uint32_t left;  /* so many packets more; then it is tried again */
};

struct refusals {
	bool any;
	struct refusal places[REFUSALS];
};

/* A run to this destination was refused, its packets were not. */
void refusals_add(struct refusals *r, const struct endpoint *to, size_t segment);

struct run {
	size_t first;   /* its packets are order[first .. first + count - 1] */
	size_t count;   /* at least 1 */
	size_t segment; /* bytes of each but the last */
	size_t bytes;   /* of all */
};

#define RUNS_SLOTS 512 /* twice as many as there can be destinations */

struct runs {
	size_t count, packets;
	struct run runs[OUTBOX_MAX];
	struct packet *order[OUTBOX_MAX];

	/* While they are made: the packets of each destination, as chains of their numbers. */
	size_t group_count;
	struct {
		uint16_t first, last;
	} groups[OUTBOX_MAX];
	uint16_t next[OUTBOX_MAX];
	uint16_t slots[RUNS_SLOTS]; /* number of a group, from 1 */
};

/*
 * Puts those of the packets (OUTBOX_MAX at most) that leave by this listener into runs.  most: how
 * many packets a run may have; with 1 each is by itself.  refusals: destinations for which it is 1.
 */
struct runs_rules {
	uint8_t listener;
	size_t most;
	struct refusals *refusals;
};

void runs_make(
    struct runs *r, struct packet *const *packets, size_t count, const struct runs_rules *rules);

#endif

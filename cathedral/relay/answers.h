/* SPDX-License-Identifier: ISC */
/* Offers from this cathedral to a device (docs/protocol.md, "Answers"). */
#ifndef CATHEDRAL_RELAY_ANSWERS_H
#define CATHEDRAL_RELAY_ANSWERS_H

#include "cathedral/relay/pipeline.h"
#include "protocol/wire/offer.h"

/* To whom, where, and how large it may be. */
struct recipient {
	const struct party *party;
	struct flock_id flock; /* the device's, with its domain */
	struct endpoint to;
	uint8_t listener;
	size_t most; /* bytes of one datagram; SIZE_MAX for those who proved where they are */
};

/*
 * Who sent this packet.  Until it has proven that it is where it says it is, it gets no more bytes
 * than it sent.
 */
struct recipient recipient_of(
    const struct packet *pkt, const struct party *party, struct flock_id flock, bool proven);

/* Seals, addresses and queues it; withholds what would be too large. */
void answer_send(struct pipeline *p, const struct recipient *to, const struct offer *o);

/*
 * The list of cathedrals, as many as it holds: this one first, those that are heard before those
 * that are not, and of both those in this region first.
 */
void answer_remembrance(struct pipeline *p, const struct recipient *to);

/* The current ambry of a bundle's party, or NULL when there is none or it has expired. */
const struct bundle_head *ambry_head(const struct party *party, int64_t now_s);

/*
 * The ambry for one tunnel; what is not in memory is left to the lookups.  False: nothing is sent,
 * now or later.
 */
bool answer_ambry(
    struct pipeline *p, const struct recipient *to, struct flock_id other, struct tunnel_id tunnel);

#endif

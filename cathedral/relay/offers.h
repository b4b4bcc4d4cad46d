/* SPDX-License-Identifier: ISC */
/*
 * The gate that every offer goes through, cheapest check first: allowed, sealed, of its sender's
 * type, fresh, not a repeat, within the device's rate, signed.
 */
#ifndef CATHEDRAL_RELAY_OFFERS_H
#define CATHEDRAL_RELAY_OFFERS_H

#include "cathedral/relay/pipeline.h"
#include "protocol/envelope.h"
#include "protocol/wire/offer.h"

struct opened {
	struct offer_header header;
	struct flock_id other; /* the flock it talks to: its own for a liturgy */
	struct party party;
	struct envelope envelope;
	struct offer offer;
};

/* VERDICT_CONSUMED: accepted, and *ret is whole; else why not. */
enum verdict offers_open_device(struct pipeline *p, const struct packet *pkt, struct opened *ret);
enum verdict offers_open_catacomb(struct pipeline *p, const struct packet *pkt, struct opened *ret);

/*
 * The same for one whose header and envelope are there and known to be from a cathedral, and new:
 * fills in the rest.
 */
enum verdict offers_check_told(struct pipeline *p, const struct packet *pkt, struct opened *o);

/* Remembers what must not be taken a second time. */
enum verdict offers_admit(struct pipeline *p, const struct replay_mark *mark);

/* What a change of the tunnels came to. */
enum verdict offers_table_verdict(enum tunnels_result result);

#endif

/* SPDX-License-Identifier: ISC */
/* What cathedrals tell each other (docs/protocol.md, "Federation"). */
#ifndef CATHEDRAL_RELAY_CATACOMB_H
#define CATHEDRAL_RELAY_CATACOMB_H

#include "cathedral/relay/pipeline.h"
#include "protocol/envelope.h"

struct opened; /* offers.h */

/* What a device said, signature and all, or what is said about it. */
struct announcement {
	struct flock_id src, dst;
	struct device_id device;
	const struct envelope *envelope;
	bool is_signed; /* by the device; else its extra is nothing */
	enum tell tell; /* to whom; not to nobody */

	/* Of an info or a p2p info: its tunnel, and the count of changes in its rhythm. */
	const struct tunnel_key *tunnel;
	uint8_t changes;
};

/* Where a device can be reached directly, if usable. */
struct place {
	const struct endpoint *at;
	bool usable;
};

/* Passes it on to the federated cathedrals. */
void catacomb_tell(struct pipeline *p, const struct announcement *a);

/* Goes with the announcement of an info: where that device is, if p2p sync is on. */
void catacomb_tell_p2p(
    struct pipeline *p, const struct announcement *info, const struct place *place);

/* For the decision whether to tell. */
struct rhythm_terms catacomb_rhythm(struct pipeline *p);

/* A packet of len bytes for another cathedral, queued: the caller fills head. */
struct packet *catacomb_packet(struct pipeline *p, const struct registry_peer *peer, size_t len);

/* What an offer that was found to be right says about its device; from pkt->peer. */
enum verdict catacomb_believe(
    struct pipeline *p, const struct packet *pkt, const struct opened *opened);

/* An offer from another cathedral. */
enum verdict catacomb_handle(struct pipeline *p, struct packet *pkt);

#endif

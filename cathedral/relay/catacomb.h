/* SPDX-License-Identifier: ISC */
/* What cathedrals tell each other (docs/protocol.md, "Federation"). */
#ifndef CATHEDRAL_RELAY_CATACOMB_H
#define CATHEDRAL_RELAY_CATACOMB_H

#include "cathedral/relay/pipeline.h"
#include "protocol/envelope.h"

/* Passes on what a device said, signature and all, to every federated cathedral. */
void catacomb_tell(struct pipeline *p, const struct envelope *e, struct flock_id src,
    struct flock_id dst, struct device_id device);

/* Goes with an info: where the tunnel's device can be reached, if p2p sync is on. */
void catacomb_tell_p2p(struct pipeline *p, const struct tunnel_key *key, struct device_id device,
    const struct endpoint *at, bool usable);

/* An offer from another cathedral. */
enum verdict catacomb_handle(struct pipeline *p, struct packet *pkt);

#endif

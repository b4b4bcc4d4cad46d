/* SPDX-License-Identifier: ISC */
/*
 * What one worker does when the host's rate is used up: relayed packets wait, and leave as
 * relay/share.h says.  Answers never wait, but what they take is taken from the same rate.
 *
 * A worker has for its packets a part of the rate that is as large as its part of the flocks that
 * wait (of one that waits at two, half is the one's and half the other's), and what nobody else
 * took.
 */
#ifndef CATHEDRAL_RELAY_TURNS_H
#define CATHEDRAL_RELAY_TURNS_H

#include "cathedral/relay/packet.h"
#include "cathedral/relay/pipeline.h"

struct turns;

/* egress and waiters are borrowed.  NULL when out of memory. */
struct turns *turns_create(
    struct egress *egress, struct waiters *waiters, unsigned worker, struct random *seed);
void turns_destroy(struct turns *t);

/* At the beginning of a batch or tick: queues what may go of what waits. */
void turns_begin(struct pipeline *p);

/*
 * Whether a packet that is ready to go has to wait; it was copied then, and may be used again.
 * receiver: the tunnel as its receiver names it.
 */
bool turns_wait(struct pipeline *p, const struct packet *pkt, const struct tunnel_key *receiver,
    bool federated);

/* After everything was sent. */
void turns_end(struct pipeline *p);

/* All that waits goes now, whatever the rate: nobody will be there to send it. */
void turns_clear(struct pipeline *p);

/* When turns_begin() has something to do next; UINT64_MAX: nothing waits. */
uint64_t turns_due_ns(const struct turns *t);

#endif

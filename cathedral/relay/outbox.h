/* SPDX-License-Identifier: ISC */
/*
 * What goes out: relayed packets and answers collect here, are shrouded together and handed to the
 * sender.  Handlers never see a socket.
 */
#ifndef CATHEDRAL_RELAY_OUTBOX_H
#define CATHEDRAL_RELAY_OUTBOX_H

#include "base/random.h"
#include "cathedral/relay/packet.h"
#include "cathedral/state/egress.h"
#include "cathedral/state/meter.h"
#include "cathedral/state/stats.h"

#include <stddef.h>

#define OUTBOX_ANSWERS 128 /* packets of its own that wait before it flushes by itself */
#define OUTBOX_MAX     256 /* with relayed ones, which stay where they are */

/*
 * Whoever has sockets: sends packets[0 .. count - 1] (head, len) to their `to` from the main socket
 * of their to_listener.  A packet that the kernel refuses is lost alone.
 */
struct sender {
	void (*send)(struct sender *s, struct packet *const *packets, size_t count);
};

struct outbox {
	_Alignas(64) struct sender *sender; /* no line of the cache is another thread's, too */
	struct random *random;
	struct stats *stats;
	struct egress *egress; /* charged for all that goes; NULL: nobody counts */
	struct meter *meter;   /* the same */
	size_t count;
	struct packet *queue[OUTBOX_MAX];
	size_t own_count;
	struct packet *own; /* OUTBOX_ANSWERS of them */
};

/* NULL when out of memory; sender, random and stats are borrowed. */
struct outbox *outbox_create(struct sender *sender, struct random *random, struct stats *stats);
void outbox_destroy(struct outbox *o);

/* Queues a relayed packet; it must stay until the next outbox_flush(). */
void outbox_relay(struct outbox *o, struct packet *pkt);

/* An empty packet for an answer, already queued: the caller fills head, len and the way it goes. */
struct packet *outbox_answer(struct outbox *o);

/* Shrouds what needs it, sends everything. */
void outbox_flush(struct outbox *o);

#endif

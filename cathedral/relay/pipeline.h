/* SPDX-License-Identifier: ISC */
/*
 * The way of a packet, in one direction (read pipeline.c first):
 *
 *     received -> unshroud -> kind -> decide -> outbox -> shroud -> sent
 *
 * A pipeline is one thread's: the workers, the scanner and the main thread have one each.
 */
#ifndef CATHEDRAL_RELAY_PIPELINE_H
#define CATHEDRAL_RELAY_PIPELINE_H

#include "base/clock.h"
#include "base/limiter.h"
#include "base/random.h"
#include "cathedral/relay/outbox.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/stats.h"

#include <stdbool.h>
#include <stddef.h>

#define PIPELINE_BATCH 64

struct letters;
struct turns;

/* The two ends of what is relayed, and where each of them is kept. */
struct ends {
	bool known;
	struct parties of;
	struct tunnel_key sender_key, receiver_key;
};

struct pipeline {
	_Alignas(64) struct site *site; /* no line of the cache is another thread's, too */
	unsigned slot;                  /* of publish.h */
	struct random random;
	struct limiter *limiter; /* of offers, by device */
	struct limiter *guesses; /* at unknown identities, by address */
	struct outbox *outbox;
	struct letters *letters;
	struct turns *turns; /* NULL: nothing ever waits for others */
	struct stats *stats;

	/* For one batch. */
	const struct registry *registry;
	struct instant now;
	bool looking_up; /* this is the scanner's: what it does not find it leaves */

	/* Under which identity the last shrouded packet of the batch came: packets come in trains.
	 */
	struct {
		uint8_t shown[16];
		struct identity who;
		const struct kmac_prefix *mask; /* NULL: none yet, or one that names two devices */
	} last;
	struct ends ends; /* of the last relayed packet, for the same reason */
};

/* slot: this thread's own in site->publish.  sender and stats are borrowed. */
struct pipeline *pipeline_create(struct site *site, unsigned slot, struct sender *sender,
    struct stats *stats, struct random *seed);
void pipeline_destroy(struct pipeline *p);

/*
 * Of a worker: what it relays waits while the host's rate (site->egress, if there is one) is used
 * up.  Somebody has to look at pipeline_due_ns() then.  False when out of memory.
 */
bool pipeline_take_turns(struct pipeline *p, struct random *seed);

/*
 * Runs up to PIPELINE_BATCH packets (from, listener, nat_port, head and len set; len 0 for one that
 * was cut off) and sends what follows from them.  Each packet's verdict is set and counted.
 */
void pipeline_run(
    struct pipeline *p, struct packet *const *packets, size_t count, struct instant now);

/*
 * What waits for a while, when pipeline_due_ns() says that it has waited enough (UINT64_MAX:
 * nothing waits).
 */
void pipeline_tick(struct pipeline *p, struct instant now);
uint64_t pipeline_due_ns(const struct pipeline *p);

/* Everything that waits goes, due or not: there may be no tick any more. */
void pipeline_settle(struct pipeline *p, struct instant now);

/* The main thread, ten times a second: lets other cathedrals know that this one is here. */
void pipeline_greet(struct pipeline *p, struct instant now);

/*
 * The scanner's work, at most LOOKUPS_TOGETHER at a time: searches packets' identities among all
 * devices, remembers what it finds and runs those packets in `room`; or sends ambries that had to
 * be read from their bundles.  Returns how many packets were offers that were accepted.
 */
size_t pipeline_look_up(struct pipeline *p, const struct lookup *what, size_t count,
    struct packet *room, struct instant now);

/*
 * The main thread, when bundles may have changed: sends the current ambry to every local tunnel
 * of the flocks touched (NULL: of any) whose device last said it has another generation and wants
 * ambries.  Returns how many.
 */
size_t pipeline_push_ambries(
    struct pipeline *p, const struct registry_touched *touched, struct instant now);

#endif

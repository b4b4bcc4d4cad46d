/* SPDX-License-Identifier: ISC */
/*
 * Data packets through a cathedral, or an echo in its place, and what came of them.  Packets are
 * made and masked before; while it runs they are only marked, sent, received and counted.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_TRAFFIC_H
#define TOOLS_CATHEDRAL_LOAD_TRAFFIC_H

#include "base/random.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/pace.h"
#include "tools/cathedral-load/roster.h"
#include "tools/cathedral-load/spent.h"
#include "tools/cathedral-load/tally.h"
#include "tools/cathedral-load/volley.h"
#include "tools/common/histogram.h"

#define TRAFFIC_SIZES_MAX 8

struct traffic_wish {
	uint64_t first, tunnels;           /* tunnels first .. first + tunnels - 1 of the fleet */
	uint64_t sizes[TRAFFIC_SIZES_MAX]; /* of a packet without shroud; tunnel t has t % count */
	size_t size_count;
	uint64_t burst;     /* packets of a tunnel in a row, before it is the next one's turn */
	bool shroud, merge; /* merge: in an order that lets runs of packets leave as one */
	uint64_t run;       /* as in muster.h: the identity to be shown */
};

/* Sizes that bear a mark. */
uint64_t traffic_size_min(bool shroud);
uint64_t traffic_size_max(bool shroud);

struct traffic; /* one thread's */

/* Makes the packets; everything is borrowed but the wish. */
struct traffic *traffic_create(const struct traffic_wish *wish, const struct roster *roster,
    struct lanes *lanes, struct volley *volley, struct random *random, struct fault *why);
void traffic_destroy(struct traffic *t); /* NULL is fine */

/* sent = received + lost, always: refused ones were never sent. */
struct traffic_result {
	uint64_t sent, received, lost, refused;
	uint64_t duplicates, reordered;
	uint64_t answers;    /* to offers of the receiving devices */
	uint64_t strays;     /* what else is no packet of this run */
	uint64_t bytes;      /* received, without shroud */
	uint64_t run_ns;     /* from the first packet sent to the last one received */
	uint64_t silence_ns; /* the longest time without a packet, while it sent */
	struct spent spent;  /* by this thread */
	struct histogram latency;
};

/* Something else to be done by the same thread, between packets: returns when it is due again. */
struct traffic_aside {
	uint64_t (*turn)(void *arg, uint64_t now_ns);
	void *arg;
};

/*
 * Sends as the pace says for so long, then waits for what is still under way.  The pace's times are
 * set here.  aside: NULL for nothing.
 */
void traffic_run(struct traffic *t, struct pace pace, uint64_t run_ns,
    const struct traffic_aside *aside, struct traffic_result *ret);

/*
 * The same in turns, for who has more to do: begin, then a turn whenever its lanes have something
 * or the time has come that the last turn returned.  *ret counts all along; what is lost,
 * duplicated and reordered stands there at the end, and what is spent is the whole thread's.
 */
void traffic_begin(
    struct traffic *t, struct pace pace, uint64_t run_ns, struct traffic_result *ret);
uint64_t traffic_turn(void *traffic, uint64_t now_ns);
void traffic_stop(struct traffic *t); /* sends no more */
void traffic_end(struct traffic *t);

/* So far, of all tunnels. */
struct traffic_order {
	uint64_t missing; /* packets that are not there although later ones of their tunnels are */
	uint64_t duplicates, reordered;
	uint64_t unheard; /* tunnels through which nothing came yet */
};

struct traffic_order traffic_order(const struct traffic *t);

/* Where a tunnel's packets are sent and received. */
size_t traffic_lane(const struct roster *r, uint64_t tunnel, size_t lanes);

/*
 * How many lanes these tunnels take: one a flock, at most LANES_MAX.  0: shrouded, and more flocks
 * than that; then nobody could tell whose a packet is.
 */
size_t traffic_lanes(const struct roster *r, const struct traffic_wish *wish);

#endif

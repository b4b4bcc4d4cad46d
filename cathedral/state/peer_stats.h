/* SPDX-License-Identifier: ISC */
/*
 * What is known of a federated cathedral from what comes from it: whether it is there, whether it
 * reads letters (docs/protocol.md, "Letters"), whether it missed things, or we.  Outlives snapshots
 * of the registry; any thread may call any of these.
 */
#ifndef CATHEDRAL_STATE_PEER_STATS_H
#define CATHEDRAL_STATE_PEER_STATS_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* After so long a silence things were missed; the repeats of a change (rhythm.h) last longer. */
#define PEER_SILENCE_NS (15 * NS_PER_S)

/* So long all that devices say is told to one that missed things: five times each. */
#define PEER_LATE_NS (25 * NS_PER_S)

/*
 * Hellos go out this often, and faster when there is something to ask; seldom to one that sends as
 * those do who know none.  Without a letter for so long the other reads none any more.  When it
 * sends as those do who know none, and has written none for a shorter time, that is enough.
 */
#define PEER_HELLO_NS   (4 * NS_PER_S)
#define PEER_HURRY_NS   NS_PER_S
#define PEER_PLAIN_NS   (60 * NS_PER_S)
#define PEER_HURRIES    5
#define PEER_SPEAKS_NS  (30 * NS_PER_S)
#define PEER_OVERDUE_NS (9 * NS_PER_S)

struct peer_stats {
	unsigned references;       /* the main thread's */
	_Atomic uint64_t heard_ns; /* monotonic, as all of them; 0: never */
	_Atomic uint64_t late_ns;  /* it is told everything until then; 0: it is new */
	_Atomic uint64_t offers_in, offers_bad;

	_Atomic uint64_t instance;  /* of its last letter; 0: none */
	_Atomic uint64_t letter_ns; /* its last letter; 0: it reads none */
	_Atomic uint32_t asked;     /* by it */
	_Atomic uint32_t ask;       /* what ours asks */
	_Atomic uint32_t hurries;   /* hellos to it that follow fast */
	_Atomic uint64_t greet_ns;  /* the next hello to it */
};

/* Of one that nothing is known of; free() frees it.  NULL when out of memory. */
struct peer_stats *peer_stats_create(void);

/*
 * It is to be told everything for a while.  So is one that nobody has asked about before: it is new
 * here, and we may be new to it.
 */
void peer_missed(struct peer_stats *p, uint64_t now_ns);
bool peer_is_late(struct peer_stats *p, uint64_t now_ns);

/* Whether it reads letters. */
bool peer_speaks(const struct peer_stats *p, uint64_t now_ns);

/* It has sent as those do who know no letters. */
void peer_heard_plain(struct peer_stats *p, uint64_t now_ns);

/* A letter of that instance came from it; and, if that was a hello, what it asks. */
void peer_heard_letter(struct peer_stats *p, uint64_t instance, uint64_t now_ns);
void peer_heard_hello(struct peer_stats *p, uint32_t asked, uint64_t now_ns);

/* Whether a hello to it is due; then the next one is later. */
bool peer_greet(struct peer_stats *p, uint64_t now_ns);

#endif

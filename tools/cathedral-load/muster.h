/* SPDX-License-Identifier: ISC */
/*
 * Devices make themselves known: offers are made and signed beforehand, a part of them at a time,
 * then sent, and their answers told apart by the identity in them.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_MUSTER_H
#define TOOLS_CATHEDRAL_LOAD_MUSTER_H

#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/pace.h"
#include "tools/cathedral-load/volley.h"
#include "tools/common/histogram.h"

/*
 * How far in the future offers are dated, so that they may be prepared in time: a cathedral takes
 * what is 10 s off, either way.
 */
#define MUSTER_AHEAD_S  8
#define MUSTER_PART_MAX 200000 /* made in a few seconds; answers within the 16 s that are left */

struct muster; /* one thread's */

struct muster_where {
	const struct roster *roster;
	struct lanes *lanes;
	struct volley *volley;
	bool shroud;
	uint64_t run; /* see struct fleet_end */
};

struct muster *muster_create(const struct muster_where *where, struct fault *why);
void muster_destroy(struct muster *m); /* NULL is fine */

struct muster_result {
	uint64_t sent, unsent, answered, strays; /* strays: what is no answer to any of these */
	uint64_t took_ns;                        /* from the first offer to the last answer */
	uint64_t made_cpu_ns, sent_cpu_ns;       /* of this thread: preparing; sending, receiving */
	struct histogram answer;                 /* from an offer to its answer */
};

/* Prepares offers of so many ends, from the first one on; at most MUSTER_PART_MAX. */
bool muster_prepare(
    struct muster *m, uint64_t first, uint64_t count, struct random *random, struct fault *why);

/* Prepares offers of those that were not answered; how many these are. */
uint64_t muster_prepare_again(struct muster *m, struct random *random);

/* Sends what is prepared, adds to what *ret counts; false when a signal ends it. */
bool muster_send(struct muster *m, struct pace pace, struct muster_result *ret);

/*
 * All of it, in parts and again where no answer came, until each end was answered, or patience is
 * over.  False with the reason.
 */
struct muster_wish {
	uint64_t first, count, patience_ns;
};

bool muster_all(struct muster *m, const struct muster_wish *wish, struct random *random,
    struct muster_result *ret, struct fault *why);

#endif

/* SPDX-License-Identifier: ISC */
/* What identities.c and identities_walk.c share, and nobody else. */
#ifndef CATHEDRAL_STATE_IDENTITIES_INSIDE_H
#define CATHEDRAL_STATE_IDENTITIES_INSIDE_H

#include "base/seeded_hash.h"
#include "cathedral/state/identities.h"
#include "cathedral/state/quota.h"
#include "cathedral/state/table.h"

#include <pthread.h>

#define IDENTITY_CANDIDATES      16384
#define IDENTITY_CANDIDATE_LOCKS 64
#define IDENTITIES_AT_ENDPOINT   IDENTITY_HINTS_NEAR /* devices remembered per address and port */
#define IDENTITIES_AT_ADDRESS    16                  /* and per address */

_Static_assert(IDENTITIES_AT_ENDPOINT + IDENTITIES_AT_ADDRESS == IDENTITY_HINTS_MAX, "hints");

struct proven {
	uint8_t id[16];
	struct identity who;
	uint64_t seen_ns;
};

struct candidate {
	uint8_t id[16];
	struct identity who;
	uint64_t until_ns;
};

/* Both kinds of hint; an address alone is an endpoint with port 0. */
struct hint {
	struct endpoint at;
	uint8_t next; /* which of who is overwritten next */
	uint64_t seen_ns;
	struct identity who[]; /* IDENTITIES_AT_ENDPOINT or IDENTITIES_AT_ADDRESS */
};

struct identities {
	struct table *proven, *endpoints, *addresses;
	struct quota *quota;
	struct hash_key hash;
	pthread_mutex_t locks[IDENTITY_CANDIDATE_LOCKS];
	struct candidate candidates[IDENTITY_CANDIDATES];
};

void identities_keep_proven(
    struct identities *c, const uint8_t id[static 16], const struct identity *who, uint64_t now_ns);
void identities_keep_candidate(struct identities *c, const uint8_t id[static 16],
    const struct identity *who, uint64_t until_ns);

/* In c->endpoints or c->addresses, which have so many places for each. */
struct hints {
	struct table *table;
	uint8_t places;
};

static inline struct hints
identities_at_endpoint(const struct identities *c)
{
	return (struct hints){ c->endpoints, IDENTITIES_AT_ENDPOINT };
}

static inline struct hints
identities_at_address(const struct identities *c)
{
	return (struct hints){ c->addresses, IDENTITIES_AT_ADDRESS };
}

/* Where there is no room some other hint goes, if evict says so. */
void identities_keep_hint(struct hints to, const struct endpoint *at, const struct identity *who,
    uint64_t now_ns, bool evict);

#endif

/* SPDX-License-Identifier: ISC */
/* What a registry is made of, for the files that look things up in it and that make it. */
#ifndef CATHEDRAL_STATE_REGISTRY_INSIDE_H
#define CATHEDRAL_STATE_REGISTRY_INSIDE_H

#include "cathedral/state/catalogue.h"
#include "cathedral/state/registry.h"

/* The flocks that one may talk to: an xflock has both its flocks' shrouds in it. */
struct partners {
	unsigned references;
	size_t count;
	struct flock_id flocks[];
};

/* An xflock that was heard of before both its flocks were. */
struct waiting {
	unsigned references;
	struct flock_id a, b;
	struct registry_ambries ambries;
};

/*
 * Where in the list a cathedral is, by its address: every packet asks, and hardly any comes from
 * one.  Operators choose what is in it, so the hash needs no key; at least three in four are free.
 */
struct peer_places {
	size_t mask;
	uint32_t at[]; /* index + 1; 0: none */
};

size_t registry_peer_place(const struct endpoint *at, size_t mask);

struct registry {
	struct catalogue *flocks;
	struct catalogue *xflocks;  /* by both ids, the lower first */
	struct catalogue *waiting;  /* likewise */
	struct catalogue *partners; /* by flock, of those that have any of either */
	struct registry_peer *peers;
	size_t peer_count;
	struct peer_places *places;             /* of peers */
	struct registry_federation *federation; /* in secret memory */
	struct registry_counts counts;
	uint64_t version;
};

extern const struct catalogue_kind registry_flock_kind, registry_xflock_kind;
extern const struct catalogue_kind registry_waiting_kind, registry_partners_kind;

#endif

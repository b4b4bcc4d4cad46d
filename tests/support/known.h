/* SPDX-License-Identifier: ISC */
/*
 * What somebody knows of flocks, xflocks and cathedrals, in plain arrays: what a reader of
 * registry.db was given, and the model of what the file must hold.  Failing to allocate fails the
 * running test.
 */
#ifndef TESTS_SUPPORT_KNOWN_H
#define TESTS_SUPPORT_KNOWN_H

#include "registry/registry_db.h"

struct known {
	struct record_flock *flocks;
	size_t flock_count;
	struct record_xflock *xflocks;
	size_t xflock_count;
	struct record_cathedral *fleet;
	size_t fleet_count;
	unsigned given, gone, fleets; /* how often a visitor was called for such a thing */
	const char *refuse;           /* with which the visitor ends it all; or NULL */
};

void known_free(struct known *k); /* and makes it empty */

/* Deep copies are kept; there may be one already. */
void known_put_flock(struct known *k, const struct record_flock *f);
void known_put_xflock(struct known *k, const struct record_xflock *x);
void known_put_fleet(struct known *k, const struct record_cathedral *fleet, size_t count);
void known_drop_flock(struct known *k, struct flock_id flock);
void known_drop_xflock(struct known *k, struct flock_pair pair);

const struct record_flock *known_flock(const struct known *k, uint64_t id);
const struct record_xflock *known_xflock(const struct known *k, uint64_t a, uint64_t b);

/* Takes what the reader is given into k. */
struct registry_db_visitor known_visitor(struct known *k);

/* Reads on from *version into k, from nothing when all is given; false with the reason. */
bool known_read(struct known *k, struct registry_db *db, uint64_t *version, struct fault *why);

/* The same in every part, whatever the order; says in what it differs. */
bool known_same(const struct known *a, const struct known *b, struct fault *why);

#endif

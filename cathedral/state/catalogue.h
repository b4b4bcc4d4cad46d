/* SPDX-License-Identifier: ISC */
/*
 * A hash table in levels, of things that one flock names, or two: a copy shares all that is in it,
 * and a change copies only the way to what is changed.  So a registry of 100,000 flocks and the
 * next one, which differs in one of them, have all but a few hundred pointers in common.
 *
 * One that is shared with readers (publish.h) must not be changed any more; everything but finding
 * is for one thread.
 */
#ifndef CATHEDRAL_STATE_CATALOGUE_H
#define CATHEDRAL_STATE_CATALOGUE_H

#include "base/ids.h"
#include "base/seeded_hash.h"

#include <stdbool.h>
#include <stddef.h>

/* How its things count who holds them. */
struct catalogue_kind {
	void (*keep)(void *item);
	void (*release)(void *item);
};

struct catalogue;

/* Empty, with room for so many to begin with; it grows.  NULL: no memory, as with all below. */
struct catalogue *catalogue_create(
    const struct catalogue_kind *kind, struct hash_key hash, size_t expected);

/* The same things again, to be changed. */
struct catalogue *catalogue_copy(const struct catalogue *c);
void catalogue_free(struct catalogue *c); /* NULL is fine */

/* What one flock names has b equal to a.  Borrowed, or NULL. */
void *catalogue_find(const struct catalogue *c, struct flock_id a, struct flock_id b);

/* Takes the item over, and releases what had the name before.  False: nothing happened. */
bool catalogue_put(struct catalogue *c, struct flock_id a, struct flock_id b, void *item);

/* Whether or not it is there.  False: nothing happened. */
bool catalogue_remove(struct catalogue *c, struct flock_id a, struct flock_id b);

size_t catalogue_count(const struct catalogue *c);

/* In no order, until visit() says false, which is then what this says. */
typedef bool catalogue_visit(void *item, void *arg);
bool catalogue_each(const struct catalogue *c, catalogue_visit *visit, void *arg);

#endif

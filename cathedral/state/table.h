/* SPDX-License-Identifier: ISC */
/*
 * A hash table of fixed capacity with keyed hashing, split into shards with a lock each.  All
 * state that devices make grow stands on it: tunnels, liturgies, identities, replays, quotas.
 * Memory is taken from the kernel only as entries are used; nothing is allocated after creation.
 *
 * Entries begin with their key (key_size bytes, no padding inside) and stay where they are until
 * removed.  Everything happens between table_lock() and table_unlock() of the key's shard.
 */
#ifndef CATHEDRAL_STATE_TABLE_H
#define CATHEDRAL_STATE_TABLE_H

#include "base/ids.h"
#include "base/seeded_hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;
struct table_shard;

struct table_shape {
	size_t capacity;   /* rounded up a little */
	size_t entry_size; /* key included */
	size_t key_size;
	size_t home_size; /* so many first bytes of the key choose the shard; 0: all of them */
	unsigned shards;  /* a power of two */
	bool by_flock;    /* keys begin with a flock: table_review_flock() finds those of one */
};

/* NULL when there is no memory. */
struct table *table_create(const struct table_shape *shape, struct hash_key hash);
void table_destroy(struct table *t);

struct table_shard *table_lock(struct table *t, const void *key);
void table_unlock(struct table_shard *s);

/* The entry with this key, or NULL. */
void *table_find(struct table_shard *s, const void *key);

/*
 * A new entry with this key (which must not be there), zeroed behind the key; NULL when the shard
 * is full.
 */
void *table_insert(struct table_shard *s, const void *key);

void table_remove(struct table_shard *s, void *entry);

/*
 * Looks at up to count entries of the shard, going round where the last call stopped, and removes
 * those for which gone() says true.  Returns how many were removed.
 */
typedef bool table_gone(void *entry, void *arg);
size_t table_sweep(struct table_shard *s, size_t count, table_gone *gone, void *arg);

/* The same over all shards, for one part in `parts` of each: so many calls make a round. */
size_t table_sweep_part(struct table *t, size_t parts, table_gone *gone, void *arg);

/* For walks shard by shard: shard n locked; NULL when there is no such shard. */
struct table_shard *table_lock_nth(struct table *t, unsigned n);

/* Every entry of the locked shard; those for which gone() says true are removed. */
size_t table_walk(struct table_shard *s, table_gone *gone, void *arg);

/*
 * Every entry: stays() is shown copies, a few at a time and with no lock held.  Only where it says
 * false of one is gone() asked, with the lock, of that one and some others, and what it says true
 * of is removed; where there are too many for copies it is asked of all of them at once.  What
 * comes or goes meanwhile may be seen or not.  Returns how many were removed.
 */
struct table_look {
	bool (*stays)(const void *entry, void *arg);
	table_gone *gone;
	void *arg;
};

size_t table_review(struct table *t, const struct table_look *look);

/* The same for the entries of one flock, in any of its domains; looks at few others. */
size_t table_review_flock(struct table *t, struct flock_id flock, const struct table_look *look);

/*
 * What changed since when: every entry remembers the mark at which it was inserted or last touched.
 * table_mark() sets the next one (the first is 1) and returns it: whatever changes after that call,
 * and is not seen by a walk begun after it, has that mark or a later one.
 */
void table_touch(struct table_shard *s, void *entry);
uint32_t table_mark(struct table *t);

/*
 * Sees every entry that changed at this mark or later (0: every entry), a few under a lock at a
 * time, and calls rest() with no lock held after each few: false from there ends it.  What comes or
 * goes meanwhile may be seen or not.  Returns whether it came to the end.
 */
typedef void table_see(const void *entry, void *arg);
typedef bool table_rest(void *arg);
bool table_each(struct table *t, uint32_t since, table_see *see, table_rest *rest, void *arg);

size_t table_count(struct table *t); /* live entries, all shards */
size_t table_capacity(const struct table *t);

#endif

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

#include "base/seeded_hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;
struct table_shard;

/* NULL when there is no memory.  capacity is rounded up a little; shards must be a power of two. */
struct table *table_create(
    size_t capacity, size_t entry_size, size_t key_size, unsigned shards, struct hash_key hash);
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

/* For whole walks, shard by shard: shard n locked; NULL when there is no such shard. */
struct table_shard *table_lock_nth(struct table *t, unsigned n);

/* Every entry of the locked shard; those for which gone() says true are removed. */
size_t table_walk(struct table_shard *s, table_gone *gone, void *arg);

size_t table_count(struct table *t); /* live entries, all shards */
size_t table_capacity(const struct table *t);
size_t table_shard_size(const struct table_shard *s); /* slots ever used: how far a sweep goes */

#endif

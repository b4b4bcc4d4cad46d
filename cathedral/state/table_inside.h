/* SPDX-License-Identifier: ISC */
/* What table.c, which keeps entries, and table_walk.c, which goes over them, share. */
#ifndef CATHEDRAL_STATE_TABLE_INSIDE_H
#define CATHEDRAL_STATE_TABLE_INSIDE_H

#include "cathedral/state/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/*
 * A shard: buckets hold the number of the first slot of a chain, slots the number of the next; 0
 * ends a chain.  Slots are handed out from the front, so that memory is touched only as far as it
 * was ever needed at a time.
 */
struct table_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct table *table;
	uint32_t *buckets;
	/* The chains of flocks, each a struct chain in one; or NULL.  Read without the lock, too.
	 */
	_Atomic uint64_t *flocks;
	uint8_t *slots;      /* slot n at n * stride; slot 0 is not used */
	uint32_t used;       /* slots ever handed out */
	uint32_t free_first; /* chain of slots given back */
	uint32_t live;
	uint32_t newest; /* mark of the last change of any entry */
	uint32_t hand;   /* where the next sweep begins */
	const void *locked_for;
	uint64_t locked_hash; /* of that key: most of what follows is about it */
};

struct table {
	size_t entry_size, key_size, home_size, stride;
	size_t links_at; /* in a slot, struct links; 0: there are none */
	uint32_t shard_slots, bucket_mask, flock_mask;
	unsigned shard_count;
	struct hash_key hash;
	_Atomic uint32_t mark; /* 1 at first */
	uint32_t *marks;       /* see touched_at() */
	size_t map_size;
	uint8_t *map;
	struct table_shard shards[];
};

/* In front of every entry, which it must not misalign. */
struct slot {
	_Alignas(8) uint32_t next;
};

/*
 * Behind an entry whose flock matters: the entries of a flock hang together in each shard, with
 * those of flocks that have the same place by chance.  0 ends the chain; back is 0 for the first.
 */
struct links {
	uint32_t next, back;
};

/* Bits of all flocks that are in it, and of some that were since it was empty. */
struct chain {
	uint32_t first, bits;
};

static inline struct slot *
slot_at(const struct table_shard *s, uint32_t n)
{
	return (struct slot *)(void *)(s->slots + (size_t)n * s->table->stride);
}

static inline void *
slot_entry(struct slot *slot)
{
	return slot + 1;
}

/*
 * Of slot n: 0, nothing lives there; else the table's mark when it last changed.  A few lines of
 * one shard, the same of the next, and so on: close together for who looks for what changed, and
 * not a page for each shard while there are few entries.
 */
#define MARKS_TOGETHER 64

static inline uint32_t *
touched_at(const struct table_shard *s, uint32_t n)
{
	const struct table *t = s->table;
	size_t shard = (size_t)(s - t->shards);
	size_t row = (size_t)(n / MARKS_TOGETHER) * t->shard_count + shard;

	return &t->marks[row * MARKS_TOGETHER + n % MARKS_TOGETHER];
}

static inline uint32_t
slot_number(const struct table_shard *s, const struct slot *slot)
{
	size_t bytes = (size_t)((const uint8_t *)slot - s->slots);

	return (uint32_t)(bytes / s->table->stride);
}

static inline struct links *
links_of(const struct table_shard *s, uint32_t n)
{
	return (struct links *)(void *)((uint8_t *)slot_at(s, n) + s->table->links_at);
}

/* Where a flock's chain is, in every shard, and which bit of the chain's stands for it. */
struct chain_key {
	size_t place;
	uint32_t bit;
};

static inline struct chain_key
chain_key(const struct table *t, struct flock_id flock)
{
	struct flock_id base = flock_base(flock);
	uint64_t hash = seeded_hash(&t->hash, &base, sizeof(base));

	return (struct chain_key){ hash & t->flock_mask, UINT32_C(1) << (hash >> 59) };
}

static inline struct chain
chain_get(const struct table_shard *s, size_t place)
{
	uint64_t head = atomic_load_explicit(&s->flocks[place], memory_order_relaxed);

	return (struct chain){ (uint32_t)head, (uint32_t)(head >> 32) };
}

/* With the lock held. */
static inline void
chain_set(struct table_shard *s, size_t place, struct chain c)
{
	uint64_t head = (uint64_t)c.bits << 32 | c.first;

	atomic_store_explicit(&s->flocks[place], head, memory_order_relaxed);
}

static inline struct flock_id
flock_of(const struct table_shard *s, uint32_t n)
{
	struct flock_id flock;

	memcpy(&flock, slot_entry(slot_at(s, n)), sizeof(flock));
	return flock;
}

#endif

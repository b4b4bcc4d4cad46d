/* SPDX-License-Identifier: ISC */
#include "cathedral/state/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A shard: buckets hold the number of the first slot of a chain, slots the number of the next; 0
 * ends a chain.  Slots are handed out from the front, so that memory is touched only as far as it
 * was ever needed at a time.
 */
struct table_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct table *table;
	uint32_t *buckets;
	uint32_t *flocks;    /* heads of the chains of flocks, as many as buckets; or NULL */
	uint8_t *slots;      /* slot n at n * stride; slot 0 is not used */
	uint32_t used;       /* slots ever handed out */
	uint32_t free_first; /* chain of slots given back */
	uint32_t live;
	uint32_t hand; /* where the next sweep begins */
	const void *locked_for;
	uint64_t locked_hash; /* of that key: most of what follows is about it */
};

struct table {
	size_t entry_size, key_size, home_size, stride;
	size_t links_at; /* in a slot, struct links; 0: there are none */
	uint32_t shard_slots, bucket_mask;
	unsigned shard_count;
	struct hash_key hash;
	size_t map_size;
	uint8_t *map;
	struct table_shard shards[];
};

/* In front of every entry. */
struct slot {
	uint32_t next;
	uint32_t live;
};

/*
 * Behind an entry whose flock matters: the entries of a flock hang together in each shard, with
 * those of flocks that have the same place by chance.  0 ends the chain; back is 0 for the first.
 */
struct links {
	uint32_t next, back;
};

static struct slot *
slot_at(const struct table_shard *s, uint32_t n)
{
	return (struct slot *)(void *)(s->slots + (size_t)n * s->table->stride);
}

static void *
slot_entry(struct slot *slot)
{
	return slot + 1;
}

static struct links *
links_of(const struct table_shard *s, uint32_t n)
{
	return (struct links *)(void *)((uint8_t *)slot_at(s, n) + s->table->links_at);
}

static uint32_t
power_of_two(size_t at_least)
{
	uint32_t n = 1;

	while (n < at_least && n < UINT32_C(1) << 31)
		n <<= 1;
	return n;
}

/* Chance spreads keys unevenly: a little more than its share for each shard. */
static uint32_t
shard_share(size_t capacity, unsigned shards)
{
	size_t share = capacity / shards + 1;

	return (uint32_t)(share + share / 16 + 16);
}

static bool
shards_init(struct table *t)
{
	size_t bucket_bytes = ((size_t)t->bucket_mask + 1) * sizeof(uint32_t);
	size_t slot_bytes = ((size_t)t->shard_slots + 1) * t->stride;
	size_t flock_bytes;
	uint8_t *at;

	bucket_bytes = (bucket_bytes + 63) & ~(size_t)63;
	slot_bytes = (slot_bytes + 63) & ~(size_t)63;
	flock_bytes = t->links_at > 0 ? bucket_bytes : 0;
	t->map_size = t->shard_count * (bucket_bytes + flock_bytes + slot_bytes);
	at = mmap(NULL, t->map_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return false;
	/* Where huge pages come unasked, the first entry of a shard would take room for thousands.
	 */
	(void)madvise(at, t->map_size, MADV_NOHUGEPAGE);
	t->map = at;
	for (unsigned n = 0; n < t->shard_count; n++) {
		struct table_shard *s = &t->shards[n];

		pthread_mutex_init(&s->lock, NULL);
		s->table = t;
		s->buckets = (uint32_t *)(void *)at;
		if (flock_bytes > 0)
			s->flocks = (uint32_t *)(void *)(at + bucket_bytes);
		s->slots = at + bucket_bytes + flock_bytes;
		at += bucket_bytes + flock_bytes + slot_bytes;
	}
	return true;
}

struct table *
table_create(const struct table_shape *shape, struct hash_key hash)
{
	size_t size = sizeof(struct table) + shape->shards * sizeof(struct table_shard);
	struct table *t = aligned_alloc(64, (size + 63) & ~(size_t)63);

	if (t == NULL)
		return NULL;
	memset(t, 0, size);
	t->entry_size = shape->entry_size;
	t->key_size = shape->key_size;
	t->home_size = shape->home_size > 0 ? shape->home_size : shape->key_size;
	t->stride = (sizeof(struct slot) + shape->entry_size + 7) & ~(size_t)7;
	if (shape->by_flock) {
		t->links_at = t->stride;
		t->stride += sizeof(struct links);
	}
	t->shard_count = shape->shards;
	t->shard_slots = shard_share(shape->capacity, shape->shards);
	t->bucket_mask = power_of_two(t->shard_slots) - 1;
	t->hash = hash;
	if (!shards_init(t)) {
		free(t);
		return NULL;
	}
	return t;
}

void
table_destroy(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned n = 0; n < t->shard_count; n++)
		pthread_mutex_destroy(&t->shards[n].lock);
	munmap(t->map, t->map_size);
	free(t);
}

static uint32_t *
bucket_of(struct table_shard *s, const void *key)
{
	const struct table *t = s->table;
	uint64_t hash =
	    key == s->locked_for ? s->locked_hash : seeded_hash(&t->hash, key, t->key_size);

	return &s->buckets[hash & t->bucket_mask];
}

struct table_shard *
table_lock(struct table *t, const void *key)
{
	uint64_t hash = seeded_hash(&t->hash, key, t->home_size);
	/* The high bits: the low ones choose the bucket. */
	struct table_shard *s = table_lock_nth(t, (unsigned)(hash >> 48) & (t->shard_count - 1));

	s->locked_for = t->home_size == t->key_size ? key : NULL;
	s->locked_hash = hash;
	return s;
}

void
table_unlock(struct table_shard *s)
{
	pthread_mutex_unlock(&s->lock);
}

struct table_shard *
table_lock_nth(struct table *t, unsigned n)
{
	if (n >= t->shard_count)
		return NULL;
	pthread_mutex_lock(&t->shards[n].lock);
	t->shards[n].locked_for = NULL;
	return &t->shards[n];
}

void *
table_find(struct table_shard *s, const void *key)
{
	uint32_t n = *bucket_of(s, key);

	while (n != 0) {
		struct slot *slot = slot_at(s, n);

		if (memcmp(slot_entry(slot), key, s->table->key_size) == 0)
			return slot_entry(slot);
		n = slot->next;
	}
	return NULL;
}

static uint32_t
slot_take(struct table_shard *s)
{
	uint32_t n = s->free_first;

	if (n != 0) {
		s->free_first = slot_at(s, n)->next;
		return n;
	}
	if (s->used >= s->table->shard_slots)
		return 0;
	return ++s->used;
}

/* ---- chains of flocks ---- */

static uint32_t *
chain_of(struct table_shard *s, struct flock_id flock)
{
	const struct table *t = s->table;
	struct flock_id base = flock_base(flock);

	return &s->flocks[seeded_hash(&t->hash, &base, sizeof(base)) & t->bucket_mask];
}

static struct flock_id
flock_of(const struct table_shard *s, uint32_t n)
{
	struct flock_id flock;

	memcpy(&flock, slot_entry(slot_at(s, n)), sizeof(flock));
	return flock;
}

static void
chain_add(struct table_shard *s, uint32_t n)
{
	uint32_t *first;

	if (s->flocks == NULL)
		return;
	first = chain_of(s, flock_of(s, n));
	*links_of(s, n) = (struct links){ .next = *first };
	if (*first != 0)
		links_of(s, *first)->back = n;
	*first = n;
}

static void
chain_remove(struct table_shard *s, uint32_t n)
{
	struct links links;

	if (s->flocks == NULL)
		return;
	links = *links_of(s, n);
	if (links.next != 0)
		links_of(s, links.next)->back = links.back;
	if (links.back != 0)
		links_of(s, links.back)->next = links.next;
	else
		*chain_of(s, flock_of(s, n)) = links.next;
}

/* ---- entries ---- */

void *
table_insert(struct table_shard *s, const void *key)
{
	uint32_t n = slot_take(s);
	struct slot *slot;
	uint32_t *bucket;

	if (n == 0)
		return NULL;
	slot = slot_at(s, n);
	bucket = bucket_of(s, key);
	memset(slot_entry(slot), 0, s->table->entry_size);
	memcpy(slot_entry(slot), key, s->table->key_size);
	slot->live = 1;
	slot->next = *bucket;
	*bucket = n;
	chain_add(s, n);
	s->live++;
	return slot_entry(slot);
}

void
table_remove(struct table_shard *s, void *entry)
{
	struct slot *slot = (struct slot *)entry - 1;
	uint32_t n = (uint32_t)((size_t)((uint8_t *)slot - s->slots) / s->table->stride);
	uint32_t *link = bucket_of(s, entry);

	chain_remove(s, n);
	while (*link != n)
		link = &slot_at(s, *link)->next;
	*link = slot->next;
	slot->live = 0;
	slot->next = s->free_first;
	s->free_first = n;
	s->live--;
}

static size_t
visit_slots(struct table_shard *s, uint32_t first, size_t count, table_gone *gone, void *arg)
{
	size_t removed = 0;

	for (uint32_t n = first; count > 0 && n <= s->used; n++, count--) {
		struct slot *slot = slot_at(s, n);

		if (slot->live && gone(slot_entry(slot), arg)) {
			table_remove(s, slot_entry(slot));
			removed++;
		}
	}
	return removed;
}

size_t
table_sweep(struct table_shard *s, size_t count, table_gone *gone, void *arg)
{
	uint32_t first = s->hand + 1;
	size_t left = s->used - s->hand;

	/* The rest of this round; the next call begins a new one. */
	if (count >= left) {
		s->hand = 0;
		count = left;
	} else {
		s->hand += (uint32_t)count;
	}
	return visit_slots(s, first, count, gone, arg);
}

size_t
table_sweep_part(struct table *t, size_t parts, table_gone *gone, void *arg)
{
	size_t removed = 0;
	struct table_shard *s;

	for (unsigned n = 0; (s = table_lock_nth(t, n)) != NULL; n++) {
		removed += table_sweep(s, s->used / parts + 1, gone, arg);
		table_unlock(s);
	}
	return removed;
}

size_t
table_walk(struct table_shard *s, table_gone *gone, void *arg)
{
	return visit_slots(s, 1, s->used, gone, arg);
}

size_t
table_walk_flock(struct table_shard *s, struct flock_id flock, table_gone *gone, void *arg)
{
	size_t removed = 0;
	uint32_t next;

	for (uint32_t n = *chain_of(s, flock); n != 0; n = next) {
		void *entry = slot_entry(slot_at(s, n));

		next = links_of(s, n)->next;
		if (flock_equal(flock_base(flock_of(s, n)), flock_base(flock)) &&
		    gone(entry, arg)) {
			table_remove(s, entry);
			removed++;
		}
	}
	return removed;
}

size_t
table_count(struct table *t)
{
	size_t total = 0;
	struct table_shard *s;

	for (unsigned n = 0; (s = table_lock_nth(t, n)) != NULL; n++) {
		total += s->live;
		table_unlock(s);
	}
	return total;
}

size_t
table_capacity(const struct table *t)
{
	return (size_t)t->shard_slots * t->shard_count;
}

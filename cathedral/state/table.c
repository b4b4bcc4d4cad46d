/* SPDX-License-Identifier: ISC */
#include "cathedral/state/table.h"

#include "cathedral/state/table_inside.h"

#include <stdlib.h>
#include <sys/mman.h>

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

/* Keys are anywhere: of these every page is touched soon, so there are not more than needed. */
static uint32_t
buckets_for(uint32_t slots)
{
	return power_of_two(slots - slots / 3);
}

/* Only walks over one flock use them, which may look at a few entries of others. */
static uint32_t
flock_chains_for(uint32_t buckets)
{
	return buckets < 4 ? 1 : buckets / 4;
}

static size_t
whole_lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static bool
shards_init(struct table *t)
{
	size_t bucket_bytes = whole_lines(((size_t)t->bucket_mask + 1) * sizeof(uint32_t));
	size_t slot_bytes = whole_lines(((size_t)t->shard_slots + 1) * t->stride);
	size_t mark_rows = t->shard_slots / MARKS_TOGETHER + 1;
	size_t mark_bytes = mark_rows * t->shard_count * MARKS_TOGETHER * sizeof(uint32_t);
	size_t flock_bytes = 0;
	uint8_t *at;

	if (t->links_at > 0)
		flock_bytes = whole_lines(((size_t)t->flock_mask + 1) * sizeof(uint64_t));
	t->map_size = mark_bytes + t->shard_count * (bucket_bytes + flock_bytes + slot_bytes);
	at = mmap(NULL, t->map_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return false;
	/* Where huge pages come unasked, the first entry of a shard would take room for thousands.
	 */
	(void)madvise(at, t->map_size, MADV_NOHUGEPAGE);
	t->map = at;
	t->marks = (uint32_t *)(void *)at;
	at += mark_bytes;
	for (unsigned n = 0; n < t->shard_count; n++) {
		struct table_shard *s = &t->shards[n];

		pthread_mutex_init(&s->lock, NULL);
		s->table = t;
		s->buckets = (uint32_t *)(void *)at;
		if (flock_bytes > 0)
			s->flocks = (_Atomic uint64_t *)(void *)(at + bucket_bytes);
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
	t->bucket_mask = buckets_for(t->shard_slots) - 1;
	t->flock_mask = flock_chains_for(t->bucket_mask + 1) - 1;
	t->hash = hash;
	atomic_init(&t->mark, 1);
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

static void
chain_add(struct table_shard *s, uint32_t n)
{
	struct chain_key key;
	struct chain c;

	if (s->flocks == NULL)
		return;
	key = chain_key(s->table, flock_of(s, n));
	c = chain_get(s, key.place);
	*links_of(s, n) = (struct links){ .next = c.first };
	if (c.first != 0)
		links_of(s, c.first)->back = n;
	chain_set(s, key.place, (struct chain){ n, c.bits | key.bit });
}

static void
chain_remove(struct table_shard *s, uint32_t n)
{
	struct links links;
	struct chain c;
	size_t place;

	if (s->flocks == NULL)
		return;
	links = *links_of(s, n);
	if (links.next != 0)
		links_of(s, links.next)->back = links.back;
	if (links.back != 0) {
		links_of(s, links.back)->next = links.next;
		return;
	}
	place = chain_key(s->table, flock_of(s, n)).place;
	c = chain_get(s, place);
	chain_set(s, place, (struct chain){ links.next, links.next == 0 ? 0 : c.bits });
}

/* ---- entries ---- */

static void
touch(struct table_shard *s, uint32_t n)
{
	s->newest = atomic_load_explicit(&s->table->mark, memory_order_relaxed);
	*touched_at(s, n) = s->newest;
}

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
	touch(s, n);
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
	uint32_t n = slot_number(s, slot);
	uint32_t *link = bucket_of(s, entry);

	chain_remove(s, n);
	while (*link != n)
		link = &slot_at(s, *link)->next;
	*link = slot->next;
	*touched_at(s, n) = 0;
	slot->next = s->free_first;
	s->free_first = n;
	s->live--;
}

void
table_touch(struct table_shard *s, void *entry)
{
	touch(s, slot_number(s, (struct slot *)entry - 1));
}

uint32_t
table_mark(struct table *t)
{
	/* Who holds a shard's lock after we had it sees the new one. */
	return atomic_fetch_add_explicit(&t->mark, 1, memory_order_relaxed) + 1;
}

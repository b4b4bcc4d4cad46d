/* SPDX-License-Identifier: ISC */
#include "cathedral/state/table_inside.h"

#include <stdlib.h>

/* Entries seen, and slots passed, under one lock: so long a packet may have to wait. */
#define PART_SEEN   256
#define PART_PASSED 4096
/* The same where each is looked up elsewhere, too. */
#define PART_WALKED 32

static size_t
visit_slots(struct table_shard *s, uint32_t first, size_t count, table_gone *gone, void *arg)
{
	size_t removed = 0;

	for (uint32_t n = first; count > 0 && n <= s->used; n++, count--) {
		void *entry = slot_entry(slot_at(s, n));

		if (*touched_at(s, n) != 0 && gone(entry, arg)) {
			table_remove(s, entry);
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

/*
 * Whoever reviews looks things up for each entry, and may lose the CPU while he does: so he does it
 * with copies, and takes the lock once more only for the few that are to go.
 */
struct copies {
	const struct table *table;
	uint8_t *entries; /* PART_WALKED of them, a stride apart; NULL: no memory, none is copied */
	size_t count;
	bool all; /* nothing of it had no room */
};

static struct copies
copies_make(const struct table *t)
{
	return (struct copies){ .table = t, .entries = malloc(PART_WALKED * t->stride) };
}

static void
copy_entry(struct copies *c, const void *entry)
{
	const struct table *t = c->table;

	if (c->entries == NULL || c->count == PART_WALKED)
		c->all = false;
	else
		memcpy(c->entries + c->count++ * t->stride, entry, t->entry_size);
}

static bool
any_is_gone(const struct copies *c, const struct table_look *look)
{
	bool any = false;

	if (!c->all)
		return true;
	for (size_t n = 0; n < c->count; n++)
		any = !look->stays(c->entries + n * c->table->stride, look->arg) || any;
	return any;
}

/* The slots of a shard from `first` on; whether there are more behind them. */
static bool
copy_slots(struct copies *c, struct table_shard *s, uint32_t first)
{
	c->count = 0;
	c->all = true;
	for (uint32_t n = first; n <= s->used && n - first < PART_WALKED; n++) {
		if (*touched_at(s, n) != 0)
			copy_entry(c, slot_entry(slot_at(s, n)));
	}
	return first + PART_WALKED <= s->used;
}

/*
 * A part of each shard, then the next of each: who waits for a lock has woken up before it is
 * taken again.
 */
size_t
table_review(struct table *t, const struct table_look *look)
{
	struct copies c = copies_make(t);
	size_t removed = 0;
	bool more = true;

	for (uint32_t first = 1; more; first += PART_WALKED) {
		struct table_shard *s;

		more = false;
		for (unsigned n = 0; (s = table_lock_nth(t, n)) != NULL; n++) {
			more = copy_slots(&c, s, first) || more;
			table_unlock(s);
			if (!any_is_gone(&c, look))
				continue;
			s = table_lock_nth(t, n);
			removed += visit_slots(s, first, PART_WALKED, look->gone, look->arg);
			table_unlock(s);
		}
	}
	free(c.entries);
	return removed;
}

static bool
is_of(const struct table_shard *s, uint32_t n, struct flock_id flock)
{
	return flock_equal(flock_base(flock_of(s, n)), flock_base(flock));
}

static void
copy_chain(struct copies *c, struct table_shard *s, size_t place, struct flock_id flock)
{
	c->count = 0;
	c->all = true;
	for (uint32_t n = chain_get(s, place).first; n != 0; n = links_of(s, n)->next) {
		if (is_of(s, n, flock))
			copy_entry(c, slot_entry(slot_at(s, n)));
	}
}

static size_t
walk_chain(struct table_shard *s, size_t place, struct flock_id flock, table_gone *gone, void *arg)
{
	size_t removed = 0;
	uint32_t next;

	for (uint32_t n = chain_get(s, place).first; n != 0; n = next) {
		void *entry = slot_entry(slot_at(s, n));

		next = links_of(s, n)->next;
		if (is_of(s, n, flock) && gone(entry, arg)) {
			table_remove(s, entry);
			removed++;
		}
	}
	return removed;
}

/*
 * Most shards have nothing of a flock, and that is seen without their locks.  Who comes at this
 * moment may not be seen, as he would not be a moment later.
 */
size_t
table_review_flock(struct table *t, struct flock_id flock, const struct table_look *look)
{
	struct chain_key key = chain_key(t, flock);
	size_t removed = 0;
	struct copies c = copies_make(t);

	for (unsigned n = 0; n < t->shard_count; n++) {
		struct table_shard *s = &t->shards[n];

		if ((chain_get(s, key.place).bits & key.bit) == 0)
			continue;
		s = table_lock_nth(t, n);
		copy_chain(&c, s, key.place, flock);
		table_unlock(s);
		if (!any_is_gone(&c, look))
			continue;
		s = table_lock_nth(t, n);
		removed += walk_chain(s, key.place, flock, look->gone, look->arg);
		table_unlock(s);
	}
	free(c.entries);
	return removed;
}

/*
 * A part of the shard from slot `first` on; returns where to go on, 0 at its end.  The marks lie
 * close together: to find the few entries that changed, the others need not be looked at.
 */
static uint32_t
see_part(struct table_shard *s, uint32_t first, uint32_t since, table_see *see, void *arg)
{
	uint32_t n = first, seen = 0;

	if (s->newest < since)
		return 0;
	for (; n <= s->used && n - first < PART_PASSED && seen < PART_SEEN; n++) {
		uint32_t touched = *touched_at(s, n);

		if (touched != 0 && touched >= since) {
			see(slot_entry(slot_at(s, n)), arg);
			seen++;
		}
	}
	return n <= s->used ? n : 0;
}

bool
table_each(struct table *t, uint32_t since, table_see *see, table_rest *rest, void *arg)
{
	for (unsigned n = 0; n < t->shard_count; n++) {
		uint32_t next = 1;

		while (next != 0) {
			struct table_shard *s = table_lock_nth(t, n);

			next = see_part(s, next, since, see, arg);
			table_unlock(s);
			if (!rest(arg))
				return false;
		}
	}
	return true;
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

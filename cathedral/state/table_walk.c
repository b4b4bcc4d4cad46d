/* SPDX-License-Identifier: ISC */
#include "cathedral/state/table_inside.h"

/* Entries seen, and slots passed, under one lock: so long a packet may have to wait. */
#define PART_SEEN   256
#define PART_PASSED 4096

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

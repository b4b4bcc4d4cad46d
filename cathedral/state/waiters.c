/* SPDX-License-Identifier: ISC */
#include "cathedral/state/waiters.h"

#include "cathedral/state/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 16

struct waiting {
	struct flock_id flock; /* base */
	_Atomic uint64_t workers;
};

/* Sums of what whole numbers of changes added and took away: never wrong for long. */
struct sum {
	_Alignas(64) _Atomic int64_t weight;
};

struct waiters {
	struct sum total;
	struct sum workers[WAITERS_WORKERS];
	struct table *flocks; /* of struct waiting */
};

struct waiters *
waiters_create(size_t flocks_max, struct random *r)
{
	const struct table_shape shape = {
		.capacity = flocks_max,
		.entry_size = sizeof(struct waiting),
		.key_size = sizeof(struct flock_id),
		.shards = SHARDS,
	};
	struct waiters *c = aligned_alloc(64, sizeof(*c));

	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->flocks = table_create(&shape, hash_key_new(r));
	if (c->flocks != NULL)
		return c;
	free(c);
	return NULL;
}

void
waiters_destroy(struct waiters *c)
{
	if (c == NULL)
		return;
	table_destroy(c->flocks);
	free(c);
}

static void
add(struct waiters *c, unsigned worker, int64_t weight)
{
	atomic_fetch_add_explicit(&c->workers[worker].weight, weight, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->total.weight, weight, memory_order_relaxed);
}

static uint64_t
workers_of(const struct waiting *w)
{
	return w == NULL ? 0 : atomic_load_explicit(&w->workers, memory_order_relaxed);
}

/* The part at each of so many workers, or none at this one. */
static int64_t
part_at(uint64_t workers, unsigned worker)
{
	if ((workers >> worker & 1) == 0)
		return 0;
	return (int64_t)WAITERS_WHOLE / __builtin_popcountll(workers);
}

/* Under the flock's lock: each of its workers gets another part of it. */
static void
set_workers(struct waiters *c, struct waiting *w, uint64_t workers)
{
	uint64_t before = workers_of(w);

	for (uint64_t left = before | workers; left != 0; left &= left - 1) {
		unsigned worker = (unsigned)__builtin_ctzll(left);

		add(c, worker, part_at(workers, worker) - part_at(before, worker));
	}
	atomic_store_explicit(&w->workers, workers, memory_order_relaxed);
}

const _Atomic uint64_t *
waiters_join(struct waiters *c, unsigned worker, struct flock_id flock)
{
	struct flock_id key = flock_base(flock);
	struct table_shard *s = table_lock(c->flocks, &key);
	struct waiting *w = table_find(s, &key);

	assert(worker < WAITERS_WORKERS);
	if (w == NULL)
		w = table_insert(s, &key);
	if (w == NULL)
		add(c, worker, WAITERS_WHOLE);
	else
		set_workers(c, w, workers_of(w) | UINT64_C(1) << worker);
	table_unlock(s);
	return w == NULL ? NULL : &w->workers;
}

void
waiters_leave(struct waiters *c, unsigned worker, struct flock_id flock)
{
	struct flock_id key = flock_base(flock);
	struct table_shard *s = table_lock(c->flocks, &key);
	struct waiting *w = table_find(s, &key);
	uint64_t workers = workers_of(w);
	uint64_t others = workers & ~(UINT64_C(1) << worker);

	/* It came when there was no room. */
	if (workers == others)
		add(c, worker, -(int64_t)WAITERS_WHOLE);
	else
		set_workers(c, w, others);
	if (w != NULL && others == 0)
		table_remove(s, w);
	table_unlock(s);
}

/* Sums may be read between two threads' words: never less than none. */
static uint64_t
read_sum(const struct sum *s)
{
	int64_t weight = atomic_load_explicit(&s->weight, memory_order_relaxed);

	return weight < 0 ? 0 : (uint64_t)weight;
}

uint64_t
waiters_weight(const struct waiters *c, unsigned worker)
{
	return read_sum(&c->workers[worker]);
}

uint64_t
waiters_total(const struct waiters *c)
{
	return read_sum(&c->total);
}

size_t
waiters_flocks(struct waiters *c)
{
	return table_count(c->flocks);
}

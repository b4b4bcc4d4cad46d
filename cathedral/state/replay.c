/* SPDX-License-Identifier: ISC */
#include "cathedral/state/replay.h"

#include "cathedral/state/quota.h"
#include "cathedral/state/table.h"

#include <stdlib.h>
#include <string.h>

#define SHARDS          64
#define SWEEP_WHEN_FULL 256

/* No flock may take more than this part of the room, or one tenant could silence all others. */
#define FLOCK_PART 4
#define FLOCKS     65536

struct replay {
	struct table *table;
	struct quota *quota;
	struct hash_key hash;
};

struct replay *
replay_create(size_t capacity, struct random *r)
{
	struct replay *p = calloc(1, sizeof(*p));
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct replay_record),
		.key_size = sizeof(((struct replay_mark *)NULL)->bytes),
		.shards = SHARDS,
	};

	if (p == NULL)
		return NULL;
	p->hash = hash_key_new(r);
	p->table = table_create(&shape, hash_key_new(r));
	if (p->table != NULL)
		p->quota =
		    quota_create(FLOCKS, (uint32_t)(table_capacity(p->table) / FLOCK_PART), r);
	if (p->table == NULL || p->quota == NULL) {
		replay_destroy(p);
		return NULL;
	}
	return p;
}

void
replay_destroy(struct replay *p)
{
	if (p == NULL)
		return;
	table_destroy(p->table);
	quota_destroy(p->quota);
	free(p);
}

struct replay_mark
replay_mark(const struct replay *p, const struct offer_header *h)
{
	struct replay_mark mark = { .flock = flock_base(h->flock_src) };
	uint8_t encoded[OFFER_HEADER_SIZE];

	offer_header_encode(h, encoded);
	seeded_hash_128(&p->hash, encoded, sizeof(encoded), mark.bytes);
	return mark;
}

static bool
is_over(const struct replay_record *e, uint64_t now_ns)
{
	return e->until_ns <= now_ns;
}

/* Quotas are a flock's, not a device's. */
static const struct device_id nobody;

struct sweep {
	struct replay *replay;
	uint64_t now_ns;
};

static bool
entry_gone(void *at, void *arg)
{
	const struct replay_record *e = at;
	const struct sweep *sweep = arg;

	if (!is_over(e, sweep->now_ns))
		return false;
	quota_give_back(sweep->replay->quota, e->mark.flock, nobody);
	return true;
}

bool
replay_seen(struct replay *p, const struct replay_mark *mark, uint64_t now_ns)
{
	struct table_shard *s = table_lock(p->table, mark);
	struct replay_record *e = table_find(s, mark);
	bool seen = e != NULL && !is_over(e, now_ns);

	table_unlock(s);
	return seen;
}

/* What is over but not swept yet makes room, both in the shard and in quotas. */
static enum replay_result
remember(struct replay *p, struct table_shard *s, const struct replay_mark *mark, uint64_t now_ns)
{
	struct sweep sweep = { .replay = p, .now_ns = now_ns };
	bool allowed = quota_take(p->quota, mark->flock, nobody);
	struct replay_record *e;

	if (!allowed && table_sweep(s, SWEEP_WHEN_FULL, entry_gone, &sweep) > 0)
		allowed = quota_take(p->quota, mark->flock, nobody);
	if (!allowed)
		return REPLAY_QUOTA;
	e = table_insert(s, mark);
	if (e == NULL && table_sweep(s, SWEEP_WHEN_FULL, entry_gone, &sweep) > 0)
		e = table_insert(s, mark);
	if (e == NULL) {
		quota_give_back(p->quota, mark->flock, nobody);
		return REPLAY_FULL;
	}
	e->mark.flock = mark->flock;
	e->until_ns = now_ns + REPLAY_TTL_NS;
	return REPLAY_NEW;
}

static void
renew(struct table_shard *s, struct replay_record *e, uint64_t until_ns)
{
	e->until_ns = until_ns;
	table_touch(s, e);
}

enum replay_result
replay_admit(struct replay *p, const struct replay_mark *mark, uint64_t now_ns)
{
	struct table_shard *s = table_lock(p->table, mark);
	struct replay_record *e = table_find(s, mark);
	enum replay_result result = REPLAY_NEW;

	if (e == NULL)
		result = remember(p, s, mark, now_ns);
	else if (is_over(e, now_ns))
		renew(s, e, now_ns + REPLAY_TTL_NS);
	else
		result = REPLAY_SEEN;
	table_unlock(s);
	return result;
}

struct hash_key
replay_key(const struct replay *p)
{
	return p->hash;
}

void
replay_set_key(struct replay *p, const struct hash_key *key)
{
	p->hash = *key;
}

uint32_t
replay_begin(struct replay *p)
{
	return table_mark(p->table);
}

struct view {
	replay_see *see;
	table_rest *rest;
	void *arg;
};

static bool
view_rest(void *arg)
{
	const struct view *v = arg;

	return v->rest(v->arg);
}

static void
view_entry(const void *at, void *arg)
{
	const struct view *v = arg;

	v->see(at, v->arg);
}

bool
replay_changed(struct replay *p, uint32_t since, replay_see *see, table_rest *rest, void *arg)
{
	struct view v = { see, rest, arg };

	return table_each(p->table, since, view_entry, view_rest, &v);
}

bool
replay_restore(struct replay *p, const struct replay_record *was, uint64_t now_ns)
{
	struct table_shard *s;
	struct replay_record *e;
	bool ok;

	if (is_over(was, now_ns))
		return true;
	s = table_lock(p->table, &was->mark);
	e = table_find(s, &was->mark);
	if (e == NULL && remember(p, s, &was->mark, now_ns) == REPLAY_NEW) {
		e = table_find(s, &was->mark);
		e->until_ns = 0;
	}
	ok = e != NULL;
	if (ok && e->until_ns < was->until_ns)
		e->until_ns = was->until_ns;
	table_unlock(s);
	return ok;
}

size_t
replay_sweep(struct replay *p, size_t parts, uint64_t now_ns)
{
	struct sweep sweep = { .replay = p, .now_ns = now_ns };

	return table_sweep_part(p->table, parts, entry_gone, &sweep);
}

size_t
replay_count(struct replay *p)
{
	return table_count(p->table);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/replay.h"

#include "base/seeded_hash.h"
#include "cathedral/state/table.h"

#include <stdlib.h>
#include <string.h>

/*
 * A timestamp may be as much ahead of our clock as behind it: it is fresh for two windows at the
 * most, and a second more since timestamps are whole seconds.
 */
#define REMEMBER_NS ((2 * OFFER_WINDOW_S + 1) * NS_PER_S)

#define SHARDS          64
#define SWEEP_WHEN_FULL 256

struct entry {
	struct replay_mark mark;
	uint64_t until_ns;
};

struct replay {
	struct table *table;
	struct hash_key hash;
};

struct replay *
replay_create(size_t capacity, struct random *r)
{
	struct replay *p = calloc(1, sizeof(*p));
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct entry),
		.key_size = sizeof(struct replay_mark),
		.shards = SHARDS,
	};

	if (p == NULL)
		return NULL;
	p->hash = hash_key_new(r);
	p->table = table_create(&shape, hash_key_new(r));
	if (p->table == NULL) {
		free(p);
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
	free(p);
}

struct replay_mark
replay_mark(const struct replay *p, const struct offer_header *h)
{
	struct replay_mark mark;
	uint8_t encoded[OFFER_HEADER_SIZE];

	offer_header_encode(h, encoded);
	seeded_hash_128(&p->hash, encoded, sizeof(encoded), mark.bytes);
	return mark;
}

static bool
entry_gone(void *at, void *arg)
{
	const struct entry *e = at;
	const uint64_t *now_ns = arg;

	return e->until_ns <= *now_ns;
}

bool
replay_seen(struct replay *p, const struct replay_mark *mark, uint64_t now_ns)
{
	struct table_shard *s = table_lock(p->table, mark);
	struct entry *e = table_find(s, mark);
	bool seen = e != NULL && !entry_gone(e, &now_ns);

	table_unlock(s);
	return seen;
}

enum replay_result
replay_admit(struct replay *p, const struct replay_mark *mark, uint64_t now_ns)
{
	struct table_shard *s = table_lock(p->table, mark);
	struct entry *e = table_find(s, mark);
	enum replay_result result = REPLAY_NEW;

	if (e != NULL && !entry_gone(e, &now_ns)) {
		result = REPLAY_SEEN;
	} else {
		if (e == NULL)
			e = table_insert(s, mark);
		if (e == NULL && table_sweep(s, SWEEP_WHEN_FULL, entry_gone, &now_ns) > 0)
			e = table_insert(s, mark);
		if (e == NULL)
			result = REPLAY_FULL;
		else
			e->until_ns = now_ns + REMEMBER_NS;
	}
	table_unlock(s);
	return result;
}

size_t
replay_sweep(struct replay *p, size_t parts, uint64_t now_ns)
{
	return table_sweep_part(p->table, parts, entry_gone, &now_ns);
}

size_t
replay_count(struct replay *p)
{
	return table_count(p->table);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/liturgies.h"

#include "cathedral/state/liturgies_inside.h"

#include <stdlib.h>
#include <string.h>

#define SHARDS            64
#define SWEEP_WHEN_FULL   256
#define ANSWER_EVERY_NS   (3 * NS_PER_S)
#define REMEMBER_EVERY_NS (15 * NS_PER_S)

struct liturgies *
liturgies_create(size_t capacity, struct random *r)
{
	struct liturgies *l = calloc(1, sizeof(*l));
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct entry),
		.key_size = sizeof(struct key),
		.home_size = sizeof(struct flock_id),
		.shards = SHARDS,
		.by_flock = true,
	};

	if (l == NULL)
		return NULL;
	l->table = table_create(&shape, hash_key_new(r));
	l->quota = quota_create(capacity, LITURGIES_PER_DEVICE, r);
	if (l->table == NULL || l->quota == NULL) {
		liturgies_destroy(l);
		return NULL;
	}
	return l;
}

void
liturgies_destroy(struct liturgies *l)
{
	if (l == NULL)
		return;
	table_destroy(l->table);
	quota_destroy(l->quota);
	free(l);
}

struct sweep {
	struct liturgies *liturgies;
	uint64_t now_ns;
};

static bool
entry_gone(void *at, void *arg)
{
	const struct sweep *sweep = arg;

	if (is_live(at, sweep->now_ns))
		return false;
	entry_release(sweep->liturgies, at);
	return true;
}

static bool
bit_has(const uint64_t bits[static 4], uint8_t n)
{
	return (bits[n / 64] >> (n % 64) & 1) != 0;
}

static struct entry *
entry_make(struct liturgies *l, struct table_shard *s, const struct key *key, uint64_t now_ns)
{
	struct sweep sweep = { .liturgies = l, .now_ns = now_ns };
	struct entry *e = table_insert(s, key);

	if (e == NULL && table_sweep(s, SWEEP_WHEN_FULL, entry_gone, &sweep) > 0)
		e = table_insert(s, key);
	return e;
}

struct entry *
liturgies_index(struct liturgies *l, struct table_shard *s, struct flock_id flock, uint64_t now_ns)
{
	struct key key = key_of(flock, INDEX, 0);
	struct entry *e = table_find(s, &key);

	if (e == NULL)
		e = entry_make(l, s, &key, now_ns);
	if (e != NULL)
		e->seen_ns = now_ns;
	return e;
}

struct entry *
liturgies_entry_of(struct liturgies *l, struct table_shard *s, const struct key *key,
    struct device_id device, uint64_t now_ns, bool *quota)
{
	struct entry *e = table_find(s, key);

	*quota = false;
	if (e != NULL && is_live(e, now_ns) && e->device.value == device.value)
		return e;
	if (e != NULL) {
		entry_release(l, e);
		table_remove(s, e);
	}
	*quota = !quota_take(l->quota, key->flock, device);
	if (*quota)
		return NULL;
	e = entry_make(l, s, key, now_ns);
	if (e == NULL)
		quota_give_back(l->quota, key->flock, device);
	else
		e->device = device;
	return e;
}

/* Whether a is told of b: docs/protocol.md, "Liturgy". */
static bool
sees(const struct entry *a, const struct entry *b)
{
	if (a->group != b->group || (a->hidden && b->hidden))
		return false;
	if (a->key.kind != SIGNALLING || b->key.kind != SIGNALLING)
		return true;
	return bit_has(a->peers, b->key.number) || bit_has(b->peers, a->key.number);
}

/* Everybody of one kind whom `me` is told of, in the order of their numbers. */
static void
list_kind(struct table_shard *s, struct entry *index, enum kind kind, const struct entry *me,
    struct liturgy_outcome *ret)
{
	for (unsigned n = KEK_NUMBER_MIN; n < LITURGY_PEERS; n++) {
		struct key key = key_of(me->key.flock, kind, (uint8_t)n);
		const struct entry *e;

		if (!bit_has(index->present[kind], (uint8_t)n) || n == me->key.number)
			continue;
		e = table_find(s, &key);
		if (e == NULL || !is_live(e, me->seen_ns))
			index->present[kind][n / 64] &= ~(UINT64_C(1) << (n % 64));
		else if (sees(me, e))
			ret->peers[n] = 1;
	}
}

static bool
is_due(uint64_t *last_ns, uint64_t every_ns, uint64_t now_ns)
{
	if (*last_ns != 0 && now_ns < *last_ns + every_ns)
		return false;
	*last_ns = now_ns;
	return true;
}

static void
peers_named(const struct liturgy *l, uint64_t ret[static 4])
{
	memset(ret, 0, 4 * sizeof(ret[0]));
	for (unsigned n = 0; n < LITURGY_PEERS; n++) {
		if (l->peers[n] != 0)
			bit_set(ret, (uint8_t)n);
	}
}

/* Whether anything is new of what other cathedrals keep. */
static bool
is_news(const struct entry *e, bool created, const struct liturgy_heard *h)
{
	uint64_t peers[4];

	peers_named(h->liturgy, peers);
	return created || e->federated || e->group != h->liturgy->group ||
	       e->hidden != (h->liturgy->hidden != 0) ||
	       memcmp(peers, e->peers, sizeof(peers)) != 0;
}

/* As for infos (relay/info.c): only as long as it may still be fresh. */
static bool
is_overtaken(const struct entry *e, const struct liturgy_heard *h)
{
	return h->said_s < e->said_s && h->now_ns < e->seen_ns + 2 * OFFER_WINDOW_S * NS_PER_S;
}

static void
entry_store(struct entry *e, const struct liturgy_heard *h)
{
	e->seen_ns = h->now_ns;
	e->said_s = h->said_s;
	e->group = h->liturgy->group;
	e->hidden = h->liturgy->hidden != 0;
	e->listener = h->listener;
	e->federated = h->federated;
	e->at = h->from;
	peers_named(h->liturgy, e->peers);
}

static void
entry_hear(
    struct entry *e, bool created, const struct liturgy_heard *h, struct liturgy_outcome *ret)
{
	bool same_place =
	    !e->federated && e->listener == h->listener && endpoint_equal(&e->at, &h->from);

	bool news = is_news(e, created, h);

	ret->unproven = !created && !same_place;
	entry_store(e, h);
	if (h->federated) {
		e->rhythm = (struct rhythm){ 0 };
		return;
	}
	ret->answer = is_due(&e->answered_ns, ANSWER_EVERY_NS, h->now_ns);
	ret->tell = rhythm_next(&e->rhythm, news, h->now_ns, &h->rhythm);
	/* One answer at most to an address that is new for it. */
	if ((h->liturgy->flags & LITURGY_WANTS_REMEMBRANCE) && !(ret->unproven && ret->answer))
		ret->remember = is_due(&e->remembered_ns, REMEMBER_EVERY_NS, h->now_ns);
}

static bool
hear_locked(struct liturgies *l, struct table_shard *s, const struct liturgy_heard *h,
    struct liturgy_outcome *ret)
{
	enum kind kind = h->liturgy->flags & LITURGY_SIGNALLING ? SIGNALLING : DISCOVERY;
	struct key key = key_of(h->flock, kind, h->liturgy->id);
	struct entry *index = liturgies_index(l, s, h->flock, h->now_ns);
	struct entry *e = NULL;

	if (index != NULL)
		e = liturgies_entry_of(l, s, &key, h->device, h->now_ns, &ret->quota);
	if (e == NULL)
		return false;
	if (is_overtaken(e, h))
		return true;
	entry_hear(e, e->seen_ns == 0, h, ret);
	table_touch(s, e);
	bit_set(index->present[kind], key.number);
	if (ret->answer) {
		list_kind(s, index, DISCOVERY, e, ret);
		list_kind(s, index, SIGNALLING, e, ret);
	}
	return true;
}

bool
liturgies_hear(struct liturgies *l, const struct liturgy_heard *heard, struct liturgy_outcome *ret)
{
	struct table_shard *s = table_lock(l->table, &heard->flock);
	bool ok;

	memset(ret, 0, sizeof(*ret));
	ok = hear_locked(l, s, heard, ret);
	table_unlock(s);
	return ok;
}

size_t
liturgies_sweep(struct liturgies *l, size_t parts, uint64_t now_ns)
{
	struct sweep sweep = { .liturgies = l, .now_ns = now_ns };

	return table_sweep_part(l->table, parts, entry_gone, &sweep);
}

size_t
liturgies_capacity(const struct liturgies *l)
{
	return table_capacity(l->table);
}

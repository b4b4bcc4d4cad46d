/* SPDX-License-Identifier: ISC */
#include "cathedral/state/identities.h"

#include "base/seeded_hash.h"
#include "cathedral/state/quota.h"
#include "cathedral/state/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS          64
#define SWEEP_WHEN_FULL 256
#define CANDIDATES      16384
#define CANDIDATE_LOCKS 64
#define AT_ENDPOINT     4  /* devices remembered per address and port */
#define AT_ADDRESS      16 /* and per address */
#define HINT_EVICT      4

_Static_assert(AT_ENDPOINT + AT_ADDRESS == IDENTITY_HINTS_MAX, "hints");

struct proven {
	uint8_t id[16];
	struct identity who;
	uint64_t seen_ns;
};

struct candidate {
	uint8_t id[16];
	struct identity who;
	uint64_t until_ns;
};

/* Both kinds of hint; an address alone is an endpoint with port 0. */
struct hint {
	struct endpoint at;
	uint8_t next; /* which of who is overwritten next */
	uint64_t seen_ns;
	struct identity who[]; /* AT_ENDPOINT or AT_ADDRESS */
};

struct identities {
	struct table *proven, *endpoints, *addresses;
	struct quota *quota;
	struct hash_key hash;
	pthread_mutex_t locks[CANDIDATE_LOCKS];
	struct candidate candidates[CANDIDATES];
};

static size_t
hint_size(size_t devices)
{
	return sizeof(struct hint) + devices * sizeof(struct identity);
}

struct identities *
identities_create(size_t capacity, uint32_t per_device, struct random *r)
{
	struct identities *c = calloc(1, sizeof(*c));
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct proven),
		.key_size = 16,
		.shards = SHARDS,
	};

	if (c == NULL)
		return NULL;
	for (size_t n = 0; n < CANDIDATE_LOCKS; n++)
		pthread_mutex_init(&c->locks[n], NULL);
	c->hash = hash_key_new(r);
	c->quota = quota_create(capacity, per_device, r);
	c->proven = table_create(&shape, hash_key_new(r));
	shape.key_size = sizeof(struct endpoint);
	shape.entry_size = hint_size(AT_ENDPOINT);
	c->endpoints = table_create(&shape, hash_key_new(r));
	shape.entry_size = hint_size(AT_ADDRESS);
	c->addresses = table_create(&shape, hash_key_new(r));
	if (!c->quota || !c->proven || !c->endpoints || !c->addresses) {
		identities_destroy(c);
		return NULL;
	}
	return c;
}

void
identities_destroy(struct identities *c)
{
	if (c == NULL)
		return;
	table_destroy(c->proven);
	table_destroy(c->endpoints);
	table_destroy(c->addresses);
	quota_destroy(c->quota);
	for (size_t n = 0; n < CANDIDATE_LOCKS; n++)
		pthread_mutex_destroy(&c->locks[n]);
	free(c);
}

/* ---- candidates: one slot each by hash, newer ones overwrite ---- */

static size_t
candidate_slot(const struct identities *c, const uint8_t id[static 16])
{
	return seeded_hash(&c->hash, id, 16) % CANDIDATES;
}

static bool
candidate_find(
    struct identities *c, const uint8_t id[static 16], uint64_t now_ns, struct identity *ret)
{
	size_t n = candidate_slot(c, id);
	pthread_mutex_t *lock = &c->locks[n % CANDIDATE_LOCKS];
	const struct candidate *k = &c->candidates[n];
	bool found;

	pthread_mutex_lock(lock);
	found = now_ns < k->until_ns && memcmp(k->id, id, 16) == 0;
	if (found)
		*ret = k->who;
	pthread_mutex_unlock(lock);
	return found;
}

static void
candidate_keep(struct identities *c, const uint8_t id[static 16], const struct identity *who,
    uint64_t until_ns)
{
	size_t n = candidate_slot(c, id);
	pthread_mutex_t *lock = &c->locks[n % CANDIDATE_LOCKS];
	struct candidate *k = &c->candidates[n];

	pthread_mutex_lock(lock);
	memcpy(k->id, id, 16);
	k->who = *who;
	k->until_ns = until_ns;
	pthread_mutex_unlock(lock);
}

void
identities_suggest(
    struct identities *c, const uint8_t id[static 16], const struct identity *who, uint64_t now_ns)
{
	candidate_keep(c, id, who, now_ns + IDENTITY_CANDIDATE_TTL_NS);
}

/* ---- proven ones ---- */

struct sweep {
	struct identities *identities;
	uint64_t now_ns;
};

static bool
proven_gone(void *at, void *arg)
{
	const struct proven *e = at;
	const struct sweep *sweep = arg;

	if (sweep->now_ns < e->seen_ns + IDENTITY_TTL_NS)
		return false;
	quota_give_back(sweep->identities->quota, e->who.own, e->who.device);
	return true;
}

bool
identities_find(
    struct identities *c, const uint8_t id[static 16], uint64_t now_ns, struct identity *ret)
{
	struct table_shard *s = table_lock(c->proven, id);
	const struct proven *e = table_find(s, id);
	bool found = e != NULL && now_ns < e->seen_ns + IDENTITY_TTL_NS;

	if (found)
		*ret = e->who;
	table_unlock(s);
	return found || candidate_find(c, id, now_ns, ret);
}

static void
proven_keep(
    struct identities *c, const uint8_t id[static 16], const struct identity *who, uint64_t now_ns)
{
	struct sweep sweep = { .identities = c, .now_ns = now_ns };
	struct table_shard *s = table_lock(c->proven, id);
	struct proven *e = table_find(s, id);

	if (e == NULL && quota_take(c->quota, who->own, who->device)) {
		e = table_insert(s, id);
		if (e == NULL && table_sweep(s, SWEEP_WHEN_FULL, proven_gone, &sweep) > 0)
			e = table_insert(s, id);
		if (e == NULL)
			quota_give_back(c->quota, who->own, who->device);
		else
			e->who = *who;
	}
	if (e != NULL) {
		e->seen_ns = now_ns;
		table_touch(s, e);
	}
	table_unlock(s);
}

/* ---- hints ---- */

static bool
same_identity(const struct identity *a, const struct identity *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
evict(void *entry, void *arg)
{
	(void)entry;
	(void)arg;
	return true;
}

static bool
hint_gone(void *at, void *arg)
{
	const struct hint *h = at;
	const uint64_t *now_ns = arg;

	return *now_ns >= h->seen_ns + IDENTITY_HINT_TTL_NS;
}

/* A hint only saves work: when there is no room, some other one goes. */
static void
hint_keep(struct table *t, const struct endpoint *at, uint8_t places, const struct identity *who,
    uint64_t now_ns)
{
	struct table_shard *s = table_lock(t, at);
	struct hint *h = table_find(s, at);

	if (h == NULL)
		h = table_insert(s, at);
	if (h == NULL && table_sweep(s, HINT_EVICT, evict, NULL) > 0)
		h = table_insert(s, at);
	if (h != NULL) {
		uint8_t n = 0;

		while (n < places && !same_identity(&h->who[n], who))
			n++;
		if (n == places) {
			h->who[h->next] = *who;
			h->next = (uint8_t)((h->next + 1) % places);
		}
		h->seen_ns = now_ns;
		table_touch(s, h);
	}
	table_unlock(s);
}

static size_t
hint_read(
    struct table *t, const struct endpoint *at, size_t places, struct identity *ret, size_t count)
{
	struct table_shard *s = table_lock(t, at);
	const struct hint *h = table_find(s, at);

	for (size_t n = 0; h != NULL && n < places; n++) {
		size_t known = 0;

		while (known < count && !same_identity(&ret[known], &h->who[n]))
			known++;
		/* No flock is 0: a place that was never used. */
		if (known == count && h->who[n].own.value != 0)
			ret[count++] = h->who[n];
	}
	table_unlock(s);
	return count;
}

void
identities_prove(struct identities *c, const uint8_t id[static 16], const struct identity *who,
    const struct endpoint *from, uint64_t now_ns)
{
	struct endpoint address = *from;

	address.port = 0;
	proven_keep(c, id, who, now_ns);
	hint_keep(c->endpoints, from, AT_ENDPOINT, who, now_ns);
	hint_keep(c->addresses, &address, AT_ADDRESS, who, now_ns);
}

size_t
identities_hints(struct identities *c, const struct endpoint *from,
    struct identity ret[static IDENTITY_HINTS_MAX])
{
	struct endpoint address = *from;
	size_t count;

	address.port = 0;
	count = hint_read(c->endpoints, from, AT_ENDPOINT, ret, 0);
	return hint_read(c->addresses, &address, AT_ADDRESS, ret, count);
}

/* ---- for who comes after us ---- */

/* All three tables are marked together, so their marks are the same. */
uint32_t
identities_mark(struct identities *c)
{
	table_mark(c->endpoints);
	table_mark(c->addresses);
	return table_mark(c->proven);
}

struct view {
	identities_see *see;
	table_rest *rest;
	void *arg;
	enum identity_piece piece; /* the hints that are looked at */
	uint8_t places;
};

static bool
view_rest(void *arg)
{
	const struct view *v = arg;

	return v->rest(v->arg);
}

static void
view_proven(const void *at, void *arg)
{
	const struct proven *e = at;
	const struct view *v = arg;
	struct identity_record record = {
		.piece = IDENTITY_PROVEN, .who = e->who, .ns = e->seen_ns
	};

	memcpy(record.id, e->id, sizeof(record.id));
	v->see(&record, v->arg);
}

static void
view_hint(const void *at, void *arg)
{
	const struct hint *h = at;
	const struct view *v = arg;
	struct identity_record record = { .piece = v->piece, .at = h->at, .ns = h->seen_ns };

	for (uint8_t n = 0; n < v->places; n++) {
		record.who = h->who[(h->next + n) % v->places];
		if (record.who.own.value != 0)
			v->see(&record, v->arg);
	}
}

static void
view_candidates(struct identities *c, const struct view *v)
{
	for (size_t n = 0; n < CANDIDATES; n++) {
		struct identity_record record = { .piece = IDENTITY_CANDIDATE };
		pthread_mutex_t *lock = &c->locks[n % CANDIDATE_LOCKS];
		const struct candidate *k = &c->candidates[n];

		pthread_mutex_lock(lock);
		memcpy(record.id, k->id, sizeof(record.id));
		record.who = k->who;
		record.ns = k->until_ns;
		pthread_mutex_unlock(lock);
		if (record.ns != 0)
			v->see(&record, v->arg);
	}
}

static bool
changed_hints(struct table *t, uint32_t since, enum identity_piece piece, uint8_t places,
    const struct view *view)
{
	struct view v = *view;

	v.piece = piece;
	v.places = places;
	return table_each(t, since, view_hint, view_rest, &v);
}

bool
identities_changed(
    struct identities *c, uint32_t since, identities_see *see, bool (*rest)(void *arg), void *arg)
{
	struct view v = { .see = see, .rest = rest, .arg = arg };

	if (!table_each(c->proven, since, view_proven, view_rest, &v) ||
	    !changed_hints(c->endpoints, since, IDENTITY_AT_ENDPOINT, AT_ENDPOINT, &v) ||
	    !changed_hints(c->addresses, since, IDENTITY_AT_ADDRESS, AT_ADDRESS, &v))
		return false;
	view_candidates(c, &v);
	return rest(arg);
}

static uint64_t
until_when(const struct identity_record *was)
{
	switch (was->piece) {
	case IDENTITY_PROVEN:
		return was->ns + IDENTITY_TTL_NS;
	case IDENTITY_AT_ENDPOINT:
	case IDENTITY_AT_ADDRESS:
		return was->ns + IDENTITY_HINT_TTL_NS;
	case IDENTITY_CANDIDATE:
		break;
	}
	return was->ns;
}

bool
identities_restore(struct identities *c, const struct identity_record *was, uint64_t now_ns)
{
	struct endpoint address = was->at;

	address.port = 0;
	if (now_ns >= until_when(was))
		return false;
	switch (was->piece) {
	case IDENTITY_PROVEN:
		proven_keep(c, was->id, &was->who, was->ns);
		break;
	case IDENTITY_CANDIDATE:
		candidate_keep(c, was->id, &was->who, was->ns);
		break;
	case IDENTITY_AT_ENDPOINT:
		hint_keep(c->endpoints, &was->at, AT_ENDPOINT, &was->who, was->ns);
		break;
	case IDENTITY_AT_ADDRESS:
		hint_keep(c->addresses, &address, AT_ADDRESS, &was->who, was->ns);
		break;
	}
	return true;
}

size_t
identities_sweep(struct identities *c, size_t parts, uint64_t now_ns)
{
	struct sweep sweep = { .identities = c, .now_ns = now_ns };

	return table_sweep_part(c->proven, parts, proven_gone, &sweep) +
	       table_sweep_part(c->endpoints, parts, hint_gone, &now_ns) +
	       table_sweep_part(c->addresses, parts, hint_gone, &now_ns);
}

size_t
identities_count(struct identities *c)
{
	return table_count(c->proven);
}

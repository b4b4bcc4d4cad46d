/* SPDX-License-Identifier: ISC */
#include "cathedral/state/identities_inside.h"

#include <stdlib.h>
#include <string.h>

#define SHARDS          64
#define SWEEP_WHEN_FULL 256
#define HINT_EVICT      4

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
	for (size_t n = 0; n < IDENTITY_CANDIDATE_LOCKS; n++)
		pthread_mutex_init(&c->locks[n], NULL);
	c->hash = hash_key_new(r);
	c->quota = quota_create(capacity, per_device, r);
	c->proven = table_create(&shape, hash_key_new(r));
	shape.key_size = sizeof(struct endpoint);
	shape.entry_size = hint_size(IDENTITIES_AT_ENDPOINT);
	c->endpoints = table_create(&shape, hash_key_new(r));
	shape.entry_size = hint_size(IDENTITIES_AT_ADDRESS);
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
	for (size_t n = 0; n < IDENTITY_CANDIDATE_LOCKS; n++)
		pthread_mutex_destroy(&c->locks[n]);
	free(c);
}

/* ---- candidates: one slot each by hash, newer ones overwrite ---- */

static size_t
candidate_slot(const struct identities *c, const uint8_t id[static 16])
{
	return seeded_hash(&c->hash, id, 16) % IDENTITY_CANDIDATES;
}

static bool
candidate_find(
    struct identities *c, const uint8_t id[static 16], uint64_t now_ns, struct identity *ret)
{
	size_t n = candidate_slot(c, id);
	pthread_mutex_t *lock = &c->locks[n % IDENTITY_CANDIDATE_LOCKS];
	const struct candidate *k = &c->candidates[n];
	bool found;

	pthread_mutex_lock(lock);
	found = now_ns < k->until_ns && memcmp(k->id, id, 16) == 0;
	if (found)
		*ret = k->who;
	pthread_mutex_unlock(lock);
	return found;
}

void
identities_keep_candidate(struct identities *c, const uint8_t id[static 16],
    const struct identity *who, uint64_t until_ns)
{
	size_t n = candidate_slot(c, id);
	pthread_mutex_t *lock = &c->locks[n % IDENTITY_CANDIDATE_LOCKS];
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
	identities_keep_candidate(c, id, who, now_ns + IDENTITY_CANDIDATE_TTL_NS);
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

void
identities_keep_proven(
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

/* A hint only saves work: when there is no room, some other one may go. */
static struct hint *
hint_room(struct table_shard *s, const struct endpoint *at, bool may_evict)
{
	struct hint *h = table_find(s, at);

	if (h == NULL)
		h = table_insert(s, at);
	if (h == NULL && may_evict && table_sweep(s, HINT_EVICT, evict, NULL) > 0)
		h = table_insert(s, at);
	return h;
}

static void
hint_name(struct hint *h, uint8_t places, const struct identity *who)
{
	for (uint8_t n = 0; n < places; n++) {
		if (same_identity(&h->who[n], who))
			return;
	}
	h->who[h->next] = *who;
	h->next = (uint8_t)((h->next + 1) % places);
}

void
identities_keep_hint(struct hints to, const struct endpoint *at, const struct identity *who,
    uint64_t now_ns, bool may_evict)
{
	struct table_shard *s = table_lock(to.table, at);
	struct hint *h = hint_room(s, at, may_evict);

	if (h != NULL) {
		hint_name(h, to.places, who);
		h->seen_ns = now_ns;
		table_touch(s, h);
	}
	table_unlock(s);
}

/* Its address and port, then its address alone. */
static void
keep_hints(struct identities *c, const struct identity *who, const struct endpoint *at,
    uint64_t now_ns, bool may_evict)
{
	struct endpoint address = *at;

	address.port = 0;
	identities_keep_hint(identities_at_endpoint(c), at, who, now_ns, may_evict);
	identities_keep_hint(identities_at_address(c), &address, who, now_ns, may_evict);
}

static size_t
hint_read(struct hints from, const struct endpoint *at, struct identity *ret, size_t count)
{
	struct table_shard *s = table_lock(from.table, at);
	const struct hint *h = table_find(s, at);

	for (size_t n = 0; h != NULL && n < from.places; n++) {
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
	identities_keep_proven(c, id, who, now_ns);
	keep_hints(c, who, from, now_ns, true);
}

void
identities_expect(
    struct identities *c, const struct identity *who, const struct endpoint *at, uint64_t now_ns)
{
	keep_hints(c, who, at, now_ns, false);
}

size_t
identities_hints_near(struct identities *c, const struct endpoint *from,
    struct identity ret[static IDENTITY_HINTS_NEAR])
{
	return hint_read(identities_at_endpoint(c), from, ret, 0);
}

size_t
identities_hints_around(struct identities *c, const struct endpoint *from,
    struct identity ret[static IDENTITY_HINTS_MAX], size_t count)
{
	struct endpoint address = *from;

	address.port = 0;
	return hint_read(identities_at_address(c), &address, ret, count);
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

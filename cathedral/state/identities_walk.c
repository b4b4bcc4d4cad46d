/* SPDX-License-Identifier: ISC */
/* What is known of identities, for who comes after us. */
#include "cathedral/state/identities_inside.h"

#include <string.h>

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
	for (size_t n = 0; n < IDENTITY_CANDIDATES; n++) {
		struct identity_record record = { .piece = IDENTITY_CANDIDATE };
		pthread_mutex_t *lock = &c->locks[n % IDENTITY_CANDIDATE_LOCKS];
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
changed_hints(struct hints from, uint32_t since, enum identity_piece piece, const struct view *view)
{
	struct view v = *view;

	v.piece = piece;
	v.places = from.places;
	return table_each(from.table, since, view_hint, view_rest, &v);
}

bool
identities_changed(
    struct identities *c, uint32_t since, identities_see *see, bool (*rest)(void *arg), void *arg)
{
	struct view v = { .see = see, .rest = rest, .arg = arg };

	if (!table_each(c->proven, since, view_proven, view_rest, &v) ||
	    !changed_hints(identities_at_endpoint(c), since, IDENTITY_AT_ENDPOINT, &v) ||
	    !changed_hints(identities_at_address(c), since, IDENTITY_AT_ADDRESS, &v))
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
		identities_keep_proven(c, was->id, &was->who, was->ns);
		break;
	case IDENTITY_CANDIDATE:
		identities_keep_candidate(c, was->id, &was->who, was->ns);
		break;
	case IDENTITY_AT_ENDPOINT:
		identities_keep_hint(identities_at_endpoint(c), &was->at, &was->who, was->ns, true);
		break;
	case IDENTITY_AT_ADDRESS:
		identities_keep_hint(identities_at_address(c), &address, &was->who, was->ns, true);
		break;
	}
	return true;
}

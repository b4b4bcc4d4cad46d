/* SPDX-License-Identifier: ISC */
/* Registries as a whole, and the federation in them. */
#include "cathedral/state/registry_inside.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <stdlib.h>
#include <string.h>

/* ---- the federation ---- */

static struct peer_stats *
peer_stats_for(const struct registry *old, const struct endpoint *at)
{
	const struct registry_peer *known = old == NULL ? NULL : registry_peer_at(old, at);
	struct peer_stats *stats = known == NULL ? peer_stats_create() : known->stats;

	if (stats != NULL)
		stats->references++;
	return stats;
}

static void
peers_free(struct registry_peer *peers, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		if (--peers[n].stats->references == 0)
			free(peers[n].stats);
	}
	free(peers);
}

/* NULL: out of memory.  Of two at one address the first counts. */
static struct peer_places *
places_for(const struct registry_peer *peers, size_t count)
{
	struct peer_places *places;
	size_t room = 4;

	while (room < 4 * count)
		room *= 2;
	places = calloc(1, sizeof(*places) + room * sizeof(places->at[0]));
	if (places == NULL)
		return NULL;
	places->mask = room - 1;
	for (size_t n = 0; n < count; n++) {
		size_t at = registry_peer_place(&peers[n].at, places->mask);

		while (places->at[at] != 0)
			at = (at + 1) & places->mask;
		places->at[at] = (uint32_t)n + 1;
	}
	return places;
}

bool
registry_set_peers(
    struct registry *r, const struct registry_peer *peers, size_t count, const struct registry *old)
{
	struct registry_peer *list = calloc(count + 1, sizeof(*list));
	struct peer_places *places = places_for(peers, count);
	size_t n = 0;

	if (list == NULL || places == NULL) {
		free(places);
		free(list);
		return false;
	}
	for (; n < count; n++) {
		list[n] = peers[n];
		list[n].stats = peer_stats_for(old, &peers[n].at);
		if (list[n].stats == NULL)
			break;
	}
	if (n < count) {
		free(places);
		peers_free(list, n);
		return false;
	}
	free(r->places);
	peers_free(r->peers, r->peer_count);
	r->places = places;
	r->peers = list;
	r->peer_count = r->counts.peers = count;
	return true;
}

void
registry_set_secret(struct registry *r, const struct federation_secret *secret)
{
	struct registry_federation *f = r->federation;
	struct shroud_key key;

	secret_wipe(f, sizeof(*f));
	if (secret == NULL)
		return;
	f->present = true;
	f->secret = *secret;
	shroud_key_federation(&key, secret);
	shroud_mask_prefix(&f->mask, &key);
	secret_wipe(&key, sizeof(key));
}

void
registry_set_unfederated(struct registry *r, size_t count)
{
	r->counts.unfederated = count;
}

void
registry_set_version(struct registry *r, uint64_t version)
{
	r->version = version;
}

/* ---- the whole ---- */

static struct registry *
with_room(struct hash_key hash, size_t flocks, size_t xflocks)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->flocks = catalogue_create(&registry_flock_kind, hash, flocks);
	r->xflocks = catalogue_create(&registry_xflock_kind, hash, xflocks);
	r->waiting = catalogue_create(&registry_waiting_kind, hash, 0);
	r->partners = catalogue_create(&registry_partners_kind, hash, 2 * xflocks);
	r->federation = secret_alloc(sizeof(*r->federation));
	r->places = places_for(NULL, 0);
	if (!r->flocks || !r->xflocks || !r->waiting || !r->partners || !r->federation ||
	    !r->places) {
		registry_free(r);
		return NULL;
	}
	return r;
}

struct registry *
registry_empty(struct hash_key hash)
{
	return with_room(hash, 0, 0);
}

static struct registry_peer *
peers_copy(const struct registry *old)
{
	struct registry_peer *peers = calloc(old->peer_count + 1, sizeof(*peers));

	for (size_t n = 0; peers != NULL && n < old->peer_count; n++) {
		peers[n] = old->peers[n];
		peers[n].stats->references++;
	}
	return peers;
}

struct registry *
registry_copy(const struct registry *old)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->flocks = catalogue_copy(old->flocks);
	r->xflocks = catalogue_copy(old->xflocks);
	r->waiting = catalogue_copy(old->waiting);
	r->partners = catalogue_copy(old->partners);
	r->federation = secret_alloc(sizeof(*r->federation));
	r->peers = peers_copy(old);
	if (r->peers != NULL)
		r->peer_count = old->peer_count;
	r->places = places_for(old->peers, old->peer_count);
	if (!r->flocks || !r->xflocks || !r->waiting || !r->partners || !r->federation ||
	    !r->peers || !r->places) {
		registry_free(r);
		return NULL;
	}
	r->counts = old->counts;
	r->version = old->version;
	*r->federation = *old->federation;
	return r;
}

void
registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	catalogue_free(r->partners);
	catalogue_free(r->waiting);
	catalogue_free(r->xflocks);
	catalogue_free(r->flocks);
	peers_free(r->peers, r->peer_count);
	free(r->places);
	secret_free(r->federation, sizeof(*r->federation));
	free(r);
}

static bool
set_settings_peers(
    struct registry *r, const struct registry_parts *parts, const struct registry *old)
{
	struct registry_peer *peers = calloc(parts->peer_count + 1, sizeof(*peers));
	bool ok;

	if (peers == NULL)
		return false;
	for (size_t n = 0; n < parts->peer_count; n++) {
		peers[n].at = parts->peers[n].at;
		peers[n].clear_port = parts->peers[n].clear_port;
		peers[n].shroud_port = parts->peers[n].shroud_port;
	}
	ok = registry_set_peers(r, peers, parts->peer_count, old);
	free(peers);
	return ok;
}

/* What was not put into it any more is released, so that it took all over in any case. */
static bool
put_parts(struct registry *r, const struct registry_parts *parts)
{
	bool ok = r != NULL;

	for (size_t n = 0; n < parts->flock_count; n++) {
		ok = ok && registry_put_flock(r, parts->flocks[n]);
		if (!ok)
			registry_flock_release(parts->flocks[n]);
	}
	for (size_t n = 0; n < parts->xflock_count; n++) {
		ok = ok && registry_put_xflock(r, parts->xflocks[n]);
		if (!ok)
			registry_xflock_release(parts->xflocks[n]);
	}
	return ok;
}

struct registry *
registry_create(const struct registry_parts *parts, const struct registry *old)
{
	struct registry *r = with_room(parts->hash, parts->flock_count, parts->xflock_count);

	if (!put_parts(r, parts) || !set_settings_peers(r, parts, old)) {
		registry_free(r);
		return NULL;
	}
	registry_set_secret(r, parts->secret);
	return r;
}

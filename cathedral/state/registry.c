/* SPDX-License-Identifier: ISC */
#include "cathedral/state/registry.h"

#include "base/seeded_hash.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing, at most half full; slots are pointers or NULL. */
struct registry {
	struct hash_key hash;
	struct registry_flock **flocks;
	size_t flock_mask, flock_count;
	struct registry_xflock **xflocks;
	size_t xflock_mask, xflock_count;
	struct registry_peer *peers;
	size_t peer_count;
	struct registry_federation *federation; /* in secret memory */
};

static size_t
mask_for(size_t count)
{
	size_t slots = 4;

	while (slots < 2 * count)
		slots *= 2;
	return slots - 1;
}

/* ---- looking up ---- */

struct registry_flock *
registry_flock_find(const struct registry *r, struct flock_id flock)
{
	struct flock_id base = flock_base(flock);
	size_t n = seeded_hash(&r->hash, &base, sizeof(base)) & r->flock_mask;

	while (r->flocks[n] != NULL && !flock_equal(r->flocks[n]->id, base))
		n = (n + 1) & r->flock_mask;
	return r->flocks[n];
}

static size_t
xflock_slot(const struct registry *r, const struct flock_id pair[static 2])
{
	size_t n = seeded_hash(&r->hash, pair, 2 * sizeof(pair[0])) & r->xflock_mask;

	while (r->xflocks[n] != NULL && !(flock_equal(r->xflocks[n]->a->id, pair[0]) &&
					    flock_equal(r->xflocks[n]->b->id, pair[1])))
		n = (n + 1) & r->xflock_mask;
	return n;
}

struct registry_xflock *
registry_xflock_find(const struct registry *r, struct flock_id a, struct flock_id b)
{
	struct flock_id pair[2] = { flock_base(a), flock_base(b) };

	if (pair[0].value > pair[1].value) {
		pair[0] = flock_base(b);
		pair[1] = flock_base(a);
	}
	return r->xflocks[xflock_slot(r, pair)];
}

/* At most 255 devices a flock: eight steps. */
static const struct registry_device *
flock_device(const struct registry_flock *f, struct device_id id)
{
	size_t low = 0, high = f->device_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->devices[middle].id.value < id.value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < f->device_count && f->devices[low].id.value == id.value)
		return &f->devices[low];
	return NULL;
}

/* Fills the part of a party that depends on the other flock; false when they may not talk. */
static bool
party_pair(
    const struct registry *r, struct flock_id own, struct flock_id other, struct party *party)
{
	const struct registry_flock *f = party->flock;
	const struct registry_xflock *x;
	size_t index = (size_t)(party->device - f->devices);

	if (flock_domain(own) != flock_domain(other))
		return false;
	if (flock_equal(f->id, flock_base(other))) {
		party->shroud = &party->device->shroud;
		party->ambries = &f->ambries;
		return true;
	}
	x = registry_xflock_find(r, own, other);
	if (x == NULL)
		return false;
	party->shroud = &x->shrouds[f == x->a ? index : x->a->device_count + index];
	party->ambries = &x->ambries;
	return true;
}

bool
registry_party(const struct registry *r, struct flock_id own, struct flock_id other,
    struct device_id id, struct party *ret)
{
	ret->flock = registry_flock_find(r, own);
	if (ret->flock == NULL)
		return false;
	ret->device = flock_device(ret->flock, id);
	return ret->device != NULL && party_pair(r, own, other, ret);
}

bool
registry_party_by_kek(const struct registry *r, struct flock_id own, struct flock_id other,
    uint8_t kek_number, struct party *ret)
{
	ret->flock = registry_flock_find(r, own);
	if (ret->flock == NULL || ret->flock->by_kek[kek_number] == 0)
		return false;
	ret->device = &ret->flock->devices[ret->flock->by_kek[kek_number] - 1];
	return party_pair(r, own, other, ret);
}

/* Few enough to look at all: one comparison of 18 bytes each. */
const struct registry_peer *
registry_peer_at(const struct registry *r, const struct endpoint *at)
{
	for (size_t n = 0; n < r->peer_count; n++) {
		if (endpoint_equal(&r->peers[n].at, at))
			return &r->peers[n];
	}
	return NULL;
}

const struct registry_peer *
registry_peers(const struct registry *r, size_t *count)
{
	*count = r->peer_count;
	return r->peers;
}

const struct registry_federation *
registry_federation(const struct registry *r)
{
	return r->federation;
}

static bool
each_in_flock(const struct registry_flock *f, registry_visit *visit, void *arg)
{
	for (size_t n = 0; n < f->device_count; n++) {
		struct party p = { f, &f->devices[n], &f->devices[n].shroud, &f->ambries };

		if (!visit(&p, f->id, arg))
			return false;
	}
	return true;
}

static bool
each_in_xflock(const struct registry_xflock *x, registry_visit *visit, void *arg)
{
	const struct registry_shroud *shroud = x->shrouds;
	const struct registry_flock *sides[] = { x->a, x->b };

	for (size_t side = 0; side < 2; side++) {
		const struct registry_flock *f = sides[side];

		for (size_t n = 0; n < f->device_count; n++, shroud++) {
			struct party p = { f, &f->devices[n], shroud, &x->ambries };

			if (!visit(&p, sides[1 - side]->id, arg))
				return false;
		}
	}
	return true;
}

void
registry_each_shroud(const struct registry *r, registry_visit *visit, void *arg)
{
	for (size_t n = 0; n <= r->flock_mask; n++) {
		if (r->flocks[n] != NULL && !each_in_flock(r->flocks[n], visit, arg))
			return;
	}
	for (size_t n = 0; n <= r->xflock_mask; n++) {
		if (r->xflocks[n] != NULL && !each_in_xflock(r->xflocks[n], visit, arg))
			return;
	}
}

struct registry_counts
registry_counts(const struct registry *r)
{
	struct registry_counts c = {
		.flocks = r->flock_count,
		.xflocks = r->xflock_count,
		.peers = r->peer_count,
	};

	for (size_t n = 0; n <= r->flock_mask; n++) {
		if (r->flocks[n] == NULL)
			continue;
		c.devices += r->flocks[n]->device_count;
		c.ambries += r->flocks[n]->ambries.present;
		c.ambry_bytes += r->flocks[n]->ambries.size;
	}
	for (size_t n = 0; n <= r->xflock_mask; n++) {
		if (r->xflocks[n] == NULL)
			continue;
		c.ambries += r->xflocks[n]->ambries.present;
		c.ambry_bytes += r->xflocks[n]->ambries.size;
	}
	return c;
}

/* ---- putting together ---- */

static struct peer_stats *
peer_stats_for(const struct registry *old, const struct endpoint *at)
{
	const struct registry_peer *known = old == NULL ? NULL : registry_peer_at(old, at);
	struct peer_stats *stats = known == NULL ? calloc(1, sizeof(*stats)) : known->stats;

	if (stats != NULL)
		stats->references++;
	return stats;
}

static bool
peers_fill(struct registry *r, const struct registry_parts *parts, const struct registry *old)
{
	for (size_t n = 0; n < parts->peer_count; n++) {
		const struct settings_peer *from = &parts->peers[n];
		struct registry_peer *peer = &r->peers[n];

		peer->at = from->at;
		peer->clear_port = from->clear_port;
		peer->shroud_port = from->shroud_port;
		peer->stats = peer_stats_for(old, &from->at);
		if (peer->stats == NULL)
			return false;
		r->peer_count++;
	}
	return true;
}

static void
federation_fill(struct registry_federation *f, const struct federation_secret *secret)
{
	struct shroud_key key;

	if (secret == NULL)
		return;
	f->present = true;
	f->secret = *secret;
	shroud_key_federation(&key, secret);
	shroud_mask_prefix(&f->mask, &key);
	secret_wipe(&key, sizeof(key));
}

static void
flocks_fill(struct registry *r, const struct registry_parts *parts)
{
	for (size_t i = 0; i < parts->flock_count; i++) {
		struct registry_flock *f = parts->flocks[i];
		size_t n = seeded_hash(&r->hash, &f->id, sizeof(f->id)) & r->flock_mask;

		while (r->flocks[n] != NULL)
			n = (n + 1) & r->flock_mask;
		r->flocks[n] = f;
	}
	for (size_t i = 0; i < parts->xflock_count; i++) {
		struct registry_xflock *x = parts->xflocks[i];

		r->xflocks[xflock_slot(r, (struct flock_id[2]){ x->a->id, x->b->id })] = x;
	}
	r->flock_count = parts->flock_count;
	r->xflock_count = parts->xflock_count;
}

static void
parts_release(const struct registry_parts *parts)
{
	for (size_t n = 0; n < parts->xflock_count; n++)
		registry_xflock_release(parts->xflocks[n]);
	for (size_t n = 0; n < parts->flock_count; n++)
		registry_flock_release(parts->flocks[n]);
}

struct registry *
registry_create(const struct registry_parts *parts, const struct registry *old)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		parts_release(parts);
		return NULL;
	}
	r->hash = parts->hash;
	r->flock_mask = mask_for(parts->flock_count);
	r->xflock_mask = mask_for(parts->xflock_count);
	r->flocks = calloc(r->flock_mask + 1, sizeof(r->flocks[0]));
	r->xflocks = calloc(r->xflock_mask + 1, sizeof(r->xflocks[0]));
	r->peers = calloc(parts->peer_count + 1, sizeof(r->peers[0]));
	r->federation = secret_alloc(sizeof(*r->federation));
	if (!r->flocks || !r->xflocks || !r->peers || !r->federation ||
	    !peers_fill(r, parts, old)) {
		parts_release(parts);
		registry_free(r);
		return NULL;
	}
	federation_fill(r->federation, parts->secret);
	flocks_fill(r, parts);
	return r;
}

void
registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	/* A half-made one has no flocks in it yet. */
	for (size_t n = 0; r->xflocks != NULL && n <= r->xflock_mask; n++)
		registry_xflock_release(r->xflocks[n]);
	for (size_t n = 0; r->flocks != NULL && n <= r->flock_mask; n++)
		registry_flock_release(r->flocks[n]);
	for (size_t n = 0; n < r->peer_count; n++) {
		if (--r->peers[n].stats->references == 0)
			free(r->peers[n].stats);
	}
	secret_free(r->federation, sizeof(*r->federation));
	free(r->flocks);
	free(r->xflocks);
	free(r->peers);
	free(r);
}

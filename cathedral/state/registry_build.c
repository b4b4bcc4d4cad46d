/* SPDX-License-Identifier: ISC */
/* Registries put together, and changed before anybody reads them. */
#include "cathedral/state/registry_inside.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <stdlib.h>
#include <string.h>

/* ---- who holds what ---- */

static void
flock_keep(void *item)
{
	((struct registry_flock *)item)->references++;
}

static void
flock_release(void *item)
{
	registry_flock_release(item);
}

static void
xflock_keep(void *item)
{
	((struct registry_xflock *)item)->references++;
}

static void
xflock_release(void *item)
{
	registry_xflock_release(item);
}

static void
partners_keep(void *item)
{
	((struct partners *)item)->references++;
}

static void
partners_release(void *item)
{
	struct partners *p = item;

	if (--p->references == 0)
		free(p);
}

static const struct catalogue_kind flock_kind = { flock_keep, flock_release };
static const struct catalogue_kind xflock_kind = { xflock_keep, xflock_release };
static const struct catalogue_kind partners_kind = { partners_keep, partners_release };

/* ---- partners ---- */

/* The partners of a flock with one more, or one less; NULL: no memory. */
static struct partners *
partners_changed(const struct partners *old, struct flock_id with, bool more)
{
	size_t count = old == NULL ? 0 : old->count;
	struct partners *p = malloc(sizeof(*p) + (count + 1) * sizeof(p->flocks[0]));

	if (p == NULL)
		return NULL;
	p->references = 1;
	p->count = 0;
	for (size_t n = 0; n < count; n++) {
		if (!flock_equal(old->flocks[n], with))
			p->flocks[p->count++] = old->flocks[n];
	}
	if (more)
		p->flocks[p->count++] = with;
	return p;
}

static bool
partner_set(struct registry *r, struct flock_id flock, struct flock_id with, bool more)
{
	struct partners *p =
	    partners_changed(catalogue_find(r->partners, flock, flock), with, more);

	if (p == NULL)
		return false;
	if (p->count > 0) {
		if (catalogue_put(r->partners, flock, flock, p))
			return true;
	} else if (catalogue_remove(r->partners, flock, flock)) {
		partners_release(p);
		return true;
	}
	partners_release(p);
	return false;
}

const struct flock_id *
registry_partners(const struct registry *r, struct flock_id flock, size_t *count)
{
	const struct partners *p =
	    catalogue_find(r->partners, flock_base(flock), flock_base(flock));

	*count = p == NULL ? 0 : p->count;
	return p == NULL ? NULL : p->flocks;
}

/* ---- flocks and xflocks ---- */

static void
count_ambries(struct registry *r, const struct registry_ambries *a, bool more)
{
	if (more) {
		r->counts.ambries += a->present;
		r->counts.ambry_bytes += a->size;
	} else {
		r->counts.ambries -= a->present;
		r->counts.ambry_bytes -= a->size;
	}
}

static void
count_flock(struct registry *r, const struct registry_flock *f, bool more)
{
	count_ambries(r, &f->ambries, more);
	if (more) {
		r->counts.flocks++;
		r->counts.devices += f->device_count;
	} else {
		r->counts.flocks--;
		r->counts.devices -= f->device_count;
	}
}

static void
count_xflock(struct registry *r, const struct registry_xflock *x, bool more)
{
	count_ambries(r, &x->ambries, more);
	if (more)
		r->counts.xflocks++;
	else
		r->counts.xflocks--;
}

/* What goes is counted before it goes: it may be the last that is left of it. */
bool
registry_put_flock(struct registry *r, struct registry_flock *f)
{
	const struct registry_flock *old = registry_flock_find(r, f->id);
	struct registry_counts before = r->counts;

	if (old != NULL)
		count_flock(r, old, false);
	count_flock(r, f, true);
	if (catalogue_put(r->flocks, f->id, f->id, f))
		return true;
	r->counts = before;
	return false;
}

bool
registry_put_xflock(struct registry *r, struct registry_xflock *x)
{
	struct flock_id a = x->a->id, b = x->b->id;
	const struct registry_xflock *old = catalogue_find(r->xflocks, a, b);
	struct registry_counts before = r->counts;

	if (old != NULL)
		count_xflock(r, old, false);
	else if (!partner_set(r, a, b, true) || !partner_set(r, b, a, true))
		return false;
	count_xflock(r, x, true);
	if (catalogue_put(r->xflocks, a, b, x))
		return true;
	r->counts = before;
	return false;
}

bool
registry_remove_xflock(struct registry *r, struct flock_id a, struct flock_id b)
{
	const struct registry_xflock *x = registry_xflock_find(r, a, b);
	struct registry_counts before = r->counts;

	if (x == NULL)
		return true;
	a = x->a->id;
	b = x->b->id;
	count_xflock(r, x, false);
	if (catalogue_remove(r->xflocks, a, b))
		return partner_set(r, a, b, false) && partner_set(r, b, a, false);
	r->counts = before;
	return false;
}

bool
registry_remove_flock(struct registry *r, struct flock_id flock)
{
	const struct registry_flock *f = registry_flock_find(r, flock);
	struct registry_counts before;
	const struct flock_id *with;
	size_t count;

	if (f == NULL)
		return true;
	while ((with = registry_partners(r, flock, &count)) != NULL) {
		if (!registry_remove_xflock(r, f->id, with[0]))
			return false;
	}
	before = r->counts;
	count_flock(r, f, false);
	if (catalogue_remove(r->flocks, f->id, f->id))
		return true;
	r->counts = before;
	return false;
}

/* ---- the federation ---- */

static struct peer_stats *
peer_stats_for(const struct registry *old, const struct endpoint *at)
{
	const struct registry_peer *known = old == NULL ? NULL : registry_peer_at(old, at);
	struct peer_stats *stats = known == NULL ? calloc(1, sizeof(*stats)) : known->stats;

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

bool
registry_set_peers(
    struct registry *r, const struct registry_peer *peers, size_t count, const struct registry *old)
{
	struct registry_peer *list = calloc(count + 1, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return false;
	for (; n < count; n++) {
		list[n] = peers[n];
		list[n].stats = peer_stats_for(old, &peers[n].at);
		if (list[n].stats == NULL)
			break;
	}
	if (n < count) {
		peers_free(list, n);
		return false;
	}
	peers_free(r->peers, r->peer_count);
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
	r->flocks = catalogue_create(&flock_kind, hash, flocks);
	r->xflocks = catalogue_create(&xflock_kind, hash, xflocks);
	r->partners = catalogue_create(&partners_kind, hash, 2 * xflocks);
	r->federation = secret_alloc(sizeof(*r->federation));
	if (!r->flocks || !r->xflocks || !r->partners || !r->federation) {
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
	r->partners = catalogue_copy(old->partners);
	r->federation = secret_alloc(sizeof(*r->federation));
	r->peers = peers_copy(old);
	if (r->peers != NULL)
		r->peer_count = old->peer_count;
	if (!r->flocks || !r->xflocks || !r->partners || !r->federation || !r->peers) {
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
	catalogue_free(r->xflocks);
	catalogue_free(r->flocks);
	peers_free(r->peers, r->peer_count);
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

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/registry_inside.h"

#include <string.h>

struct registry_flock *
registry_flock_find(const struct registry *r, struct flock_id flock)
{
	struct flock_id base = flock_base(flock);

	return catalogue_find(r->flocks, base, base);
}

struct registry_xflock *
registry_xflock_find(const struct registry *r, struct flock_id a, struct flock_id b)
{
	struct flock_id x = flock_base(a), y = flock_base(b);

	return x.value < y.value ? catalogue_find(r->xflocks, x, y)
				 : catalogue_find(r->xflocks, y, x);
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

/* Of a party whose flock is known already, or is NULL. */
static bool
party_fill(const struct registry *r, struct flock_id own, struct flock_id other, uint8_t kek_number,
    struct party *party)
{
	if (party->flock == NULL)
		return false;
	party->device = registry_flock_by_kek(party->flock, kek_number);
	return party->device != NULL && party_pair(r, own, other, party);
}

bool
registry_party_by_kek(const struct registry *r, struct flock_id own, struct flock_id other,
    uint8_t kek_number, struct party *ret)
{
	ret->flock = registry_flock_find(r, own);
	return party_fill(r, own, other, kek_number, ret);
}

bool
registry_parties(const struct registry *r, struct flock_id src, struct flock_id dst,
    struct tunnel_id tunnel, struct parties *ret)
{
	bool one_flock = flock_equal(flock_base(src), flock_base(dst));

	ret->receiver.flock = registry_flock_find(r, dst);
	ret->sender.flock = one_flock ? ret->receiver.flock : registry_flock_find(r, src);
	return party_fill(r, dst, src, tunnel_own(tunnel), &ret->receiver) &&
	       party_fill(r, src, dst, tunnel_peer(tunnel), &ret->sender);
}

size_t
registry_peer_place(const struct endpoint *at, size_t mask)
{
	uint64_t high, low;

	memcpy(&high, at->ip, sizeof(high));
	memcpy(&low, at->ip + sizeof(high), sizeof(low));
	low = (low ^ at->port) * UINT64_C(0x9e3779b97f4a7c15);
	low = (low ^ low >> 32 ^ high) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(low >> 32) & mask;
}

const struct registry_peer *
registry_peer_at(const struct registry *r, const struct endpoint *at)
{
	const struct peer_places *places = r->places;
	size_t n = registry_peer_place(at, places->mask);

	for (; places->at[n] != 0; n = (n + 1) & places->mask) {
		const struct registry_peer *peer = &r->peers[places->at[n] - 1];

		if (endpoint_equal(&peer->at, at))
			return peer;
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

/* For catalogue_each(). */
struct shrouds {
	registry_visit *visit;
	void *arg;
};

static bool
each_in_flock(void *item, void *arg)
{
	const struct registry_flock *f = item;
	const struct shrouds *to = arg;

	for (size_t n = 0; n < f->device_count; n++) {
		struct party p = { f, &f->devices[n], &f->devices[n].shroud, &f->ambries };

		if (!to->visit(&p, f->id, to->arg))
			return false;
	}
	return true;
}

static bool
each_in_xflock(void *item, void *arg)
{
	const struct registry_xflock *x = item;
	const struct registry_shroud *shroud = x->shrouds;
	const struct registry_flock *sides[] = { x->a, x->b };
	const struct shrouds *to = arg;

	for (size_t side = 0; side < 2; side++) {
		const struct registry_flock *f = sides[side];

		for (size_t n = 0; n < f->device_count; n++, shroud++) {
			struct party p = { f, &f->devices[n], shroud, &x->ambries };

			if (!to->visit(&p, sides[1 - side]->id, to->arg))
				return false;
		}
	}
	return true;
}

void
registry_each_shroud(const struct registry *r, registry_visit *visit, void *arg)
{
	struct shrouds to = { visit, arg };

	if (catalogue_each(r->flocks, each_in_flock, &to))
		catalogue_each(r->xflocks, each_in_xflock, &to);
}

struct flock_call {
	registry_flock_visit *visit;
	void *arg;
};

static bool
call_flock(void *item, void *arg)
{
	const struct flock_call *to = arg;

	return to->visit(item, to->arg);
}

void
registry_each_flock(const struct registry *r, registry_flock_visit *visit, void *arg)
{
	struct flock_call to = { visit, arg };

	catalogue_each(r->flocks, call_flock, &to);
}

struct registry_counts
registry_counts(const struct registry *r)
{
	struct registry_counts counts = r->counts;

	counts.waiting = catalogue_count(r->waiting);
	return counts;
}

uint64_t
registry_version(const struct registry *r)
{
	return r->version;
}

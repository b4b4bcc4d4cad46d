/* SPDX-License-Identifier: ISC */
/* What registry.db says becomes a registry: each of these is one change of it. */
#include "cathedral/state/follow_update.h"

#include "protocol/crypto/secret.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- flocks ---- */

static bool
out_of_memory(struct fault *why)
{
	return fault_set(why, "out of memory");
}

static bool
note_replaced(struct update *u, struct flock_id flock)
{
	if (u->replaced_count == u->replaced_room) {
		size_t room = u->replaced_room == 0 ? 64 : 2 * u->replaced_room;
		struct flock_id *list = reallocarray(u->replaced, room, sizeof(*list));

		if (list == NULL)
			return false;
		u->replaced = list;
		u->replaced_room = room;
	}
	u->replaced[u->replaced_count++] = flock;
	return true;
}

static bool
has_slice(const struct registry_ambries *a, const struct record_slice *s)
{
	if (!a->present || s->len == 0)
		return !a->present && s->len == 0;
	return a->size == s->len && memcmp(a->bytes, s->bytes, s->len) == 0 &&
	       memcmp(&a->bundle.in_a, &s->in_a, sizeof(s->in_a)) == 0 &&
	       memcmp(&a->bundle.in_b, &s->in_b, sizeof(s->in_b)) == 0;
}

/* Moves it out of the record. */
static bool
take_slice(struct registry_ambries *a, struct record_slice *s, struct flock_id x, struct flock_id y,
    struct fault *why)
{
	const struct bundle between = { .a = x, .b = y, .in_a = s->in_a, .in_b = s->in_b };

	if (s->len == 0)
		return true;
	if (!registry_ambries_take(a, s->bytes, s->len, &between, why))
		return false;
	s->bytes = NULL;
	s->len = 0;
	return true;
}

static struct registry_flock *
flock_from(const struct record_flock *from, struct fault *why)
{
	size_t size = (from->device_count + 1) * sizeof(struct registry_spec_device);
	struct registry_spec_device *specs = secret_alloc(size);
	struct registry_flock *f;

	if (specs == NULL) {
		out_of_memory(why);
		return NULL;
	}
	for (size_t n = 0; n < from->device_count; n++) {
		const struct record_device *d = &from->devices[n];

		specs[n] = (struct registry_spec_device){ d->id, d->kek, d->mbit, d->cs, d->cosk };
	}
	f = registry_flock_create(from->id, specs, from->device_count);
	if (f == NULL)
		fault_set(why, "out of memory, or an identity or a KEK number is there twice");
	secret_free(specs, size);
	return f;
}

/* Puts it in, or that of old once more when it is the same. */
static bool
put_flock(struct update *u, struct registry_flock *f, struct record_flock *from, struct fault *why)
{
	struct registry_flock *old = registry_flock_find(u->old, f->id);
	bool same = old != NULL && registry_flock_same_devices(old, f) &&
		    has_slice(&old->ambries, &from->slice);

	if (same) {
		registry_flock_release(f);
		f = old;
		f->references++;
	} else if (!take_slice(&f->ambries, &from->slice, f->id, f->id, why)) {
		registry_flock_release(f);
		return false;
	}
	if (!registry_put_flock(u->next, f)) {
		registry_flock_release(f);
		return out_of_memory(why);
	}
	if (same)
		return true;
	registry_touch(u->touched, f->id);
	return note_replaced(u, f->id) || out_of_memory(why);
}

static bool
on_flock(void *arg, struct record_flock *from, struct fault *why)
{
	struct registry_flock *f = flock_from(from, why);
	struct update *u = arg;

	registry_source_alive(u->source);
	if (f != NULL && put_flock(u, f, from, why))
		return true;
	return fault_prefix(why, "flock %" PRIx64, from->id.value);
}

static bool
on_flock_gone(void *arg, struct flock_id flock, struct fault *why)
{
	struct update *u = arg;
	size_t count;
	const struct flock_id *with = registry_partners(u->next, flock, &count);

	for (size_t n = 0; n < count; n++)
		registry_touch(u->touched, with[n]);
	registry_touch(u->touched, flock);
	return registry_remove_flock(u->next, flock_base(flock)) || out_of_memory(why);
}

/* ---- xflocks ---- */

static bool
put_xflock(struct update *u, struct registry_xflock *x, struct fault *why)
{
	registry_touch(u->touched, x->a->id);
	registry_touch(u->touched, x->b->id);
	if (registry_put_xflock(u->next, x))
		return true;
	registry_xflock_release(x);
	return out_of_memory(why);
}

/* Until both flocks are there it waits. */
static bool
put_waiting(struct update *u, struct record_xflock *from, struct fault *why)
{
	struct registry_ambries ambries = { .present = false };

	if (!take_slice(&ambries, &from->slice, from->a, from->b, why))
		return false;
	registry_touch(u->touched, from->a);
	registry_touch(u->touched, from->b);
	if (registry_put_waiting(u->next, from->a, from->b, &ambries))
		return true;
	free(ambries.bytes);
	return out_of_memory(why);
}

static bool
put_formed(struct update *u, struct registry_flock *a, struct registry_flock *b,
    struct record_xflock *from, struct fault *why)
{
	struct registry_xflock *x = registry_xflock_find(u->old, a->id, b->id);

	if (x != NULL && x->a == a && x->b == b && has_slice(&x->ambries, &from->slice)) {
		x->references++;
		if (registry_put_xflock(u->next, x))
			return true;
		registry_xflock_release(x);
		return out_of_memory(why);
	}
	x = registry_xflock_create(a, b);
	if (x == NULL)
		return out_of_memory(why);
	if (take_slice(&x->ambries, &from->slice, a->id, b->id, why))
		return put_xflock(u, x, why);
	registry_xflock_release(x);
	return false;
}

static bool
on_xflock(void *arg, struct record_xflock *from, struct fault *why)
{
	struct update *u = arg;
	struct registry_flock *a = registry_flock_find(u->next, from->a);
	struct registry_flock *b = registry_flock_find(u->next, from->b);
	bool ok = from->a.value < from->b.value ||
		  fault_set(why, "does not begin with the lower of two flocks");

	registry_source_alive(u->source);
	if (ok)
		ok = a != NULL && b != NULL ? put_formed(u, a, b, from, why)
					    : put_waiting(u, from, why);
	return ok || fault_prefix(why, "xflock %" PRIx64 " %" PRIx64, from->a.value, from->b.value);
}

static bool
on_xflock_gone(void *arg, struct flock_pair pair, struct fault *why)
{
	struct update *u = arg;

	registry_touch(u->touched, pair.a);
	registry_touch(u->touched, pair.b);
	return registry_remove_xflock(u->next, pair.a, pair.b) || out_of_memory(why);
}

/* Its flocks are other ones now, or the one that it waited for has come: its shrouds are new. */
static bool
form_again(struct update *u, struct flock_id one, struct flock_id other, struct fault *why)
{
	struct flock_id low = one.value < other.value ? one : other;
	struct flock_id high = one.value < other.value ? other : one;
	struct registry_flock *a = registry_flock_find(u->next, low);
	struct registry_flock *b = registry_flock_find(u->next, high);
	const struct registry_xflock *old = registry_xflock_find(u->next, low, high);
	const struct registry_ambries *ambries =
	    old != NULL ? &old->ambries : registry_waiting(u->next, low, high);
	struct registry_xflock *x;

	if (a == NULL || b == NULL || ambries == NULL ||
	    (old != NULL && old->a == a && old->b == b))
		return true;
	x = registry_xflock_create(a, b);
	if (x == NULL)
		return out_of_memory(why);
	if (registry_ambries_copy(&x->ambries, ambries))
		return put_xflock(u, x, why);
	registry_xflock_release(x);
	return out_of_memory(why);
}

/* The list of partners stays what it is: nothing of it is added or taken away. */
bool
update_finish(struct update *u, struct fault *why)
{
	for (size_t n = 0; n < u->replaced_count; n++) {
		size_t count;
		const struct flock_id *with = registry_partners(u->next, u->replaced[n], &count);

		for (size_t i = 0; i < count; i++) {
			if (!form_again(u, u->replaced[n], with[i], why))
				return false;
		}
	}
	return true;
}

/* ---- the federation ---- */

/* The region of this cathedral; empty when the fleet does not say. */
static const char *
own_region(const struct update *u, const struct record_cathedral *fleet, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		if (registry_source_is_own(u->source, &fleet[n].at))
			return fleet[n].region;
	}
	return "";
}

static struct registry_peer
peer_from(const struct record_cathedral *c, const char *region)
{
	return (struct registry_peer){
		.at = c->at,
		.clear_port = c->shroud ? 0 : c->at.port,
		.shroud_port = c->shroud ? c->at.port : 0,
		.only_told = true,
		.near = region[0] != '\0' && strcmp(c->region, region) == 0,
		.draining = c->draining,
	};
}

/* Without a federation secret there is nobody to talk to. */
static bool
on_fleet(void *arg, const struct record_cathedral *fleet, size_t count, struct fault *why)
{
	struct update *u = arg;
	struct registry_peer *peers = calloc(count + 1, sizeof(*peers));
	const char *region = own_region(u, fleet, count);
	size_t others = 0;
	bool ok;

	if (peers == NULL)
		return out_of_memory(why);
	for (size_t n = 0; n < count; n++) {
		if (!registry_source_is_own(u->source, &fleet[n].at))
			peers[others++] = peer_from(&fleet[n], region);
	}
	registry_set_unfederated(u->next, u->source->federation == NULL ? others : 0);
	if (u->source->federation == NULL)
		others = 0;
	ok = registry_set_peers(u->next, peers, others, u->old);
	free(peers);
	return ok || out_of_memory(why);
}

const struct registry_db_visitor update_visitor = {
	.flock = on_flock,
	.xflock = on_xflock,
	.flock_gone = on_flock_gone,
	.xflock_gone = on_xflock_gone,
	.fleet = on_fleet,
};

/* SPDX-License-Identifier: ISC */
/* Changes of a registry that nobody reads yet. */
#include "cathedral/state/registry_inside.h"

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
waiting_keep(void *item)
{
	((struct waiting *)item)->references++;
}

static void
waiting_release(void *item)
{
	struct waiting *w = item;

	if (--w->references > 0)
		return;
	free(w->ambries.bytes);
	free(w);
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

const struct catalogue_kind registry_flock_kind = { flock_keep, flock_release };
const struct catalogue_kind registry_xflock_kind = { xflock_keep, xflock_release };
const struct catalogue_kind registry_waiting_kind = { waiting_keep, waiting_release };
const struct catalogue_kind registry_partners_kind = { partners_keep, partners_release };

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
	const struct partners *old = catalogue_find(r->partners, flock, flock);
	struct partners *p;

	if (old == NULL && !more)
		return true;
	p = partners_changed(old, with, more);
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
	bool known = old != NULL || registry_waiting(r, a, b) != NULL;
	struct registry_counts before = r->counts;

	if (!known && (!partner_set(r, a, b, true) || !partner_set(r, b, a, true)))
		return false;
	if (!catalogue_remove(r->waiting, a, b))
		return false;
	if (old != NULL)
		count_xflock(r, old, false);
	count_xflock(r, x, true);
	if (catalogue_put(r->xflocks, a, b, x))
		return true;
	r->counts = before;
	return false;
}

bool
registry_put_waiting(
    struct registry *r, struct flock_id a, struct flock_id b, struct registry_ambries *ambries)
{
	struct waiting *w;

	if (!registry_remove_xflock(r, a, b) || !partner_set(r, a, b, true) ||
	    !partner_set(r, b, a, true))
		return false;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return false;
	*w = (struct waiting){ .references = 1, .a = a, .b = b, .ambries = *ambries };
	if (!catalogue_put(r->waiting, a, b, w)) {
		free(w);
		return false;
	}
	*ambries = (struct registry_ambries){ .present = false };
	return true;
}

const struct registry_ambries *
registry_waiting(const struct registry *r, struct flock_id a, struct flock_id b)
{
	const struct waiting *w = catalogue_find(r->waiting, a, b);

	return w == NULL ? NULL : &w->ambries;
}

bool
registry_remove_xflock(struct registry *r, struct flock_id a, struct flock_id b)
{
	const struct registry_xflock *x = catalogue_find(r->xflocks, a, b);
	struct registry_counts before = r->counts;

	if (x != NULL)
		count_xflock(r, x, false);
	if (!catalogue_remove(r->xflocks, a, b)) {
		r->counts = before;
		return false;
	}
	return catalogue_remove(r->waiting, a, b) && partner_set(r, a, b, false) &&
	       partner_set(r, b, a, false);
}

/* From formed to waiting; the other way round it is put. */
static bool
xflock_part(struct registry *r, struct flock_id one, struct flock_id other)
{
	struct flock_id a = one.value < other.value ? one : other;
	struct flock_id b = one.value < other.value ? other : one;
	const struct registry_xflock *x = catalogue_find(r->xflocks, a, b);
	struct registry_ambries ambries = { .present = false };

	if (x == NULL)
		return true;
	if (registry_ambries_copy(&ambries, &x->ambries) && registry_put_waiting(r, a, b, &ambries))
		return true;
	free(ambries.bytes);
	return false;
}

/* By a copy of the list of partners: it is put together anew with each that waits. */
static bool
xflocks_part(struct registry *r, struct flock_id flock)
{
	struct partners *with = catalogue_find(r->partners, flock, flock);
	bool ok = true;

	if (with == NULL)
		return true;
	partners_keep(with);
	for (size_t n = 0; ok && n < with->count; n++)
		ok = xflock_part(r, flock, with->flocks[n]);
	partners_release(with);
	return ok;
}

bool
registry_remove_flock(struct registry *r, struct flock_id flock)
{
	const struct registry_flock *f = registry_flock_find(r, flock);
	struct registry_counts before;

	if (f == NULL)
		return true;
	if (!xflocks_part(r, f->id))
		return false;
	before = r->counts;
	count_flock(r, f, false);
	if (catalogue_remove(r->flocks, f->id, f->id))
		return true;
	r->counts = before;
	return false;
}

/* ---- what was changed ---- */

/* So many flocks are looked for one by one; with more it is as well to look at everything. */
#define TOUCHED_MAX 1024

/* Where it is in the list, in order, or would be. */
static size_t
touched_place(const struct registry_touched *t, struct flock_id flock)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->flocks[middle].value < flock.value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
touched_grow(struct registry_touched *t)
{
	size_t room = t->room == 0 ? 16 : 2 * t->room;
	struct flock_id *list;

	if (t->count < t->room)
		return true;
	if (t->count == TOUCHED_MAX)
		return false;
	list = reallocarray(t->flocks, room, sizeof(*list));
	if (list == NULL)
		return false;
	t->flocks = list;
	t->room = room;
	return true;
}

void
registry_touch(struct registry_touched *t, struct flock_id flock)
{
	struct flock_id base = flock_base(flock);
	size_t at = touched_place(t, base);

	if (t->all || (at < t->count && flock_equal(t->flocks[at], base)))
		return;
	if (!touched_grow(t)) {
		registry_touch_all(t);
		return;
	}
	memmove(&t->flocks[at + 1], &t->flocks[at], (t->count - at) * sizeof(base));
	t->flocks[at] = base;
	t->count++;
}

void
registry_touch_also(struct registry_touched *t, const struct registry_touched *others)
{
	if (others->all)
		registry_touch_all(t);
	for (size_t n = 0; n < others->count; n++)
		registry_touch(t, others->flocks[n]);
}

void
registry_touch_all(struct registry_touched *t)
{
	registry_touched_free(t);
	t->all = true;
}

void
registry_touched_free(struct registry_touched *t)
{
	free(t->flocks);
	*t = (struct registry_touched){ .all = false };
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/known.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *
copy_of(const void *data, size_t len)
{
	void *copy;

	if (len == 0)
		return NULL;
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, data, len);
	return copy;
}

static struct record_slice
slice_of(const struct record_slice *s)
{
	struct record_slice copy = *s;

	copy.bytes = copy_of(s->bytes, s->len);
	return copy;
}

static struct record_flock *
flock_at(const struct known *k, struct flock_id id)
{
	for (size_t i = 0; i < k->flock_count; i++) {
		if (flock_equal(k->flocks[i].id, id))
			return &k->flocks[i];
	}
	return NULL;
}

static struct record_xflock *
xflock_at(const struct known *k, struct flock_id a, struct flock_id b)
{
	for (size_t i = 0; i < k->xflock_count; i++) {
		if (flock_equal(k->xflocks[i].a, a) && flock_equal(k->xflocks[i].b, b))
			return &k->xflocks[i];
	}
	return NULL;
}

const struct record_flock *
known_flock(const struct known *k, uint64_t id)
{
	return flock_at(k, (struct flock_id){ id });
}

const struct record_xflock *
known_xflock(const struct known *k, uint64_t a, uint64_t b)
{
	return xflock_at(k, (struct flock_id){ a }, (struct flock_id){ b });
}

/* Takes the record over. */
static void
keep_flock(struct known *k, struct record_flock *f)
{
	struct record_flock *at = flock_at(k, f->id);

	if (at == NULL) {
		k->flocks = realloc(k->flocks, (k->flock_count + 1) * sizeof(k->flocks[0]));
		assert_non_null(k->flocks);
		at = &k->flocks[k->flock_count++];
	} else {
		record_flock_free(at);
	}
	*at = *f;
	*f = (struct record_flock){ .device_count = 0 };
}

static void
keep_xflock(struct known *k, struct record_xflock *x)
{
	struct record_xflock *at = xflock_at(k, x->a, x->b);

	if (at == NULL) {
		k->xflocks = realloc(k->xflocks, (k->xflock_count + 1) * sizeof(k->xflocks[0]));
		assert_non_null(k->xflocks);
		at = &k->xflocks[k->xflock_count++];
	} else {
		record_xflock_free(at);
	}
	*at = *x;
	*x = (struct record_xflock){ .slice.len = 0 };
}

void
known_put_flock(struct known *k, const struct record_flock *f)
{
	struct record_flock copy = *f;

	copy.devices = copy_of(f->devices, f->device_count * sizeof(f->devices[0]));
	copy.slice = slice_of(&f->slice);
	keep_flock(k, &copy);
}

void
known_put_xflock(struct known *k, const struct record_xflock *x)
{
	struct record_xflock copy = *x;

	copy.slice = slice_of(&x->slice);
	keep_xflock(k, &copy);
}

void
known_put_fleet(struct known *k, const struct record_cathedral *fleet, size_t count)
{
	free(k->fleet);
	k->fleet = copy_of(fleet, count * sizeof(fleet[0]));
	k->fleet_count = count;
}

void
known_drop_flock(struct known *k, struct flock_id flock)
{
	struct record_flock *at = flock_at(k, flock);

	if (at == NULL)
		return;
	record_flock_free(at);
	*at = k->flocks[--k->flock_count];
}

void
known_drop_xflock(struct known *k, struct flock_pair pair)
{
	struct record_xflock *at = xflock_at(k, pair.a, pair.b);

	if (at == NULL)
		return;
	record_xflock_free(at);
	*at = k->xflocks[--k->xflock_count];
}

void
known_free(struct known *k)
{
	for (size_t i = 0; i < k->flock_count; i++)
		record_flock_free(&k->flocks[i]);
	for (size_t i = 0; i < k->xflock_count; i++)
		record_xflock_free(&k->xflocks[i]);
	free(k->flocks);
	free(k->xflocks);
	free(k->fleet);
	*k = (struct known){ .given = 0 };
}

/* ---- a reader ---- */

static bool
goes_on(const struct known *k, struct fault *why)
{
	return k->refuse == NULL || fault_set(why, "%s", k->refuse);
}

static bool
take_flock(void *arg, struct record_flock *f, struct fault *why)
{
	struct known *k = arg;

	k->given++;
	keep_flock(k, f);
	return goes_on(k, why);
}

static bool
take_xflock(void *arg, struct record_xflock *x, struct fault *why)
{
	struct known *k = arg;

	k->given++;
	keep_xflock(k, x);
	return goes_on(k, why);
}

static bool
take_flock_gone(void *arg, struct flock_id flock, struct fault *why)
{
	struct known *k = arg;

	k->gone++;
	known_drop_flock(k, flock);
	return goes_on(k, why);
}

static bool
take_xflock_gone(void *arg, struct flock_pair pair, struct fault *why)
{
	struct known *k = arg;

	k->gone++;
	known_drop_xflock(k, pair);
	return goes_on(k, why);
}

static bool
take_fleet(void *arg, const struct record_cathedral *fleet, size_t count, struct fault *why)
{
	struct known *k = arg;

	k->fleets++;
	known_put_fleet(k, fleet, count);
	return goes_on(k, why);
}

struct registry_db_visitor
known_visitor(struct known *k)
{
	return (struct registry_db_visitor){ take_flock, take_xflock, take_flock_gone,
		take_xflock_gone, take_fleet, k };
}

bool
known_read(struct known *k, struct registry_db *db, uint64_t *version, struct fault *why)
{
	struct known fresh = { .refuse = k->refuse };
	struct registry_db_visitor into_k = known_visitor(k), into_fresh = known_visitor(&fresh);
	bool whole = false;

	k->given = k->gone = k->fleets = 0;
	if (!registry_db_read(db, *version, &into_k, &whole, version, why))
		return false;
	if (!whole)
		return true;
	/* What k had before may be gone. */
	if (!registry_db_read(db, 0, &into_fresh, &whole, version, why)) {
		known_free(&fresh);
		return false;
	}
	known_free(k);
	*k = fresh;
	return true;
}

/* ---- comparing ---- */

static bool
same_slice(const struct record_slice *a, const struct record_slice *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0) &&
	       memcmp(&a->in_a, &b->in_a, sizeof(a->in_a)) == 0 &&
	       memcmp(&a->in_b, &b->in_b, sizeof(a->in_b)) == 0;
}

static bool
same_device(const struct record_device *a, const struct record_device *b)
{
	return a->id.value == b->id.value && a->kek == b->kek && a->mbit == b->mbit &&
	       memcmp(&a->cs, &b->cs, sizeof(a->cs)) == 0 &&
	       memcmp(&a->cosk, &b->cosk, sizeof(a->cosk)) == 0;
}

static bool
has_device(const struct record_flock *f, const struct record_device *d)
{
	for (size_t i = 0; i < f->device_count; i++) {
		if (same_device(&f->devices[i], d))
			return true;
	}
	return false;
}

static bool
same_flock(const struct record_flock *a, const struct record_flock *b)
{
	if (a->device_count != b->device_count || !same_slice(&a->slice, &b->slice))
		return false;
	for (size_t i = 0; i < a->device_count; i++) {
		if (!has_device(b, &a->devices[i]))
			return false;
	}
	return true;
}

static bool
same_cathedral(const struct record_cathedral *a, const struct record_cathedral *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->region, b->region) == 0 &&
	       endpoint_equal(&a->at, &b->at) && a->nat_port == b->nat_port &&
	       a->shroud == b->shroud && a->draining == b->draining;
}

static bool
same_fleet(const struct known *a, const struct known *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->fleet_count; i++) {
		for (size_t j = 0; j < b->fleet_count; j++)
			same += same_cathedral(&a->fleet[i], &b->fleet[j]);
	}
	return a->fleet_count == b->fleet_count && same == a->fleet_count;
}

bool
known_same(const struct known *a, const struct known *b, struct fault *why)
{
	if (a->flock_count != b->flock_count)
		return fault_set(why, "%zu flocks, not %zu", b->flock_count, a->flock_count);
	if (a->xflock_count != b->xflock_count)
		return fault_set(why, "%zu xflocks, not %zu", b->xflock_count, a->xflock_count);
	for (size_t i = 0; i < a->flock_count; i++) {
		const struct record_flock *f = flock_at(b, a->flocks[i].id);

		if (f == NULL || !same_flock(&a->flocks[i], f))
			return fault_set(why, "flock %" PRIx64 " differs", a->flocks[i].id.value);
	}
	for (size_t i = 0; i < a->xflock_count; i++) {
		const struct record_xflock *x = &a->xflocks[i], *y = xflock_at(b, x->a, x->b);

		if (y == NULL || !same_slice(&x->slice, &y->slice))
			return fault_set(
			    why, "xflock %" PRIx64 " %" PRIx64 " differs", x->a.value, x->b.value);
	}
	return same_fleet(a, b) || fault_set(why, "the fleet differs");
}

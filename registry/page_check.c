/* SPDX-License-Identifier: ISC */
#include "registry/put.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static int
by_device(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool
same_device_twice(const struct record_flock *f)
{
	uint32_t ids[FLOCK_DEVICES];

	for (size_t i = 0; i < f->device_count; i++)
		ids[i] = f->devices[i].id.value;
	qsort(ids, f->device_count, sizeof(ids[0]), by_device);
	for (size_t i = 1; i < f->device_count; i++) {
		if (ids[i - 1] == ids[i])
			return true;
	}
	return false;
}

static bool
flock_check(const struct record_flock *f, struct fault *why)
{
	struct kek_set seen = { { 0 } };

	if (f->device_count > FLOCK_DEVICES)
		return fault_set(why, "flock %016" PRIx64 ": %zu devices, more than %d",
		    f->id.value, f->device_count, FLOCK_DEVICES);
	for (size_t i = 0; i < f->device_count; i++) {
		uint8_t kek = f->devices[i].kek;

		if (kek < KEK_NUMBER_MIN || kek_set_has(&seen, kek))
			return fault_set(why,
			    "flock %016" PRIx64 ": KEK number %u is none, or two devices'",
			    f->id.value, kek);
		kek_set_add(&seen, kek);
	}
	if (same_device_twice(f))
		return fault_set(why, "flock %016" PRIx64 ": a device is there twice", f->id.value);
	if (f->slice.len > BUNDLE_ONE_FLOCK_SIZE)
		return fault_set(why, "flock %016" PRIx64 ": a slice of %zu bytes is too long",
		    f->id.value, f->slice.len);
	return true;
}

static bool
xflock_check(const struct record_xflock *x, struct fault *why)
{
	if (x->a.value >= x->b.value)
		return fault_set(why,
		    "xflock %016" PRIx64 " %016" PRIx64 ": the first is not the lower", x->a.value,
		    x->b.value);
	if (x->slice.len > BUNDLE_TWO_FLOCKS_SIZE)
		return fault_set(why,
		    "xflock %016" PRIx64 " %016" PRIx64 ": a slice of %zu bytes is too long",
		    x->a.value, x->b.value, x->slice.len);
	return true;
}

static bool
fleet_check(const struct record_cathedral *fleet, size_t count, struct fault *why)
{
	for (size_t i = 0; i < count; i++) {
		const struct record_cathedral *c = &fleet[i];

		if (!is_text(c->name, sizeof(c->name)) || !is_text(c->region, sizeof(c->region)))
			return fault_set(why, "cathedral %zu: its name has no end", i);
	}
	return true;
}

bool
page_check(const struct record_page *page, struct fault *why)
{
	if (!is_text(page->database, sizeof(page->database)) || page->database[0] == '\0')
		return fault_set(why, "a page of no database");
	if (page->until > INT64_MAX || (!page->reset && page->until < page->since))
		return fault_set(
		    why, "a page from %" PRIu64 " to %" PRIu64, page->since, page->until);
	for (size_t i = 0; i < page->flock_count; i++) {
		if (!flock_check(&page->flocks[i], why))
			return false;
	}
	for (size_t i = 0; i < page->xflock_count; i++) {
		if (!xflock_check(&page->xflocks[i], why))
			return false;
	}
	return fleet_check(page->fleet, page->has_fleet ? page->fleet_count : 0, why);
}

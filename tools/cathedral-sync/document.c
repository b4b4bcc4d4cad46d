/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/document.h"

#include "tools/cathedral-sync/want.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- slices ---- */

/* base64 of a slice between the sets that *ret has already. */
static bool
slice_decode(struct record_slice *ret, const char *text, struct flock_id a, struct flock_id b,
    struct fault *why)
{
	size_t size = bundle_size(flock_equal(a, b), &ret->in_a, &ret->in_b);
	struct bundle parsed;

	ret->bytes = malloc(size);
	if (ret->bytes == NULL)
		return fault_set(why, "out of memory");
	if (sodium_base642bin(ret->bytes, size, text, strlen(text), NULL, &ret->len, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return fault_set(why, "no base64 of %zu bytes", size);
	return bundle_parse(&parsed, ret->bytes, ret->len, a, b, &ret->in_a, &ret->in_b, why);
}

static bool
slice_read(struct record_slice *ret, const json_t *object, struct flock_id a, struct flock_id b,
    struct fault *why)
{
	const json_t *ambry = json_object_get(object, "ambry");
	const char *text = json_string_value(json_object_get(ambry, "slice"));

	if (json_is_null(ambry))
		return true;
	if (text == NULL)
		return fault_set(why, "ambry: neither null nor with a slice");
	return slice_decode(ret, text, a, b, why) || fault_prefix(why, "ambry: slice");
}

/* ---- flocks ---- */

static bool
device_fields(struct record_device *ret, const json_t *object, struct fault *why)
{
	uint64_t kek, mbit;

	if (!want_device(object, "cathedral_id", &ret->id, why) ||
	    !want_number(object, "kek", &kek, KEK_NUMBER_MIN, KEK_NUMBER_MAX, why) ||
	    !want_number(object, "bw_limit", &mbit, 0, UINT32_MAX, why) ||
	    !want_hex(object, "cathedral_secret", ret->cs.bytes, sizeof(ret->cs.bytes), why) ||
	    !want_hex(object, "cosk", ret->cosk.bytes, sizeof(ret->cosk.bytes), why))
		return false;
	ret->kek = (uint8_t)kek;
	ret->mbit = (uint32_t)mbit;
	return true;
}

/* Two devices of a flock have neither number nor identity in common. */
static bool
device_read(struct record_flock *f, const json_t *object, struct fault *why)
{
	struct record_device *d = &f->devices[f->device_count];

	f->device_count++; /* what is half read is wiped, too */
	if (!device_fields(d, object, why))
		return false;
	for (const struct record_device *other = f->devices; other < d; other++) {
		if (other->id.value == d->id.value)
			return fault_set(why, "cathedral_id: is another device's, too");
	}
	if (kek_set_has(&f->slice.in_a, d->kek))
		return fault_set(why, "kek: is another device's, too");
	kek_set_add(&f->slice.in_a, d->kek);
	return true;
}

static bool
devices_read(struct record_flock *f, const json_t *object, struct fault *why)
{
	const json_t *list, *device;
	size_t i;

	if (!want_list(object, "devices", KEK_NUMBER_MAX, &list, why))
		return false;
	f->devices = calloc(json_array_size(list) + 1, sizeof(f->devices[0]));
	if (f->devices == NULL)
		return fault_set(why, "out of memory");
	json_array_foreach(list, i, device)
	{
		if (!device_read(f, device, why))
			return fault_prefix(why, "devices[%zu]", i);
	}
	f->slice.in_b = f->slice.in_a;
	return true;
}

static bool
flock_read(void *into, const json_t *object, struct fault *why)
{
	struct record_flock *f = into;

	return want_flock(object, "id", &f->id, why) && devices_read(f, object, why) &&
	       slice_read(&f->slice, object, f->id, f->id, why);
}

/* ---- xflocks ---- */

static bool
numbers_read(struct kek_set *ret, const json_t *object, const char *name, struct fault *why)
{
	const json_t *list, *value;
	size_t i;

	if (!want_list(object, name, KEK_NUMBER_MAX, &list, why))
		return false;
	json_array_foreach(list, i, value)
	{
		json_int_t n = json_integer_value(value); /* 0 of what is none */

		if (n < KEK_NUMBER_MIN || n > KEK_NUMBER_MAX || kek_set_has(ret, (uint8_t)n))
			return fault_set(why, "%s[%zu]: no KEK number, or there twice", name, i);
		kek_set_add(ret, (uint8_t)n);
	}
	return true;
}

/* The lower first.  The sets go with the flocks. */
static void
turn(struct record_xflock *x)
{
	const struct record_xflock as_it_was = *x;

	x->a = as_it_was.b;
	x->b = as_it_was.a;
	x->slice.in_a = as_it_was.slice.in_b;
	x->slice.in_b = as_it_was.slice.in_a;
}

static bool
xflock_read(void *into, const json_t *object, struct fault *why)
{
	struct record_xflock *x = into;

	if (!want_flock(object, "flock_a", &x->a, why) ||
	    !want_flock(object, "flock_b", &x->b, why) ||
	    !numbers_read(&x->slice.in_a, object, "keks_a", why) ||
	    !numbers_read(&x->slice.in_b, object, "keks_b", why))
		return false;
	if (flock_equal(x->a, x->b))
		return fault_set(why, "flock_b: is flock_a");
	if (x->a.value > x->b.value)
		turn(x);
	return slice_read(&x->slice, object, x->a, x->b, why);
}

/* ---- the fleet ---- */

static bool
nat_port_read(uint16_t *ret, const json_t *object, struct fault *why)
{
	uint64_t port = 0;

	if (!json_is_null(json_object_get(object, "nat_port")) &&
	    !want_number(object, "nat_port", &port, 1, UINT16_MAX, why))
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool
cathedral_read(void *into, const json_t *object, struct fault *why)
{
	struct record_cathedral *c = into;
	char address[ENDPOINT_TEXT];
	uint64_t port;

	if (!want_text(object, "name", c->name, sizeof(c->name), why) ||
	    !want_text(object, "region", c->region, sizeof(c->region), why) ||
	    !want_text(object, "address", address, sizeof(address), why) ||
	    !want_number(object, "port", &port, 1, UINT16_MAX, why) ||
	    !nat_port_read(&c->nat_port, object, why) ||
	    !want_flag(object, "shroud", &c->shroud, why) ||
	    !want_flag(object, "draining", &c->draining, why))
		return false;
	if (c->name[0] == '\0')
		return fault_set(why, "name: is empty");
	if (!endpoint_parse_ip(&c->at, address))
		return fault_set(why, "address: is none");
	c->at.port = (uint16_t)port;
	return true;
}

/* ---- what is gone ---- */

static bool
gone_flock_read(void *into, const json_t *value, struct fault *why)
{
	return want_flock_value(value, into, why);
}

static bool
gone_xflock_read(void *into, const json_t *value, struct fault *why)
{
	struct flock_pair *pair = into;
	struct flock_id a, b;

	if (json_array_size(value) != 2 || !want_flock_value(json_array_get(value, 0), &a, why) ||
	    !want_flock_value(json_array_get(value, 1), &b, why) || flock_equal(a, b))
		return fault_set(why, "no two flocks");
	*pair = a.value < b.value ? (struct flock_pair){ a, b } : (struct flock_pair){ b, a };
	return true;
}

/* ---- the page ---- */

/* A list of one kind: as many records of this size, zeroed, each filled by read(). */
struct kind {
	const char *name;
	size_t size, most;
	bool (*read)(void *into, const json_t *value, struct fault *why);
};

/* Room for all of a list's records; NULL with the reason. */
static void *
list_open(const struct kind *kind, const json_t *object, struct fault *why)
{
	const json_t *list;
	void *records;

	if (!want_list(object, kind->name, kind->most, &list, why))
		return NULL;
	records = calloc(json_array_size(list) + 1, kind->size);
	if (records == NULL)
		fault_set(why, "out of memory");
	return records;
}

/* *count is right at any moment, so that what was read can be freed. */
static bool
list_fill(
    void *records, size_t *count, const struct kind *kind, const json_t *object, struct fault *why)
{
	const json_t *value;
	char *at = records;
	size_t i;

	json_array_foreach(json_object_get(object, kind->name), i, value)
	{
		*count = i + 1;
		if (!kind->read(at + i * kind->size, value, why))
			return fault_prefix(why, "%s[%zu]", kind->name, i);
	}
	return true;
}

static const struct kind fleet_kind = { "cathedrals", sizeof(struct record_cathedral),
	DOCUMENT_FLEET_MAX, cathedral_read };
static const struct kind flock_kind = { "flocks", sizeof(struct record_flock),
	DOCUMENT_SUBJECTS_MAX, flock_read };
static const struct kind xflock_kind = { "xflocks", sizeof(struct record_xflock),
	DOCUMENT_SUBJECTS_MAX, xflock_read };
static const struct kind gone_flock_kind = { "flocks", sizeof(struct flock_id),
	DOCUMENT_SUBJECTS_MAX, gone_flock_read };
static const struct kind gone_xflock_kind = { "xflocks", sizeof(struct flock_pair),
	DOCUMENT_SUBJECTS_MAX, gone_xflock_read };

static bool
head_read(struct record_page *d, const json_t *page, struct fault *why)
{
	if (!json_is_object(page))
		return fault_set(why, "no object");
	if (!want_text(page, "database", d->database, sizeof(d->database), why) ||
	    !want_number(page, "since", &d->since, 0, INT64_MAX, why) ||
	    !want_number(page, "until", &d->until, d->since, INT64_MAX, why) ||
	    !want_flag(page, "reset", &d->reset, why) || !want_flag(page, "more", &d->more, why))
		return false;
	if (d->database[0] == '\0')
		return fault_set(why, "database: is empty");
	if (json_object_get(page, "begun") != NULL &&
	    !want_number(page, "begun", &d->begun, 0, INT64_MAX, why))
		return false;
	d->has_fleet = json_object_get(page, "cathedrals") != NULL;
	return true;
}

static bool
fleet_read(struct record_page *d, const json_t *page, struct fault *why)
{
	if (!d->has_fleet)
		return true;
	d->fleet = list_open(&fleet_kind, page, why);
	return d->fleet != NULL && list_fill(d->fleet, &d->fleet_count, &fleet_kind, page, why);
}

static bool
flocks_read(struct record_page *d, const json_t *page, struct fault *why)
{
	d->flocks = list_open(&flock_kind, page, why);
	return d->flocks != NULL && list_fill(d->flocks, &d->flock_count, &flock_kind, page, why);
}

static bool
xflocks_read(struct record_page *d, const json_t *page, struct fault *why)
{
	d->xflocks = list_open(&xflock_kind, page, why);
	return d->xflocks != NULL &&
	       list_fill(d->xflocks, &d->xflock_count, &xflock_kind, page, why);
}

static bool
gone_fill(struct record_page *d, const json_t *gone, struct fault *why)
{
	d->flocks_gone = list_open(&gone_flock_kind, gone, why);
	if (d->flocks_gone == NULL ||
	    !list_fill(d->flocks_gone, &d->flock_gone_count, &gone_flock_kind, gone, why))
		return false;
	d->xflocks_gone = list_open(&gone_xflock_kind, gone, why);
	return d->xflocks_gone != NULL &&
	       list_fill(d->xflocks_gone, &d->xflock_gone_count, &gone_xflock_kind, gone, why);
}

static bool
gone_read(struct record_page *d, const json_t *page, struct fault *why)
{
	return gone_fill(d, json_object_get(page, "gone"), why) || fault_prefix(why, "gone");
}

bool
document_read(struct record_page *ret, const json_t *page, struct fault *why)
{
	*ret = (struct record_page){ .more = false };
	return head_read(ret, page, why) && fleet_read(ret, page, why) &&
	       flocks_read(ret, page, why) && xflocks_read(ret, page, why) &&
	       gone_read(ret, page, why);
}

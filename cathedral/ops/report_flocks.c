/* SPDX-License-Identifier: ISC */
/*
 * What the registry in memory holds.  Nothing is told by which a secret could be used or found: of
 * keys and slices there are fingerprints, which are the same wherever the bytes are the same.
 */
#include "cathedral/ops/report.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINGERPRINT_BYTES 8   /* of 32 */
#define NUMBERS_TEXT      512 /* "01-02 04-05 ...": 85 pairs of six characters */

/* The label goes in with its NUL. */
static json_t *
fingerprint(const char *label, const void *bytes, size_t len)
{
	uint8_t hash[crypto_generichash_BYTES];
	char text[2 * FINGERPRINT_BYTES + 1];
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)label, strlen(label) + 1);
	crypto_generichash_update(&state, bytes, len);
	crypto_generichash_final(&state, hash, sizeof(hash));
	return json_string(sodium_bin2hex(text, sizeof(text), hash, FINGERPRINT_BYTES));
}

/* ---- one flock ---- */

/* "01-05 0a", in hexadecimal as the key files are named. */
static json_t *
json_numbers(const struct kek_set *set)
{
	char text[NUMBERS_TEXT] = "";
	size_t len = 0;

	for (unsigned n = KEK_NUMBER_MIN; n <= KEK_NUMBER_MAX; n++) {
		unsigned first = n;

		if (!kek_set_has(set, (uint8_t)n))
			continue;
		while (n < KEK_NUMBER_MAX && kek_set_has(set, (uint8_t)(n + 1)))
			n++;
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s%02x", len > 0 ? " " : "", first);
		if (n > first)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "-%02x", n);
	}
	return json_string(text);
}

/* As the owner of this flock sees them: in a pair the numbers of the other side are the peer's. */
static json_t *
json_ambries(const struct registry_ambries *a, struct flock_id own)
{
	const struct bundle *b = &a->bundle;
	bool pair = !flock_equal(b->a, b->b), swapped = pair && flock_equal(b->b, own);
	json_t *doc;

	if (!a->present)
		return json_null();
	doc = json_pack("{s:o, s:I, s:I, s:o, s:o}", "generation",
	    report_hex(8, b->head.generation), "expires", (json_int_t)bundle_ends(b->head.expires),
	    "size", (json_int_t)a->size, "slice", fingerprint("slice", a->bytes, a->size),
	    "numbers", json_numbers(swapped ? &b->in_b : &b->in_a));
	if (pair)
		json_object_set_new(
		    doc, "peer_numbers", json_numbers(swapped ? &b->in_a : &b->in_b));
	return doc;
}

static json_t *
json_device(const struct registry_device *d)
{
	return json_pack("{s:o, s:o, s:I, s:o, s:o}", "device", report_hex(8, d->id.value),
	    "number", report_hex(2, d->kek_number), "mbit", (json_int_t)d->mbit, "secret",
	    fingerprint("secret", &d->cs, sizeof(d->cs)), "cosk",
	    fingerprint("cosk", &d->cosk, sizeof(d->cosk)));
}

/* By number. */
static json_t *
json_devices(const struct registry_flock *f)
{
	json_t *list = json_array();

	for (unsigned n = KEK_NUMBER_MIN; n <= KEK_NUMBER_MAX; n++) {
		const struct registry_device *d = registry_flock_by_kek(f, (uint8_t)n);

		if (d != NULL)
			json_array_append_new(list, json_device(d));
	}
	return list;
}

static int
by_id(const void *a, const void *b)
{
	const struct flock_id *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Those that have an xflock with it, in order; NULL when there are none, or there is no memory. */
static struct flock_id *
partners_of(const struct registry *r, const struct registry_flock *f, size_t *count)
{
	const struct flock_id *with = registry_partners(r, f->id, count);
	struct flock_id *list = *count > 0 ? calloc(*count, sizeof(*list)) : NULL;

	if (list == NULL) {
		*count = 0;
		return NULL;
	}
	memcpy(list, with, *count * sizeof(*list));
	qsort(list, *count, sizeof(*list), by_id);
	return list;
}

static json_t *
json_xflock(const struct registry *r, struct flock_id own, struct flock_id other)
{
	const struct registry_xflock *x = registry_xflock_find(r, own, other);
	struct flock_id low = own.value < other.value ? own : other;
	struct flock_id high = own.value < other.value ? other : own;
	const struct registry_ambries *ambries =
	    x != NULL ? &x->ambries : registry_waiting(r, low, high);
	/* It has keys of the devices of both: it must be made of the flocks that are in force. */
	bool waiting = x == NULL || x->a != registry_flock_find(r, low) ||
		       x->b != registry_flock_find(r, high);

	return json_pack("{s:o, s:b, s:o}", "flock", report_hex(1, other.value), "waiting", waiting,
	    "ambries", ambries != NULL ? json_ambries(ambries, own) : json_null());
}

/* Where it is counted; NULL: it is not. */
static json_t *
json_budget(const struct overview *o, struct flock_id flock)
{
	struct budget_report b;

	if (o->budget == NULL || !budget_report_flock(o->budget, flock, &b))
		return NULL;
	return json_pack("{s:I, s:o, s:s}", "used", (json_int_t)b.used, "limit",
	    b.limit == 0 ? json_null() : json_integer((json_int_t)b.limit), "stage",
	    budget_stage_name(b.stage));
}

json_t *
report_flock(const struct overview *o, struct flock_id flock)
{
	const struct registry *r = publish_current(o->publish);
	const struct registry_flock *f = registry_flock_find(r, flock);
	struct flock_id *with;
	json_t *xflocks;
	size_t count;

	if (f == NULL)
		return json_pack("{s:s}", "error", "this cathedral does not know that flock");
	with = partners_of(r, f, &count);
	xflocks = json_array();
	for (size_t n = 0; n < count; n++)
		json_array_append_new(xflocks, json_xflock(r, f->id, with[n]));
	free(with);
	return json_pack("{s:o, s:o, s:o, s:o, s:o*}", "flock", report_hex(1, f->id.value),
	    "devices", json_devices(f), "ambries", json_ambries(&f->ambries, f->id), "xflocks",
	    xflocks, "budget", json_budget(o, f->id));
}

/* ---- all of them, a page at a time ---- */

/* The lowest above after that were met so far, in order. */
struct page {
	const struct flock_id *after; /* NULL: from the first on */
	size_t met, count;
	const struct registry_flock *flocks[REPORT_FLOCKS_MAX];
};

static size_t
page_place(const struct page *p, struct flock_id id)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (p->flocks[middle]->id.value < id.value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
page_take(const struct registry_flock *f, void *arg)
{
	struct page *p = arg;
	size_t at;

	if (p->after != NULL && f->id.value <= p->after->value)
		return true;
	p->met++;
	at = page_place(p, f->id);
	if (at == REPORT_FLOCKS_MAX)
		return true;
	if (p->count < REPORT_FLOCKS_MAX)
		p->count++;
	memmove(&p->flocks[at + 1], &p->flocks[at], (p->count - at - 1) * sizeof(p->flocks[0]));
	p->flocks[at] = f;
	return true;
}

/* Only those that are complete. */
static json_t *
json_partners(const struct registry *r, const struct registry_flock *f)
{
	json_t *list = json_array();
	size_t count;
	struct flock_id *with = partners_of(r, f, &count);

	for (size_t n = 0; n < count; n++) {
		if (registry_xflock_find(r, f->id, with[n]) != NULL)
			json_array_append_new(list, report_hex(1, with[n].value));
	}
	free(with);
	return list;
}

static json_t *
json_flock(const struct registry *r, const struct registry_flock *f)
{
	const struct registry_ambries *a = &f->ambries;

	return json_pack("{s:o, s:I, s:o, s:o}", "flock", report_hex(1, f->id.value), "devices",
	    (json_int_t)f->device_count, "generation",
	    a->present ? report_hex(8, a->bundle.head.generation) : json_null(), "xflocks",
	    json_partners(r, f));
}

json_t *
report_flocks(const struct overview *o, const struct flock_id *after, struct instant now)
{
	const struct registry *r = publish_current(o->publish);
	struct page *p = calloc(1, sizeof(*p));
	json_t *list, *doc;

	(void)now;
	if (p == NULL)
		return NULL;
	p->after = after;
	registry_each_flock(r, page_take, p);
	list = json_array();
	for (size_t n = 0; n < p->count; n++)
		json_array_append_new(list, json_flock(r, p->flocks[n]));
	doc = json_pack("{s:o, s:I, s:o}", "flocks", list, "found",
	    (json_int_t)registry_counts(r).flocks, "next",
	    p->met > p->count ? report_hex(1, p->flocks[p->count - 1]->id.value) : json_null());
	free(p);
	return doc;
}

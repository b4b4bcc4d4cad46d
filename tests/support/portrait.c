/* SPDX-License-Identifier: ISC */
#include "tests/support/portrait.h"

#include "tools/control/ask.h"

#include <inttypes.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH_TEXT 256

/* ---- what does not matter ---- */

/* Removes names of flocks that are not in the portrait; each is text, or has it as "flock". */
static void
prune_partners(json_t *list, json_t *flocks)
{
	for (size_t n = json_array_size(list); n-- > 0;) {
		const json_t *item = json_array_get(list, n);
		const json_t *id = json_is_object(item) ? json_object_get(item, "flock") : item;

		if (json_object_get(flocks, json_string_value(id)) == NULL)
			json_array_remove(list, n);
	}
}

/* Takes doc over. */
static json_t *
prune(json_t *doc)
{
	json_t *flocks = json_object_get(doc, "flocks"), *listed = json_object_get(doc, "listed");
	const char *id;
	json_t *flock;
	void *next;

	json_object_foreach_safe(flocks, next, id, flock)
	{
		if (json_array_size(json_object_get(flock, "devices")) > 0 ||
		    !json_is_null(json_object_get(flock, "ambries")))
			continue;
		json_object_del(listed, id);
		json_object_del(flocks, id);
	}
	json_object_foreach(flocks, id, flock)
	{
		prune_partners(json_object_get(flock, "xflocks"), flocks);
		prune_partners(json_object_get(json_object_get(listed, id), "xflocks"), flocks);
	}
	return doc;
}

/* ---- by hand ---- */

static json_t *
hex(int digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
	return json_string(text);
}

static json_t *
fingerprint(const char *label, const void *bytes, size_t len)
{
	size_t label_len = strlen(label) + 1;
	uint8_t hash[32], *all = malloc(label_len + len);
	char text[17];

	assert_non_null(all);
	memcpy(all, label, label_len);
	memcpy(all + label_len, bytes, len);
	crypto_generichash(hash, sizeof(hash), all, label_len + len, NULL, 0);
	free(all);
	return json_string(sodium_bin2hex(text, sizeof(text), hash, 8));
}

static json_t *
numbers(const struct kek_set *set)
{
	char text[1024] = "";
	unsigned begun = 0;

	for (unsigned n = 1; n <= 256; n++) {
		bool has = n < 256 && kek_set_has(set, (uint8_t)n);
		char *end = text + strlen(text);

		if (has && begun == 0) {
			begun = n;
			sprintf(end, "%s%02x", end > text ? " " : "", n);
		} else if (!has && begun != 0) {
			if (begun < n - 1)
				sprintf(end, "-%02x", n - 1);
			begun = 0;
		}
	}
	return json_string(text);
}

/* The head begins with when it ends, and its generation. */
static json_t *
ambries(const struct record_slice *s, const struct kek_set *own, const struct kek_set *peer)
{
	const uint8_t *b = s->bytes;
	json_t *ret;

	if (s->len == 0)
		return json_null();
	ret = json_pack("{s:o, s:I, s:I, s:o, s:o}", "generation",
	    hex(8, (uint64_t)b[2] << 24 | (uint64_t)b[3] << 16 | (uint64_t)b[4] << 8 | b[5]),
	    "expires", (json_int_t)(AMBRY_EPOCH + ((b[0] << 8) | b[1]) * AMBRY_DAY), "size",
	    (json_int_t)s->len, "slice", fingerprint("slice", s->bytes, s->len), "numbers",
	    numbers(own));
	if (peer != NULL)
		json_object_set_new(ret, "peer_numbers", numbers(peer));
	return ret;
}

static json_t *
device(const struct record_device *d)
{
	return json_pack("{s:o, s:o, s:I, s:o, s:o}", "device", hex(8, d->id.value), "number",
	    hex(2, d->kek), "mbit", (json_int_t)d->mbit, "secret",
	    fingerprint("secret", &d->cs, sizeof(d->cs)), "cosk",
	    fingerprint("cosk", &d->cosk, sizeof(d->cosk)));
}

static json_t *
devices(const struct record_flock *f)
{
	json_t *ret = json_array();

	for (unsigned n = 1; n <= 255; n++) {
		for (size_t i = 0; i < f->device_count; i++) {
			if (f->devices[i].kek == n)
				json_array_append_new(ret, device(&f->devices[i]));
		}
	}
	return ret;
}

static int
by_other(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The other flocks of those that this one has an xflock with, in order; freed by the caller. */
static uint64_t *
partners(const struct known *k, struct flock_id id, size_t *count)
{
	uint64_t *ret = calloc(k->xflock_count + 1, sizeof(*ret));

	assert_non_null(ret);
	*count = 0;
	for (size_t i = 0; i < k->xflock_count; i++) {
		const struct record_xflock *x = &k->xflocks[i];

		if (flock_equal(x->a, id))
			ret[(*count)++] = x->b.value;
		else if (flock_equal(x->b, id))
			ret[(*count)++] = x->a.value;
	}
	qsort(ret, *count, sizeof(*ret), by_other);
	return ret;
}

static json_t *
xflock(const struct known *k, uint64_t own, uint64_t other)
{
	bool low = own < other;
	const struct record_xflock *x = known_xflock(k, low ? own : other, low ? other : own);
	const struct record_slice *s = &x->slice;

	return json_pack("{s:o, s:b, s:o}", "flock", hex(1, other), "waiting",
	    known_flock(k, other) == NULL, "ambries",
	    ambries(s, low ? &s->in_a : &s->in_b, low ? &s->in_b : &s->in_a));
}

static void
draw_flock(const struct known *k, const struct record_flock *f, json_t *flocks, json_t *listed)
{
	json_t *with = json_array(), *names = json_array(),
	       *of = ambries(&f->slice, &f->slice.in_a, NULL);
	char id[24];
	size_t count;
	uint64_t *others = partners(k, f->id, &count);

	snprintf(id, sizeof(id), "%" PRIx64, f->id.value);
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(with, xflock(k, f->id.value, others[i]));
		if (known_flock(k, others[i]) != NULL)
			json_array_append_new(names, hex(1, others[i]));
	}
	free(others);
	json_object_set_new(listed, id,
	    json_pack("{s:s, s:I, s:O?, s:o}", "flock", id, "devices", (json_int_t)f->device_count,
		"generation", json_is_null(of) ? of : json_object_get(of, "generation"), "xflocks",
		names));
	json_object_set_new(flocks, id,
	    json_pack("{s:s, s:o, s:o, s:o}", "flock", id, "devices", devices(f), "ambries", of,
		"xflocks", with));
}

static json_t *
peers(const struct known *k, const struct endpoint *own)
{
	json_t *ret = json_object();

	for (size_t i = 0; i < k->fleet_count; i++) {
		const struct record_cathedral *c = &k->fleet[i];
		char at[ENDPOINT_TEXT];

		if (endpoint_equal(&c->at, own))
			continue;
		json_object_set_new(ret, endpoint_format(&c->at, at),
		    json_pack("{s:i, s:i, s:b}", "clear_port", c->shroud ? 0 : (int)c->at.port,
			"shroud_port", c->shroud ? (int)c->at.port : 0, "draining", c->draining));
	}
	return ret;
}

json_t *
portrait_of_known(const struct known *k, const struct endpoint *own)
{
	json_t *flocks = json_object(), *listed = json_object();

	for (size_t i = 0; i < k->flock_count; i++)
		draw_flock(k, &k->flocks[i], flocks, listed);
	return prune(json_pack(
	    "{s:o, s:o, s:o}", "flocks", flocks, "listed", listed, "peers", peers(k, own)));
}

json_t *
portrait_of_fleet(const struct known *k)
{
	json_t *ret = json_object();

	for (size_t i = 0; i < k->fleet_count; i++) {
		const struct record_cathedral *c = &k->fleet[i];
		char at[ENDPOINT_TEXT];

		json_object_set_new(ret, c->name,
		    json_pack("{s:s, s:s, s:i, s:b, s:b}", "at", endpoint_format(&c->at, at),
			"region", c->region, "nat_port", (int)c->nat_port, "shroud", c->shroud,
			"draining", c->draining));
	}
	return ret;
}

/* ---- as a cathedral says it ---- */

/* NULL with the reason, also when it refuses. */
static json_t *
ask_cathedral(const char *socket, const char *verb, const char *word, struct fault *why)
{
	char line[80];
	char *text;
	json_t *doc;
	size_t len;

	snprintf(line, sizeof(line), "%s %s", verb, word);
	text = control_ask(socket, line, &len, why);
	if (text == NULL)
		return NULL;
	doc = json_loadb(text, len, 0, NULL);
	free(text);
	if (json_is_object(doc) && json_object_get(doc, "error") == NULL)
		return doc;
	fault_set(why, "%s: %s", line, json_string_value(json_object_get(doc, "error")));
	json_decref(doc);
	return NULL;
}

static bool
draw_listed(const char *socket, json_t *row, json_t *flocks, json_t *listed, struct fault *why)
{
	const char *id = json_string_value(json_object_get(row, "flock"));
	json_t *doc = ask_cathedral(socket, "flock", id, why);

	if (doc == NULL)
		return false;
	json_object_set_new(flocks, id, doc);
	json_object_set(listed, id, row);
	return true;
}

static bool
draw_all(const char *socket, json_t *flocks, json_t *listed, struct fault *why)
{
	char after[24] = "";
	bool ok = true;

	do {
		json_t *page = ask_cathedral(socket, "flocks", after, why), *row;
		const char *next;
		size_t i;

		ok = page != NULL;
		json_array_foreach(json_object_get(page, "flocks"), i, row) ok =
		    ok && draw_listed(socket, row, flocks, listed, why);
		next = json_string_value(json_object_get(page, "next"));
		snprintf(after, sizeof(after), "%s", next != NULL ? next : "");
		json_decref(page);
	} while (ok && after[0] != '\0');
	return ok;
}

static bool
draw_peers(const char *socket, json_t *ret, struct fault *why)
{
	json_t *doc = ask_cathedral(socket, "federation", "", why), *peer;
	size_t i;

	json_array_foreach(json_object_get(doc, "peers"), i, peer)
	{
		const char *at = json_string_value(json_object_get(peer, "address"));

		json_object_set_new(ret, at,
		    json_pack("{s:O, s:O, s:O}", "clear_port", json_object_get(peer, "clear_port"),
			"shroud_port", json_object_get(peer, "shroud_port"), "draining",
			json_object_get(peer, "draining")));
	}
	json_decref(doc);
	return doc != NULL;
}

json_t *
portrait_of_cathedral(const char *socket, struct fault *why)
{
	json_t *flocks = json_object(), *listed = json_object(), *of = json_object();
	json_t *ret = json_pack("{s:o, s:o, s:o}", "flocks", flocks, "listed", listed, "peers", of);

	assert_non_null(ret);
	if (draw_all(socket, flocks, listed, why) && draw_peers(socket, of, why))
		return prune(ret);
	json_decref(ret);
	return NULL;
}

/* ---- side by side ---- */

struct difference {
	unsigned count, most;
};

static void
tell(struct difference *d, const char *path, const json_t *want, const json_t *got)
{
	char *a = want != NULL ? json_dumps(want, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	char *b = got != NULL ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (d->count++ < d->most)
		printf("# %s: want %.300s, got %.300s\n", path, a != NULL ? a : "nothing",
		    b != NULL ? b : "nothing");
	free(a);
	free(b);
}

static void compare(struct difference *d, const char *path, json_t *want, json_t *got);

static void
compare_member(struct difference *d, const char *path, const char *name, json_t *want, json_t *got)
{
	char longer[PATH_TEXT];

	snprintf(longer, sizeof(longer), "%.200s %.40s", path, name);
	compare(d, longer, want, got);
}

static void
compare_objects(struct difference *d, const char *path, json_t *want, json_t *got)
{
	const char *name;
	json_t *value;

	json_object_foreach(want, name, value)
	    compare_member(d, path, name, value, json_object_get(got, name));
	json_object_foreach(got, name, value)
	{
		if (json_object_get(want, name) == NULL)
			compare_member(d, path, name, NULL, value);
	}
}

static void
compare(struct difference *d, const char *path, json_t *want, json_t *got)
{
	if (want != NULL && got != NULL && json_equal(want, got))
		return;
	if (json_is_object(want) && json_is_object(got)) {
		compare_objects(d, path, want, got);
	} else if (json_is_array(want) && json_is_array(got) &&
		   json_array_size(want) == json_array_size(got)) {
		char name[24];

		for (size_t i = 0; i < json_array_size(want); i++) {
			snprintf(name, sizeof(name), "[%zu]", i);
			compare_member(
			    d, path, name, json_array_get(want, i), json_array_get(got, i));
		}
	} else {
		tell(d, path, want, got);
	}
}

unsigned
portrait_differs(const char *about, json_t *want, json_t *got, unsigned most)
{
	struct difference d = { .most = most };

	compare(&d, about, want, got);
	return d.count;
}

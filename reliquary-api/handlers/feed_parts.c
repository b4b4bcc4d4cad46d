/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/feed_parts.h"

#include "base/hex.h"
#include "base/log.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/handlers/slice.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/store/feed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_BYTES 220 /* as text */

#define HEX_TEXT(value) (2 * sizeof(value) + 1)

bool
feed_append(json_t *array, json_t *value)
{
	if (value != NULL && json_array_append(array, value) == 0) {
		json_decref(value); /* it is the array's now */
		return true;
	}
	forget_json(value);
	return false;
}

/* Memory is what is short when there is no value for another reason. */
static json_t *
made(struct feed_work *w, json_t *value)
{
	if (value == NULL && w->result == STORE_OK)
		w->result = STORE_FAILED;
	return value;
}

/* ---- ambries ---- */

static json_t *
slice_json(const struct bundle_row *row, const uint8_t *slice, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char generation[GENERATION_TEXT];
	char *text = malloc(size);
	json_t *ret;

	if (text == NULL)
		return NULL;
	generation_text(row->generation, generation);
	sodium_bin2base64(text, size, slice, len, sodium_base64_VARIANT_ORIGINAL);
	ret = json_pack("{s:s, s:s}", "generation", generation, "slice", text);
	free(text);
	return ret;
}

/*
 * What is not there may have been replaced since this moment was looked at, but not since the next
 * one.  What is lost keeps back nothing but itself: all others still hear of what changes.
 */
static json_t *
uncut_json(struct feed_work *w, enum slice_result why)
{
	if (why == SLICE_FAILED || (why == SLICE_GONE && !w->c->again)) {
		w->result = why == SLICE_GONE ? STORE_BUSY : STORE_FAILED;
		return NULL;
	}
	w->lost = true;
	log_error("a bundle is %s, and cathedrals are told that there is none: see reliquary-api "
		  "check",
	    why == SLICE_GONE ? "lost" : "damaged");
	return json_null();
}

/* null when there is no bundle.  A pair's first flock in the database is a. */
static json_t *
ambry_json(struct feed_work *w, struct flock_id a, struct flock_id b, const struct kek_set *in_a,
    const struct kek_set *in_b)
{
	enum slice_result cut;
	struct bundle_row row;
	uint8_t *slice;
	size_t len;
	json_t *ret;

	w->result = bundle_get(w->c->store, a, b, &row);
	if (w->result == STORE_NONE) {
		w->result = STORE_OK;
		return json_null();
	}
	if (w->result != STORE_OK)
		return NULL;
	cut = slice_cut(w->c->site->bundles, &row, in_a, in_b, &slice, &len);
	if (cut != SLICE_OK)
		return uncut_json(w, cut);
	ret = slice_json(&row, slice, len);
	free(slice);
	w->bytes += sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	return ret;
}

/* ---- devices ---- */

struct members {
	struct feed_work *work;
	struct flock_id flock;
	json_t *devices; /* NULL: only the numbers are wanted */
	struct kek_set numbers;
};

/* Written into what is there already: a library that lacks memory leaves its copy behind. */
static json_t *
secret_json(const struct cathedral_secret *secret)
{
	char text[HEX_TEXT(*secret)];
	json_t *ret;

	memset(text, '0', sizeof(text) - 1);
	ret = json_stringn(text, sizeof(text) - 1);
	if (ret == NULL)
		return NULL;
	/* Jansson gives its own memory out as const. */
	hex_encode((char *)(uintptr_t)json_string_value(ret), secret->bytes, sizeof(secret->bytes));
	return ret;
}

static json_t *
device_json(const struct feed_device *d, const struct cathedral_secret *secret)
{
	char id[DEVICE_TEXT], cosk[HEX_TEXT(d->cosk)];
	json_t *text = secret_json(secret), *ret;

	device_text(d->id, id);
	hex_encode(cosk, d->cosk.bytes, sizeof(d->cosk.bytes));
	ret = json_pack("{s:s, s:i, s:I, s:O, s:s}", "cathedral_id", id, "kek", (int)d->kek,
	    "bw_limit", (json_int_t)d->bw_limit, "cathedral_secret", text, "cosk", cosk);
	if (ret == NULL)
		forget_json(text);
	else
		json_decref(text);
	return ret;
}

/* One whose row is damaged is left out: nobody could serve it, and it must not hold up the others.
 */
static bool
member_put(struct members *m, const struct feed_device *d)
{
	struct cathedral_secret secret;
	json_t *device;

	if (!device_unseal(m->work->c->site->vault, m->flock, d->id, d->sealed, &secret)) {
		m->work->lost = true;
		log_error(
		    "the secret of a device cannot be read, and cathedrals are not told of it");
		return true;
	}
	device = device_json(d, &secret);
	secret_wipe(&secret, sizeof(secret));
	m->work->bytes += DEVICE_BYTES;
	m->work->secret = true;
	if (feed_append(m->devices, device))
		return true;
	m->work->result = STORE_FAILED;
	return false;
}

static bool
member_see(void *arg, const struct feed_device *d)
{
	struct members *m = arg;

	kek_set_add(&m->numbers, d->kek);
	return m->devices == NULL || member_put(m, d);
}

static bool
members_read(struct members *m)
{
	enum store_result result = feed_devices(m->work->c->store, m->flock, member_see, m);

	if (m->work->result == STORE_OK)
		m->work->result = result;
	return m->work->result == STORE_OK;
}

static json_t *
numbers_json(const struct kek_set *set)
{
	json_t *ret = json_array();

	for (unsigned n = KEK_NUMBER_MIN; ret != NULL && n <= KEK_NUMBER_MAX; n++) {
		if (!kek_set_has(set, (uint8_t)n))
			continue;
		if (json_array_append_new(ret, json_integer((json_int_t)n)) != 0) {
			json_decref(ret);
			ret = NULL;
		}
	}
	return ret;
}

/* ---- the parts ---- */

json_t *
feed_flock_json(struct feed_work *w, struct flock_id flock)
{
	struct members m = { .work = w, .flock = flock, .devices = json_array() };
	json_t *ambry = NULL, *ret = NULL;
	char id[ID64_TEXT];

	id64_text(flock.value, id);
	if (m.devices != NULL && members_read(&m))
		ambry = ambry_json(w, flock, flock, &m.numbers, &m.numbers);
	if (ambry != NULL)
		ret = json_pack("{s:s, s:O, s:o}", "id", id, "devices", m.devices, "ambry", ambry);
	if (ret == NULL)
		forget_json(m.devices);
	else
		json_decref(m.devices);
	return made(w, ret);
}

json_t *
feed_xflock_json(struct feed_work *w, struct flock_id a, struct flock_id b)
{
	struct members of_a = { .work = w, .flock = a }, of_b = { .work = w, .flock = b };
	char a_text[ID64_TEXT], b_text[ID64_TEXT];
	json_t *ambry = NULL;

	id64_text(a.value, a_text);
	id64_text(b.value, b_text);
	if (members_read(&of_a) && members_read(&of_b))
		ambry = ambry_json(w, a, b, &of_a.numbers, &of_b.numbers);
	return made(w, json_pack("{s:s, s:s, s:o, s:o, s:o}", "flock_a", a_text, "flock_b", b_text,
			   "keks_a", numbers_json(&of_a.numbers), "keks_b",
			   numbers_json(&of_b.numbers), "ambry", ambry));
}

struct fleet {
	json_t *rows;
	bool whole;
};

static bool
cathedral_see(void *arg, const struct cathedral_row *c)
{
	json_t *nat = c->nat_port != 0 ? json_integer(c->nat_port) : json_null();
	struct fleet *f = arg;

	f->whole =
	    json_array_append_new(f->rows,
		json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:b}", "name", c->name, "region",
		    c->region, "address", c->address, "port", (int)c->port, "nat_port", nat,
		    "shroud", (int)c->shroud, "draining", (int)(c->draining || c->leaving))) == 0;
	return f->whole;
}

/* All of them: one that was removed is missing. */
json_t *
feed_fleet_json(struct feed_work *w)
{
	struct fleet f = { .rows = json_array(), .whole = true };

	if (f.rows == NULL)
		return made(w, NULL);
	w->result = cathedral_list(w->c->store, cathedral_see, &f);
	if (w->result == STORE_OK && f.whole)
		return f.rows;
	json_decref(f.rows);
	return made(w, NULL);
}

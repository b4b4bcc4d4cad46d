/* SPDX-License-Identifier: ISC */
/* Devices of a flock, pending and approved, for its owner. */
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PLACE_DIGITS 10 /* KEK number and id */
#define UNIX_TEXT    21
#define MBIT_MAX     1000000

static void
put_member(struct json_text *t, const char *name, const char *value)
{
	json_text_name(t, name);
	json_text_string(t, value);
}

/* The first four are texts because the older clients read them so. */
static void
device_write(struct json_text *t, const struct device_row *d)
{
	char kek[KEK_NUMBER_TEXT], id[DEVICE_TEXT], created[UNIX_TEXT];

	kek_number_text(d->kek, kek);
	device_text(d->id, id);
	snprintf(created, sizeof(created), "%" PRId64, d->created);
	json_text_open(t, '{');
	put_member(t, "device_kek", kek);
	put_member(t, "device_cathedral_id", id);
	put_member(t, "device_approved", d->kek != 0 ? "t" : "f");
	put_member(t, "device_created", created);
	put_member(t, "label", d->label);
	json_text_name(t, "bw_limit");
	json_text_integer(t, (json_int_t)d->bw_limit);
	json_text_close(t, '}');
}

static bool
device_show(void *arg, const struct device_row *d)
{
	char place[PLACE_DIGITS + 1];
	struct json_text *row;

	hex_encode(place, &d->kek, sizeof(d->kek));
	device_text(d->id, place + 2 * sizeof(d->kek));
	row = listing_row(arg, place);
	if (row != NULL)
		device_write(row, d);
	return row != NULL;
}

/* What device_show() made of the last row of the page before; "" is the start. */
static bool
place_read(const char *text, struct device_place *ret)
{
	uint64_t value;

	*ret = (struct device_place){ 0 };
	if (text[0] == '\0')
		return true;
	if (!token_plausible(text, PLACE_DIGITS) || !hex_u64(&value, text, UINT64_MAX))
		return false;
	*ret = (struct device_place){
		.kek = (uint8_t)(value >> 32), .id = { (uint32_t)value }, .begun = true
	};
	return true;
}

struct reply
handle_device_list(const struct call *c)
{
	struct device_place after;
	enum store_result result;
	struct flock_id flock;
	struct reply refused;
	struct listing l;

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	if (!listing_begin(&l, c, &refused))
		return refused;
	if (!place_read(l.page.after, &after))
		return listing_refuse();
	result = device_list(c->store, c->who.account, flock, after, listing_want(&l),
	    call_joins_since(c), device_show, &l);
	return listing_end(&l, result, "devices", "flock");
}

/* The flock and the device in the path. */
static bool
path_read(const struct request *rq, struct flock_id *flock, struct device_id *id)
{
	return request_flock(rq, 0, flock) && request_device(rq, 1, id);
}

static enum store_result
device_note(
    const struct call *c, const char *action, struct flock_id flock, struct device_id device)
{
	char subject[STORE_LABEL];

	device_subject(flock, device, subject);
	return call_note(c, action, subject);
}

static struct reply
reply_approved(const struct call *c, struct flock_id flock, struct device_id id, uint8_t kek)
{
	char device[DEVICE_TEXT], number[KEK_NUMBER_TEXT], file[KEK_FILE_TEXT];

	device_text(id, device);
	kek_number_text(kek, number);
	kek_file_text(flock, kek, file);
	if (c->rq->wants_text)
		return reply_text(200, "device %s takes %s", device, file);
	return reply_json(200, json_pack("{s:s, s:s, s:s}", "device_cathedral_id", device,
				   "device_kek", number, "kek_file", file));
}

/* kek: the number that the device has already, 0 when the one that was asked for is taken. */
static struct reply
reply_not_approved(uint64_t asked, uint8_t kek)
{
	if (kek == 0)
		return reply_problem(409, "conflict", "KEK number %u is in use", (unsigned)asked);
	return reply_problem(
	    409, "conflict", "the device was approved already, with KEK number %u", (unsigned)kek);
}

struct reply
handle_device_approve(const struct call *c)
{
	uint64_t asked = 0;
	const struct field fields[] = {
		FIELD_UINT_INTO("kek", &asked, KEK_NUMBER_MIN, KEK_NUMBER_MAX), FIELD_END
	};
	enum store_result result;
	struct flock_id flock;
	struct device_id id;
	struct reply refused;
	uint8_t kek;

	if (!path_read(c->rq, &flock, &id))
		return reply_unknown("device");
	if (!fields_read(c->rq->json, fields, &refused))
		return refused;

	kek = (uint8_t)asked;
	result = device_approve(c->store, c->who.account, flock, id, c->site->settings->device_mbit,
	    call_joins_since(c), c->now.wall_s, &kek);
	if (result == STORE_OK)
		result = device_note(c, "device.approve", flock, id);
	else if (result == STORE_CONFLICT)
		return reply_not_approved(asked, kek);
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "all KEK numbers of the flock are in use");
	if (result != STORE_OK)
		return reply_store(result, "device");
	return reply_approved(c, flock, id, kek);
}

/* What is to be changed, at least one thing; false with the answer. */
static bool
change_read(const struct request *rq, char label[static STORE_LABEL], struct device_change *change,
    struct reply *refused)
{
	bool labelled = false;
	const struct field fields[] = { { .name = "label",
					    .type = FIELD_TEXT,
					    .into = label,
					    .size = STORE_LABEL,
					    .given = &labelled },
		FIELD_UINT_INTO("bw_limit", &change->bw_limit, 1, MBIT_MAX), FIELD_END };

	if (!fields_read(rq->json, fields, refused))
		return false;
	if (!labelled && change->bw_limit == 0) {
		*refused = reply_problem(
		    400, "malformed", "nothing is to be changed: say label, bw_limit");
		return false;
	}
	if (labelled)
		change->label = label;
	return true;
}

struct reply
handle_device_change(const struct call *c)
{
	struct device_change change = { 0 };
	struct json_text written = { 0 };
	char label[STORE_LABEL] = "";
	enum store_result result;
	struct device_row row;
	struct flock_id flock;
	struct device_id id;
	struct reply refused;

	if (!path_read(c->rq, &flock, &id))
		return reply_unknown("device");
	if (!change_read(c->rq, label, &change, &refused))
		return refused;

	result = device_update(
	    c->store, c->who.account, flock, id, &change, call_joins_since(c), c->now.wall_s, &row);
	if (result == STORE_OK)
		result = device_note(c, "device.change", flock, id);
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "bw_limit is above what the account allows");
	if (result == STORE_CONFLICT)
		return reply_problem(409, "conflict", "bw_limit can be set once it is approved");
	if (result != STORE_OK)
		return reply_store(result, "device");
	device_write(&written, &row);
	return reply_written(200, &written);
}

struct reply
handle_device_secret(const struct call *c)
{
	uint8_t sealed[DEVICE_SEALED];
	struct cathedral_secret secret;
	enum store_result result;
	struct flock_id flock;
	struct device_id id;
	struct reply reply;

	if (!path_read(c->rq, &flock, &id))
		return reply_unknown("device");
	random_bytes(c->random, secret.bytes, sizeof(secret.bytes));
	device_seal(c, flock, id, &secret, sealed);
	result = device_set_secret(
	    c->store, c->who.account, flock, id, sealed, call_joins_since(c), c->now.wall_s);
	if (result == STORE_OK)
		result = device_note(c, "device.secret", flock, id);
	reply = result == STORE_OK ? reply_secret(200, device_credentials(flock, id, &secret))
				   : reply_store(result, "device");
	secret_wipe(&secret, sizeof(secret));
	return reply;
}

struct reply
handle_device_delete(const struct call *c)
{
	enum store_result result;
	struct flock_id flock;
	struct device_id id;
	char text[DEVICE_TEXT];

	if (!path_read(c->rq, &flock, &id))
		return reply_unknown("device");
	device_text(id, text);
	result =
	    device_delete(c->store, c->who.account, flock, id, call_joins_since(c), c->now.wall_s);
	if (result == STORE_OK)
		result = device_note(c, "device.delete", flock, id);
	return result == STORE_OK ? reply_deleted(c, text) : reply_store(result, "device");
}

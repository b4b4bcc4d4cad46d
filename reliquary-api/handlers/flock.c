/* SPDX-License-Identifier: ISC */
/* Flocks of an account. */
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/store/flocks.h"

static json_t *
flock_json(const struct flock_row *f, const char *id)
{
	json_t *ambry = f->has_bundle ? bundle_json(&f->bundle) : json_null();

	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:o}", "id", id, "label", f->label, "created",
	    time_json(f->created), "devices", (json_int_t)f->devices, "pending",
	    (json_int_t)f->pending, "ambry", ambry);
}

static bool
flock_show(void *arg, const struct flock_row *f)
{
	char id[ID64_TEXT];

	id64_text(f->id.value, id);
	return listing_add(arg, flock_json(f, id), id);
}

struct reply
handle_flock_list(const struct call *c)
{
	enum store_result result;
	struct flock_id after;
	struct reply refused;
	struct listing l;

	if (!listing_begin(&l, c, &refused) || !listing_after_id(&l, &after.value, &refused))
		return refused;
	result = flock_list(
	    c->store, c->who.account, after, listing_want(&l), call_joins_since(c), flock_show, &l);
	return listing_end(&l, result, "flocks", "account");
}

/* Seven random bytes, and the domain 0. */
static struct flock_id
flock_draw(struct random *random)
{
	struct flock_id id;

	do {
		id = flock_base((struct flock_id){ random_u64(random) });
	} while (id.value == 0);
	return id;
}

struct reply
handle_flock_create(const struct call *c)
{
	char label[STORE_LABEL] = "", text[ID64_TEXT];
	const struct field fields[] = { FIELD_TEXT_INTO("label", label), FIELD_END };
	enum store_result result = STORE_CONFLICT;
	struct flock_id id = { 0 };
	struct reply refused;

	if (!fields_read(c->rq->json, fields, &refused))
		return refused;
	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		id = flock_draw(c->random);
		result = flock_create(c->store, c->who.account, id, label, c->now.wall_s);
	}
	id64_text(id.value, text);
	if (result == STORE_OK)
		result = call_note(c, "flock.create", text);
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "the account has as many flocks as it may have");
	if (result != STORE_OK)
		return reply_store(result, "flock");
	if (c->rq->wants_text)
		return reply_text(201, "%s", text);
	return reply_json(201, json_pack("{s:s}", "id", text));
}

struct reply
handle_flock_change(const struct call *c)
{
	char label[STORE_LABEL] = "", text[ID64_TEXT];
	const struct field fields[] = { FIELD_TEXT_INTO("label", label, .required = true),
		FIELD_END };
	enum store_result result;
	struct flock_id flock;
	struct reply refused;

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	if (!fields_read(c->rq->json, fields, &refused))
		return refused;

	id64_text(flock.value, text);
	result = flock_relabel(c->store, c->who.account, flock, label);
	if (result == STORE_OK)
		result = call_note(c, "flock.label", text);
	if (result != STORE_OK)
		return reply_store(result, "flock");
	return reply_json(200, json_pack("{s:s, s:s}", "id", text, "label", label));
}

struct reply
handle_flock_delete(const struct call *c)
{
	enum store_result result;
	struct flock_id flock;
	char text[ID64_TEXT];

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	id64_text(flock.value, text);
	result = flock_delete(c->store, c->who.account, flock, c->now.wall_s);
	if (result == STORE_OK)
		result = call_note(c, "flock.delete", text);
	return result == STORE_OK ? reply_deleted(c, text) : reply_store(result, "flock");
}

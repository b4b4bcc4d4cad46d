/* SPDX-License-Identifier: ISC */
/* Keys that approve the devices that bring them. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/http/forget.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_S            UINT64_C(86400)
#define ENROLMENT_LIFE_S (366 * DAY_S)

static bool
enrolment_show(void *arg, const struct enrolment *e)
{
	char id[ID64_TEXT];

	id64_text(e->id, id);
	return listing_add(arg,
	    json_pack("{s:s, s:s, s:I, s:o, s:o}", "id", id, "label", e->label, "uses_left",
		(json_int_t)e->uses_left, "created", time_json(e->created), "expires",
		time_json(e->expires)),
	    id);
}

struct reply
handle_enrolment_list(const struct call *c)
{
	enum store_result result;
	struct flock_id flock;
	struct reply refused;
	struct listing l;
	uint64_t after;

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	if (!listing_begin(&l, c, &refused) || !listing_after_id(&l, &after, &refused))
		return refused;
	result = enrolment_list(c->store, c->who.account, flock, after, listing_want(&l),
	    c->now.wall_s, enrolment_show, &l);
	return listing_end(&l, result, "enrolments", "flock");
}

static enum store_result
enrolment_note(const struct call *c, const char *action, struct flock_id flock, uint64_t id)
{
	char subject[STORE_LABEL];

	snprintf(subject, sizeof(subject), "%016" PRIx64 "/%016" PRIx64, flock.value, id);
	return call_note(c, action, subject);
}

/* Draws the key, whose value the caller wipes, and stores its hash. */
static enum store_result
enrolment_issue(const struct call *c, struct flock_id flock, struct enrolment *e,
    char key[static ENROLMENT_TEXT])
{
	uint32_t most = (uint32_t)c->site->settings->enrolments_most;
	enum store_result result = STORE_CONFLICT;

	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		struct hash32 hash;

		token_new(key, ENROLMENT_TEXT / 2, c->random);
		hash = text_hash(c, SECRET_ENROLMENT, key);
		e->id = id64_draw(c->random);
		result = enrolment_create(c->store, c->who.account, flock, e, &hash, most);
	}
	if (result == STORE_OK)
		result = enrolment_note(c, "enrolment.create", flock, e->id);
	return result;
}

static json_t *
enrolment_made(const struct enrolment *e, const char *key)
{
	char id[ID64_TEXT];

	id64_text(e->id, id);
	return json_pack("{s:s, s:s, s:s, s:I, s:o}", "id", id, "enrolment_key", key, "label",
	    e->label, "uses_left", (json_int_t)e->uses_left, "expires", time_json(e->expires));
}

struct reply
handle_enrolment_create(const struct call *c)
{
	struct enrolment e = { .uses_left = 1, .created = c->now.wall_s };
	uint64_t expires_in = DAY_S;
	const struct field fields[] = { FIELD_TEXT_INTO("label", e.label),
		FIELD_UINT_INTO("uses", &e.uses_left, 1, KEK_NUMBER_MAX),
		FIELD_UINT_INTO("expires_in", &expires_in, 1, ENROLMENT_LIFE_S), FIELD_END };
	char key[ENROLMENT_TEXT];
	enum store_result result;
	struct flock_id flock;
	struct reply reply;

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	if (!fields_read(c->rq->json, fields, &reply))
		return reply;

	e.expires = c->now.wall_s + (int64_t)expires_in;
	result = enrolment_issue(c, flock, &e, key);
	if (result == STORE_OK)
		reply = reply_secret(201, enrolment_made(&e, key));
	else if (result == STORE_FULL)
		reply =
		    reply_problem(409, "quota", "the flock has as many enrolments as it may have");
	else
		reply = reply_store(result, "flock");
	secret_wipe(key, sizeof(key));
	return reply;
}

struct reply
handle_enrolment_delete(const struct call *c)
{
	enum store_result result;
	struct flock_id flock;
	char text[ID64_TEXT];
	uint64_t id;

	if (!request_flock(c->rq, 0, &flock) || !request_id64(c->rq, 1, &id))
		return reply_unknown("enrolment");
	id64_text(id, text);
	result = enrolment_delete(c->store, c->who.account, flock, id);
	if (result == STORE_OK)
		result = enrolment_note(c, "enrolment.delete", flock, id);
	return result == STORE_OK ? reply_deleted(c, text) : reply_store(result, "enrolment");
}

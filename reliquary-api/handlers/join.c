/* SPDX-License-Identifier: ISC */
/*
 * Strangers who want to be devices of a flock.  Whether the flock exists shows neither in what
 * they are answered nor in how long it takes.
 */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/store/ledger.h"

#include <stdio.h>
#include <string.h>

struct newcomer {
	struct join join;
	struct cathedral_secret secret;
	bool brings_key; /* an empty one as well: it is no good one */
	char enrolment_key[ENROLMENT_TEXT];
};

/* Only a key, as 32 bytes, or a JSON object: what it is called does not matter to curl's users. */
static bool
newcomer_read(const struct request *rq, struct newcomer *n, struct reply *refused)
{
	const struct field fields[] = { FIELD_HEX_INTO(
					    "cosk", n->join.cosk.bytes, .required = true),
		FIELD_TEXT_INTO("label", n->join.label),
		FIELD_TEXT_INTO("enrolment_key", n->enrolment_key, .given = &n->brings_key),
		FIELD_END };
	json_t *object;
	bool ok;

	if (rq->body_len == sizeof(n->join.cosk) && rq->type != CONTENT_JSON) {
		memcpy(n->join.cosk.bytes, rq->body, sizeof(n->join.cosk));
		return true;
	}
	object = fields_object(rq->body, rq->body_len,
	    "the body is the device's public key, 32 bytes, or a JSON object with cosk", refused);
	if (object == NULL)
		return false;
	ok = fields_read(object, fields, refused);
	forget_json(object);
	return ok;
}

static void
newcomer_draw(const struct call *c, struct newcomer *n)
{
	random_bytes(c->random, &n->join.id.value, sizeof(n->join.id.value));
	device_seal(c, n->join.flock, n->join.id, &n->secret, n->join.sealed);
}

/* Waits for the owner. */
static struct reply
newcomer_wait(const struct call *c, struct newcomer *n)
{
	uint32_t most = (uint32_t)c->site->settings->joins_most;
	enum store_result result = STORE_CONFLICT;

	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		newcomer_draw(c, n);
		result = join_create(c->store, &n->join, most, call_joins_since(c));
	}
	if (result == STORE_FULL)
		return reply_problem(
		    409, "quota", "too many devices wait to be approved in this flock");
	if (result != STORE_OK)
		return reply_store(result, "flock");
	return reply_secret(201, device_credentials(n->join.flock, n->join.id, &n->secret));
}

static enum store_result
enrol_note(const struct call *c, const struct newcomer *n, struct account_id account)
{
	struct event e = { .at = c->now.wall_s, .token = "key", .action = "device.enrol" };

	device_subject(n->join.flock, n->join.id, e.subject);
	return event_add(c->store, account, &e);
}

/* Brought an enrolment key, so that it need not wait. */
static struct reply
newcomer_enrol(const struct call *c, struct newcomer *n)
{
	struct hash32 hash = text_hash(c, SECRET_ENROLMENT, n->enrolment_key);
	enum store_result result = STORE_CONFLICT;
	char number[KEK_NUMBER_TEXT], file[KEK_FILE_TEXT];
	struct account_id account;
	uint8_t kek = 0;
	json_t *made;

	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		newcomer_draw(c, n);
		result = join_enrol(
		    c->store, &n->join, &hash, c->site->settings->device_mbit, &kek, &account);
	}
	if (result == STORE_NONE)
		return reply_problem(
		    403, "enrolment", "the enrolment key is not good for this flock");
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "all KEK numbers of the flock are in use");
	if (result == STORE_OK)
		result = enrol_note(c, n, account);
	if (result != STORE_OK)
		return reply_store(result, "flock");

	kek_number_text(kek, number);
	kek_file_text(n->join.flock, kek, file);
	made = device_credentials(n->join.flock, n->join.id, &n->secret);
	if (json_object_set_new(made, "device_kek", json_string(number)) == -1 ||
	    json_object_set_new(made, "kek_file", json_string(file)) == -1) {
		forget_json(made);
		return reply_failed();
	}
	return reply_secret(201, made);
}

struct reply
handle_join(const struct call *c)
{
	struct newcomer n = { .join = { .now = c->now.wall_s } };
	struct reply reply;

	if (!request_flock_domain(c->rq, 0, &n.join.flock))
		return reply_unknown("flock");
	n.join.flock = flock_base(n.join.flock);
	if (newcomer_read(c->rq, &n, &reply)) {
		random_bytes(c->random, n.secret.bytes, sizeof(n.secret.bytes));
		reply = n.brings_key ? newcomer_enrol(c, &n) : newcomer_wait(c, &n);
	}
	secret_wipe(&n, sizeof(n));
	return reply;
}

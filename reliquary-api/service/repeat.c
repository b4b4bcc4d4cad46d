/* SPDX-License-Identifier: ISC */
/*
 * Idempotency-Key: a request that comes again gets the first answer again.  Looked up and noted in
 * the step that does the work, by the one writer: of two that come together one does it, the other
 * finds the answer.  Answers hold secrets, so they are sealed.
 */
#include "base/hex.h"
#include "base/log.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/service/parts.h"
#include "reliquary-api/store/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEAST       16
#define KEY_LEAST_ALONE 32 /* where it is all that keeps others from the answer */

#define PLACE_SIZE (sizeof("repeats/") + 2 * STORE_HASH)

/* What answers are, as the first byte of what is sealed; the rest is the body. */
static const char *const types[] = { NULL, "application/json", "text/plain; charset=utf-8" };
#define TYPES (sizeof(types) / sizeof(types[0]))

bool
repeat_wanted(const struct visit *v)
{
	const struct request *rq = &v->x->rq;

	return rq->method == METHOD_POST && v->route->effect == EFFECT_WRITES &&
	       (rq->repeat_key[0] != '\0' || rq->repeat_overflow);
}

bool
repeat_key_ok(const struct visit *v)
{
	const char *key = v->x->rq.repeat_key;
	size_t least = v->route->access == ACCESS_ANYONE ? KEY_LEAST_ALONE : KEY_LEAST;

	for (const char *at = key; *at != '\0'; at++) {
		if (*at < 0x21 || *at > 0x7e)
			return false;
	}
	return !v->x->rq.repeat_overflow && strlen(key) >= least;
}

static struct hash32
hash_of(const struct call *c, enum secret_kind kind, const void *data, size_t len)
{
	struct secret_hash hash = vault_hash(c->site->vault, kind, data, len);
	struct hash32 ret;

	memcpy(ret.bytes, hash.bytes, sizeof(ret.bytes));
	return ret;
}

/* Which first answer is meant: one account's keys have nothing to do with another's. */
static struct hash32
key_hash(const struct call *c, const struct route *route)
{
	char text[REQUEST_REPEAT_MAX + REQUEST_PATH_MAX + 2 * REQUEST_WORD_MAX];
	bool cathedral = route->access == ACCESS_CATHEDRAL;
	struct hash32 hash;

	snprintf(text, sizeof(text), "%jd %s %s %s %s", (intmax_t)c->who.account.value,
	    cathedral ? c->cathedral.name : "", method_name(c->rq->method), c->rq->path,
	    c->rq->repeat_key);
	hash = hash_of(c, SECRET_REPEAT_KEY, text, strlen(text));
	secret_wipe(text, sizeof(text));
	return hash;
}

/* What was asked, besides where: query, and the body or the file that it went to. */
static struct hash32
request_hash(const struct call *c)
{
	const struct request *rq = c->rq;
	char text[REQUEST_QUERY_MAX * (2 * REQUEST_WORD_MAX + 8) + 2 * STORE_HASH + 16];
	struct hash32 body;
	size_t used;

	if (rq->upload != NULL)
		memcpy(body.bytes, upload_hash(rq->upload), sizeof(body.bytes));
	else
		body = hash_of(c, SECRET_REPEAT_REQUEST, rq->body, rq->body_len);
	hex_encode(text, body.bytes, sizeof(body.bytes));
	used = 2 * sizeof(body.bytes);
	for (size_t n = 0; n < rq->query_count; n++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %zu:%s %zu:%s",
		    strlen(rq->query[n].name), rq->query[n].name, strlen(rq->query[n].value),
		    rq->query[n].value);
	return hash_of(c, SECRET_REPEAT_REQUEST, text, used);
}

/* Sealed bytes open at their own row only. */
static void
place_of(const struct hash32 *hash, char place[static PLACE_SIZE])
{
	memcpy(place, "repeats/", sizeof("repeats/"));
	hex_encode(place + strlen(place), hash->bytes, sizeof(hash->bytes));
}

/* sealed's bytes as the answer that they were. */
static struct reply
first_answer(const struct call *c, const struct repeat *first)
{
	struct reply ret = { .status = first->status, .replayed = true, .secret = true };
	size_t len = first->sealed_len - VAULT_SEAL_EXTRA;
	char place[PLACE_SIZE], *plain;

	if (first->sealed_len <= VAULT_SEAL_EXTRA)
		return reply_failed();
	plain = malloc(len + 1);
	if (plain == NULL)
		return reply_failed();
	place_of(&first->hash, place);
	if (!vault_open_sealed(c->site->vault, place, first->sealed, first->sealed_len, plain) ||
	    (uint8_t)plain[0] >= TYPES) {
		log_error("a first answer in the database does not open: is the key file its own?");
		free(plain);
		return reply_failed();
	}
	ret.type = types[(uint8_t)plain[0]];
	memmove(plain, plain + 1, len - 1);
	plain[len - 1] = '\0';
	ret.text = plain;
	return ret;
}

bool
repeat_answer(const struct call *c, const struct route *route, struct reply *ret)
{
	struct hash32 hash = key_hash(c, route), asked = request_hash(c);
	struct repeat first = { 0 };
	enum store_result result = repeat_find(c->store, &hash, c->now.wall_s, &first);

	if (result == STORE_NONE)
		return false;
	if (result != STORE_OK) {
		*ret = reply_store(result, "answer");
		return true;
	}
	first.hash = hash;
	if (secret_equal(asked.bytes, first.request_hash.bytes, sizeof(asked.bytes)))
		*ret = first_answer(c, &first);
	else
		*ret = reply_problem(409, "repeat-mismatch",
		    "this Idempotency-Key came with another request before");
	free(first.sealed);
	return true;
}

static uint8_t
type_number(const struct reply *r, size_t len)
{
	const char *type = reply_content_type(r);

	for (uint8_t n = 1; len > 0 && n < TYPES; n++) {
		if (strcmp(type, types[n]) == 0)
			return n;
	}
	return 0;
}

/* The row's sealed bytes, malloc'd; false without memory. */
static bool
answer_seal(const struct call *c, const struct reply *first, struct repeat *row)
{
	char place[PLACE_SIZE];
	const char *body;
	uint8_t *plain;
	size_t len;
	bool owned;

	if (!reply_render(first, &body, &len, &owned))
		return false;
	plain = malloc(len + 1);
	row->sealed_len = len + 1 + VAULT_SEAL_EXTRA;
	row->sealed = malloc(row->sealed_len);
	if (plain != NULL && row->sealed != NULL) {
		plain[0] = type_number(first, len);
		memcpy(plain + 1, body, len);
		place_of(&row->hash, place);
		vault_seal(c->site->vault, place, plain, len + 1, row->sealed, c->random);
		secret_wipe(plain, len + 1);
		free(plain);
	} else {
		free(plain);
		free(row->sealed);
		row->sealed = NULL;
	}
	if (owned) {
		char *mine = (char *)(uintptr_t)body;

		secret_wipe(mine, len);
		free(mine);
	}
	return row->sealed != NULL;
}

bool
repeat_remember(const struct call *c, const struct route *route, const struct reply *first,
    struct reply *failed)
{
	struct repeat row = { .hash = key_hash(c, route),
		.request_hash = request_hash(c),
		.account = c->who.account,
		.status = first->status,
		.now = c->now.wall_s,
		.expires = c->now.wall_s + (int64_t)c->site->settings->repeat_s };
	enum store_result result = STORE_FAILED;

	if (answer_seal(c, first, &row))
		result = repeat_keep(c->store, &row);
	free(row.sealed);
	if (result == STORE_OK)
		return true;
	*failed = reply_store(result, "answer");
	return false;
}

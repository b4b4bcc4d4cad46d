/* SPDX-License-Identifier: ISC */
/* Tokens of an account. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/http/forget.h"

#include <string.h>

#define DAY_S        86400
#define DATE_LEN     10 /* "2026-11-21" */
#define TOKEN_LIFE_S (10 * UINT64_C(366) * DAY_S)

static const char *const scopes[] = {
	[SCOPE_READ] = "read",
	[SCOPE_APPROVE] = "approve",
	[SCOPE_FULL] = "full",
};

/* False when it names none. */
static bool
scope_parse(enum scope *ret, const char *text)
{
	for (enum scope s = SCOPE_READ; s <= SCOPE_FULL; s++) {
		if (strcmp(text, scopes[s]) == 0) {
			*ret = s;
			return true;
		}
	}
	return false;
}

static bool
token_show(void *arg, const struct token *t)
{
	char id[ID64_TEXT], used[TIME_TEXT];

	id64_text(t->id, id);
	time_text(t->used_day * DAY_S, used);
	return listing_add(arg,
	    json_pack("{s:s, s:s, s:s, s:o, s:o, s:s%}", "id", id, "label", t->label, "scope",
		scopes[t->scope], "created", time_json(t->created), "expires",
		time_json(t->expires), "used", used, (size_t)DATE_LEN),
	    id);
}

struct reply
handle_token_list(const struct call *c)
{
	enum store_result result;
	struct reply refused;
	struct listing l;
	uint64_t after;

	if (!listing_begin(&l, c, &refused) || !listing_after_id(&l, &after, &refused))
		return refused;
	result = token_list(
	    c->store, c->who.account, after, listing_want(&l), c->now.wall_s, token_show, &l);
	return listing_end(&l, result, "tokens", "account");
}

/* What the caller wants; false with the answer. */
static bool
wish_read(const struct call *c, struct token *wish, struct reply *refused)
{
	char scope[16] = "full";
	uint64_t expires_in = 0;
	const struct field fields[] = { FIELD_TEXT_INTO("label", wish->label),
		FIELD_TEXT_INTO("scope", scope),
		FIELD_UINT_INTO("expires_in", &expires_in, 1, TOKEN_LIFE_S), FIELD_END };

	if (!fields_read(c->rq->json, fields, refused))
		return false;
	if (!scope_parse(&wish->scope, scope)) {
		*refused = reply_bad_field("scope", "is one of full, read, approve");
		return false;
	}
	if (expires_in > 0)
		wish->expires = c->now.wall_s + (int64_t)expires_in;
	return true;
}

struct reply
handle_token_create(const struct call *c)
{
	struct token wish = { .label = "" };
	struct token_made made;
	enum store_result result;
	struct reply refused;
	char id[ID64_TEXT];
	json_t *shown;

	if (!wish_read(c, &wish, &refused))
		return refused;
	result = token_issue(c, c->who.account, &wish, false, &made);
	if (result != STORE_OK)
		secret_wipe(&made, sizeof(made));
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "the account has as many tokens as it may have");
	if (result != STORE_OK)
		return reply_store(result, "account");

	id64_text(made.row.id, id);
	shown = json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", id, "token", made.value, "label",
	    made.row.label, "scope", scopes[made.row.scope], "expires",
	    time_json(made.row.expires));
	secret_wipe(&made, sizeof(made));
	result = call_note(c, "token.create", id);
	if (result == STORE_OK)
		return reply_secret(201, shown);
	forget_json(shown);
	return reply_store(result, "account");
}

struct reply
handle_token_delete(const struct call *c)
{
	enum store_result result;
	char text[ID64_TEXT];
	uint64_t id;

	if (!request_id64(c->rq, 0, &id))
		return reply_unknown("token");
	id64_text(id, text);
	result = token_delete(c->store, c->who.account, id);
	if (result == STORE_OK)
		result = call_note(c, "token.delete", text);
	return result == STORE_OK ? reply_deleted(c, text) : reply_store(result, "token");
}

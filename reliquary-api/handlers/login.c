/* SPDX-License-Identifier: ISC */
/* From an account key to a token, and from nothing to a cathedral. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/store/ledger.h"

#include <string.h>

/* The body without white space behind it: files and shells put a line end there. */
static size_t
key_length(const struct request *rq)
{
	size_t len = rq->body_len;

	while (len > 0 && strchr(" \t\r\n", rq->body[len - 1]) != NULL)
		len--;
	return len;
}

static struct reply
reply_whereabouts(const struct call *c)
{
	json_t *found = json_object();
	enum store_result result = cathedral_give(c, found);

	if (result == STORE_OK)
		return reply_json(200, found);
	json_decref(found);
	return reply_store(result, "cathedral");
}

static enum store_result
login_note(const struct call *c, struct account_id account)
{
	const struct event e = {
		.at = c->now.wall_s, .token = "key", .action = "account.login", .subject = ""
	};

	return event_add(c->store, account, &e);
}

static struct reply
reply_token(const struct call *c, const struct account *account)
{
	const struct token wish = { .label = "login", .scope = SCOPE_FULL };
	struct token_made token;
	enum store_result result;
	json_t *made;

	result = token_issue(c, account->id, &wish, true, &token);
	if (result == STORE_OK)
		result = login_note(c, account->id);
	if (result != STORE_OK) {
		secret_wipe(&token, sizeof(token));
		return reply_store(result, "token");
	}

	made = json_pack("{s:s, s:s}", "token", token.value, "share_id", account->share_id);
	secret_wipe(&token, sizeof(token));
	result = cathedral_give(c, made);
	if (result == STORE_OK)
		return reply_secret(200, made);
	forget_json(made);
	return reply_store(result, "cathedral");
}

/* Expired accounts get a token, too: extending takes one. */
struct reply
handle_login(const struct call *c)
{
	size_t len = key_length(c->rq);
	char key[ACCOUNT_KEY_TEXT];
	struct account account;
	enum store_result result;
	struct hash32 hash;

	if (len == 0)
		return reply_whereabouts(c);
	if (len != sizeof(key) - 1)
		return reply_problem(400, "malformed", "an account key is 64 hexadecimal digits");

	memcpy(key, c->rq->body, len);
	key[len] = '\0';
	hash = text_hash(c, SECRET_ACCOUNT_KEY, key);
	secret_wipe(key, sizeof(key));
	result = account_by_key(c->store, &hash, &account);
	if (result == STORE_NONE)
		return reply_problem(401, "token", "this is nobody's account key");
	if (result != STORE_OK)
		return reply_store(result, "account");
	if (account.suspended)
		return reply_problem(403, "account-suspended",
		    "the account is suspended: ask whoever runs this service");
	return reply_token(c, &account);
}

/* SPDX-License-Identifier: ISC */
/* The caller's own account. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/forget.h"

struct reply
handle_account_show(const struct call *c)
{
	enum store_result result;
	struct account a;

	result = account_get(c->store, c->who.account, &a);
	if (result != STORE_OK)
		return reply_store(result, "account");
	return reply_json(
	    200, json_pack("{s:s, s:o, s:o, s:s, s:I, s:I, s:s}", "share_id", a.share_id, "created",
		     time_json(a.created), "expires", time_json(a.expires), "state",
		     account_state(&a, c->now.wall_s), "flocks", (json_int_t)a.flocks, "max_flocks",
		     (json_int_t)a.max_flocks, "registration", a.registration));
}

struct reply
handle_account_extend(const struct call *c)
{
	int64_t expires = c->now.wall_s + (int64_t)c->site->settings->extension_s;
	enum store_result result;
	struct account a;

	result = account_extend(c->store, c->who.account, expires, c->now.wall_s);
	if (result == STORE_OK)
		result = call_note(c, "account.extend", "");
	if (result == STORE_OK)
		result = account_get(c->store, c->who.account, &a);
	if (result != STORE_OK)
		return reply_store(result, "account");
	return reply_json(200, json_pack("{s:o}", "expires", time_json(a.expires)));
}

struct reply
handle_account_key(const struct call *c)
{
	enum store_result result;
	char key[ACCOUNT_KEY_TEXT];
	struct hash32 hash;
	json_t *made;

	token_new(key, sizeof(key) / 2, c->random);
	hash = text_hash(c, SECRET_ACCOUNT_KEY, key);
	made = json_pack("{s:s}", "account", key);
	secret_wipe(key, sizeof(key));

	result = account_set_key(c->store, c->who.account, &hash);
	if (result == STORE_OK)
		result = call_note(c, "account.key", "");
	if (result == STORE_OK)
		return reply_secret(200, made);
	forget_json(made);
	return reply_store(result, "account");
}

struct reply
handle_account_delete(const struct call *c)
{
	enum store_result result = account_delete(c->store, c->who.account, c->now.wall_s);

	return result == STORE_OK ? reply_empty() : reply_store(result, "account");
}

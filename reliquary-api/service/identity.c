/* SPDX-License-Identifier: ISC */
/* Who asks.  Asked before a body is let in, and again where the work is done, of the same moment as
 * the work: a token that was revoked in between does nothing any more. */
#include "reliquary-api/auth/token.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/service/parts.h"

#include <string.h>

_Static_assert(VAULT_HASH_SIZE == STORE_HASH, "hashes are stored as they are made");

static struct hash32
token_hash(const struct visit *v, enum secret_kind kind)
{
	const char *token = v->x->rq.token;
	struct secret_hash hash = vault_hash(v->api->o.site->vault, kind, token, strlen(token));
	struct hash32 ret;

	memcpy(ret.bytes, hash.bytes, sizeof(ret.bytes));
	return ret;
}

/* What is known of the account may keep it out. */
static bool
standing_ok(const struct visit *v, struct reply *refused)
{
	if (v->who.suspended) {
		*refused = reply_problem(403, "account-suspended",
		    "the account is suspended: ask whoever runs this service");
		return false;
	}
	if (v->who.expires <= v->now.wall_s && v->route->access != ACCESS_ENDED) {
		*refused = reply_problem(403, "account-expired",
		    "the account has expired: POST /v1/account/extend makes it live on");
		return false;
	}
	if (v->who.scope < v->route->scope) {
		*refused = reply_problem(403, "scope", "this token may only %s",
		    v->who.scope == SCOPE_READ ? "read" : "read, and approve devices");
		return false;
	}
	return true;
}

/* What was known before stays when the token is nobody's any more. */
static enum store_result
token_find(struct visit *v, struct session *store)
{
	enum store_result result;
	struct caller who;
	struct hash32 hash;

	if (!token_plausible(v->x->rq.token, TOKEN_TEXT - 1))
		return STORE_NONE;
	if (v->route->access == ACCESS_CATHEDRAL) {
		hash = token_hash(v, SECRET_CATHEDRAL_TOKEN);
		return cathedral_by_token(store, &hash, &v->cathedral);
	}
	hash = token_hash(v, SECRET_TOKEN);
	result = caller_by_token(store, &hash, v->now.wall_s, &who);
	if (result == STORE_OK)
		v->who = who;
	return result;
}

bool
visit_identify(struct visit *v, struct session *store, struct reply *refused, bool *wrong)
{
	enum store_result result;

	*wrong = false;
	if (v->route->access == ACCESS_ANYONE)
		return true;
	if (v->x->rq.token[0] == '\0') {
		*refused = reply_problem(
		    401, "token", "this takes a token, as x-token or Authorization: Bearer");
		return false;
	}
	result = token_find(v, store);
	if (result == STORE_NONE) {
		*wrong = true;
		*refused = reply_problem(401, "token", "the token is not good, or no longer");
		return false;
	}
	if (result != STORE_OK) {
		*refused = reply_store(result, "account");
		return false;
	}
	return v->route->access == ACCESS_CATHEDRAL || standing_ok(v, refused);
}

bool
visit_admit(struct visit *v, struct session *store, struct reply *refused)
{
	struct api *s = v->api;
	unsigned retry_after_s;
	bool wrong;

	if (visit_identify(v, store, refused, &wrong)) {
		if (v->route->access == ACCESS_ACCOUNT || v->route->access == ACCESS_ENDED)
			used_days_note(s->days, &v->who, v->now);
		return true;
	}
	if (!wrong)
		return false;
	counts_add(&s->counts.token_wrong, 1);
	if (!rates_take(
		s->rates, RATE_WRONG_TOKEN, &v->x->rq.from, v->now.mono_ns, &retry_after_s)) {
		counts_add(&s->counts.rate_limited, 1);
		reply_free(refused);
		*refused = reply_limited(retry_after_s);
	}
	return false;
}

struct call
visit_call(struct visit *v, struct session *store, struct random *random)
{
	return (struct call){ .rq = &v->x->rq,
		.site = v->api->o.site,
		.store = store,
		.random = random,
		.now = v->now,
		.who = v->who,
		.cathedral = v->cathedral,
		.may_wait = v->route->effect == EFFECT_WAITS && !v->over };
}

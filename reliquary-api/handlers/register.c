/* SPDX-License-Identifier: ISC */
/* New accounts, and what stands before them. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/store/ledger.h"

#include <stdio.h>
#include <string.h>

#define INVITE_TEXT 65

/* What an account is born with; wiped once it is in the answer. */
struct newcomer {
	struct account_id id;
	char share_id[SHARE_ID_TEXT];
	char key[ACCOUNT_KEY_TEXT];
	struct token_made token;
	int64_t expires;
};

struct reply
handle_challenge(const struct call *c)
{
	char challenge[POW_CHALLENGE_TEXT];
	unsigned bits;

	if (c->site->settings->registration != REGISTRATION_POW)
		return reply_problem(404, "not-found", "registering takes no proof of work here");

	bits = pow_load_bits(c->site->load, c->now.mono_ns);
	pow_challenge(c->site->vault, bits, c->now.wall_s, c->random, challenge);
	return reply_json(200, json_pack("{s:s, s:i, s:o}", "challenge", challenge, "bits",
				   (int)bits, "expires", time_json(c->now.wall_s + POW_TTL_S)));
}

/* Each of these: true when the stranger may have an account, false with the answer. */

static bool
admit_freely(const struct call *c, struct reply *refused)
{
	const struct field none[] = { FIELD_END };

	return fields_read(c->rq->json, none, refused);
}

static bool
admit_invited(const struct call *c, struct reply *refused)
{
	char invite[INVITE_TEXT] = "";
	const struct field fields[] = { FIELD_TEXT_INTO("invite", invite), FIELD_END };
	enum store_result result;
	struct hash32 hash;
	bool ok;

	ok = fields_read(c->rq->json, fields, refused);
	hash = text_hash(c, SECRET_INVITE, invite);
	secret_wipe(invite, sizeof(invite));
	if (!ok)
		return false;
	result = invite_use(c->store, &hash, c->now.wall_s);
	if (result == STORE_OK)
		return true;
	*refused = result == STORE_NONE ? reply_problem(403, "invite",
					      "registering takes an invitation that is good")
					: reply_store(result, "invitation");
	return false;
}

static struct reply
reply_work(enum pow_verdict verdict)
{
	switch (verdict) {
	case POW_FORGED:
		return reply_problem(400, "proof-of-work", "this is no challenge of this service");
	case POW_EXPIRED:
		return reply_problem(
		    403, "proof-of-work", "the challenge has ended: ask for another");
	case POW_TOO_EASY:
		return reply_problem(403, "proof-of-work",
		    "the nonce does not give the zero bits that were asked for");
	case POW_OK:
		break;
	}
	return reply_failed();
}

/* The challenge is spent in the same step: two who bring it together cannot both have it. */
static bool
admit_worker(const struct call *c, struct reply *refused)
{
	char challenge[POW_CHALLENGE_TEXT] = "", nonce[POW_NONCE_MAX + 1] = "";
	const struct field fields[] = { FIELD_TEXT_INTO("challenge", challenge),
		FIELD_TEXT_INTO("nonce", nonce), FIELD_END };
	enum store_result result;
	enum pow_verdict verdict;
	struct hash32 hash;
	int64_t expires;

	if (!fields_read(c->rq->json, fields, refused))
		return false;
	if (challenge[0] == '\0' || nonce[0] == '\0') {
		*refused = reply_problem(403, "proof-of-work",
		    "registering takes a proof of work: GET /v1/register/challenge says how much");
		return false;
	}
	verdict = pow_check(c->site->vault, challenge, nonce, c->now.wall_s, &expires);
	if (verdict != POW_OK) {
		*refused = reply_work(verdict);
		return false;
	}
	hash = text_hash(c, SECRET_CHALLENGE, challenge);
	result = challenge_spend(c->store, &hash, expires);
	if (result == STORE_OK)
		return true;
	*refused = result == STORE_CONFLICT
		       ? reply_problem(403, "proof-of-work", "the challenge was used already")
		       : reply_store(result, "challenge");
	return false;
}

static bool
admit(const struct call *c, struct reply *refused)
{
	switch (c->site->settings->registration) {
	case REGISTRATION_OPEN:
		return admit_freely(c, refused);
	case REGISTRATION_POW:
		return admit_worker(c, refused);
	case REGISTRATION_INVITE:
		return admit_invited(c, refused);
	case REGISTRATION_CLOSED:
		break;
	}
	*refused = reply_problem(403, "registration-closed", "this service takes no new accounts");
	return false;
}

static enum store_result
newcomer_account(const struct call *c, struct newcomer *n)
{
	const struct settings *s = c->site->settings;
	enum store_result result = STORE_CONFLICT;

	n->expires = c->now.wall_s + (int64_t)s->account_s;
	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		struct account_new a = { .now = c->now.wall_s,
			.expires = n->expires,
			.max_flocks = s->account_flocks,
			.bw_limit = s->device_mbit,
			.registration = registration_name(s->registration) };

		token_new(n->key, sizeof(n->key) / 2, c->random);
		token_new(n->share_id, sizeof(n->share_id) / 2, c->random);
		a.key_hash = text_hash(c, SECRET_ACCOUNT_KEY, n->key);
		memcpy(a.share_id, n->share_id, sizeof(a.share_id));
		result = account_create(c->store, &a, &n->id);
	}
	return result;
}

static enum store_result
newcomer_make(const struct call *c, struct newcomer *n)
{
	const struct token wish = { .label = "register", .scope = SCOPE_FULL };
	const struct event e = {
		.at = c->now.wall_s, .token = "key", .action = "account.create", .subject = ""
	};
	enum store_result result;

	result = newcomer_account(c, n);
	if (result == STORE_OK)
		result = token_issue(c, n->id, &wish, false, &n->token);
	if (result == STORE_OK)
		result = event_add(c->store, n->id, &e);
	return result;
}

struct reply
handle_register(const struct call *c)
{
	struct newcomer n;
	struct reply refused;
	enum store_result result;
	json_t *made;

	if (!admit(c, &refused))
		return refused;
	result = newcomer_make(c, &n);
	if (result != STORE_OK) {
		secret_wipe(&n, sizeof(n));
		return reply_store(result, "account");
	}
	made = json_pack("{s:s, s:s, s:s, s:o}", "account", n.key, "token", n.token.value,
	    "share_id", n.share_id, "expires", time_json(n.expires));
	secret_wipe(&n, sizeof(n));
	result = cathedral_give(c, made);
	if (result != STORE_OK) {
		forget_json(made);
		return reply_store(result, "cathedral");
	}
	/* Run again, this counts twice: work gets harder a little early, and nobody is hurt. */
	pow_load_registered(c->site->load, c->now.mono_ns);
	return reply_secret(201, made);
}

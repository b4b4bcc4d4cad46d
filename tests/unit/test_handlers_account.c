/* SPDX-License-Identifier: ISC */
/* Registering, logging in, the account, its tokens and its log. */
#include "base/work.h"
#include "tests/support/handled.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
forget(json_t *json)
{
	json_decref(json);
}

/* ---- register ---- */

static void
an_account_comes_with_key_token_and_cathedral(void **state)
{
	struct handled *h = *state;
	struct handled_tenant newcomer = { .key = "" };
	struct account account;
	struct caller caller;
	struct hash32 hash;
	json_t *made;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	made = handled_json(h, 201, NULL, "POST /v1/register", NULL);
	assert_string_equal(text_of(made, "cathedral"), "192.0.2.1:4500");
	assert_int_equal(json_integer_value(json_object_get(made, "natport")), 4501);
	assert_string_equal(text_of(made, "expires"), "2026-09-22T14:13:20Z");

	hash = handled_hash(h, SECRET_ACCOUNT_KEY, text_of(made, "account"));
	assert_int_equal(account_by_key(h->s, &hash, &account), STORE_OK);
	assert_string_equal(account.share_id, text_of(made, "share_id"));
	assert_int_equal(account.expires, STORE_NOW + 86400);
	assert_int_equal(account.max_flocks, 3);
	assert_int_equal(account.bw_limit, 25);
	assert_string_equal(account.registration, "open");

	hash = handled_hash(h, SECRET_TOKEN, text_of(made, "token"));
	assert_int_equal(caller_by_token(h->s, &hash, STORE_NOW, &caller), STORE_OK);
	assert_int_equal(caller.account.value, account.id.value);
	assert_int_equal(caller.scope, SCOPE_FULL);
	newcomer.account = account.id;
	handled_noted(h, &newcomer, "account.create  by key");
	forget(made);
}

static void
without_a_cathedral_there_is_none_to_give(void **state)
{
	json_t *made = handled_json(*state, 201, NULL, "POST /v1/register", "{}");

	assert_true(json_is_null(json_object_get(made, "cathedral")));
	assert_true(json_is_null(json_object_get(made, "natport")));
	forget(made);
}

static void
a_closed_service_takes_nobody(void **state)
{
	struct handled *h = *state;
	struct errand e = errand(NULL, "POST /v1/register", NULL);

	h->settings.registration = REGISTRATION_CLOSED;
	handled_problem(h, 403, "registration-closed", "this service takes no new accounts", &e);
}

static void
an_open_one_wants_to_know_nothing(void **state)
{
	struct errand e = errand(NULL, "POST /v1/register", "{\"invite\": \"x\"}");

	handled_problem(*state, 400, "field", "invite is no member of this request's body", &e);
}

static void
an_invitation_is_good_as_often_as_it_says(void **state)
{
	struct handled *h = *state;
	struct errand e = errand(NULL, "POST /v1/register", "{\"invite\": \"come in\"}");
	struct errand none = errand(NULL, "POST /v1/register", NULL);
	struct invite i = { .id = 1,
		.label = "friends",
		.uses_left = 1,
		.created = STORE_NOW,
		.expires = STORE_NOW + 10 };
	struct hash32 hash = handled_hash(h, SECRET_INVITE, "come in");

	h->settings.registration = REGISTRATION_INVITE;
	assert_int_equal(invite_create(h->s, &i, &hash), STORE_OK);
	handled_problem(h, 403, "invite", "registering takes an invitation that is good", &none);
	handled_ok(h, 201, NULL, e.what, e.json);
	handled_problem(h, 403, "invite", "registering takes an invitation that is good", &e);
}

/* The first nonce from *n on that gives so many zero bits; *n is behind it then. */
static void
nonce_find(const char *challenge, unsigned bits, unsigned *n, char nonce[static 32])
{
	do {
		snprintf(nonce, 32, "%u", (*n)++);
	} while (work_bits(challenge, strlen(challenge), nonce, strlen(nonce)) < bits);
}

/* A challenge, and a nonce for it, as a request; another one for the same challenge in again. */
static void
work_out(struct handled *h, char body[static 256], char again[static 256])
{
	json_t *challenge = handled_json(h, 200, NULL, "GET /v1/register/challenge", NULL);
	const char *text = text_of(challenge, "challenge");
	unsigned bits = (unsigned)json_integer_value(json_object_get(challenge, "bits")), n = 0;
	char nonce[32];

	nonce_find(text, bits, &n, nonce);
	snprintf(body, 256, "{\"challenge\": \"%s\", \"nonce\": \"%s\"}", text, nonce);
	nonce_find(text, bits, &n, nonce);
	snprintf(again, 256, "{\"challenge\": \"%s\", \"nonce\": \"%s\"}", text, nonce);
	forget(challenge);
}

static void
work_lets_in_once(void **state)
{
	struct handled *h = *state;
	char body[256] = "", again[256] = "";
	struct errand e = errand(NULL, "POST /v1/register", body);
	struct errand other = errand(NULL, "POST /v1/register", again);

	h->settings.registration = REGISTRATION_POW;
	work_out(h, body, again);
	handled_ok(h, 201, NULL, e.what, e.json);
	handled_problem(h, 403, "proof-of-work", "the challenge was used already", &e);
	handled_problem(h, 403, "proof-of-work", "the challenge was used already", &other);
}

static void
work_must_be_done_in_time(void **state)
{
	struct handled *h = *state;
	char body[256] = "", again[256] = "";
	struct errand e = errand(NULL, "POST /v1/register", body);

	h->settings.registration = REGISTRATION_POW;
	work_out(h, body, again);
	h->now.wall_s += POW_TTL_S;
	handled_problem(h, 403, "proof-of-work", "the challenge has ended: ask for another", &e);
}

static void
work_must_be_work(void **state)
{
	struct handled *h = *state;
	char body[256] = "", easy[256] = "";
	struct errand none = errand(NULL, "POST /v1/register", NULL);
	struct errand half = errand(NULL, "POST /v1/register", "{\"challenge\": \"00\"}");
	struct errand forged =
	    errand(NULL, "POST /v1/register", "{\"challenge\": \"00\", \"nonce\": \"1\"}");
	struct errand e = errand(NULL, "POST /v1/register", easy);

	h->settings.registration = REGISTRATION_POW;
	handled_problem(h, 403, "proof-of-work",
	    "registering takes a proof of work: GET /v1/register/challenge says how much", &none);
	handled_problem(h, 403, "proof-of-work",
	    "registering takes a proof of work: GET /v1/register/challenge says how much", &half);
	handled_problem(h, 400, "proof-of-work", "this is no challenge of this service", &forged);

	/* A nonce without any merit is found as easily as one with. */
	work_out(h, body, easy);
	for (unsigned n = 0;; n++) {
		char nonce[32];

		snprintf(nonce, sizeof(nonce), "%u", n);
		snprintf(easy, sizeof(easy), "%.*s\"nonce\": \"%s\"}",
		    (int)(strstr(body, "\"nonce\"") - body), body, nonce);
		if (work_bits(body + strlen("{\"challenge\": \""), 84, nonce, strlen(nonce)) == 0)
			break;
	}
	handled_problem(h, 403, "proof-of-work",
	    "the nonce does not give the zero bits that were asked for", &e);
}

static void
challenges_get_harder_the_more_register(void **state)
{
	struct handled *h = *state;
	json_t *challenge;

	for (int i = 0; i < 10; i++) /* twice each, as they are run: 120 an hour */
		handled_ok(h, 201, NULL, "POST /v1/register", NULL);
	h->settings.registration = REGISTRATION_POW;
	challenge = handled_json(h, 200, NULL, "GET /v1/register/challenge", NULL);
	assert_int_equal(json_integer_value(json_object_get(challenge, "bits")), 7);
	assert_string_equal(text_of(challenge, "expires"), "2026-09-21T14:23:20Z");
	forget(challenge);
}

static void
there_is_no_challenge_without_work(void **state)
{
	struct errand e = errand(NULL, "GET /v1/register/challenge", NULL);

	handled_problem(*state, 404, "not-found", "registering takes no proof of work here", &e);
}

/* ---- login ---- */

static json_t *
login(struct handled *h, const char *what, const char *body)
{
	struct errand e = { .what = what, .body = body, .body_len = strlen(body) };
	struct reply reply = handled_run(h, &e);
	json_t *ret = json_incref(reply.json);

	assert_int_equal(reply.status, 200);
	reply_free(&reply);
	return ret;
}

static void
a_key_gives_a_token(void **state)
{
	struct handled *h = *state;
	char line[80];
	struct caller caller;
	struct hash32 hash;
	json_t *made;

	handled_cathedral(h, "vesper", "eu", "2001:db8::7", 0);
	snprintf(line, sizeof(line), "%s \r\n", h->anna.key);
	made = login(h, "POST /v1/init", line);
	assert_string_equal(text_of(made, "share_id"), "a11a000000000001");
	assert_string_equal(text_of(made, "cathedral"), "[2001:db8::7]:4500");
	assert_true(json_is_null(json_object_get(made, "natport")));
	hash = handled_hash(h, SECRET_TOKEN, text_of(made, "token"));
	assert_int_equal(caller_by_token(h->s, &hash, STORE_NOW, &caller), STORE_OK);
	assert_int_equal(caller.account.value, h->anna.account.value);
	assert_int_equal(caller.scope, SCOPE_FULL);
	handled_noted(h, &h->anna, "account.login  by key");
	forget(made);
}

static void
no_key_gives_a_cathedral_of_the_region(void **state)
{
	struct handled *h = *state;
	json_t *made;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_cathedral(h, "matins", "us", "192.0.2.2", 4501);
	made = login(h, "POST /v1/login?region=us", "");
	assert_string_equal(text_of(made, "cathedral"), "192.0.2.2:4500");
	assert_null(json_object_get(made, "token"));
	assert_null(json_object_get(made, "share_id"));
	forget(made);
	made = login(h, "POST /v1/init?region=eu", " \n");
	assert_string_equal(text_of(made, "cathedral"), "192.0.2.1:4500");
	forget(made);
}

static void
another_key_gives_nothing(void **state)
{
	static const char nobody[] =
	    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
	struct errand wrong = { .what = "POST /v1/login", .body = nobody, .body_len = 64 };
	struct errand cut = { .what = "POST /v1/login", .body = nobody, .body_len = 63 };
	struct errand two = { .what = "POST /v1/login", .body = "a\0b", .body_len = 3 };

	handled_problem(*state, 401, "token", "this is nobody's account key", &wrong);
	handled_problem(*state, 400, "malformed", "an account key is 64 hexadecimal digits", &cut);
	handled_problem(*state, 400, "malformed", "an account key is 64 hexadecimal digits", &two);
}

static void
suspended_ones_stay_out_and_expired_ones_come_in(void **state)
{
	struct handled *h = *state;
	struct errand e = { .what = "POST /v1/login", .body = h->anna.key, .body_len = 64 };

	h->now.wall_s += 2 * 86400;
	forget(login(h, "POST /v1/login", h->anna.key));
	assert_int_equal(
	    account_set_suspended(h->s, h->anna.account, true, h->now.wall_s), STORE_OK);
	handled_problem(h, 403, "account-suspended",
	    "the account is suspended: ask whoever runs this service", &e);
}

static void
logging_in_makes_room_for_its_token(void **state)
{
	struct handled *h = *state;
	json_t *listed;

	for (int i = 0; i < 6; i++)
		forget(login(h, "POST /v1/login", h->anna.key));
	listed = handled_json(h, 200, &h->anna, "GET /v1/tokens", NULL);
	assert_int_equal(json_array_size(json_object_get(listed, "tokens")), 4);
	forget(listed);
}

/* ---- account ---- */

static void
an_account_is_shown(void **state)
{
	struct handled *h = *state;
	json_t *shown;

	handled_flock(h, &h->anna, 0x6442a01510d91a00);
	shown = handled_json(h, 200, &h->anna, "GET /v1/account", NULL);
	assert_string_equal(text_of(shown, "share_id"), "a11a000000000001");
	assert_string_equal(text_of(shown, "created"), "2026-09-21T14:13:20Z");
	assert_string_equal(text_of(shown, "expires"), "2026-09-22T14:13:20Z");
	assert_string_equal(text_of(shown, "state"), "active");
	assert_string_equal(text_of(shown, "registration"), "open");
	assert_int_equal(json_integer_value(json_object_get(shown, "flocks")), 1);
	assert_int_equal(json_integer_value(json_object_get(shown, "max_flocks")), 3);
	forget(shown);
}

static void
extending_makes_it_last(void **state)
{
	struct handled *h = *state;
	json_t *made;

	h->now.wall_s += 2 * 86400; /* it has expired */
	made = handled_json(h, 200, &h->anna, "POST /v1/account/extend", NULL);
	assert_string_equal(text_of(made, "expires"), "2026-10-24T14:13:20Z");
	handled_noted(h, &h->anna, "account.extend  by " HANDLED_TOKEN_TEXT);
	forget(made);
	/* One that lasts longer does not last shorter. */
	h->settings.extension_s = 60;
	made = handled_json(h, 200, &h->anna, "POST /v1/account/extend", NULL);
	assert_string_equal(text_of(made, "expires"), "2026-10-24T14:13:20Z");
	forget(made);
}

static void
another_key_takes_the_place_of_the_old_one(void **state)
{
	struct handled *h = *state;
	struct errand old = { .what = "POST /v1/login", .body = h->anna.key, .body_len = 64 };
	json_t *made = handled_json(h, 200, &h->anna, "POST /v1/account/key", NULL);

	handled_noted(h, &h->anna, "account.key  by " HANDLED_TOKEN_TEXT);
	handled_problem(h, 401, "token", "this is nobody's account key", &old);
	forget(login(h, "POST /v1/login", text_of(made, "account")));
	forget(made);
}

static void
a_deleted_account_is_gone(void **state)
{
	struct handled *h = *state;
	struct account account;
	struct flock_id flock = handled_flock(h, &h->anna, 0x6442a01510d91a00);

	handled_ok(h, 204, &h->anna, "DELETE /v1/account", NULL);
	assert_int_equal(account_get(h->s, h->anna.account, &account), STORE_NONE);
	assert_int_equal(flock_owned(h->s, h->anna.account, flock), STORE_NONE);
	handled_ok(h, 200, &h->boris, "GET /v1/account", NULL);
}

/* ---- tokens ---- */

static void
tokens_are_made_listed_and_revoked(void **state)
{
	struct handled *h = *state;
	json_t *made, *listed, *token;
	char what[64], noted[80];
	struct caller caller;
	struct hash32 hash;

	made = handled_json(h, 201, &h->anna, "POST /v1/tokens",
	    "{\"label\": \"phone\", \"scope\": \"approve\", \"expires_in\": 60}");
	hash = handled_hash(h, SECRET_TOKEN, text_of(made, "token"));
	assert_int_equal(caller_by_token(h->s, &hash, STORE_NOW, &caller), STORE_OK);
	assert_int_equal(caller.scope, SCOPE_APPROVE);
	assert_int_equal(caller_by_token(h->s, &hash, STORE_NOW + 60, &caller), STORE_NONE);
	snprintf(
	    noted, sizeof(noted), "token.create %s by " HANDLED_TOKEN_TEXT, text_of(made, "id"));
	handled_noted(h, &h->anna, noted);

	listed = handled_json(h, 200, &h->anna, "GET /v1/tokens", NULL);
	token = json_array_get(json_object_get(listed, "tokens"), 0);
	assert_string_equal(text_of(token, "id"), text_of(made, "id"));
	assert_string_equal(text_of(token, "label"), "phone");
	assert_string_equal(text_of(token, "scope"), "approve");
	assert_string_equal(text_of(token, "expires"), "2026-09-21T14:14:20Z");
	assert_string_equal(text_of(token, "used"), "2026-09-21");
	assert_null(json_object_get(token, "token"));
	forget(listed);

	snprintf(what, sizeof(what), "DELETE /v1/tokens/%s", text_of(made, "id"));
	handled_ok(h, 204, &h->anna, what, NULL);
	assert_int_equal(caller_by_token(h->s, &hash, STORE_NOW, &caller), STORE_NONE);
	forget(made);
}

static void
a_token_is_full_and_lasts_unless_it_is_said(void **state)
{
	json_t *made =
	    handled_json(*state, 201, &((struct handled *)*state)->anna, "POST /v1/tokens", NULL);

	assert_string_equal(text_of(made, "scope"), "full");
	assert_string_equal(text_of(made, "label"), "");
	assert_true(json_is_null(json_object_get(made, "expires")));
	forget(made);
}

static void
tokens_of_others_are_none(void **state)
{
	struct handled *h = *state;
	json_t *made = handled_json(h, 201, &h->anna, "POST /v1/tokens", NULL);
	char what[64] = "";
	struct errand foreign = errand(&h->boris, what, NULL);
	struct errand unknown = errand(&h->anna, "DELETE /v1/tokens/00000000000000ff", NULL);
	struct errand malformed = errand(&h->anna, "DELETE /v1/tokens/00000000000000FF", NULL);

	snprintf(what, sizeof(what), "DELETE /v1/tokens/%s", text_of(made, "id"));
	handled_problem(h, 404, "not-found", "there is no such token", &foreign);
	handled_problem(h, 404, "not-found", "there is no such token", &unknown);
	handled_problem(h, 404, "not-found", "there is no such token", &malformed);
	forget(made);
}

static void
wishes_for_tokens_are_read_closely(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *json, *says;
	} cases[] = {
		{ "{\"scope\": \"root\"}", "scope is one of full, read, approve" },
		{ "{\"scope\": \"READ\"}", "scope is one of full, read, approve" },
		{ "{\"scope\": 1}", "scope is a text of at most 15 bytes" },
		{ "{\"expires_in\": 0}", "expires_in is a whole number from 1 to 316224000" },
		{ "{\"expires_in\": \"60\"}", "expires_in is a whole number from 1 to 316224000" },
		{ "{\"expires\": 60}", "expires is no member of this request's body" },
		{ "{\"label\": \"\\n\"}", "label is a text without control characters, line ends "
					  "and marks that turn its direction" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = errand(&h->anna, "POST /v1/tokens", cases[i].json);

		handled_problem(h, 400, "field", cases[i].says, &e);
	}
}

static void
tokens_have_a_quota(void **state)
{
	struct handled *h = *state;
	struct errand e = errand(&h->anna, "POST /v1/tokens", "{\"scope\": \"read\"}");

	for (int i = 0; i < 4; i++)
		handled_ok(h, 201, &h->anna, e.what, e.json);
	handled_problem(h, 409, "quota", "the account has as many tokens as it may have", &e);
}

/* ---- pages ---- */

static void
a_list_goes_on_where_its_page_ended(void **state)
{
	struct handled *h = *state;
	char what[96] = "GET /v1/tokens?limit=2";
	json_t *page;

	for (int i = 0; i < 4; i++)
		handled_ok(h, 201, &h->anna, "POST /v1/tokens", NULL);
	page = handled_json(h, 200, &h->anna, what, NULL);
	assert_int_equal(json_array_size(json_object_get(page, "tokens")), 2);
	snprintf(what, sizeof(what), "GET /v1/tokens?limit=2&after=%s", text_of(page, "next"));
	forget(page);
	page = handled_json(h, 200, &h->anna, what, NULL);
	assert_int_equal(json_array_size(json_object_get(page, "tokens")), 2);
	assert_true(json_is_null(json_object_get(page, "next"))); /* and it is no empty page */
	forget(page);
}

static void
pages_that_are_none_are_refused(void **state)
{
	struct handled *h = *state;
	static const char limit[] = "limit is a number from 1 to 1000";
	static const char after[] = "after is not what \"next\" of the page before said";
	static const struct {
		const char *what, *says;
	} cases[] = {
		{ "GET /v1/tokens?limit=0", limit },
		{ "GET /v1/events?limit=1001", limit },
		{ "GET /v1/flocks?limit=x", limit },
		{ "GET /v1/tokens?after=1", after },
		{ "GET /v1/tokens?after=00C0FFEE00C0FFEE", after },
		{ "GET /v1/flocks?after=x", after },
		{ "GET /v1/events?after=-1", after },
		{ "GET /v1/xflocks?after=6442a01510d91a00", after },
		{ "GET /v1/flocks/6442a01510d91a00/devices?after=01", after },
		{ "GET /v1/flocks/6442a01510d91a00/enrolments?after=01", after },
	};

	handled_flock(h, &h->anna, 0x6442a01510d91a00);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = errand(&h->anna, cases[i].what, NULL);

		handled_problem(h, 400, "field", cases[i].says, &e);
	}
}

/* ---- events ---- */

static void
the_log_is_read_backwards(void **state)
{
	struct handled *h = *state;
	json_t *page, *e;

	handled_ok(h, 200, &h->anna, "POST /v1/account/extend", NULL);
	h->now.wall_s++;
	handled_ok(h, 200, &h->anna, "POST /v1/account/key", NULL);
	page = handled_json(h, 200, &h->anna, "GET /v1/events?limit=1", NULL);
	e = json_array_get(json_object_get(page, "events"), 0);
	assert_int_equal(json_integer_value(json_object_get(e, "number")), 2);
	assert_string_equal(text_of(e, "at"), "2026-09-21T14:13:21Z");
	assert_string_equal(text_of(e, "token"), HANDLED_TOKEN_TEXT);
	assert_string_equal(text_of(e, "action"), "account.key");
	assert_string_equal(text_of(e, "subject"), "");
	assert_string_equal(text_of(page, "next"), "2");
	forget(page);
	page = handled_json(h, 200, &h->anna, "GET /v1/events?after=2", NULL);
	e = json_array_get(json_object_get(page, "events"), 0);
	assert_string_equal(text_of(e, "action"), "account.extend");
	assert_true(json_is_null(json_object_get(page, "next")));
	forget(page);
	page = handled_json(h, 200, &h->boris, "GET /v1/events", NULL);
	assert_int_equal(json_array_size(json_object_get(page, "events")), 0);
	forget(page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_comes_with_key_token_and_cathedral),
		TEST(without_a_cathedral_there_is_none_to_give),
		TEST(a_closed_service_takes_nobody),
		TEST(an_open_one_wants_to_know_nothing),
		TEST(an_invitation_is_good_as_often_as_it_says),
		TEST(work_lets_in_once),
		TEST(work_must_be_done_in_time),
		TEST(work_must_be_work),
		TEST(challenges_get_harder_the_more_register),
		TEST(there_is_no_challenge_without_work),
		TEST(a_key_gives_a_token),
		TEST(no_key_gives_a_cathedral_of_the_region),
		TEST(another_key_gives_nothing),
		TEST(suspended_ones_stay_out_and_expired_ones_come_in),
		TEST(logging_in_makes_room_for_its_token),
		TEST(an_account_is_shown),
		TEST(extending_makes_it_last),
		TEST(another_key_takes_the_place_of_the_old_one),
		TEST(a_deleted_account_is_gone),
		TEST(tokens_are_made_listed_and_revoked),
		TEST(a_token_is_full_and_lasts_unless_it_is_said),
		TEST(tokens_of_others_are_none),
		TEST(wishes_for_tokens_are_read_closely),
		TEST(tokens_have_a_quota),
		TEST(a_list_goes_on_where_its_page_ended),
		TEST(pages_that_are_none_are_refused),
		TEST(the_log_is_read_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * A hundred clients at the edge of an account: the last flock and token that it may have, one
 * challenge, one Idempotency-Key; and its end, while everything else goes on.
 */
#include "base/log.h"
#include "reliquary-api/auth/pow.h"
#include "tests/support/household.h"
#include "tests/support/onlooker.h"
#include "tests/support/throng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS 100
#define KEY     "0123456789abcdef0123456789abcdef"

/* The same request so many times. */
static struct deed *
alike(size_t count, const char *method, const char *path, const char *token, const char *json)
{
	struct deed *deeds = deeds_make(count);

	for (size_t i = 0; i < count; i++) {
		deeds[i].method = method;
		deeds[i].token = token;
		snprintf(deeds[i].path, sizeof(deeds[i].path), "%s", path);
		snprintf(deeds[i].json, sizeof(deeds[i].json), "%s", json);
	}
	return deeds;
}

static int64_t
rows(struct test_api *t, const char *sql)
{
	struct onlooker o;
	int64_t count;

	onlooker_open(&o, t->db);
	count = onlooker_number(&o, sql, NULL);
	onlooker_close(&o);
	return count;
}

#define FLOCKS 10

static void
flocks_end_at_the_quota(void **state)
{
	struct deed *deeds;
	struct test_api t;
	struct tenant anna;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	t.settings.account_flocks = FLOCKS;
	test_api_start(&t);
	tenant_make(&t, &anna);
	deeds = alike(CLIENTS, "POST", "/v1/flocks", anna.token, "");
	deeds_do(&t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, (const unsigned[3]){ 201, 409, 0 });
	assert_int_equal(deeds_with(deeds, CLIENTS, 201), FLOCKS);
	deeds_free(deeds, CLIENTS);
	a = expect(&t, 200, "GET", "/v1/flocks", anna.token, NULL);
	assert_int_equal(json_array_size(json_object_get(a.json, "flocks")), FLOCKS);
	got_free(a);
	test_api_end(&t);
}

/* One place is freed again and again: it has one owner at a time. */
static void
places_that_are_freed_are_taken_once(void **state)
{
	struct deed *deeds;
	struct test_api t;
	struct tenant anna;
	char flock[17];
	size_t made;

	(void)state;
	test_api_prepare(&t);
	t.settings.account_flocks = 1;
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	deeds = alike(CLIENTS, "POST", "/v1/flocks", anna.token, "");
	for (size_t i = 0; i < CLIENTS; i += 10) {
		deeds[i].method = "DELETE";
		snprintf(deeds[i].path, sizeof(deeds[i].path), "/v1/flocks/%.16s", flock);
	}
	deeds_do(&t, deeds, CLIENTS, CLIENTS);
	made = deeds_with(deeds, CLIENTS, 201);
	assert_int_equal(deeds_with(deeds, CLIENTS, 204), 1);
	assert_int_equal(deeds_with(deeds, CLIENTS, 404), CLIENTS / 10 - 1);
	assert_in_range(made, 0, 1);
	assert_int_equal(deeds_with(deeds, CLIENTS, 409), CLIENTS - CLIENTS / 10 - made);
	assert_int_equal(rows(&t, "SELECT count(*) FROM flocks"), made);
	deeds_free(deeds, CLIENTS);
	test_api_end(&t);
}

#define TOKENS 30

/* Creating stops at the limit; logging in goes on, and makes room. */
static void
tokens_end_at_the_limit(void **state)
{
	struct deed *deeds;
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	t.settings.tokens_most = TOKENS;
	test_api_start(&t);
	tenant_make(&t, &anna);
	deeds = alike(CLIENTS, "POST", "/v1/tokens", anna.token, "{\"scope\": \"read\"}");
	deeds_do(&t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, (const unsigned[3]){ 201, 409, 0 });
	assert_int_equal(deeds_with(deeds, CLIENTS, 201), TOKENS - 1); /* it came with one */
	assert_int_equal(rows(&t, "SELECT count(*) FROM tokens"), TOKENS);
	deeds_free(deeds, CLIENTS);

	deeds = alike(CLIENTS, "POST", "/v1/login", NULL, "");
	for (size_t i = 0; i < CLIENTS; i++) {
		deeds[i].body = anna.account;
		deeds[i].body_len = strlen(anna.account);
	}
	deeds_do(&t, deeds, CLIENTS, CLIENTS);
	assert_int_equal(deeds_with(deeds, CLIENTS, 200), CLIENTS);
	assert_int_equal(rows(&t, "SELECT count(*) FROM tokens"), TOKENS);
	assert_int_equal(rows(&t, "SELECT count(DISTINCT hash) FROM tokens"), TOKENS);
	deeds_free(deeds, CLIENTS);
	test_api_end(&t);
}

static void
solve(const struct test_api *t, const char *challenge, char nonce[static 16])
{
	int64_t expires;

	for (unsigned n = 0;; n++) {
		snprintf(nonce, 16, "%u", n);
		if (pow_check(t->vault, challenge, nonce, test_api_clock().wall_s, &expires) ==
		    POW_OK)
			return;
	}
}

static void
a_challenge_makes_one_account(void **state)
{
	char json[192], nonce[16];
	struct deed *deeds;
	struct test_api t;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	t.settings.registration = REGISTRATION_POW;
	test_api_start(&t);
	a = expect(&t, 200, "GET", "/v1/register/challenge", NULL, NULL);
	solve(&t, got_text(&a, "challenge"), nonce);
	snprintf(json, sizeof(json), "{\"challenge\": \"%s\", \"nonce\": \"%s\"}",
	    got_text(&a, "challenge"), nonce);
	got_free(a);
	deeds = alike(CLIENTS, "POST", "/v1/register", NULL, json);
	deeds_do(&t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, (const unsigned[3]){ 201, 403, 0 });
	assert_int_equal(deeds_with(deeds, CLIENTS, 201), 1);
	assert_int_equal(rows(&t, "SELECT count(*) FROM accounts"), 1);
	assert_int_equal(counts_read(&api_counts(t.api)->registrations), 1);
	deeds_free(deeds, CLIENTS);
	test_api_end(&t);
}

/* The effect of the first, its very answer for all: of a write of its own, and of a stranger's. */
static void
one_effect(struct test_api *t, struct deed *deeds, const char *count_rows)
{
	int64_t before = rows(t, count_rows);
	size_t first = 0;

	for (size_t i = 0; i < CLIENTS; i++)
		deeds[i].repeat = KEY;
	deeds_do(t, deeds, CLIENTS, CLIENTS);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(deeds[i].got.status, 201);
		assert_int_equal(deeds[i].got.len, deeds[0].got.len);
		assert_memory_equal(deeds[i].got.body, deeds[0].got.body, deeds[0].got.len);
		first += got_field(&deeds[i].got, "Idempotency-Replayed") == NULL;
	}
	assert_int_equal(first, 1);
	assert_int_equal(rows(t, count_rows), before + 1);
	deeds_free(deeds, CLIENTS);
}

static void
one_idempotency_key_has_one_effect(void **state)
{
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	one_effect(&t, alike(CLIENTS, "POST", "/v1/tokens", anna.token, "{\"label\": \"a\"}"),
	    "SELECT count(*) FROM tokens");
	one_effect(
	    &t, alike(CLIENTS, "POST", "/v1/register", NULL, ""), "SELECT count(*) FROM accounts");
	one_effect(&t,
	    alike(CLIENTS, "POST", "/v1/flocks/00000000000abc00/devices", NULL,
		"{\"cosk\": "
		"\"0707070707070707070707070707070707070707070707070707070707070707\"}"),
	    "SELECT count(*) FROM joins");
	assert_int_equal(counts_read(&api_counts(t.api)->repeats), 3 * (CLIENTS - 1));
	test_api_end(&t);
}

/* All that an account may do, over and over, until it is no more. */
struct ending {
	const struct test_api *t;
	const struct household *h;
	struct made_bundle bundle;
	char enrol[192]; /* a device that brings its key */
	_Atomic unsigned done, strange;
	_Atomic unsigned status; /* of the last strange one */
};

#define ENDING_AFTER 400 /* requests */

/* What is done in turn.  In paths F is the flock, G the other one, D a device of F. */
static const struct {
	const char *method, *path, *json;
} life[] = {
	{ "POST", "/v1/flocks", "{\"label\": \"late\"}" },
	{ "POST", "/v1/tokens", "{}" },
	{ "POST", "/v1/flocks/F/enrolments", "{}" },
	{ "DELETE", "/v1/flocks/F/xflocks/G", NULL },
	{ "POST", "/v1/flocks/F/devices", NULL }, /* with the enrolment key */
	{ "PUT", "/v1/flocks/F/xflocks/G", NULL },
	{ "PATCH", "/v1/flocks/F/devices/D", "{\"bw_limit\": 3}" },
	{ "POST", "/v1/flocks/F/devices/D/secret", NULL },
	{ "POST", "/v1/account/extend", NULL },
	{ "POST", "/v1/login", NULL }, /* with the account key */
	{ "GET", "/v1/flocks", NULL },
};

#define LIFE (sizeof(life) / sizeof(life[0]))

static void
path_fill(char path[static 128], const char *pattern, const struct things *x)
{
	size_t used = 0;

	for (; *pattern != '\0'; pattern++) {
		const char *thing = *pattern == 'F'   ? x->flock
				    : *pattern == 'G' ? x->other
				    : *pattern == 'D' ? x->device
						      : NULL;

		if (thing != NULL)
			used += (size_t)snprintf(path + used, 128 - used, "%s", thing);
		else
			path[used++] = *pattern;
	}
	path[used] = '\0';
}

static struct ask
choose(const struct ending *e, unsigned turn, char path[static 128])
{
	size_t n = turn % LIFE;
	struct ask a = { .method = life[n].method, .path = path, .json = life[n].json };

	path_fill(path, life[n].path, &e->h->has);
	if (strcmp(path, "/v1/login") == 0) {
		a.body = e->h->who.account;
		a.body_len = strlen(e->h->who.account);
	} else if (strcmp(life[n].path, "/v1/flocks/F/devices") == 0) {
		a.json = e->enrol;
	} else {
		a.token = e->h->who.token;
	}
	return a;
}

/* Done, or refused for a reason that there is. */
static bool
is_plausible(unsigned status)
{
	static const unsigned all[] = { 200, 201, 204, 401, 403, 404, 409 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (status == all[i])
			return true;
	}
	return false;
}

static unsigned
do_one(struct ending *e, struct http_client *c, const struct ask *a)
{
	struct got got;
	unsigned status = ask_on(c, a, &got) ? got.status : 0;

	got_free(got);
	atomic_fetch_add(&e->done, 1);
	if (!is_plausible(status)) {
		atomic_fetch_add(&e->strange, 1);
		atomic_store(&e->status, status);
	}
	return status;
}

/* One of them uploads, one of them ends it all. */
static void
live_on(void *arg, struct http_client *c, unsigned n)
{
	struct ending *e = arg;
	const struct ask end = {
		.method = "DELETE", .path = "/v1/account", .token = e->h->who.token
	};
	char path[128], ambry[64];
	struct ask upload = { .method = "PUT", .path = ambry, .token = e->h->who.token };
	unsigned turn = n, status = 200;

	snprintf(ambry, sizeof(ambry), "/v1/flocks/%s/ambry", e->h->has.flock);
	upload.body = e->bundle.bytes;
	upload.body_len = e->bundle.len;
	while (c->fd != -1 && status != 0 && status != 401) {
		struct ask next = choose(e, turn++, path);

		if (n == 0 && atomic_load(&e->done) > ENDING_AFTER) {
			next = end;
		} else if (n == 1) {
			bundle_renumber(&e->bundle, turn);
			next = upload;
		}
		status = do_one(e, c, &next);
		/* An upload that is not wanted any more is the connection's last. */
		if (n == 1 && status != 200 && status != 409)
			break;
	}
}

static void
nothing_is_left_of(struct test_api *t, const char *table)
{
	struct onlooker o;
	char sql[64];
	int64_t count;

	onlooker_open(&o, t->db);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	count = onlooker_number(&o, sql, NULL);
	onlooker_close(&o);
	if (count != 0)
		fail_msg("%d rows of %s are left", (int)count, table);
}

static void
an_account_that_ends_takes_all_along(void **state)
{
	static const char *const tables[] = { "accounts", "tokens", "flocks", "devices", "joins",
		"enrolments", "xflocks", "bundles", "events", "leftovers" };
	struct household h;
	struct ending e = { .h = &h };
	struct test_api t;
	struct got key;

	(void)state;
	test_api_prepare(&t);
	t.settings.account_flocks = CLIENTS;
	t.settings.enrolments_most = 2000;
	t.settings.tokens_most = 10000; /* or logins would end the token of all */
	test_api_start(&t);
	household_make(&t, &h);
	household_upload(&t, &h);
	key = expect(&t, 201, "POST", path_of("/v1/flocks/%s/enrolments", h.has.flock), h.who.token,
	    "{\"uses\": 100}");
	snprintf(e.enrol, sizeof(e.enrol), "{\"cosk\": \"%064x\", \"enrolment_key\": \"%s\"}", 7,
	    got_text(&key, "enrolment_key"));
	got_free(key);
	e.t = &t;
	e.bundle = household_bundle(&h.has, false, 8);
	assert_true(throng(&t, CLIENTS, live_on, &e));
	if (e.strange > 0)
		fail_msg("%u strange answers, such as %u", e.strange, e.status);
	assert_true(e.done > ENDING_AFTER);
	printf("# %u requests\n", e.done);
	api_upkeep_now(t.api);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		nothing_is_left_of(&t, tables[i]);
	test_api_has_bundles(&t, 0);
	free(e.bundle.bytes);
	test_api_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flocks_end_at_the_quota),
		cmocka_unit_test(places_that_are_freed_are_taken_once),
		cmocka_unit_test(tokens_end_at_the_limit),
		cmocka_unit_test(a_challenge_makes_one_account),
		cmocka_unit_test(one_idempotency_key_has_one_effect),
		cmocka_unit_test(an_account_that_ends_takes_all_along),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_race_account", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Handlers without memory, and with a database that is broken: they say so, and nothing is done. */
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "reliquary-api/store/devices.h"
#include "tests/support/handled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OF     "/v1/flocks/6442a01510d91a00"
#define DEVICE OF "/devices/36d28dec"
#define PAIR   OF "/xflocks/0badcafe12345600"

/* Each handler but those of uploads, asked something that works in make_world(). */
static const struct {
	const char *what, *json;
} errands[] = {
	{ "GET /v1/register/challenge", NULL },
	{ "POST /v1/register", "{\"challenge\": \"\"}" },
	{ "POST /v1/register", NULL },
	{ "POST /v1/login", NULL },
	{ "GET /v1/account", NULL },
	{ "POST /v1/account/extend", NULL },
	{ "POST /v1/account/key", NULL },
	{ "DELETE /v1/account", NULL },
	{ "GET /v1/tokens", NULL },
	{ "POST /v1/tokens", "{\"scope\": \"read\"}" },
	{ "DELETE /v1/tokens/1d0c5b7a9e3f8642", NULL },
	{ "GET /v1/flocks", NULL },
	{ "POST /v1/flocks", "{\"label\": \"x\"}" },
	{ "PATCH " OF, "{\"label\": \"x\"}" },
	{ "DELETE " OF, NULL },
	{ "POST /v1/flock/6442a01510d91a00/delete", NULL },
	{ "POST " OF "/devices", "{\"cosk\": \"d75a980000000000000000000000000000000000000000000"
				 "000000000000000\"}" },
	{ "GET " OF "/devices", NULL },
	{ "POST " DEVICE "/approve", NULL },
	{ "POST " DEVICE "/secret", NULL },
	{ "PATCH " DEVICE, "{\"label\": \"x\"}" },
	{ "DELETE " DEVICE, NULL },
	{ "GET " OF "/enrolments", NULL },
	{ "POST " OF "/enrolments", NULL },
	{ "DELETE " OF "/enrolments/0b5e7a1c9d3f2468", NULL },
	{ "GET /v1/xflocks", NULL },
	{ "PUT " PAIR, NULL },
	{ "DELETE " PAIR, NULL },
	{ "GET /v1/cathedrals", NULL },
	{ "GET /v1/cathedral/feed", NULL },
	{ "POST /v1/cathedral/heartbeat", "{\"version\": \"0.1.0\"}" },
	{ "GET /v1/events", NULL },
};

#define ERRANDS (sizeof(errands) / sizeof(errands[0]))

static void
make_world(struct handled *h)
{
	struct flock_id flock = handled_flock(h, &h->anna, 0x6442a01510d91a00);
	struct enrolment e = { .id = 0x0b5e7a1c9d3f2468,
		.uses_left = 20,
		.created = STORE_NOW,
		.expires = STORE_NOW + 60 };
	struct token t = { .id = 0x1d0c5b7a9e3f8642,
		.scope = SCOPE_READ,
		.created = STORE_NOW,
		.used_day = STORE_NOW / 86400 };
	struct hash32 hash = test_hash("enrolment");
	bool established;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_pending(h, flock, 0x36d28dec);
	assert_int_equal(enrolment_create(h->s, h->anna.account, flock, &e, &hash, 10), STORE_OK);
	hash = test_hash("token");
	assert_int_equal(token_create(h->s, h->anna.account, &t, &hash, 10, false), STORE_OK);
	assert_int_equal(xflock_consent(h->s, h->anna.account, flock,
			     (struct flock_id){ 0x0badcafe12345600 }, 10, STORE_NOW, &established),
	    STORE_OK);
	handled_ok(h, 200, &h->anna, "POST /v1/account/extend", NULL); /* an event */
}

/* A call as the service makes it; the caller frees the request. */
static struct reply
call_once(struct handled *h, const struct route *route, struct request *rq, bool text)
{
	struct call c = { .rq = rq,
		.site = &h->site,
		.store = h->s,
		.random = &h->random,
		.now = h->now,
		.who = { .account = h->anna.account, .token = HANDLED_TOKEN },
		.cathedral = h->cathedral };
	struct reply reply;

	rq->wants_text = text;
	h->settings.registration =
	    route->handle == handle_challenge || json_object_get(rq->json, "challenge") != NULL
		? REGISTRATION_POW
		: REGISTRATION_OPEN;
	assert_int_equal(step_begin(h->s), STORE_OK);
	reply = route->handle(&c);
	step_undo(h->s);
	return reply;
}

static const struct route *
prepare(struct handled *h, size_t n, struct request *rq)
{
	const struct route *route = handled_route(h, errands[n].what, rq);
	const char *body = errands[n].json;

	if (route->handle == handle_login)
		body = h->anna.key;
	if (body == NULL)
		return route;
	rq->body_len = strlen(body);
	rq->body = malloc(rq->body_len + 1);
	assert_non_null(rq->body);
	memcpy(rq->body, body, rq->body_len + 1);
	if (route->body == BODY_JSON)
		rq->json = json_loadb(body, rq->body_len, 0, NULL);
	return route;
}

/* ---- memory ---- */

/* Jansson's memory: what is left of it until it is refused. */
static long left;

static void *
alloc(size_t size)
{
	if (left == 0)
		return NULL;
	left--;
	return malloc(size);
}

/* Asks with so much memory; true when it was enough. */
static bool
ask_with(struct handled *h, size_t n, long memory, bool text)
{
	struct request rq = { .length = 0 };
	const struct route *route = prepare(h, n, &rq);
	struct reply reply;
	bool enough;

	left = memory;
	json_set_alloc_funcs(alloc, free);
	reply = call_once(h, route, &rq, text);
	enough = left > 0;
	json_set_alloc_funcs(malloc, free);
	/* What there was too little memory for is either right or said to have failed. */
	if (!enough && reply.status != 500 && reply.status >= 300 && reply.status != 403)
		fail_msg("%s: %u with memory for %ld", errands[n].what, reply.status, memory);
	reply_free(&reply);
	request_free(&rq);
	return enough;
}

static void
without_memory_nothing_is_said_that_is_not_so(void **state)
{
	struct handled *h = *state;

	make_world(h);
	for (size_t n = 0; n < ERRANDS; n++) {
		for (long memory = 0; !ask_with(h, n, memory, false); memory++)
			assert_true(memory < 1000);
		for (long memory = 0; !ask_with(h, n, memory, true); memory++)
			assert_true(memory < 1000);
	}
}

/* A half-made answer is none: with any memory that is too little it is a 500. */
static void
half_an_answer_is_none(void **state)
{
	static const char *const lists[] = { "GET /v1/flocks", "GET /v1/tokens",
		"GET " OF "/devices", "GET " OF "/enrolments", "GET /v1/xflocks", "GET /v1/events",
		"GET /v1/cathedrals", "POST /v1/account/key", "POST " DEVICE "/secret" };
	struct handled *h = *state;

	make_world(h);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		bool enough = false;

		for (long memory = 0; !enough; memory++) {
			struct request rq = { .length = 0 };
			const struct route *route = handled_route(h, lists[i], &rq);
			struct reply reply;

			left = memory;
			json_set_alloc_funcs(alloc, free);
			reply = call_once(h, route, &rq, false);
			json_set_alloc_funcs(malloc, free);
			enough = reply.status == 200;
			assert_int_equal(reply.status, enough ? 200 : 500);
			assert_true(memory < 1000);
			reply_free(&reply);
			request_free(&rq);
		}
	}
}

/* ---- a database without tables ---- */

static void
break_database(struct handled *h)
{
	static const char *const tables[] = { "tokens", "events", "joins", "devices", "enrolments",
		"xflocks", "bundles", "flocks", "cathedrals", "changes", "spent", "accounts" };

	group_abandon(h->s);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char sql[96];

		snprintf(sql, sizeof(sql), "PRAGMA foreign_keys = OFF; DROP TABLE %s", tables[i]);
		free(test_sql(&h->db, sql));
	}
	assert_int_equal(group_begin(h->s), STORE_OK);
}

static void
a_broken_database_is_a_500_for_all(void **state)
{
	struct handled *h = *state;

	break_database(h);
	for (size_t n = 0; n < ERRANDS; n++) {
		struct request rq = { .length = 0 };
		const struct route *route = prepare(h, n, &rq);
		struct reply reply;

		if (route->handle == handle_challenge || json_object_get(rq.json, "challenge")) {
			request_free(&rq); /* these ask the store nothing */
			continue;
		}
		reply = call_once(h, route, &rq, false);
		if (reply.status != 500)
			fail_msg("%s: %u", errands[n].what, reply.status);
		reply_free(&reply);
		request_free(&rq);
	}
}

static void
a_broken_database_lets_no_upload_in(void **state)
{
	static const char *const paths[] = { "PUT " OF "/ambry", "PUT " PAIR "/ambry" };
	struct handled *h = *state;

	break_database(h);
	for (size_t i = 0; i < 2; i++) {
		struct request rq = { .length = 0 };
		const struct route *route = handled_route(h, paths[i], &rq);
		struct call c = { .rq = &rq,
			.site = &h->site,
			.store = h->s,
			.random = &h->random,
			.now = h->now };
		struct upload_check check;
		struct reply reply;

		assert_false(route->upload->admit(&c, &check, &reply));
		assert_int_equal(reply.status, 500);
		reply_free(&reply);
	}
}

/* Every handler but these has an errand above. */
static void
no_handler_was_left_out(void **state)
{
	struct handled *h = *state;

	for (const struct route *r = routes; r->path != NULL; r++) {
		bool asked = r->upload != NULL || r->handle == handle_openapi;

		for (size_t n = 0; n < ERRANDS && !asked; n++) {
			struct request rq = { .length = 0 };

			asked = handled_route(h, errands[n].what, &rq)->handle == r->handle;
			request_free(&rq);
		}
		if (!asked)
			fail_msg("nobody asks %s", r->path);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_memory_nothing_is_said_that_is_not_so),
		TEST(half_an_answer_is_none),
		TEST(a_broken_database_is_a_500_for_all),
		TEST(a_broken_database_lets_no_upload_in),
		TEST(no_handler_was_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

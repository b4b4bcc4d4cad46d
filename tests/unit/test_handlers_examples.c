/* SPDX-License-Identifier: ISC */
/*
 * Every operation that docs/openapi.json describes is done, with the parameters and each of the
 * bodies that it gives as examples, in a world that has what they speak of; and it succeeds.
 */
#include "base/work.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "reliquary-api/store/devices.h"
#include "tests/support/bundles.h"
#include "tests/support/handled.h"
#include "tests/support/handled_answer.h"
#include "tests/support/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct flock_id flock = { 0x6442a01510d91a00 }, other = { 0x0badcafe12345600 };

/* An example of the document by the names that lead to it. */
static json_t *
example(struct handled *h, const char *body, const char *type, const char *name)
{
	json_t *bodies =
	    json_object_get(json_object_get(h->document, "components"), "requestBodies");
	json_t *media =
	    json_object_get(json_object_get(json_object_get(bodies, body), "content"), type);
	json_t *one = json_object_get(json_object_get(media, "examples"), name);

	assert_non_null(one);
	return json_object_get(one, "value");
}

static void
make_secrets(struct handled *h)
{
	json_t *key = example(h, "AccountKey", "text/plain", "key");
	struct hash32 hash = handled_hash(h, SECRET_ACCOUNT_KEY, json_string_value(key));
	struct enrolment enrolment = { .id = 0x0b5e7a1c9d3f2468,
		.uses_left = 20,
		.created = STORE_NOW,
		.expires = STORE_NOW + 60 };
	struct token token = { .id = 0x1d0c5b7a9e3f8642,
		.scope = SCOPE_READ,
		.created = STORE_NOW,
		.used_day = STORE_NOW / 86400 };
	struct invite invite = { .id = 1, .uses_left = 1, .expires = STORE_NOW + 60 };

	assert_int_equal(account_set_key(h->s, h->anna.account, &hash), STORE_OK);
	hash = handled_hash(h, SECRET_ENROLMENT,
	    text_of(example(h, "Join", "application/json", "enrolled"), "enrolment_key"));
	assert_int_equal(
	    enrolment_create(h->s, h->anna.account, flock, &enrolment, &hash, 10), STORE_OK);
	hash = test_hash("token");
	assert_int_equal(token_create(h->s, h->anna.account, &token, &hash, 10, false), STORE_OK);
	hash = handled_hash(h, SECRET_INVITE,
	    text_of(example(h, "Registration", "application/json", "invite"), "invite"));
	assert_int_equal(invite_create(h->s, &invite, &hash), STORE_OK);
}

/* What the examples speak of. */
static void
make_world(struct handled *h)
{
	bool established;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_flock(h, &h->anna, flock.value);
	handled_flock(h, &h->boris, other.value);
	handled_pending(h, flock, 0x36d28dec);
	assert_int_equal(
	    xflock_consent(h->s, h->anna.account, flock, other, 10, STORE_NOW, &established),
	    STORE_OK);
	assert_int_equal(
	    xflock_consent(h->s, h->boris.account, other, flock, 10, STORE_NOW, &established),
	    STORE_OK);
	make_secrets(h);
}

/* The example of a parameter, in its place in the path or behind it; path is freed. */
static char *
fill_one(char *path, json_t *parameter)
{
	json_t *value = json_object_get(parameter, "example");
	const char *in = text_of(parameter, "in"), *name = text_of(parameter, "name");
	char *text, *braced, *filled, *at;

	if (strcmp(in, "header") == 0 || value == NULL)
		return path;
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(text);
	if (json_is_string(value))
		snprintf(text, strlen(text) + 1, "%s", json_string_value(value));
	assert_true(asprintf(&braced, "{%s}", name) > 0);
	if (strcmp(in, "query") == 0) {
		char sign = strchr(path, '?') == NULL ? '?' : '&';

		assert_true(asprintf(&filled, "%s%c%s=%s", path, sign, name, text) > 0);
	} else {
		at = strstr(path, braced);
		assert_non_null(at);
		assert_true(asprintf(&filled, "%.*s%s%s", (int)(at - path), path, text,
				at + strlen(braced)) > 0);
	}
	free(braced);
	free(text);
	free(path);
	return filled;
}

/* "GET /v1/flocks?limit=10", by the examples of the operation's parameters; freed by the caller. */
static char *
fill(struct handled *h, const struct route *r)
{
	json_t *operation = operation_of(h->document, r->path, r->method), *listed;
	char *what;
	size_t i;

	assert_true(asprintf(&what, "%s %s", method_name(r->method), r->path) > 0);
	json_array_foreach(json_object_get(operation, "parameters"), i, listed) what =
	    fill_one(what, schema_follow(h->document, listed));
	return what;
}

/* The document cannot know a challenge of this service: a real one takes its place. */
static json_t *
work_out(struct handled *h)
{
	json_t *made = handled_json(h, 200, NULL, "GET /v1/register/challenge", NULL);
	const char *text = text_of(made, "challenge");
	char nonce[16];
	unsigned n = 0;

	do {
		snprintf(nonce, sizeof(nonce), "%u", n++);
	} while (work_bits(text, strlen(text), nonce, strlen(nonce)) < 8);
	json_object_del(made, "bits");
	json_object_del(made, "expires");
	assert_int_equal(json_object_set_new(made, "nonce", json_string(nonce)), 0);
	return made;
}

static void
set_policy(struct handled *h, const char *name)
{
	h->settings.registration = REGISTRATION_OPEN;
	if (strcmp(name, "pow") == 0)
		h->settings.registration = REGISTRATION_POW;
	if (strcmp(name, "invite") == 0)
		h->settings.registration = REGISTRATION_INVITE;
}

/* Does it, and undoes it, so that the next one finds the same world. */
static void
try_out(struct handled *h, const struct route *r, struct errand *e)
{
	struct reply reply;

	if (r->access == ACCESS_ACCOUNT || r->access == ACCESS_ENDED)
		e->who = &h->anna;
	assert_int_equal(step_begin(h->s), STORE_OK);
	reply = handled_run(h, e);
	if (reply.status < 200 || reply.status > 299)
		fail_msg("%s: %u: %s", e->what, reply.status, text_of(reply.json, "detail"));
	reply_free(&reply);
	step_undo(h->s);
}

/* name: which policy, when it is a body to register with. */
static void
try_body(struct handled *h, const struct route *r, const char *what, const char *name, json_t *body)
{
	struct errand e = { .what = what };
	json_t *value;

	if (r->handle == handle_register)
		set_policy(h, name);
	value = h->settings.registration == REGISTRATION_POW ? work_out(h) : json_incref(body);
	if (json_is_object(value)) {
		char *text = json_dumps(value, JSON_COMPACT);

		e.json = text;
		try_out(h, r, &e);
		free(text);
	} else {
		e.body = json_string_value(value);
		e.body_len = json_string_length(value);
		try_out(h, r, &e);
	}
	h->settings.registration = REGISTRATION_OPEN;
	json_decref(value);
}

/* How many examples there were in the media types of a request's body. */
static size_t
try_bodies(struct handled *h, const struct route *r, const char *what, json_t *content)
{
	json_t *media, *one, *examples;
	const char *type, *name;
	size_t count = 0;

	json_object_foreach(content, type, media)
	{
		examples = json_object_get(media, "examples");
		json_object_foreach(examples, name, one)
		    try_body(h, r, what, name, json_object_get(one, "value"));
		count += json_object_size(examples);
	}
	return count;
}

static void
every_example_is_done(void **state)
{
	struct handled *h = *state;
	struct made_bundle own = bundle_make(flock, flock, 7, STORE_NOW, 31);
	struct made_bundle pair = bundle_make(flock, other, 7, STORE_NOW, 31);
	static const uint8_t cosk[32] = { 0xd7, 0x5a };
	size_t bodies = 0;

	make_world(h);
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(h->document, r->path, r->method);
		json_t *body =
		    schema_follow(h->document, json_object_get(operation, "requestBody"));
		char *what = fill(h, r);
		struct errand e = { .what = what };

		bodies += try_bodies(h, r, what, json_object_get(body, "content"));
		if (r->upload == &ambry_of_flock)
			e.body = own.bytes, e.body_len = own.len;
		if (r->upload == &ambry_of_xflock)
			e.body = pair.bytes, e.body_len = pair.len;
		if (r->handle == handle_join)
			e.body = cosk, e.body_len = sizeof(cosk);
		if (r->handle == handle_challenge)
			h->settings.registration = REGISTRATION_POW;
		if (r->body == BODY_NONE || e.body != NULL)
			try_out(h, r, &e);
		h->settings.registration = REGISTRATION_OPEN;
		free(what);
	}
	assert_true(bodies >= 22);
	free(own.bytes);
	free(pair.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_example_is_done, handled_begin, handled_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

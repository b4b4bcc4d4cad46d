/* SPDX-License-Identifier: ISC */
/* Joining, approving, and what else is done with devices and enrolment keys. */
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/secrets.h"
#include "tests/support/handled.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FLOCK   UINT64_C(0x6442a01510d91a00)
#define OF      "/v1/flocks/6442a01510d91a00"
#define DEVICE  UINT32_C(0x36d28dec)
#define PENDING OF "/devices/36d28dec"

static const uint8_t cosk[32] = { 0xd7, 0x5a, 0x98 };

static struct flock_id
annas(struct handled *h)
{
	return handled_flock(h, &h->anna, FLOCK);
}

/* The n-th device of a list. */
static json_t *
device_at(json_t *list, size_t n)
{
	return json_array_get(json_object_get(list, "devices"), n);
}

static size_t
device_count(struct handled *h, const char *what)
{
	json_t *list = handled_json(h, 200, &h->anna, what, NULL);
	size_t count = json_array_size(json_object_get(list, "devices"));

	json_decref(list);
	return count;
}

/* ---- join ---- */

/* What a raw join is answered; its secret and key must be what the store has once approved. */
static void
check_joined(struct handled *h, json_t *joined)
{
	uint8_t sealed[DEVICE_SEALED], shown[32];
	struct flock_id flock = { FLOCK };
	struct cathedral_secret secret;
	struct cosk_public stored;
	unsigned id;
	uint8_t kek = 0;

	assert_string_equal(text_of(joined, "flock"), "6442a01510d91a00");
	assert_int_equal(sscanf(text_of(joined, "cathedral_id"), "%8x", &id), 1);
	assert_int_equal(device_approve(h->s, h->anna.account, flock, (struct device_id){ id }, 25,
			     0, h->now.wall_s, &kek),
	    STORE_OK);
	assert_int_equal(
	    device_keys(h->s, flock, (struct device_id){ id }, sealed, &stored), STORE_OK);
	assert_memory_equal(stored.bytes, cosk, sizeof(cosk));
	assert_true(device_unseal(h->vault, flock, (struct device_id){ id }, sealed, &secret));
	assert_int_equal(sodium_hex2bin(shown, sizeof(shown), text_of(joined, "cathedral_secret"),
			     64, NULL, NULL, NULL),
	    0);
	assert_memory_equal(secret.bytes, shown, sizeof(shown));
	/* Sealed for this row alone. */
	assert_false(device_unseal(h->vault, flock, (struct device_id){ id ^ 1 }, sealed, &secret));
}

static void
a_key_is_enough_to_ask(void **state)
{
	struct handled *h = *state;
	static const char *const ways[] = { "POST " OF "/devices",
		"POST /v1/flocks/6442a01510d91a7f/devices", /* with a domain */
		"POST /v1/device/6442a01510d91a00/create" };

	annas(h);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct errand e = { .what = ways[i], .body = cosk, .body_len = sizeof(cosk) };
		struct reply reply = handled_run(h, &e);

		assert_int_equal(reply.status, 201);
		check_joined(h, reply.json);
		reply_free(&reply);
	}
	assert_int_equal(device_count(h, "GET " OF "/devices"), 3);
}

static void
a_key_in_json_may_have_a_label(void **state)
{
	struct handled *h = *state;
	json_t *list;

	annas(h);
	handled_ok(h, 201, NULL, "POST " OF "/devices",
	    "{\"cosk\": \"d75a980000000000000000000000000000000000000000000000000000000000\", "
	    "\"label\": \"laptop\"}");
	list = handled_json(h, 200, &h->anna, "GET " OF "/devices", NULL);
	assert_string_equal(text_of(device_at(list, 0), "label"), "laptop");
	assert_string_equal(text_of(device_at(list, 0), "device_approved"), "f");
	json_decref(list);
}

/* Nobody may learn from a join which flocks there are. */
static void
a_flock_that_is_not_there_is_answered_the_same(void **state)
{
	struct handled *h = *state;
	struct errand e = { .what = "POST " OF "/devices", .body = cosk, .body_len = 32 };
	struct errand full = e;

	for (int i = 0; i < 3; i++) {
		struct reply reply = handled_run(h, &e);

		assert_int_equal(reply.status, 201);
		assert_string_equal(text_of(reply.json, "flock"), "6442a01510d91a00");
		reply_free(&reply);
	}
	handled_problem(
	    h, 409, "quota", "too many devices wait to be approved in this flock", &full);
}

static void
joins_are_so_many_and_no_more(void **state)
{
	struct handled *h = *state;
	struct errand e = { .what = "POST " OF "/devices", .body = cosk, .body_len = 32 };
	struct reply reply;

	annas(h);
	for (uint32_t i = 0; i < 3; i++)
		handled_pending(h, (struct flock_id){ FLOCK }, i);
	handled_problem(h, 409, "quota", "too many devices wait to be approved in this flock", &e);
	h->now.wall_s += 3 * 86400 + 1; /* those have ended */
	reply = handled_run(h, &e);
	assert_int_equal(reply.status, 201);
	reply_free(&reply);
	assert_int_equal(device_count(h, "GET " OF "/devices"), 1);
}

static void
a_number_that_is_taken_is_drawn_again(void **state)
{
	struct handled *h = *state;
	struct random ahead = h->random;
	struct errand e = { .what = "POST " OF "/devices", .body = cosk, .body_len = 32 };
	struct cathedral_secret secret;
	struct reply reply;
	uint32_t taken;

	random_bytes(&ahead, secret.bytes, sizeof(secret.bytes));
	random_bytes(&ahead, &taken, sizeof(taken));
	handled_pending(h, annas(h), taken);
	reply = handled_run(h, &e);
	assert_int_equal(reply.status, 201);
	reply_free(&reply);
	assert_int_equal(device_count(h, "GET " OF "/devices"), 2);
}

static void
what_is_no_key_is_refused(void **state)
{
	struct handled *h = *state;
	static const char want[] =
	    "the body is the device's public key, 32 bytes, or a JSON object with cosk";
	static const struct {
		const char *body, *kind, *says;
		size_t len;
	} cases[] = {
		{ "", "malformed", want, 0 },
		{ "0123456789012345678901234567890", "malformed", want, 31 },
		{ "012345678901234567890123456789012", "malformed", want, 33 },
		{ "[]", "malformed", want, 2 },
		{ "{\"cosk\": 1, \"cosk\": 2}", "malformed", want, 22 },
		{ "{}", "field", "cosk is missing", 2 },
		{ "{\"cosk\": \"00\"}", "field", "cosk is a text of 64 hex digits", 14 },
		{ "{\"key\": \"00\"}", "field", "key is no member of this request's body", 13 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = { .what = "POST " OF "/devices",
			.body = cases[i].body,
			.body_len = cases[i].len };

		handled_problem(h, 400, cases[i].kind, cases[i].says, &e);
	}
}

static void
what_is_no_flock_is_unknown(void **state)
{
	static const char *const paths[] = { "POST /v1/flocks/6442A01510D91A00/devices",
		"POST /v1/flocks/6442a01510d91a0/devices",
		"POST /v1/flocks/00000000000000ff/devices" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct errand e = { .what = paths[i], .body = cosk, .body_len = 32 };

		handled_problem(*state, 404, "not-found", "there is no such flock", &e);
	}
}

/* ---- enrolment keys ---- */

static void
join_with(char body[static 256], const char *key)
{
	snprintf(body, 256, "{\"cosk\": \"%064d\", \"enrolment_key\": \"%s\"}", 7, key);
}

static void
an_enrolment_key_approves(void **state)
{
	struct handled *h = *state;
	char body[256] = "", noted[96];
	struct errand e = errand(NULL, "POST " OF "/devices", body);
	json_t *made, *joined;

	annas(h);
	made = handled_json(h, 201, &h->anna, "POST " OF "/enrolments",
	    "{\"uses\": 2, \"expires_in\": 60, \"label\": \"class\"}");
	assert_string_equal(text_of(made, "expires"), "2026-09-21T14:14:20Z");
	snprintf(noted, sizeof(noted),
	    "enrolment.create 6442a01510d91a00/%s by " HANDLED_TOKEN_TEXT, text_of(made, "id"));
	handled_noted(h, &h->anna, noted);

	join_with(body, text_of(made, "enrolment_key"));
	joined = handled_json(h, 201, NULL, e.what, e.json);
	assert_string_equal(text_of(joined, "device_kek"), "1");
	assert_string_equal(text_of(joined, "kek_file"), "6442a01510d91a00/kek-data/kek-0x01");
	snprintf(noted, sizeof(noted), "device.enrol 6442a01510d91a00/%s by key",
	    text_of(joined, "cathedral_id"));
	handled_noted(h, &h->anna, noted);
	json_decref(joined);
	joined = handled_json(h, 201, NULL, e.what, e.json);
	assert_string_equal(text_of(joined, "device_kek"), "2");
	json_decref(joined);
	handled_problem(h, 403, "enrolment", "the enrolment key is not good for this flock", &e);
	json_decref(made);
}

static void
an_enrolment_key_ends_and_fits_one_flock(void **state)
{
	struct handled *h = *state;
	char body[256] = "";
	struct errand late = errand(NULL, "POST " OF "/devices", body);
	struct errand other = errand(NULL, "POST /v1/flocks/0badcafe12345600/devices", body);
	struct errand nowhere = errand(NULL, "POST /v1/flocks/0000000000001100/devices", body);
	json_t *made;

	annas(h);
	handled_flock(h, &h->anna, 0x0badcafe12345600);
	made = handled_json(h, 201, &h->anna, "POST " OF "/enrolments", NULL);
	assert_string_equal(text_of(made, "expires"), "2026-09-22T14:13:20Z");
	assert_int_equal(json_integer_value(json_object_get(made, "uses_left")), 1);
	join_with(body, text_of(made, "enrolment_key"));
	handled_problem(
	    h, 403, "enrolment", "the enrolment key is not good for this flock", &other);
	handled_problem(
	    h, 403, "enrolment", "the enrolment key is not good for this flock", &nowhere);
	/* A script whose key got lost must not have its device wait unseen. */
	join_with(body, "");
	handled_problem(h, 403, "enrolment", "the enrolment key is not good for this flock", &late);
	join_with(body, text_of(made, "enrolment_key"));
	h->now.wall_s += 86400;
	handled_problem(h, 403, "enrolment", "the enrolment key is not good for this flock", &late);
	json_decref(made);
}

static void
a_full_flock_enrols_nobody(void **state)
{
	struct handled *h = *state;
	char body[256] = "";
	struct errand e = errand(NULL, "POST " OF "/devices", body);
	struct errand approve = errand(&h->anna, "POST " PENDING "/approve", NULL);
	struct flock_id flock = annas(h);
	json_t *made = handled_json(h, 201, &h->anna, "POST " OF "/enrolments", NULL);

	for (uint32_t i = 0; i < 255; i++) {
		uint8_t kek = 0;

		handled_pending(h, flock, i);
		assert_int_equal(device_approve(h->s, h->anna.account, flock,
				     (struct device_id){ i }, 25, 0, h->now.wall_s, &kek),
		    STORE_OK);
	}
	join_with(body, text_of(made, "enrolment_key"));
	handled_problem(h, 409, "quota", "all KEK numbers of the flock are in use", &e);
	handled_pending(h, flock, DEVICE);
	handled_problem(h, 409, "quota", "all KEK numbers of the flock are in use", &approve);
	json_decref(made);
}

static void
enrolments_are_listed_and_revoked(void **state)
{
	struct handled *h = *state;
	char what[96] = "", body[256] = "";
	struct errand e = errand(NULL, "POST " OF "/devices", body);
	struct errand gone = errand(&h->anna, what, NULL);
	json_t *made, *listed, *one;

	annas(h);
	made = handled_json(
	    h, 201, &h->anna, "POST " OF "/enrolments", "{\"uses\": 20, \"label\": \"class\"}");
	listed = handled_json(h, 200, &h->anna, "GET " OF "/enrolments", NULL);
	one = json_array_get(json_object_get(listed, "enrolments"), 0);
	assert_string_equal(text_of(one, "id"), text_of(made, "id"));
	assert_string_equal(text_of(one, "label"), "class");
	assert_int_equal(json_integer_value(json_object_get(one, "uses_left")), 20);
	json_decref(listed);

	join_with(body, text_of(made, "enrolment_key"));
	snprintf(what, sizeof(what), "DELETE " OF "/enrolments/%s", text_of(made, "id"));
	handled_ok(h, 204, &h->anna, what, NULL);
	handled_problem(h, 404, "not-found", "there is no such enrolment", &gone);
	handled_problem(h, 403, "enrolment", "the enrolment key is not good for this flock", &e);
	json_decref(made);
}

static void
enrolments_have_bounds(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *json, *says;
	} cases[] = {
		{ "{\"uses\": 0}", "uses is a whole number from 1 to 255" },
		{ "{\"uses\": 256}", "uses is a whole number from 1 to 255" },
		{ "{\"expires_in\": 31622401}", "expires_in is a whole number from 1 to 31622400" },
		{ "{\"use\": 1}", "use is no member of this request's body" },
	};
	struct errand fourth = errand(&h->anna, "POST " OF "/enrolments", NULL);

	annas(h);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = errand(&h->anna, "POST " OF "/enrolments", cases[i].json);

		handled_problem(h, 400, "field", cases[i].says, &e);
	}
	for (int i = 0; i < 3; i++)
		handled_ok(h, 201, &h->anna, "POST " OF "/enrolments", NULL);
	handled_problem(
	    h, 409, "quota", "the flock has as many enrolments as it may have", &fourth);
}

/* ---- the owner's side ---- */

static void
devices_are_listed_pending_ones_first(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = annas(h);
	json_t *list, *d;

	handled_pending(h, flock, 1);
	handled_ok(h, 200, &h->anna, "POST " OF "/devices/00000001/approve", NULL);
	handled_pending(h, flock, DEVICE);
	list = handled_json(h, 200, &h->anna, "GET /v1/device/list/6442a01510d91a00", NULL);
	d = device_at(list, 0);
	assert_string_equal(text_of(d, "device_kek"), "0");
	assert_string_equal(text_of(d, "device_cathedral_id"), "36d28dec");
	assert_string_equal(text_of(d, "device_approved"), "f");
	assert_string_equal(text_of(d, "device_created"), "1790000000");
	assert_int_equal(json_integer_value(json_object_get(d, "bw_limit")), 0);
	d = device_at(list, 1);
	assert_string_equal(text_of(d, "device_kek"), "1");
	assert_string_equal(text_of(d, "device_approved"), "t");
	assert_int_equal(json_integer_value(json_object_get(d, "bw_limit")), 25);
	assert_true(json_is_null(json_object_get(list, "next")));
	json_decref(list);
}

/* One at a time, from the pending ones on to the approved ones. */
static void
a_list_of_devices_has_pages(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = annas(h);
	static const char *const order[] = { "00000003", "fffffffe", "00000002", "00000001" };
	char what[96] = "GET " OF "/devices?limit=1";

	handled_pending(h, flock, 1);
	handled_pending(h, flock, 2);
	handled_ok(h, 200, &h->anna, "POST " OF "/devices/00000002/approve", NULL);
	handled_ok(h, 200, &h->anna, "POST " OF "/devices/00000001/approve", NULL);
	handled_pending(h, flock, 0xfffffffe);
	handled_pending(h, flock, 3);
	for (size_t i = 0; i < 4; i++) {
		json_t *page = handled_json(h, 200, &h->anna, what, NULL);

		assert_string_equal(text_of(device_at(page, 0), "device_cathedral_id"), order[i]);
		assert_null(device_at(page, 1));
		if (i < 3)
			snprintf(what, sizeof(what), "GET " OF "/devices?limit=1&after=%s",
			    text_of(page, "next"));
		else
			assert_true(json_is_null(json_object_get(page, "next")));
		json_decref(page);
	}
}

static void
approving_gives_a_number(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = annas(h);
	struct errand again = errand(&h->anna, "POST " PENDING "/approve", NULL);
	struct errand taken =
	    errand(&h->anna, "POST " OF "/devices/00000001/approve", "{\"kek\": 7}");
	struct errand text = errand(&h->anna, "POST " OF "/devices/00000001/approve", NULL);
	struct reply reply;
	json_t *made;

	handled_pending(h, flock, DEVICE);
	handled_pending(h, flock, 1);
	made = handled_json(
	    h, 200, &h->anna, "POST /v1/device/6442a01510d91a00/36d28dec/approve", "{\"kek\": 7}");
	assert_string_equal(text_of(made, "device_cathedral_id"), "36d28dec");
	assert_string_equal(text_of(made, "device_kek"), "7");
	assert_string_equal(text_of(made, "kek_file"), "6442a01510d91a00/kek-data/kek-0x07");
	handled_noted(
	    h, &h->anna, "device.approve 6442a01510d91a00/36d28dec by " HANDLED_TOKEN_TEXT);
	json_decref(made);

	handled_problem(
	    h, 409, "conflict", "the device was approved already, with KEK number 7", &again);
	again.json = "{\"kek\": 7}";
	handled_problem(
	    h, 409, "conflict", "the device was approved already, with KEK number 7", &again);
	handled_problem(h, 409, "conflict", "KEK number 7 is in use", &taken);
	text.text = true;
	reply = handled_run(h, &text);
	assert_int_equal(reply.status, 200);
	assert_string_equal(
	    reply.text, "device 00000001 takes 6442a01510d91a00/kek-data/kek-0x01\n");
	reply_free(&reply);
}

static void
numbers_to_approve_with_have_bounds(void **state)
{
	struct handled *h = *state;
	static const char *const wrong[] = { "{\"kek\": 0}", "{\"kek\": 256}", "{\"kek\": \"1\"}",
		"{\"kek\": 1.5}" };

	handled_pending(h, annas(h), DEVICE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct errand e = errand(&h->anna, "POST " PENDING "/approve", wrong[i]);

		handled_problem(h, 400, "field", "kek is a whole number from 1 to 255", &e);
	}
}

static void
a_device_is_labelled_and_limited(void **state)
{
	struct handled *h = *state;
	struct errand early = errand(&h->anna, "PATCH " PENDING, "{\"bw_limit\": 5}");
	struct errand much = errand(&h->anna, "PATCH " PENDING, "{\"bw_limit\": 26}");
	struct errand nothing = errand(&h->anna, "PATCH " PENDING, "{}");
	struct errand zero = errand(&h->anna, "PATCH " PENDING, "{\"bw_limit\": 0}");
	json_t *d;

	handled_pending(h, annas(h), DEVICE);
	d = handled_json(h, 200, &h->anna, "PATCH " PENDING, "{\"label\": \"phone\"}");
	assert_string_equal(text_of(d, "label"), "phone");
	json_decref(d);
	handled_problem(h, 409, "conflict", "bw_limit can be set once it is approved", &early);
	handled_ok(h, 200, &h->anna, "POST " PENDING "/approve", NULL);
	d = handled_json(h, 200, &h->anna, "PATCH " PENDING, "{\"bw_limit\": 5}");
	assert_string_equal(text_of(d, "label"), "phone");
	assert_int_equal(json_integer_value(json_object_get(d, "bw_limit")), 5);
	json_decref(d);
	d = handled_json(h, 200, &h->anna, "PATCH " PENDING, "{\"label\": \"\"}");
	assert_string_equal(text_of(d, "label"), "");
	json_decref(d);
	handled_noted(
	    h, &h->anna, "device.change 6442a01510d91a00/36d28dec by " HANDLED_TOKEN_TEXT);
	handled_problem(h, 409, "quota", "bw_limit is above what the account allows", &much);
	handled_problem(
	    h, 400, "malformed", "nothing is to be changed: say label, bw_limit", &nothing);
	handled_problem(h, 400, "field", "bw_limit is a whole number from 1 to 1000000", &zero);
}

static void
a_device_gets_another_secret(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = annas(h);
	struct device_id id = { DEVICE };
	uint8_t sealed[DEVICE_SEALED];
	struct cathedral_secret secret;
	struct cosk_public key;
	char hex[65];
	json_t *made;

	handled_pending(h, flock, DEVICE);
	handled_ok(h, 200, &h->anna, "POST " PENDING "/approve", NULL);
	made = handled_json(h, 200, &h->anna, "POST " PENDING "/secret", NULL);
	assert_string_equal(text_of(made, "cathedral_id"), "36d28dec");
	assert_string_equal(text_of(made, "flock"), "6442a01510d91a00");
	assert_int_equal(device_keys(h->s, flock, id, sealed, &key), STORE_OK);
	assert_true(device_unseal(h->vault, flock, id, sealed, &secret));
	sodium_bin2hex(hex, sizeof(hex), secret.bytes, sizeof(secret.bytes));
	assert_string_equal(text_of(made, "cathedral_secret"), hex);
	handled_noted(
	    h, &h->anna, "device.secret 6442a01510d91a00/36d28dec by " HANDLED_TOKEN_TEXT);
	json_decref(made);
}

static void
a_device_is_deleted(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = annas(h);
	struct errand gone = errand(&h->anna, "DELETE " PENDING, NULL);
	json_t *made;

	handled_pending(h, flock, DEVICE);
	handled_ok(h, 204, &h->anna, "DELETE " PENDING, NULL);
	handled_problem(h, 404, "not-found", "there is no such device", &gone);
	handled_pending(h, flock, DEVICE);
	handled_ok(h, 200, &h->anna, "POST " PENDING "/approve", NULL);
	made = handled_json(
	    h, 200, &h->anna, "POST /v1/device/6442a01510d91a00/36d28dec/delete", NULL);
	assert_string_equal(text_of(made, "deleted"), "36d28dec");
	handled_noted(
	    h, &h->anna, "device.delete 6442a01510d91a00/36d28dec by " HANDLED_TOKEN_TEXT);
	json_decref(made);
}

/* ---- not yours, not there: one answer ---- */

static void
what_is_not_yours_is_not_there(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *method, *path, *json, *says;
	} cases[] = {
		{ "GET", "/devices", NULL, "there is no such flock" },
		{ "GET", "/enrolments", NULL, "there is no such flock" },
		{ "POST", "/enrolments", "{}", "there is no such flock" },
		{ "DELETE", "/enrolments/0000000000000001", NULL, "there is no such enrolment" },
		{ "POST", "/devices/36d28dec/approve", NULL, "there is no such device" },
		{ "POST", "/devices/36d28dec/secret", NULL, "there is no such device" },
		{ "PATCH", "/devices/36d28dec", "{\"label\": \"x\"}", "there is no such device" },
		{ "DELETE", "/devices/36d28dec", NULL, "there is no such device" },
	};
	/* Boris' own, none, none with a domain, upper case, cut. */
	static const char *const flocks[] = { "6442a01510d91a00", "6442a01510d91b00",
		"6442a01510d91a01", "6442A01510D91A00", "6442a01510d91a" };
	json_t *list;

	handled_pending(h, handled_flock(h, &h->boris, FLOCK), DEVICE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t f = 0; f < sizeof(flocks) / sizeof(flocks[0]); f++) {
			char what[128] = "";
			struct errand e = errand(&h->anna, what, cases[i].json);

			snprintf(what, sizeof(what), "%s /v1/flocks/%s%s", cases[i].method,
			    flocks[f], cases[i].path);
			handled_problem(h, 404, "not-found", cases[i].says, &e);
		}
	}
	list = handled_json(h, 200, &h->boris, "GET " OF "/devices", NULL);
	assert_string_equal(text_of(device_at(list, 0), "device_approved"), "f");
	json_decref(list);
}

static void
what_is_no_device_is_not_there(void **state)
{
	struct handled *h = *state;
	static const char *const devices[] = { "36D28DEC", "36d28de", "36d28dec0", "00000000" };

	handled_pending(h, annas(h), DEVICE);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		char what[128] = "";
		struct errand e = errand(&h->anna, what, NULL);

		snprintf(what, sizeof(what), "POST " OF "/devices/%s/approve", devices[i]);
		handled_problem(h, 404, "not-found", "there is no such device", &e);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_enough_to_ask),
		TEST(a_key_in_json_may_have_a_label),
		TEST(a_flock_that_is_not_there_is_answered_the_same),
		TEST(joins_are_so_many_and_no_more),
		TEST(a_number_that_is_taken_is_drawn_again),
		TEST(what_is_no_key_is_refused),
		TEST(what_is_no_flock_is_unknown),
		TEST(an_enrolment_key_approves),
		TEST(an_enrolment_key_ends_and_fits_one_flock),
		TEST(a_full_flock_enrols_nobody),
		TEST(enrolments_are_listed_and_revoked),
		TEST(enrolments_have_bounds),
		TEST(devices_are_listed_pending_ones_first),
		TEST(a_list_of_devices_has_pages),
		TEST(approving_gives_a_number),
		TEST(numbers_to_approve_with_have_bounds),
		TEST(a_device_is_labelled_and_limited),
		TEST(a_device_gets_another_secret),
		TEST(a_device_is_deleted),
		TEST(what_is_not_yours_is_not_there),
		TEST(what_is_no_device_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

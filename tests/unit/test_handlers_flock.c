/* SPDX-License-Identifier: ISC */
/* Flocks, their bundles, and agreements between two of them. */
#include "reliquary-api/handlers/handlers.h"
#include "tests/support/bundles.h"
#include "tests/support/handled.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOCK UINT64_C(0x6442a01510d91a00)
#define OTHER UINT64_C(0x0badcafe12345600)
#define OF    "/v1/flocks/6442a01510d91a00"
#define PAIR  OF "/xflocks/0badcafe12345600"

/* ---- flocks ---- */

static void
flocks_are_made_and_listed(void **state)
{
	struct handled *h = *state;
	struct errand text = errand(&h->anna, "POST /v1/flock/create", NULL);
	struct reply reply;
	char noted[80];
	json_t *made, *list, *one;

	made = handled_json(h, 201, &h->anna, "POST /v1/flocks", "{\"label\": \"family\"}");
	snprintf(
	    noted, sizeof(noted), "flock.create %s by " HANDLED_TOKEN_TEXT, text_of(made, "id"));
	handled_noted(h, &h->anna, noted);
	list = handled_json(h, 200, &h->anna, "GET /v1/flocks", NULL);
	one = json_array_get(json_object_get(list, "flocks"), 0);
	assert_string_equal(text_of(one, "id"), text_of(made, "id"));
	assert_string_equal(text_of(one, "label"), "family");
	assert_string_equal(text_of(one, "created"), "2026-09-21T14:13:20Z");
	assert_int_equal(json_integer_value(json_object_get(one, "devices")), 0);
	assert_int_equal(json_integer_value(json_object_get(one, "pending")), 0);
	assert_true(json_is_null(json_object_get(one, "ambry")));
	json_decref(list);
	json_decref(made);

	text.text = true;
	reply = handled_run(h, &text);
	assert_int_equal(reply.status, 201);
	assert_int_equal(strlen(reply.text), 17);
	assert_string_equal(reply.text + 14, "00\n");
	reply_free(&reply);
}

static void
a_list_of_flocks_counts_devices_and_has_pages(void **state)
{
	struct handled *h = *state;
	/* Numbers with the top bit are no special case. */
	static const uint64_t ids[] = { 0xf000000000000100, FLOCK, OTHER };
	struct flock_id flock = { FLOCK };
	char what[64] = "GET /v1/flock/list?limit=2";
	json_t *page, *one, *rest;

	for (size_t i = 0; i < 3; i++)
		handled_flock(h, &h->anna, ids[i]);
	for (uint32_t i = 1; i <= 3; i++)
		handled_pending(h, flock, i);
	handled_ok(h, 200, &h->anna, "POST " OF "/devices/00000001/approve", NULL);
	page = handled_json(h, 200, &h->anna, what, NULL);
	assert_int_equal(json_array_size(json_object_get(page, "flocks")), 2);
	snprintf(what, sizeof(what), "GET /v1/flocks?after=%s", text_of(page, "next"));
	rest = handled_json(h, 200, &h->anna, what, NULL);
	assert_int_equal(json_array_size(json_object_get(rest, "flocks")), 1);
	assert_true(json_is_null(json_object_get(rest, "next")));
	one = json_array_get(json_object_get(rest, "flocks"), 0);
	assert_string_equal(text_of(one, "id"), "6442a01510d91a00");
	assert_int_equal(json_integer_value(json_object_get(one, "devices")), 1);
	assert_int_equal(json_integer_value(json_object_get(one, "pending")), 2);
	json_decref(page);
	json_decref(rest);
}

static void
flocks_have_a_quota(void **state)
{
	struct handled *h = *state;
	struct errand e = errand(&h->anna, "POST /v1/flocks", NULL);

	for (int i = 0; i < 3; i++)
		handled_ok(h, 201, &h->anna, e.what, NULL);
	handled_problem(h, 409, "quota", "the account has as many flocks as it may have", &e);
	handled_ok(h, 201, &h->boris, e.what, NULL);
}

static void
a_number_that_is_taken_is_drawn_again(void **state)
{
	struct handled *h = *state;
	struct random ahead = h->random;
	struct flock_id taken = flock_base((struct flock_id){ random_u64(&ahead) });
	struct flock_id next = flock_base((struct flock_id){ random_u64(&ahead) });

	handled_flock(h, &h->boris, taken.value);
	handled_flock(h, &h->boris, next.value);
	handled_ok(h, 201, &h->anna, "POST /v1/flocks", NULL);
	assert_int_equal(flock_owned(h->s, h->boris.account, taken), STORE_OK);
}

static void
labels_are_read_closely(void **state)
{
	struct handled *h = *state;
	struct errand long_one = errand(&h->anna, "POST /v1/flocks",
	    "{\"label\": \"1234567890123456789012345678901234567890123456789012345678901234+\"}");
	struct errand none = errand(&h->anna, "PATCH " OF, NULL);
	struct errand name = errand(&h->anna, "PATCH " OF, "{\"name\": \"x\"}");

	handled_flock(h, &h->anna, FLOCK);
	handled_problem(h, 400, "field", "label is a text of at most 64 bytes", &long_one);
	handled_problem(h, 400, "field", "label is missing", &none);
	handled_problem(h, 400, "field", "name is no member of this request's body", &name);
}

static void
a_flock_is_relabelled_and_deleted(void **state)
{
	struct handled *h = *state;
	struct errand gone = errand(&h->anna, "DELETE " OF, NULL);
	json_t *made;

	handled_flock(h, &h->anna, FLOCK);
	made = handled_json(h, 200, &h->anna, "PATCH " OF, "{\"label\": \"work\"}");
	assert_string_equal(text_of(made, "id"), "6442a01510d91a00");
	assert_string_equal(text_of(made, "label"), "work");
	handled_noted(h, &h->anna, "flock.label 6442a01510d91a00 by " HANDLED_TOKEN_TEXT);
	json_decref(made);

	handled_ok(h, 204, &h->anna, "DELETE " OF, NULL);
	handled_noted(h, &h->anna, "flock.delete 6442a01510d91a00 by " HANDLED_TOKEN_TEXT);
	handled_problem(h, 404, "not-found", "there is no such flock", &gone);
	handled_flock(h, &h->anna, FLOCK);
	made = handled_json(h, 200, &h->anna, "POST /v1/flock/6442a01510d91a00/delete", NULL);
	assert_string_equal(text_of(made, "deleted"), "6442a01510d91a00");
	json_decref(made);
}

/* ---- bundles ---- */

/* One for all tests; its head is written again for each. */
static struct made_bundle own, pair;

static int
bundles_make(void **state)
{
	(void)state;
	own = bundle_make((struct flock_id){ FLOCK }, (struct flock_id){ FLOCK }, 1, STORE_NOW, 31);
	pair =
	    bundle_make((struct flock_id){ OTHER }, (struct flock_id){ FLOCK }, 1, STORE_NOW, 31);
	return 0;
}

static int
bundles_free(void **state)
{
	(void)state;
	free(own.bytes);
	free(pair.bytes);
	return 0;
}

static struct errand
upload(const struct handled_tenant *who, const char *what, const struct made_bundle *m)
{
	return (struct errand){ .what = what, .who = who, .body = m->bytes, .body_len = m->len };
}

static unsigned
files_in(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	assert_non_null(folder);
	for (struct dirent *e; (e = readdir(folder)) != NULL;)
		count += strlen(e->d_name) == UPLOAD_NAME_SIZE - 1;
	closedir(folder);
	return count;
}

static void
a_bundle_is_taken(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = handled_flock(h, &h->anna, FLOCK);
	struct errand e = upload(&h->anna, "PUT " OF "/ambry", &own);
	struct errand older = upload(&h->anna, "POST /v1/ambry/6442a01510d91a00", &own);
	struct bundle_row row;
	struct reply reply;
	json_t *list, *ambry;

	bundle_renumber(&own, 0x649af776);
	reply = handled_run(h, &e);
	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "generation"), "0x649af776");
	assert_string_equal(text_of(reply.json, "expires"), "2026-10-22T02:33:00Z");
	assert_int_equal(json_integer_value(json_object_get(reply.json, "tunnels")), 32385);
	reply_free(&reply);
	handled_noted(h, &h->anna, "ambry.upload 6442a01510d91a00 by " HANDLED_TOKEN_TEXT);

	assert_int_equal(bundle_get(h->s, flock, flock, &row), STORE_OK);
	assert_int_equal(row.generation, 0x649af776);
	assert_int_equal(row.size, own.len);
	assert_int_equal(row.uploaded, STORE_NOW);
	assert_int_equal(files_in(h->bundles.path), 1);
	list = handled_json(h, 200, &h->anna, "GET /v1/flocks", NULL);
	ambry = json_object_get(json_array_get(json_object_get(list, "flocks"), 0), "ambry");
	assert_string_equal(text_of(ambry, "generation"), "0x649af776");
	assert_string_equal(text_of(ambry, "expires"), "2026-10-22T02:33:00Z");
	assert_string_equal(text_of(ambry, "uploaded"), "2026-09-21T14:13:20Z");
	json_decref(list);

	/* The same generation is no news; the next one is. */
	handled_problem(
	    h, 409, "conflict", "generation 0x649af776 is the one that is there already", &older);
	assert_int_equal(files_in(h->bundles.path), 1);
	bundle_renumber(&own, 0x649af777);
	reply = handled_run(h, &older);
	assert_int_equal(reply.status, 200);
	reply_free(&reply);
	assert_int_equal(bundle_get(h->s, flock, flock, &row), STORE_OK);
	assert_int_equal(row.generation, 0x649af777);
}

static void
a_wrong_bundle_is_not(void **state)
{
	struct handled *h = *state;
	struct errand e = upload(&h->anna, "PUT " OF "/ambry", &own);
	struct errand ended = e;
	struct reply reply;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->anna, OTHER);
	own.bytes[70 + 58] ^= 1; /* the second entry's flock */
	reply = handled_run(h, &e);
	own.bytes[70 + 58] ^= 1;
	assert_int_equal(reply.status, 400);
	assert_string_equal(text_of(reply.json, "type"), "urn:reliquary:problem:bundle");
	reply_free(&reply);

	e.what = "PUT /v1/flocks/0badcafe12345600/ambry"; /* somebody else's */
	reply = handled_run(h, &e);
	assert_int_equal(reply.status, 400);
	reply_free(&reply);

	h->now.wall_s = INT64_C(1792636380); /* the moment it ends */
	handled_problem(h, 400, "bundle", "the bundle ended at 2026-10-22T02:33:00Z", &ended);
	assert_int_equal(files_in(h->bundles.path), 0);
}

static void
uploads_are_let_in_by_their_owners_alone(void **state)
{
	struct handled *h = *state;
	static const char *const own_paths[] = { OF "/ambry", "/v1/flocks/6442a01510d91b00/ambry",
		"/v1/flocks/6442a01510d91a01/ambry" };
	static const char *const pair_paths[] = { PAIR "/ambry",
		OF "/xflocks/6442a01510d91b00/ambry", OF "/xflocks/x/ambry" };

	handled_flock(h, &h->boris, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	for (size_t i = 0; i < 3; i++) {
		char what[128] = "";
		struct errand e = upload(&h->anna, what, &own);

		snprintf(what, sizeof(what), "PUT %s", own_paths[i]);
		handled_problem(h, 404, "not-found", "there is no such flock", &e);
		snprintf(what, sizeof(what), "PUT %s", pair_paths[i]);
		handled_problem(h, 404, "not-found", "there is no such xflock", &e);
	}
}

/* Between the first look and the last one the flock may have gone. */
static void
a_flock_that_went_meanwhile_gets_no_bundle(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = handled_flock(h, &h->anna, FLOCK);
	struct request rq = { .length = 0 };
	const struct route *route = handled_route(h, "PUT " OF "/ambry", &rq);
	struct call c = { .rq = &rq,
		.site = &h->site,
		.store = h->s,
		.random = &h->random,
		.now = h->now,
		.who = { .account = h->anna.account } };
	struct upload_check check;
	struct reply reply;

	assert_true(route->upload->admit(&c, &check, &reply));
	rq.upload = upload_begin(h->bundles.path, &check, &h->random);
	assert_int_equal(upload_take(rq.upload, own.bytes, own.len), UPLOAD_OK);
	assert_int_equal(upload_end(rq.upload), UPLOAD_OK);
	assert_int_equal(flock_delete(h->s, h->anna.account, flock, STORE_NOW), STORE_OK);
	reply = route->handle(&c);
	assert_int_equal(reply.status, 404);
	assert_string_equal(text_of(reply.json, "detail"), "there is no such flock");
	reply_free(&reply);
	request_free(&rq);
}

/* ---- xflocks ---- */

static void
two_owners_agree(void **state)
{
	struct handled *h = *state;
	struct errand text = errand(&h->anna, "PUT " PAIR, NULL);
	struct reply reply;
	json_t *made, *list, *one;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	made = handled_json(h, 200, &h->anna, "PUT " PAIR, NULL);
	assert_string_equal(text_of(made, "flock_a"), "6442a01510d91a00");
	assert_string_equal(text_of(made, "flock_b"), "0badcafe12345600");
	assert_string_equal(text_of(made, "state"), "pending");
	handled_noted(
	    h, &h->anna, "xflock.create 6442a01510d91a00/0badcafe12345600 by " HANDLED_TOKEN_TEXT);
	json_decref(made);
	text.text = true; /* once more is fine */
	reply = handled_run(h, &text);
	assert_string_equal(
	    reply.text, "reliquary-xflock-create 0badcafe12345600 6442a01510d91a00\n");
	reply_free(&reply);

	made = handled_json(
	    h, 200, &h->boris, "POST /v1/xflock/0badcafe12345600/6442a01510d91a00/create", NULL);
	assert_string_equal(text_of(made, "state"), "established");
	json_decref(made);
	reply = handled_run(h, &text);
	assert_string_equal(reply.text, "both sides agreed\n");
	reply_free(&reply);

	list = handled_json(h, 200, &h->boris, "GET /v1/xflock/list", NULL);
	one = json_array_get(json_object_get(list, "xflocks"), 0);
	assert_string_equal(text_of(one, "flock_a"), "0badcafe12345600");
	assert_string_equal(text_of(one, "flock_b"), "6442a01510d91a00");
	assert_string_equal(text_of(one, "state"), "established");
	assert_true(json_is_null(json_object_get(one, "ambry")));
	json_decref(list);
}

static void
an_agreement_is_taken_back(void **state)
{
	struct handled *h = *state;
	struct errand gone = errand(&h->anna, "DELETE " PAIR, NULL);

	handled_flock(h, &h->anna, FLOCK);
	handled_problem(h, 404, "not-found", "there is no such xflock", &gone);
	handled_ok(h, 200, &h->anna, "PUT " PAIR, NULL);
	handled_ok(h, 204, &h->anna, "DELETE " PAIR, NULL);
	handled_noted(
	    h, &h->anna, "xflock.delete 6442a01510d91a00/0badcafe12345600 by " HANDLED_TOKEN_TEXT);
	handled_problem(h, 404, "not-found", "there is no such xflock", &gone);
	handled_ok(h, 200, &h->anna, "PUT " PAIR, NULL);
	handled_ok(
	    h, 204, &h->anna, "POST /v1/xflock/6442a01510d91a00/0badcafe12345600/delete", NULL);
}

static void
agreements_have_bounds(void **state)
{
	struct handled *h = *state;
	struct errand self = errand(&h->anna, "PUT " OF "/xflocks/6442a01510d91a00", NULL);
	struct errand third = errand(&h->anna, "PUT " OF "/xflocks/0000000000000300", NULL);
	static const char *const none[] = { "PUT /v1/flocks/0badcafe12345600/xflocks/"
					    "6442a01510d91a00",
		"PUT /v1/flocks/6442a01510d91b00/xflocks/6442a01510d91a00",
		"PUT " OF "/xflocks/0badcafe12345601", "PUT " OF "/xflocks/0BADCAFE12345600" };

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	handled_problem(h, 409, "conflict", "a flock needs no agreement with itself", &self);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct errand e = errand(&h->anna, none[i], NULL);

		handled_problem(h, 404, "not-found", "there is no such flock", &e);
	}
	/* One with a flock that nobody has is as good as one that nobody answers. */
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0000000000000100", NULL);
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0000000000000200", NULL);
	handled_problem(h, 409, "quota", "the flock has as many xflocks as it may have", &third);
}

static void
a_list_of_agreements_has_pages(void **state)
{
	struct handled *h = *state;
	char what[80] = "GET /v1/xflocks?limit=1";
	json_t *page, *rest, *one;

	handled_flock(h, &h->anna, FLOCK);
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0000000000000100", NULL);
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0000000000000200", NULL);
	page = handled_json(h, 200, &h->anna, what, NULL);
	one = json_array_get(json_object_get(page, "xflocks"), 0);
	assert_string_equal(text_of(one, "flock_b"), "0000000000000100");
	snprintf(what, sizeof(what), "GET /v1/xflocks?limit=1&after=%s", text_of(page, "next"));
	rest = handled_json(h, 200, &h->anna, what, NULL);
	one = json_array_get(json_object_get(rest, "xflocks"), 0);
	assert_string_equal(text_of(one, "flock_b"), "0000000000000200");
	assert_true(json_is_null(json_object_get(rest, "next")));
	json_decref(page);
	json_decref(rest);
}

/* Either owner may, once both agreed, by its own flock's path. */
static void
a_bundle_between_flocks_takes_both(void **state)
{
	struct handled *h = *state;
	struct errand annas = upload(&h->anna, "PUT " PAIR "/ambry", &pair);
	struct errand boris =
	    upload(&h->boris, "POST /v1/xflock/0badcafe12345600/6442a01510d91a00/ambry", &pair);
	struct errand swapped =
	    upload(&h->boris, "POST /v1/xflock/6442a01510d91a00/0badcafe12345600/ambry", &pair);
	struct bundle_row row;
	struct reply reply;
	json_t *list, *ambry;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	handled_ok(h, 200, &h->anna, "PUT " PAIR, NULL);
	handled_problem(
	    h, 409, "conflict", "the owner of the other flock has not agreed yet", &annas);
	handled_problem(h, 404, "not-found", "there is no such xflock", &boris);
	handled_ok(
	    h, 200, &h->boris, "PUT /v1/flocks/0badcafe12345600/xflocks/6442a01510d91a00", NULL);
	handled_problem(h, 404, "not-found", "there is no such xflock", &swapped);

	reply = handled_run(h, &annas);
	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "generation"), "0x00000001");
	assert_int_equal(json_integer_value(json_object_get(reply.json, "tunnels")), 65025);
	reply_free(&reply);
	handled_noted(
	    h, &h->anna, "xflock.ambry 6442a01510d91a00/0badcafe12345600 by " HANDLED_TOKEN_TEXT);
	assert_int_equal(
	    bundle_get(h->s, (struct flock_id){ OTHER }, (struct flock_id){ FLOCK }, &row),
	    STORE_OK);
	assert_int_equal(row.size, pair.len);

	/* It is one bundle, whoever brings it. */
	handled_problem(
	    h, 409, "conflict", "generation 0x00000001 is the one that is there already", &boris);
	bundle_renumber(&pair, 2);
	reply = handled_run(h, &boris);
	assert_int_equal(reply.status, 200);
	reply_free(&reply);
	list = handled_json(h, 200, &h->anna, "GET /v1/xflocks", NULL);
	ambry = json_object_get(json_array_get(json_object_get(list, "xflocks"), 0), "ambry");
	assert_string_equal(text_of(ambry, "generation"), "0x00000002");
	json_decref(list);
	bundle_renumber(&pair, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flocks_are_made_and_listed),
		TEST(a_list_of_flocks_counts_devices_and_has_pages),
		TEST(flocks_have_a_quota),
		TEST(a_number_that_is_taken_is_drawn_again),
		TEST(labels_are_read_closely),
		TEST(a_flock_is_relabelled_and_deleted),
		TEST(a_bundle_is_taken),
		TEST(a_wrong_bundle_is_not),
		TEST(uploads_are_let_in_by_their_owners_alone),
		TEST(a_flock_that_went_meanwhile_gets_no_bundle),
		TEST(two_owners_agree),
		TEST(an_agreement_is_taken_back),
		TEST(agreements_have_bounds),
		TEST(a_list_of_agreements_has_pages),
		TEST(a_bundle_between_flocks_takes_both),
	};

	return cmocka_run_group_tests(tests, bundles_make, bundles_free);
}

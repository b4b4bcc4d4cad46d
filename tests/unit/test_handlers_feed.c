/* SPDX-License-Identifier: ISC */
/* What cathedrals are told, and from where on. */
#include "protocol/wire/bundle.h"
#include "reliquary-api/store/feed.h"
#include "tests/support/fed.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOCK UINT64_C(0x6442a01510d91a00)
#define OTHER UINT64_C(0x0badcafe12345600)
#define OF    "/v1/flocks/6442a01510d91a00"
#define BY    "/v1/flocks/0badcafe12345600"

static json_t *
feed(struct handled *h, uint64_t since)
{
	char what[80];

	snprintf(
	    what, sizeof(what), "GET /v1/cathedral/feed?since=%llu", (unsigned long long)since);
	return fed_understood(handled_json(h, 200, NULL, what, NULL));
}

/* Up to where all is known now. */
static uint64_t
all_known(struct handled *h)
{
	json_t *page = feed(h, 0);
	uint64_t ret = fed_number(page, "until");

	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_true(json_is_false(json_object_get(page, "more")));
	json_decref(page);
	return ret;
}

/* The slice is what the bundle has between numbers 1 to n of a, and 1 to m of b. */
static void
expect_slice(
    json_t *ambry, const struct made_bundle *made, uint64_t a, unsigned n, uint64_t b, unsigned m)
{
	struct kek_set in_a = { { 0 } }, in_b = { { 0 } };
	const char *text = text_of(ambry, "slice");
	struct bundle whole;
	struct fault why;
	size_t size, got;
	uint8_t *want, *have;

	for (unsigned i = 1; i <= n; i++)
		kek_set_add(&in_a, (uint8_t)i);
	for (unsigned i = 1; i <= m; i++)
		kek_set_add(&in_b, (uint8_t)i);
	assert_true(bundle_parse_whole(
	    &whole, made->bytes, made->len, (struct flock_id){ a }, (struct flock_id){ b }, &why));
	size = bundle_size(a == b, &in_a, &in_b);
	want = malloc(size);
	have = malloc(size);
	assert_int_equal(bundle_slice(&whole, &in_a, &in_b, want, size), size);
	assert_int_equal(sodium_base642bin(have, size, text, strlen(text), NULL, &got, NULL,
			     sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_int_equal(got, size);
	assert_memory_equal(have, want, size);
	free(have);
	free(want);
}

/* ---- what is told ---- */

static void
a_flock_is_told_whole(void **state)
{
	struct handled *h = *state;
	struct flock_id flock = handled_flock(h, &h->anna, FLOCK);
	struct made_bundle own = bundle_make(flock, flock, 0x649af776, STORE_NOW, 31);
	json_t *first, *second, *page, *told, *device;

	first = fed_member(h, &h->anna, OF);
	second = fed_member(h, &h->anna, OF);
	handled_pending(h, flock, 77); /* nobody hears of those */
	page = feed(h, 0);
	told = fed_part(page, "flocks", 0);
	assert_true(json_is_null(json_object_get(told, "ambry")));
	json_decref(page);

	fed_upload(h, &h->anna, "PUT " OF "/ambry", &own);
	page = feed(h, 0);
	assert_int_equal(strlen(text_of(page, "database")), 32);
	assert_int_equal(fed_number(page, "since"), 0);
	assert_int_equal(fed_count(page, "flocks"), 1);
	told = fed_part(page, "flocks", 0);
	assert_string_equal(text_of(told, "id"), "6442a01510d91a00");
	assert_int_equal(fed_count(told, "devices"), 2);
	device = fed_part(told, "devices", 0);
	assert_string_equal(text_of(device, "cathedral_id"), text_of(first, "cathedral_id"));
	assert_string_equal(
	    text_of(device, "cathedral_secret"), text_of(first, "cathedral_secret"));
	assert_string_equal(text_of(device, "cosk"), FED_COSK);
	assert_int_equal(fed_number(device, "kek"), 1);
	assert_int_equal(fed_number(device, "bw_limit"), h->settings.device_mbit);
	device = fed_part(told, "devices", 1);
	assert_string_equal(
	    text_of(device, "cathedral_secret"), text_of(second, "cathedral_secret"));
	assert_int_equal(fed_number(device, "kek"), 2);
	assert_string_equal(text_of(json_object_get(told, "ambry"), "generation"), "0x649af776");
	expect_slice(json_object_get(told, "ambry"), &own, FLOCK, 2, FLOCK, 2);
	json_decref(page);
	json_decref(second);
	json_decref(first);
	free(own.bytes);
}

/* A device that comes later gets its ambries without another upload, between flocks as well. */
static void
slices_follow_the_devices(void **state)
{
	struct handled *h = *state;
	struct flock_id a = handled_flock(h, &h->anna, FLOCK);
	struct flock_id b = handled_flock(h, &h->boris, OTHER);
	struct made_bundle pair = bundle_make(a, b, 7, STORE_NOW, 31); /* the higher id first */
	uint64_t known;
	json_t *page, *told;

	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0badcafe12345600", NULL);
	handled_ok(h, 200, &h->boris, "PUT " BY "/xflocks/6442a01510d91a00", NULL);
	fed_members(h, &h->anna, OF, 3);
	fed_upload(h, &h->boris, "PUT " BY "/xflocks/6442a01510d91a00/ambry", &pair);

	page = feed(h, 0);
	told = fed_part(page, "xflocks", 0);
	assert_string_equal(text_of(told, "flock_a"), "0badcafe12345600");
	assert_string_equal(text_of(told, "flock_b"), "6442a01510d91a00");
	assert_int_equal(fed_count(told, "keks_a"), 0);
	assert_int_equal(fed_count(told, "keks_b"), 3);
	assert_int_equal(json_integer_value(fed_part(told, "keks_b", 2)), 3);
	expect_slice(json_object_get(told, "ambry"), &pair, OTHER, 0, FLOCK, 3);
	known = fed_number(page, "until");
	json_decref(page);

	fed_members(h, &h->boris, BY, 1);
	page = feed(h, known);
	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(fed_count(page, "flocks"), 1);
	assert_string_equal(text_of(fed_part(page, "flocks", 0), "id"), "0badcafe12345600");
	expect_slice(
	    json_object_get(fed_part(page, "xflocks", 0), "ambry"), &pair, OTHER, 1, FLOCK, 3);
	json_decref(page);
	free(pair.bytes);
}

static void
what_is_not_served_is_gone(void **state)
{
	struct handled *h = *state;
	json_t *page, *gone;
	uint64_t known;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	fed_members(h, &h->anna, OF, 1);
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0badcafe12345600", NULL);
	handled_ok(h, 200, &h->boris, "PUT " BY "/xflocks/6442a01510d91a00", NULL);
	known = all_known(h);

	handled_ok(h, 204, &h->anna, "DELETE " OF "/xflocks/0badcafe12345600", NULL);
	page = feed(h, known);
	gone = json_object_get(page, "gone");
	assert_int_equal(fed_count(gone, "flocks"), 0);
	assert_int_equal(fed_count(gone, "xflocks"), 1);
	assert_string_equal(
	    json_string_value(json_array_get(fed_part(gone, "xflocks", 0), 0)), "0badcafe12345600");
	assert_string_equal(
	    json_string_value(json_array_get(fed_part(gone, "xflocks", 0), 1)), "6442a01510d91a00");
	known = fed_number(page, "until");
	json_decref(page);

	assert_int_equal(
	    account_set_suspended(h->s, h->anna.account, true, h->now.wall_s), STORE_OK);
	page = feed(h, known);
	assert_int_equal(fed_count(page, "flocks"), 0);
	assert_string_equal(json_string_value(fed_part(json_object_get(page, "gone"), "flocks", 0)),
	    "6442a01510d91a00");
	known = fed_number(page, "until");
	json_decref(page);

	assert_int_equal(
	    account_set_suspended(h->s, h->anna.account, false, h->now.wall_s), STORE_OK);
	page = feed(h, known);
	assert_int_equal(fed_count(fed_part(page, "flocks", 0), "devices"), 1);
	json_decref(page);
}

static void
the_fleet_is_told_whole(void **state)
{
	struct handled *h = *state;
	struct cathedral_row row;
	json_t *page, *one;
	uint64_t known;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_cathedral(h, "matins", "", "2001:db8::7", 0);
	page = feed(h, 0);
	assert_int_equal(fed_count(page, "cathedrals"), 2);
	one = fed_part(page, "cathedrals", 0);
	assert_string_equal(text_of(one, "name"), "matins");
	assert_string_equal(text_of(one, "address"), "2001:db8::7");
	assert_true(json_is_null(json_object_get(one, "nat_port")));
	assert_true(json_is_false(json_object_get(one, "draining")));
	one = fed_part(page, "cathedrals", 1);
	assert_string_equal(text_of(one, "region"), "eu");
	assert_int_equal(fed_number(one, "port"), 4500);
	assert_int_equal(fed_number(one, "nat_port"), 4501);
	known = fed_number(page, "until");
	json_decref(page);

	/* That one is well is no news; that it is to be left alone, is. */
	handled_ok(h, 200, NULL, "POST /v1/cathedral/heartbeat", "{\"version\": \"1\"}");
	page = feed(h, known);
	assert_null(json_object_get(page, "cathedrals"));
	json_decref(page);
	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	row.draining = true;
	assert_int_equal(cathedral_set(h->s, &row, h->now.wall_s), STORE_OK);
	assert_int_equal(cathedral_remove(h->s, "matins", h->now.wall_s), STORE_OK);
	page = feed(h, known);
	assert_int_equal(fed_count(page, "cathedrals"), 1);
	assert_true(json_is_true(json_object_get(fed_part(page, "cathedrals", 0), "draining")));
	json_decref(page);
}

/* ---- from where on ---- */

static void
only_what_changed_is_told(void **state)
{
	struct handled *h = *state;
	json_t *joined, *page;
	char what[128];
	uint64_t known;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->boris, OTHER);
	fed_members(h, &h->boris, BY, 1);
	joined = fed_member(h, &h->anna, OF);
	known = all_known(h);

	snprintf(what, sizeof(what), "PATCH " OF "/devices/%s", text_of(joined, "cathedral_id"));
	handled_ok(h, 200, &h->anna, what, "{\"label\": \"phone\"}"); /* is nobody's business */
	page = feed(h, known);
	assert_int_equal(fed_count(page, "flocks"), 0);
	assert_int_equal(fed_number(page, "until"), known);
	json_decref(page);

	handled_ok(h, 200, &h->anna, what, "{\"bw_limit\": 5}");
	handled_ok(h, 200, &h->anna, what, "{\"bw_limit\": 6}");
	page = feed(h, known);
	assert_int_equal(fed_count(page, "flocks"), 1);
	assert_int_equal(
	    fed_number(fed_part(fed_part(page, "flocks", 0), "devices", 0), "bw_limit"), 6);
	assert_int_equal(fed_number(page, "until"), known + 2);
	json_decref(page);
	json_decref(joined);
}

static size_t
gone_count(json_t *page)
{
	return fed_count(json_object_get(page, "gone"), "flocks");
}

/* So many, each of another subject. */
static void
changes(struct handled *h, uint64_t count)
{
	for (uint64_t i = 1; i <= count; i++) {
		struct flock_id flock = handled_flock(h, &h->anna, FLOCK + (i << 16));

		assert_int_equal(
		    flock_delete(h->s, h->anna.account, flock, h->now.wall_s), STORE_OK);
	}
}

/* Every page goes on where the one before ended, and none is too long. */
static void
all_there_is_comes_in_pages(void **state)
{
	struct handled *h = *state;
	uint64_t since = 0;
	size_t met = 0, pages = 0;
	bool more = true;

	changes(h, 2500);
	while (more) {
		json_t *page = feed(h, since);

		assert_true(gone_count(page) <= 1000);
		assert_int_equal(json_is_true(json_object_get(page, "reset")), since == 0);
		assert_int_equal(fed_number(page, "until"), since + gone_count(page));
		met += gone_count(page);
		pages++;
		since = fed_number(page, "until");
		more = json_is_true(json_object_get(page, "more"));
		json_decref(page);
	}
	assert_int_equal(met, 2500);
	assert_int_equal(pages, 3);
}

/* A page that is large ends early, and says so. */
static void
large_slices_fill_a_page(void **state)
{
	struct handled *h = *state;
	json_t *page;
	uint64_t since = 0;

	for (uint64_t i = 1; i <= 2; i++) {
		struct flock_id flock = handled_flock(h, &h->anna, FLOCK + (i << 16));
		struct made_bundle own = bundle_make(flock, flock, 7, STORE_NOW, 31);
		char of[64], what[80];

		snprintf(of, sizeof(of), "/v1/flocks/%016llx", (unsigned long long)flock.value);
		snprintf(what, sizeof(what), "PUT %s/ambry", of);
		fed_members(h, &h->anna, of, 120);
		fed_upload(h, &h->anna, what, &own);
		free(own.bytes);
	}
	for (size_t i = 0; i < 2; i++) {
		page = feed(h, since);
		assert_int_equal(fed_count(page, "flocks"), 1);
		assert_int_equal(json_is_true(json_object_get(page, "more")), i == 0);
		since = fed_number(page, "until");
		json_decref(page);
	}
}

/* Goes on as a cathedral does, from the beginning until there is no more: pages that it took. */
static size_t
pages_of_all(struct handled *h, uint64_t *until)
{
	uint64_t begun = 0;
	bool more = true;
	size_t pages = 0;

	for (*until = 0; more; pages++) {
		char what[120];
		json_t *page;

		assert_true(pages < 10);
		snprintf(what, sizeof(what), "GET /v1/cathedral/feed?since=%llu&begun=%llu",
		    (unsigned long long)*until, (unsigned long long)begun);
		page = fed_understood(handled_json(h, 200, NULL, what, NULL));
		assert_int_equal(json_is_true(json_object_get(page, "reset")), pages == 0);
		*until = fed_number(page, "until");
		begun = fed_number(page, "begun");
		more = json_is_true(json_object_get(page, "more"));
		json_decref(page);
	}
	return pages;
}

static void
expect_up_to_date(struct handled *h, uint64_t known)
{
	json_t *page = feed(h, known);

	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(fed_number(page, "until"), known);
	json_decref(page);
}

/* What was forgotten before a cathedral began does not make it begin again and again. */
static void
old_pages_come_to_an_end(void **state)
{
	struct handled *h = *state;
	uint64_t known;

	changes(h, 2500);
	assert_int_equal(change_forget(h->s, 2400), STORE_OK);
	assert_int_equal(pages_of_all(h, &known), 3);
	expect_up_to_date(h, known);

	/* A copy of the past was restored: all rows are older than what is forgotten. */
	assert_int_equal(change_leap(h->s), STORE_OK);
	assert_int_equal(pages_of_all(h, &known), 3);
	expect_up_to_date(h, known);
}

/* Nor when the last change is the one that is forgotten: nobody would ever wait. */
static void
the_last_change_may_be_forgotten(void **state)
{
	struct handled *h = *state;
	struct upkeep u = { .account_grace_s = 9999 * INT64_C(86400), .limit = 100 };
	uint64_t known;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->anna, OTHER);
	fed_members(h, &h->anna, OF, 1);
	handled_ok(h, 204, &h->anna, "DELETE " BY, NULL);
	u.now = STORE_NOW + CHANGE_KEPT_S + 1;
	assert_int_equal(account_extend(h->s, h->anna.account, u.now + 1, STORE_NOW), STORE_OK);
	assert_int_equal(upkeep_run(h->s, &u), STORE_OK);
	assert_int_equal(pages_of_all(h, &known), 1);
	expect_up_to_date(h, known);
}

/* Whoever was away in the middle of it for so long that more was forgotten, begins anew. */
static void
what_goes_while_pages_are_read_is_not_missed(void **state)
{
	struct handled *h = *state;
	json_t *page;

	changes(h, 10);
	assert_int_equal(change_forget(h->s, 8), STORE_OK);
	page = handled_json(h, 200, NULL, "GET /v1/cathedral/feed?since=5&begun=8", NULL);
	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(fed_number(page, "begun"), 8);
	json_decref(page);
	page = handled_json(h, 200, NULL, "GET /v1/cathedral/feed?since=5&begun=7", NULL);
	assert_true(json_is_true(json_object_get(page, "reset")));
	json_decref(page);
	page = handled_json(h, 200, NULL, "GET /v1/cathedral/feed?since=5&begun=11", NULL);
	assert_true(json_is_true(json_object_get(page, "reset"))); /* not ours */
	json_decref(page);
}

static void
whose_number_is_not_known_begins_anew(void **state)
{
	struct handled *h = *state;
	char right[128], wrong[160];
	uint64_t known;
	json_t *page;

	handled_flock(h, &h->anna, FLOCK);
	fed_members(h, &h->anna, OF, 2);
	known = all_known(h);
	page = feed(h, known + 1);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(fed_count(page, "flocks"), 1);
	snprintf(right, sizeof(right), "GET /v1/cathedral/feed?since=%llu&database=%s",
	    (unsigned long long)known, text_of(page, "database"));
	snprintf(wrong, sizeof(wrong), "%s0", right);
	json_decref(page);

	page = handled_json(h, 200, NULL, right, NULL);
	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(fed_count(page, "flocks"), 0);
	json_decref(page);
	page = handled_json(h, 200, NULL, wrong, NULL);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(fed_number(page, "since"), 0);
	assert_int_equal(fed_count(page, "flocks"), 1);
	json_decref(page);
}

static void
who_was_away_too_long_begins_anew(void **state)
{
	struct handled *h = *state;
	struct upkeep u = { .account_grace_s = 9999 * INT64_C(86400), .limit = 100 };
	json_t *page;

	handled_flock(h, &h->anna, FLOCK);
	handled_flock(h, &h->anna, OTHER);
	fed_members(h, &h->anna, OF, 1);
	handled_ok(h, 204, &h->anna, "DELETE " BY, NULL);
	fed_members(h, &h->anna, OF, 1);
	u.now = STORE_NOW + CHANGE_KEPT_S + 1;
	assert_int_equal(account_extend(h->s, h->anna.account, u.now + 1, STORE_NOW), STORE_OK);
	assert_int_equal(upkeep_run(h->s, &u), STORE_OK);

	page = feed(h, 1);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(fed_count(page, "flocks"), 1);
	json_decref(page);
	page = feed(h, 2); /* heard that it was gone */
	assert_true(json_is_false(json_object_get(page, "reset")));
	json_decref(page);
}

/* ---- waiting ---- */

static void
nothing_new_is_waited_for(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *what;
		bool may_wait;
		unsigned status, wait_s;
	} cases[] = {
		{ "GET /v1/cathedral/feed?since=1&wait=50", true, 0, 50 },
		{ "GET /v1/cathedral/feed?since=1&wait=50", false, 200, 0 },
		{ "GET /v1/cathedral/feed?since=1&wait=0", true, 200, 0 },
		{ "GET /v1/cathedral/feed?since=1", true, 200, 0 },
		{ "GET /v1/cathedral/feed?since=0&wait=50", true, 200, 0 },
		{ "GET /v1/cathedral/feed?since=2&wait=50", true, 200, 0 }, /* not ours */
	};

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = fed_call(h, cases[i].what, cases[i].may_wait, false);

		assert_int_equal(reply.status, cases[i].status);
		assert_int_equal(reply.wait_s, cases[i].wait_s);
		reply_free(&reply);
	}
}

static void
questions_are_read_closely(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *what, *says;
	} cases[] = {
		{ "GET /v1/cathedral/feed?since=-1",
		    "since is the number up to which changes are known" },
		{ "GET /v1/cathedral/feed?since=9223372036854775808",
		    "since is the number up to which changes are known" },
		{ "GET /v1/cathedral/feed?since=",
		    "since is the number up to which changes are known" },
		{ "GET /v1/cathedral/feed?begun=-1", "begun is what the page before said" },
		{ "GET /v1/cathedral/feed?wait=301", "wait is a number of seconds, at most 300" },
		{ "GET /v1/cathedral/feed?wait=1s", "wait is a number of seconds, at most 300" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = errand(NULL, cases[i].what, NULL);

		handled_problem(h, 400, "field", cases[i].says, &e);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flock_is_told_whole),
		TEST(slices_follow_the_devices),
		TEST(what_is_not_served_is_gone),
		TEST(the_fleet_is_told_whole),
		TEST(only_what_changed_is_told),
		TEST(all_there_is_comes_in_pages),
		TEST(large_slices_fill_a_page),
		TEST(old_pages_come_to_an_end),
		TEST(the_last_change_may_be_forgotten),
		TEST(what_goes_while_pages_are_read_is_not_missed),
		TEST(whose_number_is_not_known_begins_anew),
		TEST(who_was_away_too_long_begins_anew),
		TEST(nothing_new_is_waited_for),
		TEST(questions_are_read_closely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

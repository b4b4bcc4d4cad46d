/* SPDX-License-Identifier: ISC */
/* What cathedrals are told, and from where on. */
#include "base/hex.h"
#include "protocol/wire/bundle.h"
#include "reliquary-api/handlers/feed_pages.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/store/feed.h"
#include "tests/support/bundles.h"
#include "tests/support/handled.h"
#include "tools/cathedral-sync/document.h"

#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOCK UINT64_C(0x6442a01510d91a00)
#define OTHER UINT64_C(0x0badcafe12345600)
#define OF    "/v1/flocks/6442a01510d91a00"
#define BY    "/v1/flocks/0badcafe12345600"

#define COSK "c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5"

static json_t *
part(json_t *object, const char *name, size_t index)
{
	json_t *ret = json_array_get(json_object_get(object, name), index);

	assert_non_null(ret);
	return ret;
}

static size_t
count(json_t *object, const char *name)
{
	return json_array_size(json_object_get(object, name));
}

static uint64_t
number(json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Who listens takes every page. */
static json_t *
understood(json_t *page)
{
	struct record_page d;
	struct fault why;

	if (!document_read(&d, page, &why))
		fail_msg("%s", why.text);
	assert_int_equal(d.flock_count, count(page, "flocks"));
	assert_int_equal(d.xflock_count, count(page, "xflocks"));
	assert_int_equal(d.until, number(page, "until"));
	record_page_free(&d);
	return page;
}

static json_t *
feed(struct handled *h, uint64_t since)
{
	char what[80];

	snprintf(
	    what, sizeof(what), "GET /v1/cathedral/feed?since=%llu", (unsigned long long)since);
	return understood(handled_json(h, 200, NULL, what, NULL));
}

/* Up to where all is known now. */
static uint64_t
all_known(struct handled *h)
{
	json_t *page = feed(h, 0);
	uint64_t ret = number(page, "until");

	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_true(json_is_false(json_object_get(page, "more")));
	json_decref(page);
	return ret;
}

/* Joins and is let in: {cathedral_id, cathedral_secret, flock}, the caller's. */
static json_t *
member(struct handled *h, const struct handled_tenant *who, const char *of)
{
	char what[128];
	json_t *joined;

	snprintf(what, sizeof(what), "POST %s/devices", of);
	joined = handled_json(h, 201, NULL, what, "{\"cosk\": \"" COSK "\"}");
	snprintf(
	    what, sizeof(what), "POST %s/devices/%s/approve", of, text_of(joined, "cathedral_id"));
	handled_ok(h, 200, who, what, NULL);
	return joined;
}

static void
members(struct handled *h, const struct handled_tenant *who, const char *of, unsigned n)
{
	while (n-- > 0)
		json_decref(member(h, who, of));
}

static void
upload(struct handled *h, const struct handled_tenant *who, const char *what,
    const struct made_bundle *m)
{
	const struct errand e = { .what = what, .who = who, .body = m->bytes, .body_len = m->len };
	struct reply reply = handled_run(h, &e);

	assert_int_equal(reply.status, 200);
	reply_free(&reply);
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

	first = member(h, &h->anna, OF);
	second = member(h, &h->anna, OF);
	handled_pending(h, flock, 77); /* nobody hears of those */
	page = feed(h, 0);
	told = part(page, "flocks", 0);
	assert_true(json_is_null(json_object_get(told, "ambry")));
	json_decref(page);

	upload(h, &h->anna, "PUT " OF "/ambry", &own);
	page = feed(h, 0);
	assert_int_equal(strlen(text_of(page, "database")), 32);
	assert_int_equal(number(page, "since"), 0);
	assert_int_equal(count(page, "flocks"), 1);
	told = part(page, "flocks", 0);
	assert_string_equal(text_of(told, "id"), "6442a01510d91a00");
	assert_int_equal(count(told, "devices"), 2);
	device = part(told, "devices", 0);
	assert_string_equal(text_of(device, "cathedral_id"), text_of(first, "cathedral_id"));
	assert_string_equal(
	    text_of(device, "cathedral_secret"), text_of(first, "cathedral_secret"));
	assert_string_equal(text_of(device, "cosk"), COSK);
	assert_int_equal(number(device, "kek"), 1);
	assert_int_equal(number(device, "bw_limit"), h->settings.device_mbit);
	device = part(told, "devices", 1);
	assert_string_equal(
	    text_of(device, "cathedral_secret"), text_of(second, "cathedral_secret"));
	assert_int_equal(number(device, "kek"), 2);
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
	members(h, &h->anna, OF, 3);
	upload(h, &h->boris, "PUT " BY "/xflocks/6442a01510d91a00/ambry", &pair);

	page = feed(h, 0);
	told = part(page, "xflocks", 0);
	assert_string_equal(text_of(told, "flock_a"), "0badcafe12345600");
	assert_string_equal(text_of(told, "flock_b"), "6442a01510d91a00");
	assert_int_equal(count(told, "keks_a"), 0);
	assert_int_equal(count(told, "keks_b"), 3);
	assert_int_equal(json_integer_value(part(told, "keks_b", 2)), 3);
	expect_slice(json_object_get(told, "ambry"), &pair, OTHER, 0, FLOCK, 3);
	known = number(page, "until");
	json_decref(page);

	members(h, &h->boris, BY, 1);
	page = feed(h, known);
	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(count(page, "flocks"), 1);
	assert_string_equal(text_of(part(page, "flocks", 0), "id"), "0badcafe12345600");
	expect_slice(json_object_get(part(page, "xflocks", 0), "ambry"), &pair, OTHER, 1, FLOCK, 3);
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
	members(h, &h->anna, OF, 1);
	handled_ok(h, 200, &h->anna, "PUT " OF "/xflocks/0badcafe12345600", NULL);
	handled_ok(h, 200, &h->boris, "PUT " BY "/xflocks/6442a01510d91a00", NULL);
	known = all_known(h);

	handled_ok(h, 204, &h->anna, "DELETE " OF "/xflocks/0badcafe12345600", NULL);
	page = feed(h, known);
	gone = json_object_get(page, "gone");
	assert_int_equal(count(gone, "flocks"), 0);
	assert_int_equal(count(gone, "xflocks"), 1);
	assert_string_equal(
	    json_string_value(json_array_get(part(gone, "xflocks", 0), 0)), "0badcafe12345600");
	assert_string_equal(
	    json_string_value(json_array_get(part(gone, "xflocks", 0), 1)), "6442a01510d91a00");
	known = number(page, "until");
	json_decref(page);

	assert_int_equal(
	    account_set_suspended(h->s, h->anna.account, true, h->now.wall_s), STORE_OK);
	page = feed(h, known);
	assert_int_equal(count(page, "flocks"), 0);
	assert_string_equal(json_string_value(part(json_object_get(page, "gone"), "flocks", 0)),
	    "6442a01510d91a00");
	known = number(page, "until");
	json_decref(page);

	assert_int_equal(
	    account_set_suspended(h->s, h->anna.account, false, h->now.wall_s), STORE_OK);
	page = feed(h, known);
	assert_int_equal(count(part(page, "flocks", 0), "devices"), 1);
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
	assert_int_equal(count(page, "cathedrals"), 2);
	one = part(page, "cathedrals", 0);
	assert_string_equal(text_of(one, "name"), "matins");
	assert_string_equal(text_of(one, "address"), "2001:db8::7");
	assert_true(json_is_null(json_object_get(one, "nat_port")));
	assert_true(json_is_false(json_object_get(one, "draining")));
	one = part(page, "cathedrals", 1);
	assert_string_equal(text_of(one, "region"), "eu");
	assert_int_equal(number(one, "port"), 4500);
	assert_int_equal(number(one, "nat_port"), 4501);
	known = number(page, "until");
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
	assert_int_equal(count(page, "cathedrals"), 1);
	assert_true(json_is_true(json_object_get(part(page, "cathedrals", 0), "draining")));
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
	members(h, &h->boris, BY, 1);
	joined = member(h, &h->anna, OF);
	known = all_known(h);

	snprintf(what, sizeof(what), "PATCH " OF "/devices/%s", text_of(joined, "cathedral_id"));
	handled_ok(h, 200, &h->anna, what, "{\"label\": \"phone\"}"); /* is nobody's business */
	page = feed(h, known);
	assert_int_equal(count(page, "flocks"), 0);
	assert_int_equal(number(page, "until"), known);
	json_decref(page);

	handled_ok(h, 200, &h->anna, what, "{\"bw_limit\": 5}");
	handled_ok(h, 200, &h->anna, what, "{\"bw_limit\": 6}");
	page = feed(h, known);
	assert_int_equal(count(page, "flocks"), 1);
	assert_int_equal(number(part(part(page, "flocks", 0), "devices", 0), "bw_limit"), 6);
	assert_int_equal(number(page, "until"), known + 2);
	json_decref(page);
	json_decref(joined);
}

static size_t
gone_count(json_t *page)
{
	return count(json_object_get(page, "gone"), "flocks");
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
		assert_int_equal(number(page, "until"), since + gone_count(page));
		met += gone_count(page);
		pages++;
		since = number(page, "until");
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
		members(h, &h->anna, of, 120);
		upload(h, &h->anna, what, &own);
		free(own.bytes);
	}
	for (size_t i = 0; i < 2; i++) {
		page = feed(h, since);
		assert_int_equal(count(page, "flocks"), 1);
		assert_int_equal(json_is_true(json_object_get(page, "more")), i == 0);
		since = number(page, "until");
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
		page = understood(handled_json(h, 200, NULL, what, NULL));
		assert_int_equal(json_is_true(json_object_get(page, "reset")), pages == 0);
		*until = number(page, "until");
		begun = number(page, "begun");
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
	assert_int_equal(number(page, "until"), known);
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
	members(h, &h->anna, OF, 1);
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
	assert_int_equal(number(page, "begun"), 8);
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
	members(h, &h->anna, OF, 2);
	known = all_known(h);
	page = feed(h, known + 1);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(count(page, "flocks"), 1);
	snprintf(right, sizeof(right), "GET /v1/cathedral/feed?since=%llu&database=%s",
	    (unsigned long long)known, text_of(page, "database"));
	snprintf(wrong, sizeof(wrong), "%s0", right);
	json_decref(page);

	page = handled_json(h, 200, NULL, right, NULL);
	assert_true(json_is_false(json_object_get(page, "reset")));
	assert_int_equal(count(page, "flocks"), 0);
	json_decref(page);
	page = handled_json(h, 200, NULL, wrong, NULL);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(number(page, "since"), 0);
	assert_int_equal(count(page, "flocks"), 1);
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
	members(h, &h->anna, OF, 1);
	handled_ok(h, 204, &h->anna, "DELETE " BY, NULL);
	members(h, &h->anna, OF, 1);
	u.now = STORE_NOW + CHANGE_KEPT_S + 1;
	assert_int_equal(account_extend(h->s, h->anna.account, u.now + 1, STORE_NOW), STORE_OK);
	assert_int_equal(upkeep_run(h->s, &u), STORE_OK);

	page = feed(h, 1);
	assert_true(json_is_true(json_object_get(page, "reset")));
	assert_int_equal(count(page, "flocks"), 1);
	json_decref(page);
	page = feed(h, 2); /* heard that it was gone */
	assert_true(json_is_false(json_object_get(page, "reset")));
	json_decref(page);
}

/* ---- waiting ---- */

static struct reply
feed_call(struct handled *h, const char *what, bool may_wait, bool again)
{
	struct request rq = { .length = 0 };
	const struct route *route = handled_route(h, what, &rq);
	struct call c = { .rq = &rq,
		.site = &h->site,
		.store = h->s,
		.random = &h->random,
		.now = h->now,
		.may_wait = may_wait,
		.again = again };
	struct reply reply = route->handle(&c);

	request_free(&rq);
	return reply;
}

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
		struct reply reply = feed_call(h, cases[i].what, cases[i].may_wait, false);

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

/* ---- files ---- */

/* Anna's flock has devices and a bundle, and Boris' flock has a device. */
static void
bundle_in_place(struct handled *h, unsigned devices, char path[static PATH_MAX])
{
	struct flock_id flock = handled_flock(h, &h->anna, FLOCK);
	struct made_bundle own = bundle_make(flock, flock, 7, STORE_NOW, 31);
	struct bundle_row row;

	members(h, &h->anna, OF, devices);
	upload(h, &h->anna, "PUT " OF "/ambry", &own);
	assert_int_equal(bundle_get(h->s, flock, flock, &row), STORE_OK);
	snprintf(path, PATH_MAX, "%s/%s", h->bundles.path, row.file);
	free(own.bytes);
	handled_flock(h, &h->boris, OTHER);
	members(h, &h->boris, BY, 1);
}

/* Of Anna's devices so many are told, but no bundle; and nothing of Boris' is missing. */
static void
expect_without_bundle(struct handled *h, bool again, size_t devices)
{
	struct reply reply = feed_call(h, "GET /v1/cathedral/feed", false, again);

	assert_int_equal(reply.status, 200);
	assert_int_equal(count(reply.json, "flocks"), 2);
	assert_int_equal(count(part(reply.json, "flocks", 0), "devices"), devices);
	assert_true(json_is_null(json_object_get(part(reply.json, "flocks", 0), "ambry")));
	assert_true(count(part(reply.json, "flocks", 1), "devices") >= 1);
	reply_free(&reply);
}

/* It may have been replaced after this moment was looked at, but not after the next. */
static void
a_bundle_that_is_not_there_is_looked_for_again(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	struct reply reply;

	bundle_in_place(h, 2, path);
	assert_int_equal(unlink(path), 0);
	reply = feed_call(h, "GET /v1/cathedral/feed", false, false);
	assert_int_equal(reply.status, 503);
	assert_int_equal(reply.retry_after_s, 1);
	reply_free(&reply);
	expect_without_bundle(h, true, 2);
}

/* One tenant's bad sector must not keep from cathedrals what others changed. */
static void
what_is_damaged_holds_up_nobody_else(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX], sql[128];
	FILE *file;

	bundle_in_place(h, 2, path);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fwrite("nonsense", 1, 8, file), 8);
	fclose(file);
	expect_without_bundle(h, false, 2);
	assert_int_equal(truncate(path, 100), 0); /* a disk that lies */
	expect_without_bundle(h, false, 2);

	snprintf(sql, sizeof(sql),
	    "UPDATE devices SET sealed = zeroblob(length(sealed)) WHERE kek = 1 AND flock = %lld",
	    (long long)FLOCK);
	assert_int_equal(group_commit(h->s), STORE_OK);
	free(test_sql(&h->db, sql));
	assert_int_equal(group_begin(h->s), STORE_OK);
	expect_without_bundle(h, false, 1);
}

/* Nothing is known about a file that may not be opened: then all is said to have failed. */
static void
a_folder_that_is_none_is_a_failure(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	struct reply reply;

	bundle_in_place(h, 2, path);
	h->site.bundles = path; /* a file */
	reply = feed_call(h, "GET /v1/cathedral/feed", false, true);
	assert_int_equal(reply.status, 500);
	reply_free(&reply);
}

/* The page's text; the caller releases the reply. */
static const char *
shared_page(struct handled *h, struct reply *reply)
{
	*reply = feed_call(h, "GET /v1/cathedral/feed", false, true);
	assert_int_equal(reply->status, 200);
	assert_true(reply->secret);
	assert_non_null(reply->shared);
	return shared_text_bytes(reply->shared);
}

/* What is asked for often is made once, and again when something has changed. */
static void
the_same_page_is_made_once(void **state)
{
	struct handled *h = *state;
	struct reply one, two;
	char path[PATH_MAX];
	const char *text;
	json_t *page;

	bundle_in_place(h, 2, path);
	h->site.pages = feed_pages_create();
	assert_non_null(h->site.pages);
	text = shared_page(h, &one);
	assert_ptr_equal(shared_page(h, &two), text);
	reply_free(&two);
	page = json_loads(text, 0, NULL);
	json_decref(understood(page));
	members(h, &h->boris, BY, 1);
	assert_ptr_not_equal(shared_page(h, &two), text);
	reply_free(&two);
	reply_free(&one);

	/* What is lost may come back without a change. */
	members(h, &h->boris, BY, 1);
	assert_int_equal(unlink(path), 0);
	expect_without_bundle(h, true, 2);
	feed_pages_destroy(h->site.pages);
	h->site.pages = NULL;
}

/* ---- secrets ---- */

static struct {
	long left; /* of Jansson's memory, until it is refused */
	const char *secret;
	bool seen; /* in memory that was given back */
} memory;

static void *
memory_take(size_t size)
{
	if (memory.left == 0)
		return NULL;
	memory.left--;
	return malloc(size);
}

static void
memory_give_back(void *p)
{
	size_t size = malloc_usable_size(p);

	if (p != NULL && memmem(p, size, memory.secret, strlen(memory.secret)) != NULL)
		memory.seen = true;
	free(p);
}

/* A call with so much memory: its status. */
static unsigned
watched_call(struct handled *h, long left, const char *secret)
{
	struct reply reply;
	unsigned status;

	memory.left = left;
	memory.secret = secret;
	memory.seen = false;
	json_set_alloc_funcs(memory_take, memory_give_back);
	reply = feed_call(h, "GET /v1/cathedral/feed", false, false);
	status = reply.status;
	reply_free(&reply);
	json_set_alloc_funcs(malloc, free);
	return status;
}

/* Whatever becomes of the page, no secret of it goes back to the heap. */
static void
secrets_are_wiped_on_every_way(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	unsigned status = 0;
	json_t *joined;

	bundle_in_place(h, 1, path);
	joined = member(h, &h->anna, OF);
	for (long left = 0; status != 200; left++) {
		assert_true(left < 1000);
		status = watched_call(h, left, text_of(joined, "cathedral_secret"));
		assert_true(status == 200 || status == 500);
		if (memory.seen)
			fail_msg("with memory for %ld pieces a secret is left behind", left);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(watched_call(h, -1, text_of(joined, "cathedral_secret")), 503);
	assert_false(memory.seen);
	json_decref(joined);
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
		TEST(a_bundle_that_is_not_there_is_looked_for_again),
		TEST(what_is_damaged_holds_up_nobody_else),
		TEST(a_folder_that_is_none_is_a_failure),
		TEST(the_same_page_is_made_once),
		TEST(secrets_are_wiped_on_every_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

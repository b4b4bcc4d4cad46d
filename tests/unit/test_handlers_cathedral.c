/* SPDX-License-Identifier: ISC */
/* The fleet, heartbeats, the document of all this; and what handlers share. */
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/store/feed.h"
#include "tests/support/handled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
cathedrals_are_listed(void **state)
{
	struct handled *h = *state;
	struct errand text = errand(&h->anna, "GET /v1/cathedrals", NULL);
	struct reply reply;
	json_t *list, *one;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_cathedral(h, "matins", "us", "2001:db8::7", 0);
	h->now.wall_s += CATHEDRAL_LATE_S + 1;
	list = handled_json(h, 200, &h->anna, "GET /v1/cathedrals", NULL);
	one = json_array_get(json_object_get(list, "cathedrals"), 0);
	assert_string_equal(text_of(one, "name"), "matins");
	assert_string_equal(text_of(one, "region"), "us");
	assert_string_equal(text_of(one, "address"), "2001:db8::7");
	assert_int_equal(json_integer_value(json_object_get(one, "port")), 4500);
	assert_true(json_is_null(json_object_get(one, "nat_port")));
	assert_true(json_is_true(json_object_get(one, "shroud")));
	assert_string_equal(text_of(one, "state"), "late");
	one = json_array_get(json_object_get(list, "cathedrals"), 1);
	assert_int_equal(json_integer_value(json_object_get(one, "nat_port")), 4501);
	json_decref(list);

	text.text = true;
	reply = handled_run(h, &text);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.text, "matins - [2001:db8::7]:4500\nvesper - 192.0.2.1:4500\n");
	reply_free(&reply);
}

static void
a_list_of_cathedrals_has_pages(void **state)
{
	struct handled *h = *state;
	struct errand text = errand(&h->anna, "GET /v1/cathedrals", NULL);
	struct reply reply;
	json_t *page;

	text.text = true;
	reply = handled_run(h, &text);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.text, "");
	reply_free(&reply);

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_cathedral(h, "matins", "us", "192.0.2.2", 4501);
	page = handled_json(h, 200, &h->anna, "GET /v1/cathedrals?limit=1", NULL);
	assert_string_equal(text_of(page, "next"), "matins");
	json_decref(page);
	page = handled_json(h, 200, &h->anna, "GET /v1/cathedrals?limit=1&after=matins", NULL);
	assert_int_equal(json_array_size(json_object_get(page, "cathedrals")), 1);
	assert_true(json_is_null(json_object_get(page, "next")));
	json_decref(page);
}

static void
a_heartbeat_keeps_a_cathedral_healthy(void **state)
{
	struct handled *h = *state;
	struct cathedral_row row;
	uint64_t last;
	json_t *made;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_flock(h, &h->anna, 0x6442a01510d91a00);
	h->now.wall_s += 3600;
	made = handled_json(h, 200, NULL, "POST /v1/cathedral/heartbeat",
	    "{\"version\": \"0.2.0\", \"load\": 125}");
	assert_string_equal(text_of(made, "state"), "healthy");
	assert_int_equal(change_bounds(h->s, &last, &(uint64_t){ 0 }), STORE_OK);
	assert_true(last > 0);
	assert_int_equal(json_integer_value(json_object_get(made, "change")), last);
	json_decref(made);
	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	assert_string_equal(row.version, "0.2.0");
	assert_int_equal(row.load, 125);
	assert_int_equal(row.seen, STORE_NOW + 3600);

	row.draining = true;
	assert_int_equal(cathedral_set(h->s, &row, h->now.wall_s), STORE_OK);
	made =
	    handled_json(h, 200, NULL, "POST /v1/cathedral/heartbeat", "{\"version\": \"0.2.0\"}");
	assert_string_equal(text_of(made, "state"), "draining");
	json_decref(made);
}

static const char *
beat_state(struct handled *h, const char *json)
{
	static char state[32];
	json_t *made = handled_json(h, 200, NULL, "POST /v1/cathedral/heartbeat", json);

	snprintf(state, sizeof(state), "%s", text_of(made, "state"));
	json_decref(made);
	return state;
}

/* Its own wish counts beside the operator's, and lasts as long as it says so. */
static void
a_heartbeat_says_that_it_is_to_be_left(void **state)
{
	static const char stays[] = "{\"version\": \"1\"}";
	static const char leaves[] = "{\"version\": \"1\", \"draining\": true}";
	struct handled *h = *state;
	struct cathedral_row row;
	uint64_t first, last;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	assert_string_equal(beat_state(h, stays), "healthy");
	assert_int_equal(change_bounds(h->s, &first, &(uint64_t){ 0 }), STORE_OK);
	assert_string_equal(beat_state(h, leaves), "draining");
	assert_string_equal(beat_state(h, leaves), "draining");
	assert_int_equal(change_bounds(h->s, &last, &(uint64_t){ 0 }), STORE_OK);
	assert_int_equal(last, first + 1); /* once is enough for others */
	assert_int_equal(cathedral_choose(h->s, "", h->now.wall_s, &row), STORE_NONE);

	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	assert_true(row.leaving && !row.draining);
	row.draining = true;
	assert_int_equal(cathedral_set(h->s, &row, h->now.wall_s), STORE_OK);
	assert_string_equal(beat_state(h, stays), "draining");
	row.draining = false;
	assert_int_equal(cathedral_set(h->s, &row, h->now.wall_s), STORE_OK);
	assert_string_equal(beat_state(h, "{\"version\": \"1\", \"draining\": false}"), "healthy");

	assert_string_equal(beat_state(h, leaves), "draining");
	assert_int_equal(cathedral_remove(h->s, "vesper", h->now.wall_s), STORE_OK);
	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	assert_false(row.leaving); /* another one of that name */
}

/* What it says it has, of which database (NULL: it does not say), and what is made of it. */
static void
says(struct handled *h, const char *database, uint64_t change, const char *state, int64_t behind)
{
	char json[256], quoted[128] = "";
	struct cathedral_row row;
	json_t *made;

	if (database != NULL)
		snprintf(quoted, sizeof(quoted), "\"database\": \"%s\", ", database);
	snprintf(json, sizeof(json), "{%s\"version\": \"1\", \"change\": %ju}", quoted,
	    (uintmax_t)change);
	made = handled_json(h, 200, NULL, "POST /v1/cathedral/heartbeat", json);
	assert_string_equal(text_of(made, "state"), state);
	json_decref(made);
	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	assert_true(row.says_change);
	assert_int_equal(row.behind, behind);
}

static void
a_heartbeat_says_how_far_it_is(void **state)
{
	struct handled *h = *state;
	char own[STORE_LABEL];
	uint64_t last, forgotten;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	handled_flock(h, &h->anna, 0x6442a01510d91a00);
	handled_flock(h, &h->anna, 0x6442a01510d91b00);
	h->now.wall_s += 3600;
	assert_int_equal(fact_get(h->s, "id", own), STORE_OK);
	assert_int_equal(change_bounds(h->s, &last, &forgotten), STORE_OK);
	assert_true(last > 0);
	says(h, own, last, "healthy", 0);
	says(h, own, last - 1, "healthy", 1);
	h->now.wall_s += 60;
	says(h, own, last - 1, "late", 1);
	says(h, own, last, "healthy", 0);
	/* What is of elsewhere is nothing here; what nobody can have is no number of ours. */
	h->now.wall_s += 60;
	says(h, "0000", last, "late", (int64_t)last);
	says(h, own, last, "healthy", 0);
	h->now.wall_s += 60;
	says(h, NULL, last, "late", (int64_t)last);
	says(h, own, last, "healthy", 0);
	h->now.wall_s += 60;
	says(h, own, last + 1, "late", (int64_t)last);
	says(h, own, INT64_MAX, "late", (int64_t)last);
}

static void
heartbeats_are_read_closely(void **state)
{
	struct handled *h = *state;
	static const struct {
		const char *json, *says;
	} cases[] = {
		{ NULL, "version is missing" },
		{ "{\"version\": 1}", "version is a text of at most 32 bytes" },
		{ "{\"version\": \"1\", \"load\": -1}",
		    "load is a whole number from 0 to 1000000" },
		{ "{\"version\": \"1\", \"address\": 4501}",
		    "address is a text of at most 63 bytes" },
		{ "{\"version\": \"1\", \"change\": -1}",
		    "change is a whole number from 0 to 9223372036854775807" },
		{ "{\"version\": \"1\", \"change\": 1, \"database\": 1}",
		    "database is a text of at most 64 bytes" },
		{ "{\"version\": \"1\", \"addres\": \"\"}",
		    "addres is no member of this request's body" },
	};

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errand e = errand(NULL, "POST /v1/cathedral/heartbeat", cases[i].json);

		handled_problem(h, 400, "field", cases[i].says, &e);
	}
}

/* Devices are sent to where it is listed: one that is elsewhere must hear of it. */
static void
a_heartbeat_comes_from_where_it_is_listed(void **state)
{
	struct handled *h = *state;
	struct cathedral_row row;
	static const char *const wrong[] = { "", "192.0.2.1", "192.0.2.1:4501", "192.0.2.2:4500",
		"vesper:4500" };
	json_t *made;

	handled_cathedral(h, "vesper", "eu", "192.0.2.1", 4501);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char json[128];
		struct errand e = errand(NULL, "POST /v1/cathedral/heartbeat", json);

		snprintf(json, sizeof(json), "{\"version\": \"1\", \"address\": \"%s\"}", wrong[i]);
		handled_problem(h, 409, "conflict",
		    "the cathedral is listed with another address and port", &e);
	}
	assert_int_equal(cathedral_get(h->s, "vesper", &row), STORE_OK);
	assert_string_not_equal(row.version, "1");
	made = handled_json(h, 200, NULL, "POST /v1/cathedral/heartbeat",
	    "{\"version\": \"1\", \"address\": \"192.0.2.1:4500\"}");
	json_decref(made);
}

static void
the_document_is_given_as_it_is(void **state)
{
	struct handled *h = *state;
	struct errand e = errand(NULL, "GET /v1/openapi.json", NULL);
	struct reply reply = handled_run(h, &e);
	json_t *given = json_loadb(reply.fixed, reply.fixed_len, 0, NULL);

	assert_int_equal(reply.status, 200);
	assert_true(json_equal(given, h->document));
	json_decref(given);
	reply_free(&reply);
}

/* ---- what handlers share ---- */

static void
results_of_the_store_are_answers(void **state)
{
	static const struct {
		enum store_result result;
		unsigned status, retry_after_s;
		const char *says;
	} cases[] = {
		{ STORE_NONE, 404, 0, "there is no such flock" },
		{ STORE_CONFLICT, 409, 0, "the state of the flock forbids it" },
		{ STORE_FULL, 409, 0, "there is no room for another flock" },
		{ STORE_BUSY, 503, 1, "too much to do just now, try again later" },
		{ STORE_NO_SPACE, 503, 60, "the disk of this service is full" },
		{ STORE_FAILED, 500, 0, "something went wrong on this side, try again later" },
		{ STORE_OK, 500, 0, "something went wrong on this side, try again later" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = reply_store(cases[i].result, "flock");
		const char *body;
		bool owned;
		size_t len;

		assert_int_equal(reply.status, cases[i].status);
		assert_int_equal(reply.retry_after_s, cases[i].retry_after_s);
		assert_true(reply_render(&reply, &body, &len, &owned));
		assert_non_null(memmem(body, len, cases[i].says, strlen(cases[i].says)));
		if (owned)
			free((char *)(uintptr_t)body);
		reply_free(&reply);
	}
}

static void
times_are_written_in_utc(void **state)
{
	static const struct {
		int64_t at;
		const char *text;
	} cases[] = {
		{ 1, "1970-01-01T00:00:01Z" },
		{ 1795240800, "2026-11-21T06:00:00Z" },
		{ 1709164800, "2024-02-29T00:00:00Z" },
		{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
		{ INT64_C(253402300800), "9999-12-31T23:59:59Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
	};
	char text[TIME_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		time_text(cases[i].at, text);
		assert_string_equal(text, cases[i].text);
	}
	assert_true(json_is_null(time_json(0)));
}

static void
policies_have_names(void **state)
{
	(void)state;
	assert_string_equal(registration_name(REGISTRATION_POW), "pow");
	assert_string_equal(registration_name(REGISTRATION_OPEN), "open");
	assert_string_equal(registration_name(REGISTRATION_INVITE), "invite");
	assert_string_equal(registration_name(REGISTRATION_CLOSED), "closed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cathedrals_are_listed),
		TEST(a_list_of_cathedrals_has_pages),
		TEST(a_heartbeat_keeps_a_cathedral_healthy),
		TEST(a_heartbeat_says_that_it_is_to_be_left),
		TEST(a_heartbeat_says_how_far_it_is),
		TEST(heartbeats_are_read_closely),
		TEST(a_heartbeat_comes_from_where_it_is_listed),
		TEST(the_document_is_given_as_it_is),
		cmocka_unit_test(results_of_the_store_are_answers),
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(policies_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/parts.h"

#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct flock_id fleet[][2] = { { { 0 }, { 0 } } };

static struct cathedral_row
row(const char *name, const char *region, uint16_t port)
{
	struct cathedral_row c = { .port = port, .nat_port = 4501, .shroud = true };

	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.region, sizeof(c.region), "%s", region);
	snprintf(c.address, sizeof(c.address), "2001:db8::1");
	return c;
}

static enum store_result
add(struct owners *t, const struct cathedral_row *c, const char *token)
{
	struct hash32 hash = test_hash(token);

	return cathedral_add(t->s, c, &hash, STORE_NOW);
}

static void
states_by_age(void **state)
{
	static const struct {
		const char *why;
		bool draining;
		int64_t seen;
		enum cathedral_state want;
		const char *name;
	} cases[] = {
		{ "never heard of", false, 0, CATHEDRAL_NEW, "new" },
		{ "just now", false, STORE_NOW, CATHEDRAL_HEALTHY, "healthy" },
		{ "by a clock that is ahead", false, STORE_NOW + 9, CATHEDRAL_HEALTHY, "healthy" },
		{ "almost a minute ago", false, STORE_NOW - 59, CATHEDRAL_HEALTHY, "healthy" },
		{ "a minute ago", false, STORE_NOW - 60, CATHEDRAL_LATE, "late" },
		{ "almost 15 minutes ago", false, STORE_NOW - 899, CATHEDRAL_LATE, "late" },
		{ "15 minutes ago", false, STORE_NOW - 900, CATHEDRAL_GONE, "gone" },
		{ "draining and new", true, 0, CATHEDRAL_DRAINING, "draining" },
		{ "draining and healthy", true, STORE_NOW, CATHEDRAL_DRAINING, "draining" },
		{ "draining and gone", true, 1, CATHEDRAL_DRAINING, "draining" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cathedral_row c = { .draining = cases[i].draining, .seen = cases[i].seen };

		if (cathedral_state(&c, STORE_NOW) != cases[i].want)
			fail_msg("%s", cases[i].why);
		assert_string_equal(
		    cathedral_state_name(cathedral_state(&c, STORE_NOW)), cases[i].name);
	}
}

static void
from_adding_to_removal(void **state)
{
	struct owners *t = *state;
	struct cathedral_row north = row("north", "eu", 4500), south = row("south", "eu", 4600),
			     got;
	struct hash32 hash = test_hash("another");

	assert_int_equal(add(t, &north, "token"), STORE_OK);
	assert_true(owner_noted(t, fleet, 1));
	assert_int_equal(cathedral_get(t->s, "north", &got), STORE_OK);
	assert_string_equal(got.region, "eu");
	assert_string_equal(got.address, "2001:db8::1");
	assert_int_equal(got.port, 4500);
	assert_int_equal(got.nat_port, 4501);
	assert_true(got.shroud && !got.draining);
	assert_int_equal(got.created, STORE_NOW);
	assert_int_equal(got.seen, 0);
	assert_string_equal(got.version, "");

	/* Names, addresses and tokens are each one's own. */
	assert_int_equal(add(t, &south, "token"), STORE_CONFLICT);
	north.port = 9;
	assert_int_equal(add(t, &north, "token 2"), STORE_CONFLICT);
	south.port = 4500;
	assert_int_equal(add(t, &south, "token 2"), STORE_CONFLICT);
	assert_true(owner_noted(t, NULL, 0));
	south.port = 4600;
	assert_int_equal(add(t, &south, "token 2"), STORE_OK);

	south.draining = true;
	strcpy(south.region, "it's \"us\"");
	assert_int_equal(cathedral_set(t->s, &south, STORE_NOW), STORE_OK);
	assert_int_equal(cathedral_get(t->s, "south", &got), STORE_OK);
	assert_string_equal(got.region, "it's \"us\"");
	assert_true(got.draining);
	owner_noted(t, NULL, 0);
	south.port = 4500;
	assert_int_equal(cathedral_set(t->s, &south, STORE_NOW), STORE_CONFLICT);
	strcpy(south.name, "west");
	assert_int_equal(cathedral_set(t->s, &south, STORE_NOW), STORE_NONE);
	assert_true(owner_noted(t, NULL, 0));

	assert_int_equal(cathedral_set_token(t->s, "north", &hash), STORE_OK);
	assert_int_equal(cathedral_by_token(t->s, &hash, &got), STORE_OK);
	assert_string_equal(got.name, "north");
	assert_int_equal(cathedral_set_token(t->s, "west", &hash), STORE_NONE);
	assert_int_equal(cathedral_set_token(t->s, "south", &hash), STORE_CONFLICT);
	hash = test_hash("token");
	assert_int_equal(cathedral_by_token(t->s, &hash, &got), STORE_NONE);
	assert_true(owner_noted(t, NULL, 0));

	assert_int_equal(cathedral_remove(t->s, "north", STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, fleet, 1));
	assert_int_equal(cathedral_remove(t->s, "north", STORE_NOW), STORE_NONE);
	assert_int_equal(cathedral_get(t->s, "north", &got), STORE_NONE);
	assert_true(owner_noted(t, NULL, 0));
}

/* Nobody need hear that one is still there. */
static void
heartbeats_are_no_change(void **state)
{
	struct owners *t = *state;
	struct cathedral_row north = row("north", "eu", 4500), got;
	struct heartbeat h = { .name = "north", .version = "1.2", .load = 700 };

	assert_int_equal(add(t, &north, "token"), STORE_OK);
	owner_noted(t, NULL, 0);
	assert_int_equal(cathedral_heartbeat(t->s, &h, STORE_NOW + 5), STORE_OK);
	h.version = "1.3";
	h.load = UINT64_MAX;
	assert_int_equal(cathedral_heartbeat(t->s, &h, STORE_NOW + 9), STORE_OK);
	assert_int_equal(cathedral_get(t->s, "north", &got), STORE_OK);
	assert_string_equal(got.version, "1.3");
	assert_int_equal(got.load, INT64_MAX);
	assert_int_equal(got.seen, STORE_NOW + 9);
	h.name = "west";
	assert_int_equal(cathedral_heartbeat(t->s, &h, STORE_NOW), STORE_NONE);
	/* What an operator decides leaves what it says of itself. */
	assert_int_equal(cathedral_set(t->s, &north, STORE_NOW), STORE_OK);
	assert_int_equal(cathedral_get(t->s, "north", &got), STORE_OK);
	assert_string_equal(got.version, "1.3");
	assert_int_equal(got.seen, STORE_NOW + 9);
	assert_true(owner_noted(t, fleet, 1));
}

/* The number of the last change. */
static uint64_t
last_change(struct owners *t)
{
	uint64_t last, forgotten;

	assert_int_equal(change_bounds(t->s, &last, &forgotten), STORE_OK);
	return last;
}

/* north says at this second that it has all up to change. */
static struct cathedral_row
says(struct owners *t, uint64_t change, int64_t after_s)
{
	const struct heartbeat h = { "north", "1", 0, .says_change = true, .change = change };
	struct cathedral_row got;

	assert_int_equal(cathedral_heartbeat(t->s, &h, STORE_NOW + after_s), STORE_OK);
	assert_int_equal(cathedral_get(t->s, "north", &got), STORE_OK);
	return got;
}

static void
expect_state(const struct cathedral_row *c, int64_t after_s, enum cathedral_state want)
{
	enum cathedral_state is = cathedral_state(c, STORE_NOW + after_s);

	if (is != want)
		fail_msg("after %d s: %s", (int)after_s, cathedral_state_name(is));
}

/* Something happens that cathedrals hear of. */
static void
happens(struct owners *t, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(
		    change_note(t->s, fleet[0][0], fleet[0][1], CHANGE_MADE, STORE_NOW), STORE_OK);
}

static void
who_lacks_old_changes_is_late(void **state)
{
	struct owners *t = *state;
	struct cathedral_row north = row("north", "eu", 4500), got;
	uint64_t last;

	assert_int_equal(add(t, &north, "token"), STORE_OK);
	happens(t, 9);
	last = last_change(t);

	/* It has nothing yet, and then some: it never had all there was. */
	got = says(t, 0, 0);
	assert_true(got.says_change);
	assert_int_equal(got.change, 0);
	assert_int_equal(got.behind, last);
	expect_state(&got, 0, CATHEDRAL_LATE);
	got = says(t, last - 1, 20);
	assert_int_equal(got.behind, 1);
	expect_state(&got, 20, CATHEDRAL_LATE);
	got = says(t, last, 40);
	assert_int_equal(got.behind, 0);
	expect_state(&got, 40, CATHEDRAL_HEALTHY);
	expect_state(&got, 99, CATHEDRAL_HEALTHY);
	expect_state(&got, 100, CATHEDRAL_LATE); /* not heard of */

	/* What comes meanwhile is no reason, if it has it a heartbeat later. */
	for (int64_t at = 60; at < 600; at += 20) {
		happens(t, 3);
		got = says(t, last, at);
		assert_int_equal(got.behind, 3);
		expect_state(&got, at, CATHEDRAL_HEALTHY);
		expect_state(&got, at + 19, CATHEDRAL_HEALTHY);
		last = last_change(t);
	}

	/* It stands still, and gets heartbeats through: at 600 it had all that there was at 580. */
	got = says(t, last, 600);
	for (int64_t at = 620; at < 660; at += 20) {
		happens(t, 1);
		got = says(t, last, at);
		expect_state(&got, at, CATHEDRAL_HEALTHY);
	}
	happens(t, 1);
	got = says(t, last, 680);
	expect_state(&got, 679, CATHEDRAL_HEALTHY);
	expect_state(&got, 680, CATHEDRAL_LATE);
	assert_int_equal(got.behind, 3);
	got = says(t, last + 2, 700); /* of which it was late for the first only */
	expect_state(&got, 700, CATHEDRAL_HEALTHY);
	assert_int_equal(got.behind, 1);
}

/* As before there were such numbers. */
static void
who_does_not_say_how_far_it_is_is_believed(void **state)
{
	struct owners *t = *state;
	struct cathedral_row north = row("north", "eu", 4500), got;
	const struct heartbeat h = { .name = "north", .version = "1" };

	assert_int_equal(add(t, &north, "token"), STORE_OK);
	happens(t, 9);
	for (int64_t at = 0; at < 600; at += 20) {
		happens(t, 1);
		assert_int_equal(cathedral_heartbeat(t->s, &h, STORE_NOW + at), STORE_OK);
		assert_int_equal(cathedral_get(t->s, "north", &got), STORE_OK);
		assert_false(got.says_change);
		expect_state(&got, at, CATHEDRAL_HEALTHY);
	}
	got = says(t, 0, 600);
	expect_state(&got, 600, CATHEDRAL_LATE);
	got = says(t, last_change(t), 600);
	expect_state(&got, 600, CATHEDRAL_HEALTHY);
}

static bool
add_name(void *arg, const struct cathedral_row *c)
{
	strcat(arg, c->name);
	strcat(arg, " ");
	return strcmp(c->name, "c") != 0;
}

static void
listed_by_name(void **state)
{
	static const char *const names[] = { "b", "d", "a", "c" };
	struct owners *t = *state;
	char text[100] = "";

	assert_int_equal(cathedral_list(t->s, add_name, text), STORE_OK);
	assert_string_equal(text, "");
	for (uint16_t i = 0; i < 4; i++) {
		struct cathedral_row c = row(names[i], "eu", (uint16_t)(4500 + i));

		assert_int_equal(add(t, &c, names[i]), STORE_OK);
	}
	assert_int_equal(cathedral_list(t->s, add_name, text), STORE_OK);
	assert_string_equal(text, "a b c ");
}

/* Ages in seconds; -1: never heard of. */
struct member {
	const char *name, *region;
	int age;
	bool draining;
	uint64_t load;
	enum { WELL, EMPTY } how; /* EMPTY: it says that it has nothing yet */
};

static void
people(struct owners *t, const struct member *m, size_t count)
{
	for (size_t i = 0; i < count && m[i].name != NULL; i++) {
		struct cathedral_row c = row(m[i].name, m[i].region, (uint16_t)(4500 + i));
		struct heartbeat h = { m[i].name, "1", m[i].load, m[i].how == EMPTY, 0, false };

		c.draining = m[i].draining;
		assert_int_equal(add(t, &c, m[i].name), STORE_OK);
		if (m[i].age >= 0)
			assert_int_equal(
			    cathedral_heartbeat(t->s, &h, STORE_NOW - m[i].age), STORE_OK);
	}
}

static void
the_best_to_hand_out(void **state)
{
	static const struct {
		const char *why, *region, *want; /* NULL: none */
		struct member members[4];
	} cases[] = {
		{ "nobody", "eu", NULL, { { 0 } } },
		{ "gone and draining", "", NULL,
		    { { "a", "eu", 900, false, 0, WELL }, { "b", "eu", 0, true, 0, WELL } } },
		{ "late is better than nothing", "", "b",
		    { { "a", "eu", 900, false, 0, WELL }, { "b", "eu", 899, false, 9, WELL } } },
		{ "new before late", "", "b",
		    { { "a", "eu", 60, false, 0, WELL }, { "b", "eu", -1, false, 9, WELL } } },
		{ "healthy before new", "", "b",
		    { { "a", "eu", -1, false, 0, WELL }, { "b", "eu", 59, false, 9, WELL } } },
		{ "one that has nothing yet is late", "eu", "b",
		    { { "a", "eu", 0, false, 0, EMPTY }, { "b", "us", 0, false, 900, WELL } } },
		{ "new before one that has nothing yet", "", "b",
		    { { "a", "eu", 0, false, 0, EMPTY }, { "b", "eu", -1, false, 0, WELL } } },
		{ "but that is better than nothing", "", "a",
		    { { "a", "eu", 0, false, 0, EMPTY }, { "b", "eu", 900, false, 0, WELL } } },
		{ "the least load", "", "c",
		    { { "a", "eu", 0, false, 7, WELL }, { "b", "us", 0, false, 8, WELL },
			{ "c", "af", 0, false, 6, WELL } } },
		{ "alike", "", "a",
		    { { "b", "eu", 0, false, 7, WELL }, { "a", "us", 0, false, 7, WELL } } },
		{ "its region before load", "eu", "b",
		    { { "a", "us", 0, false, 1, WELL }, { "b", "eu", 0, false, 900, WELL },
			{ "c", "eu", 0, false, 901, WELL } } },
		{ "health before its region", "eu", "a",
		    { { "a", "us", 0, false, 900, WELL }, { "b", "eu", 60, false, 1, WELL } } },
		{ "no such region", "as", "b",
		    { { "a", "us", 0, false, 9, WELL }, { "b", "eu", 0, false, 1, WELL } } },
		{ "a region that drains", "eu", "a",
		    { { "a", "us", 0, false, 9, WELL }, { "b", "eu", 0, true, 1, WELL } } },
	};
	struct owners *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum store_result want = cases[i].want == NULL ? STORE_NONE : STORE_OK;
		struct cathedral_row got = { 0 };

		people(t, cases[i].members, 4);
		if (cathedral_choose(t->s, cases[i].region, STORE_NOW, &got) != want)
			fail_msg("%s: one or none", cases[i].why);
		if (want == STORE_OK && strcmp(got.name, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].why, got.name);
		for (size_t m = 0; m < 4 && cases[i].members[m].name != NULL; m++)
			assert_int_equal(
			    cathedral_remove(t->s, cases[i].members[m].name, STORE_NOW), STORE_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_by_age),
		cmocka_unit_test_setup_teardown(from_adding_to_removal, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(heartbeats_are_no_change, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    who_lacks_old_changes_is_late, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    who_does_not_say_how_far_it_is_is_believed, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(listed_by_name, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(the_best_to_hand_out, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

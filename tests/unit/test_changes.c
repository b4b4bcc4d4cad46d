/* SPDX-License-Identifier: ISC */
/* Numbers of changes: which operation notes what is tested with the operations. */
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

struct seen {
	struct change rows[20];
	size_t count, stop_at;
};

static bool
see(void *arg, const struct change *c)
{
	struct seen *seen = arg;

	assert_true(seen->count < 20);
	seen->rows[seen->count++] = *c;
	return seen->count != seen->stop_at;
}

static struct seen
list(struct owners *t, uint64_t after, uint32_t limit)
{
	struct seen seen = { .count = 0 };

	assert_int_equal(change_list(t->s, after, limit, see, &seen), STORE_OK);
	return seen;
}

static uint64_t
last(struct owners *t)
{
	uint64_t number;

	assert_int_equal(change_bounds(t->s, &number, &(uint64_t){ 0 }), STORE_OK);
	return number;
}

/* One row a subject, which goes to the end when it changes again. */
static void
the_last_of_each(void **state)
{
	static const struct {
		uint64_t a, b;         /* as noted */
		uint64_t first, other; /* as stored */
		size_t rows;
	} cases[] = {
		{ 0x100, 0x100, 0x100, 0x100, 1 },
		{ 0x100, 0x200, 0x100, 0x200, 2 },
		{ 0x200, 0x100, 0x100, 0x200, 2 },
		{ 0, 0, 0, 0, 3 },
		{ 0x100, 0x100, 0x100, 0x100, 3 },
		{ 0x100, TOP_BIT, TOP_BIT, 0x100, 4 },
		{ TOP_BIT, 0x100, TOP_BIT, 0x100, 4 },
		{ TOP_BIT | 0x200, TOP_BIT | 0x100, TOP_BIT | 0x100, TOP_BIT | 0x200, 5 },
		{ 0, 0, 0, 0, 5 },
	};
	struct owners *t = *state;

	assert_int_equal(last(t), 0);
	assert_int_equal(list(t, 0, 20).count, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flock_id a = { cases[i].a }, b = { cases[i].b };
		struct seen seen;

		assert_int_equal(
		    change_note(t->s, a, b, CHANGE_MADE, STORE_NOW + (int64_t)i), STORE_OK);
		seen = list(t, 0, 20);
		assert_int_equal(last(t), i + 1);
		assert_int_equal(seen.count, cases[i].rows);
		assert_int_equal(seen.rows[seen.count - 1].number, i + 1);
		assert_int_equal(seen.rows[seen.count - 1].at, STORE_NOW + (int64_t)i);
		assert_true(seen.rows[seen.count - 1].a.value == cases[i].first);
		assert_true(seen.rows[seen.count - 1].b.value == cases[i].other);
		for (size_t n = 1; n < seen.count; n++)
			assert_true(seen.rows[n - 1].number < seen.rows[n].number);
	}
}

static void
pages(void **state)
{
	struct owners *t = *state;
	struct seen seen;
	uint64_t after = 0;
	size_t met = 0;

	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(change_note(t->s, (struct flock_id){ i << 8 },
				     (struct flock_id){ i << 8 }, CHANGE_MADE, STORE_NOW),
		    STORE_OK);
	while ((seen = list(t, after, 3)).count > 0) {
		assert_true(seen.count <= 3);
		for (size_t i = 0; i < seen.count; i++)
			assert_int_equal(seen.rows[i].number, ++met);
		after = seen.rows[seen.count - 1].number;
	}
	assert_int_equal(met, 10);
	assert_int_equal(list(t, 7, 20).count, 3);
	assert_int_equal(list(t, UINT64_MAX, 20).count, 0);
	seen = (struct seen){ .stop_at = 4 };
	assert_int_equal(change_list(t->s, 0, 20, see, &seen), STORE_OK);
	assert_int_equal(seen.count, 4);
}

/* What was undone was never noted; what went does not give its number back. */
static void
numbers_are_not_used_again(void **state)
{
	struct owners *t = *state;
	struct flock_id a = { 0x100 }, b = { 0x200 };

	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(step_begin(t->s), STORE_OK);
	assert_int_equal(change_note(t->s, b, b, CHANGE_MADE, STORE_NOW), STORE_OK);
	step_undo(t->s);
	assert_int_equal(last(t), 1);
	assert_int_equal(list(t, 0, 20).count, 1);
	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(owner_number(t, "DELETE FROM changes RETURNING number"), 2);
	assert_int_equal(change_note(t->s, b, b, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(list(t, 0, 20).rows[0].number, 3);

	/* Another process goes on where this one stopped. */
	assert_int_equal(group_commit(t->s), STORE_OK);
	test_store_again(&t->db);
	t->s = t->db.writer;
	assert_int_equal(group_begin(t->s), STORE_OK);
	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(last(t), 4);
}

/* An account is not served any more, or again: so are its flocks, and what they agreed on. */
static void
all_of_an_account(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x300), a2 = owner_flock(t, t->anna, 0x100);
	struct flock_id b = owner_flock(t, t->boris, 0x200), b2 = owner_flock(t, t->boris, 0x400);
	const struct flock_id annas[][2] = { { a, a }, { a2, a2 }, { b, a } };
	bool established;

	owner_xflock(t, a, b);
	assert_int_equal(
	    xflock_consent(t->s, t->anna, a2, b2, 9, STORE_NOW, &established), STORE_OK);
	owner_noted(t, NULL, 0);
	assert_int_equal(
	    change_note_account(t->s, t->anna.value, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, annas, 3));
	assert_int_equal(account_delete(t->s, t->anna, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, annas, 3));
	assert_int_equal(
	    change_note_account(t->s, t->anna.value, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, NULL, 0));
}

static uint64_t
forgotten(struct owners *t)
{
	uint64_t number;

	assert_int_equal(change_bounds(t->s, &(uint64_t){ 0 }, &number), STORE_OK);
	return number;
}

static void
end_what_is_due(struct owners *t, int64_t now)
{
	struct upkeep u = {
		.now = now, .account_grace_s = 90 * INT64_C(86400), .joins_most = 1000, .limit = 2
	};

	do {
		assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	} while (u.more);
}

/* Only what is gone, and for long enough; who read up to it still knows all. */
static void
what_is_gone_is_forgotten(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id gone[4] = { { 0x300 }, { 0x400 }, { 0x500 }, { 0x600 } };

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(change_note(t->s, gone[i], gone[i], CHANGE_GONE,
				     i < 3 ? STORE_NOW : STORE_NOW + 1),
		    STORE_OK);
	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(change_note(t->s, b, b, CHANGE_GONE, STORE_NOW), STORE_OK);
	assert_int_equal(change_note(t->s, b, b, CHANGE_MADE, STORE_NOW), STORE_OK);

	end_what_is_due(t, STORE_NOW + CHANGE_KEPT_S);
	assert_int_equal(forgotten(t), 0);
	assert_int_equal(list(t, 0, 20).count, 6);
	end_what_is_due(t, STORE_NOW + CHANGE_KEPT_S + 1);
	assert_int_equal(forgotten(t), 3);
	assert_int_equal(list(t, 0, 20).count, 3);
	end_what_is_due(t, STORE_NOW + CHANGE_KEPT_S + 2);
	assert_int_equal(forgotten(t), 4);
}

/* Or when so much came after it: who makes and deletes without end does not fill the disk. */
static void
the_last_million_is_enough(void **state)
{
	struct owners *t = *state;
	struct flock_id gone[2] = { { 0x300 }, { 0x400 } };

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    change_note(t->s, gone[i], gone[i], CHANGE_GONE, STORE_NOW), STORE_OK);
	assert_int_equal(change_note(t->s, owner_flock(t, t->anna, 0x100),
			     (struct flock_id){ 0x100 }, CHANGE_MADE, STORE_NOW),
	    STORE_OK);
	owner_number(
	    t, "UPDATE counters SET value = 1000001 WHERE name = 'changes' RETURNING value");
	end_what_is_due(t, STORE_NOW);
	assert_int_equal(list(t, 0, 20).count, 3);
	assert_int_equal(forgotten(t), 0);
	owner_number(
	    t, "UPDATE counters SET value = 1000002 WHERE name = 'changes' RETURNING value");
	end_what_is_due(t, STORE_NOW);
	assert_int_equal(list(t, 0, 20).count, 2);
	assert_int_equal(forgotten(t), 1);
	owner_number(
	    t, "UPDATE counters SET value = 2000000 WHERE name = 'changes' RETURNING value");
	end_what_is_due(t, STORE_NOW);
	assert_int_equal(list(t, 0, 20).count, 1); /* what is there is never forgotten */
	assert_int_equal(forgotten(t), 2);
}

/* A copy of the past takes the place of what cathedrals have heard from. */
static void
whoever_heard_of_the_future_begins_anew(void **state)
{
	struct owners *t = *state;
	struct flock_id a = { 0x100 };
	uint64_t before, after;

	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	before = last(t);
	assert_int_equal(change_leap(t->s), STORE_OK);
	after = last(t);
	assert_true(after - before >= 1000000);
	assert_int_equal(forgotten(t), after);
	assert_int_equal(change_note(t->s, a, a, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(last(t), after + 1);
	assert_int_equal(forgotten(t), after);
}

/* ---- who is served ---- */

static void
expect_served(struct owners *t, struct flock_id a, bool served, bool both)
{
	const struct flock_id b = { 0x200 };

	assert_int_equal(feed_flock(t->s, a), served ? STORE_OK : STORE_NONE);
	assert_int_equal(feed_xflock(t->s, a, b), both ? STORE_OK : STORE_NONE);
	assert_int_equal(feed_xflock(t->s, b, a), both ? STORE_OK : STORE_NONE);
}

static void
those_who_ended_are_not_served(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	const struct flock_id pair[][2] = { { a, a }, { a, b } };
	const int64_t end = STORE_NOW + 86400;
	bool established;

	expect_served(t, a, true, false);
	assert_int_equal(xflock_consent(t->s, t->anna, a, b, 9, STORE_NOW, &established), STORE_OK);
	expect_served(t, a, true, false);
	assert_int_equal(
	    xflock_consent(t->s, t->boris, b, a, 9, STORE_NOW, &established), STORE_OK);
	expect_served(t, a, true, true);

	owner_noted(t, NULL, 0);
	assert_int_equal(account_set_suspended(t->s, t->anna, true, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, pair, 2));
	expect_served(t, a, false, false);
	assert_int_equal(feed_flock(t->s, b), STORE_OK);
	assert_int_equal(account_set_suspended(t->s, t->anna, false, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, pair, 2));
	expect_served(t, a, true, true);

	/* Boris lives on. */
	assert_int_equal(account_extend(t->s, t->boris, end + 86400, STORE_NOW), STORE_OK);
	end_what_is_due(t, end - 1);
	expect_served(t, a, true, true);
	end_what_is_due(t, end);
	assert_true(owner_noted(t, pair, 2));
	expect_served(t, a, false, false);
	assert_int_equal(account_extend(t->s, t->anna, end + 9, end), STORE_OK);
	assert_true(owner_noted(t, pair, 2));
	expect_served(t, a, true, true);
	assert_int_equal(flock_delete(t->s, t->anna, a, end), STORE_OK);
	assert_true(owner_noted(t, pair, 2));
	expect_served(t, a, false, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_of_each, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(pages, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    numbers_are_not_used_again, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(all_of_an_account, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    what_is_gone_is_forgotten, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    the_last_million_is_enough, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    whoever_heard_of_the_future_begins_anew, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    those_who_ended_are_not_served, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

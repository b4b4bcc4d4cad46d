/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/flocks.h"

#include "database/session.h"
#include "database/sql.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

static void
as_many_as_the_quota(void **state)
{
	struct owners *t = *state;
	static const struct {
		const char *why;
		uint64_t quota, id;
		enum store_result want;
	} cases[] = {
		{ "the first", 3, 0x100, STORE_OK },
		{ "another's id", 3, 0x9900, STORE_CONFLICT },
		{ "its own id again", 3, 0x100, STORE_CONFLICT },
		{ "the id that names the cathedrals", 3, 0, STORE_CONFLICT },
		{ "the second", 3, TOP_BIT | 0x100, STORE_OK },
		{ "the third", 3, 0x300, STORE_OK },
		{ "above it", 3, 0x400, STORE_FULL },
		{ "a taken id, above it", 3, 0x100, STORE_FULL },
		{ "more are allowed", 4, 0x400, STORE_OK },
		{ "fewer are allowed than there are", 1, 0x500, STORE_FULL },
		{ "none is allowed", 0, 0x500, STORE_FULL },
	};

	owner_flock(t, t->boris, 0x9900);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum store_result got;

		assert_int_equal(
		    account_set_quota(t->s, t->anna, cases[i].quota, 25, STORE_NOW), STORE_OK);
		got = flock_create(t->s, t->anna, (struct flock_id){ cases[i].id }, "x", STORE_NOW);
		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].why, (int)got, (int)cases[i].want);
	}
	assert_int_equal(owner_number(t, "SELECT count(*) FROM flocks WHERE account = 1"), 4);
	/* A flock that went makes room. */
	assert_int_equal(account_set_quota(t->s, t->anna, 4, 25, STORE_NOW), STORE_OK);
	assert_int_equal(
	    flock_delete(t->s, t->anna, (struct flock_id){ 0x300 }, STORE_NOW), STORE_OK);
	assert_int_equal(
	    flock_create(t->s, t->anna, (struct flock_id){ 0x500 }, "x", STORE_NOW), STORE_OK);
}

static uint64_t
flocks_of(struct owners *t, struct account_id id)
{
	struct account a;

	assert_int_equal(account_get(t->s, id, &a), STORE_OK);
	return a.flocks;
}

static void
the_account_counts_them(void **state)
{
	struct owners *t = *state;

	owner_flock(t, t->anna, 0x1100);
	owner_flock(t, t->anna, 0x1200);
	owner_flock(t, t->boris, 0x2100);
	assert_int_equal(flocks_of(t, t->anna), 2);
	assert_int_equal(flocks_of(t, t->boris), 1);
	/* What is refused or undone does not count. */
	assert_int_equal(flock_create(t->s, t->anna, (struct flock_id){ 0x2100 }, "x", STORE_NOW),
	    STORE_CONFLICT);
	assert_int_equal(step_begin(t->s), STORE_OK);
	owner_flock(t, t->anna, 0x1300);
	assert_int_equal(flocks_of(t, t->anna), 3);
	step_undo(t->s);
	assert_int_equal(flocks_of(t, t->anna), 2);
	assert_int_equal(
	    flock_delete(t->s, t->anna, (struct flock_id){ 0x1100 }, STORE_NOW), STORE_OK);
	assert_int_equal(
	    flock_delete(t->s, t->anna, (struct flock_id){ 0x1100 }, STORE_NOW), STORE_NONE);
	assert_int_equal(flocks_of(t, t->anna), 1);
	/* One account's end is nothing to another. */
	assert_int_equal(account_delete(t->s, t->anna, STORE_NOW), STORE_OK);
	assert_int_equal(flocks_of(t, t->boris), 1);
}

static int
count_one(void *count)
{
	++*(uint64_t *)count;
	return 0;
}

/* In instructions of the engine. */
static uint64_t
work_of_one_more(struct owners *t, uint64_t id)
{
	uint64_t count = 0;

	sqlite3_progress_handler(t->s->db, 1, count_one, &count);
	assert_int_equal(
	    flock_create(t->s, t->anna, (struct flock_id){ id }, "", STORE_NOW), STORE_OK);
	sqlite3_progress_handler(t->s->db, 0, NULL, NULL);
	return count;
}

static void
one_more_is_no_more_work_for_many(void **state)
{
	struct owners *t = *state;
	uint64_t few, many;

	assert_int_equal(account_set_quota(t->s, t->anna, 5000, 25, STORE_NOW), STORE_OK);
	few = work_of_one_more(t, 0x100);
	for (uint64_t id = 2; id < 2000; id++)
		owner_flock(t, t->anna, id << 8);
	many = work_of_one_more(t, 1 << 20);
	assert_in_range(many, 1, few + 10);
}

static void
nobody_elses(void **state)
{
	struct owners *t = *state;
	struct flock_id own = owner_flock(t, t->anna, 0x100);
	struct flock_id others = owner_flock(t, t->boris, 0x200);
	const struct {
		const char *why;
		struct flock_id flock;
		enum store_result want;
	} cases[] = {
		{ "own", own, STORE_OK },
		{ "another account's", others, STORE_NONE },
		{ "none", { 0x300 }, STORE_NONE },
		{ "own with a domain", { 0x101 }, STORE_NONE },
		{ "own but for the top bit", { TOP_BIT | 0x100 }, STORE_NONE },
		{ "zero", { 0 }, STORE_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flock_id f = cases[i].flock;

		if (flock_owned(t->s, t->anna, f) != cases[i].want ||
		    flock_relabel(t->s, t->anna, f, "mine") != cases[i].want)
			fail_msg("%s: not %d", cases[i].why, (int)cases[i].want);
	}
	assert_int_equal(flock_delete(t->s, t->anna, others, STORE_NOW), STORE_NONE);
	assert_int_equal(flock_owned(t->s, t->boris, others), STORE_OK);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM flocks WHERE label = 'mine'"), 1);
	assert_true(owner_noted(t, NULL, 0));
}

struct seen {
	struct flock_row rows[20];
	size_t count, stop_at;
};

static bool
see(void *arg, const struct flock_row *f)
{
	struct seen *seen = arg;

	assert_true(seen->count < 20);
	seen->rows[seen->count++] = *f;
	return seen->count != seen->stop_at;
}

static struct seen
list(struct owners *t, struct flock_id after, uint32_t limit)
{
	struct seen seen = { .count = 0 };

	assert_int_equal(
	    flock_list(t->s, t->anna, after, limit, JOINS_SINCE, see, &seen), STORE_OK);
	return seen;
}

static void
pages_meet_each_flock_once(void **state)
{
	struct owners *t = *state;
	/* As they are listed: those with the top bit first, the lowest of all among them. */
	static const uint64_t ids[] = { TOP_BIT, TOP_BIT | 0x100, 0xffffffffffffff00, 0x100, 0xff00,
		0x7fffffffffffff00 };
	static const size_t count = sizeof(ids) / sizeof(ids[0]);
	struct flock_id after = { 0 };
	struct seen seen;

	for (size_t i = count; i-- > 0;)
		owner_flock(t, t->anna, ids[i]);
	owner_flock(t, t->boris, 0x200);

	seen = list(t, after, 20);
	assert_int_equal(seen.count, count);
	for (size_t i = 0; i < count; i++)
		assert_true(seen.rows[i].id.value == ids[i]);
	for (uint32_t limit = 1; limit <= count; limit++) {
		size_t met = 0;

		after.value = 0;
		do {
			seen = list(t, after, limit);
			assert_true(seen.count <= limit);
			for (size_t i = 0; i < seen.count; i++)
				assert_true(seen.rows[i].id.value == ids[met++]);
			if (seen.count > 0)
				after = seen.rows[seen.count - 1].id;
		} while (seen.count > 0);
		assert_int_equal(met, count);
	}
	/* Who has seen enough. */
	seen = (struct seen){ .stop_at = 2 };
	after.value = 0;
	assert_int_equal(flock_list(t->s, t->anna, after, 20, JOINS_SINCE, see, &seen), STORE_OK);
	assert_int_equal(seen.count, 2);
	/* After one that is not there. */
	assert_true(list(t, (struct flock_id){ 0x200 }, 1).rows[0].id.value == 0xff00);
	assert_int_equal(list(t, (struct flock_id){ INT64_MAX }, 20).count, 0);
}

static void
what_is_listed(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->anna, 0x200);
	struct bundle_row bundle = test_bundle(a, a, 7);
	struct join late = test_join(a, 9, JOINS_SINCE - 1), last = test_join(a, 8, JOINS_SINCE);
	struct seen seen;

	owner_device(t, t->anna, a, 1);
	owner_device(t, t->anna, a, 2);
	owner_pending(t, a, 3);
	assert_int_equal(join_create(t->s, &late, 64, JOINS_SINCE), STORE_OK);
	assert_int_equal(join_create(t->s, &last, 64, JOINS_SINCE), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &bundle), STORE_OK);
	assert_int_equal(flock_relabel(t->s, t->anna, b, "it's \"b\"; --"), STORE_OK);

	seen = list(t, (struct flock_id){ 0 }, 20);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.rows[0].devices, 2);
	assert_int_equal(seen.rows[0].pending, 2); /* the one that has just not ended, too */
	assert_int_equal(seen.rows[0].created, STORE_NOW);
	assert_string_equal(seen.rows[0].label, "");
	assert_true(seen.rows[0].has_bundle);
	assert_string_equal(seen.rows[0].bundle.file, bundle.file);
	assert_int_equal(seen.rows[0].bundle.generation, 7);
	assert_memory_equal(&seen.rows[0].bundle.hash, &bundle.hash, sizeof(bundle.hash));
	assert_int_equal(seen.rows[1].devices + seen.rows[1].pending, 0);
	assert_false(seen.rows[1].has_bundle);
	assert_string_equal(seen.rows[1].label, "it's \"b\"; --");
}

static void
longest_labels(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	char label[STORE_LABEL] = "";

	/* What follows a NUL is no part of a text. */
	assert_int_equal(flock_relabel(t->s, t->anna, a, "cut\0off"), STORE_OK);
	assert_string_equal(list(t, (struct flock_id){ 0 }, 1).rows[0].label, "cut");
	memset(label, 'x', STORE_LABEL - 1);
	assert_int_equal(flock_relabel(t->s, t->anna, a, label), STORE_OK);
	assert_string_equal(list(t, (struct flock_id){ 0 }, 1).rows[0].label, label);
}

static void
all_goes_with_a_flock(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x300), b = owner_flock(t, t->boris, 0x100);
	struct bundle_row own = test_bundle(a, a, 1), pair = test_bundle(a, b, 2),
			  others = test_bundle(b, b, 3);
	struct enrolment e = { 1, "", 2, STORE_NOW, STORE_NOW + 60 };
	struct hash32 hash = test_hash("key");
	const struct flock_id noted[][2] = { { a, a }, { b, a } };
	bool established;

	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	owner_device(t, t->boris, b, 1);
	owner_pending(t, b, 2);
	owner_xflock(t, a, b);
	assert_int_equal(xflock_consent(t->s, t->anna, a, (struct flock_id){ 0x400 }, 64, STORE_NOW,
			     &established),
	    STORE_OK);
	assert_int_equal(enrolment_create(t->s, t->anna, a, &e, &hash, 9), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &own), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &pair), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->boris, &others), STORE_OK);
	owner_noted(t, NULL, 0);

	assert_int_equal(flock_delete(t->s, t->anna, a, STORE_NOW), STORE_OK);
	assert_true(owner_noted(t, noted, 2));
	assert_int_equal(flock_owned(t->s, t->anna, a), STORE_NONE);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM devices"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM enrolments"), 0);
	assert_int_equal(bundle_get(t->s, a, a, &own), STORE_NONE);
	assert_int_equal(bundle_get(t->s, b, a, &pair), STORE_NONE);
	assert_int_equal(bundle_get(t->s, b, b, &others), STORE_OK);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM leftovers"), 2);
	/* The other side's consent is the other side's. */
	assert_int_equal(xflock_state(t->s, t->boris, b, a), STORE_CONFLICT);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM xflocks"), 1);
	assert_int_equal(flock_delete(t->s, t->anna, a, STORE_NOW), STORE_NONE);
	assert_true(owner_noted(t, NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_as_the_quota, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(the_account_counts_them, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    one_more_is_no_more_work_for_many, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(nobody_elses, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    pages_meet_each_flock_once, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(what_is_listed, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(longest_labels, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(all_goes_with_a_flock, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

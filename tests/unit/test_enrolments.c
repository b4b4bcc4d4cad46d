/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/devices.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

static enum store_result
create(struct owners *t, struct flock_id flock, uint64_t id, int64_t from, int64_t until)
{
	struct enrolment e = { .id = id, .uses_left = 5, .created = from, .expires = until };
	struct hash32 hash;
	char key[40];

	snprintf(e.label, sizeof(e.label), "it's %jx", (uintmax_t)id);
	snprintf(key, sizeof(key), "%jx %jx", (uintmax_t)flock.value, (uintmax_t)id);
	hash = test_hash(key);
	return enrolment_create(t->s, t->anna, flock, &e, &hash, 2);
}

static void
as_many_as_may_be(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id a2 = owner_flock(t, t->anna, 0x300), none = { 0x400 };
	const struct {
		const char *why;
		struct flock_id flock;
		uint64_t id;
		int64_t from, until;
		enum store_result want;
	} cases[] = {
		{ "another account's flock", b, 1, 0, 60, STORE_NONE },
		{ "no flock", none, 1, 0, 60, STORE_NONE },
		{ "the first", a, 1, 0, 60, STORE_OK },
		{ "the same id", a, 1, 0, 60, STORE_CONFLICT },
		{ "the same id in another flock", a2, 1, 0, 60, STORE_OK },
		{ "the second", a, TOP_BIT | 1, 0, 120, STORE_OK },
		{ "one too many", a, 3, 0, 60, STORE_FULL },
		{ "just before the first ends", a, 3, 59, 120, STORE_FULL },
		{ "when it has ended", a, 3, 60, 120, STORE_OK },
		{ "one too many then", a, 4, 60, 120, STORE_FULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum store_result got = create(t, cases[i].flock, cases[i].id,
		    STORE_NOW + cases[i].from, STORE_NOW + cases[i].until);

		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].why, (int)got, (int)cases[i].want);
	}
	assert_true(owner_noted(t, NULL, 0));
}

struct seen {
	struct enrolment rows[10];
	size_t count;
};

static bool
see(void *arg, const struct enrolment *e)
{
	struct seen *seen = arg;

	assert_true(seen->count < 10);
	seen->rows[seen->count++] = *e;
	return true;
}

static void
pages_meet_each_once(void **state)
{
	static const uint64_t ids[] = { TOP_BIT, UINT64_MAX, 1, INT64_MAX };
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, TOP_BIT | 0x100);

	for (size_t i = 0; i < 4; i++) {
		/* The first two have ended when the others are made. */
		assert_int_equal(create(t, a, ids[3 - i], STORE_NOW + 60 * (int64_t)(i / 2),
				     STORE_NOW + 60 + 60 * (int64_t)(i / 2)),
		    STORE_OK);
	}
	for (uint32_t limit = 1; limit <= 5; limit++) {
		uint64_t after = 0;
		size_t met = 0;

		for (;;) {
			struct seen seen = { .count = 0 };

			assert_int_equal(enrolment_list(t->s, t->anna, a, after, limit,
					     STORE_NOW + 59, see, &seen),
			    STORE_OK);
			assert_true(seen.count <= limit);
			if (seen.count == 0)
				break;
			for (size_t i = 0; i < seen.count; i++)
				assert_true(seen.rows[i].id == ids[met++]);
			after = seen.rows[seen.count - 1].id;
		}
		assert_int_equal(met, 4);
	}
}

static void
what_is_listed(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id empty = owner_flock(t, t->anna, 0x300), none = { 0x400 };
	struct seen seen = { .count = 0 };

	assert_int_equal(create(t, a, 0xabc, STORE_NOW, STORE_NOW + 60), STORE_OK);
	assert_int_equal(create(t, a, 0xdef, STORE_NOW, STORE_NOW + 120), STORE_OK);
	assert_int_equal(
	    enrolment_list(t->s, t->anna, a, 0, 9, STORE_NOW + 60, see, &seen), STORE_OK);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.rows[0].id, 0xdef);
	assert_string_equal(seen.rows[0].label, "it's def");
	assert_int_equal(seen.rows[0].uses_left, 5);
	assert_int_equal(seen.rows[0].created, STORE_NOW);
	assert_int_equal(seen.rows[0].expires, STORE_NOW + 120);

	seen.count = 0;
	assert_int_equal(
	    enrolment_list(t->s, t->anna, empty, 0, 9, STORE_NOW, see, &seen), STORE_OK);
	assert_int_equal(enrolment_list(t->s, t->anna, b, 0, 9, STORE_NOW, see, &seen), STORE_NONE);
	assert_int_equal(
	    enrolment_list(t->s, t->boris, a, 0, 9, STORE_NOW, see, &seen), STORE_NONE);
	assert_int_equal(
	    enrolment_list(t->s, t->anna, none, 0, 9, STORE_NOW, see, &seen), STORE_NONE);
	assert_int_equal(seen.count, 0);
}

static void
only_owners_delete(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), a2 = owner_flock(t, t->anna, 0x200);

	assert_int_equal(create(t, a, TOP_BIT | 1, STORE_NOW, STORE_NOW + 60), STORE_OK);
	assert_int_equal(enrolment_delete(t->s, t->boris, a, TOP_BIT | 1), STORE_NONE);
	assert_int_equal(enrolment_delete(t->s, t->anna, a2, TOP_BIT | 1), STORE_NONE);
	assert_int_equal(enrolment_delete(t->s, t->anna, a, 1), STORE_NONE);
	assert_int_equal(enrolment_delete(t->s, t->anna, a, TOP_BIT | 1), STORE_OK);
	assert_int_equal(enrolment_delete(t->s, t->anna, a, TOP_BIT | 1), STORE_NONE);
	assert_true(owner_noted(t, NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_as_may_be, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(pages_meet_each_once, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(what_is_listed, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(only_owners_delete, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

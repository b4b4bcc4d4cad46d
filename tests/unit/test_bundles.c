/* SPDX-License-Identifier: ISC */
/* Bundles: who may put them, when, and what becomes of those that they replace. */
#include "reliquary-api/store/flocks.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

static bool
add_file(void *arg, const char *file)
{
	strcat(arg, file);
	strcat(arg, " ");
	return true;
}

/* The names of all files without owner. */
static const char *
leftovers(struct owners *t, char text[static 400])
{
	text[0] = '\0';
	assert_int_equal(leftover_list(t->s, 10, add_file, text), STORE_OK);
	return text;
}

static enum store_result
put(struct owners *t, struct account_id account, const struct flock_id pair[2], uint32_t generation,
    const char *file)
{
	struct bundle_row row = test_bundle(pair[0], pair[1], generation);

	snprintf(row.file, sizeof(row.file), "%s", file);
	return bundle_put(t->s, account, &row);
}

static void
another_generation_replaces(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, TOP_BIT | 0x100);
	const struct flock_id own[][2] = { { a, a } };
	struct bundle_row got = { 0 };
	char text[400];

	assert_int_equal(bundle_get(t->s, a, a, &got), STORE_NONE);
	assert_int_equal(put(t, t->anna, own[0], 5, "one"), STORE_OK);
	assert_true(owner_noted(t, own, 1));
	assert_int_equal(put(t, t->anna, own[0], 5, "two"), STORE_CONFLICT);
	assert_true(owner_noted(t, NULL, 0));
	assert_string_equal(leftovers(t, text), "");
	assert_int_equal(bundle_get(t->s, a, a, &got), STORE_OK);
	assert_string_equal(got.file, "one");

	/* Lower or higher, as they come. */
	assert_int_equal(put(t, t->anna, own[0], 4, "two"), STORE_OK);
	assert_true(owner_noted(t, own, 1));
	assert_int_equal(put(t, t->anna, own[0], UINT32_MAX, "three"), STORE_OK);
	assert_string_equal(leftovers(t, text), "one two ");
	assert_int_equal(bundle_get(t->s, a, a, &got), STORE_OK);
	assert_string_equal(got.file, "three");
	assert_int_equal(got.generation, UINT32_MAX);
	assert_int_equal(got.size, 3756730);
	assert_int_equal(got.expires, STORE_NOW + 86400);
	assert_int_equal(got.uploaded, STORE_NOW);

	assert_int_equal(bundle_file_owned(t->s, "three"), STORE_OK);
	assert_int_equal(bundle_file_owned(t->s, "one"), STORE_NONE);
	assert_int_equal(bundle_file_owned(t->s, ""), STORE_NONE);
	assert_int_equal(leftover_forget(t->s, "one"), STORE_OK);
	assert_int_equal(leftover_forget(t->s, "one"), STORE_NONE);
	assert_string_equal(leftovers(t, text), "two ");
}

static void
only_by_who_may(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id a2 = owner_flock(t, t->anna, 0x300), b2 = owner_flock(t, t->boris, 0x400);
	struct flock_id b3 = owner_flock(t, t->boris, 0x500), none = { 0x600 };
	const struct {
		const char *why;
		struct flock_id a, b;
		enum store_result want;
	} cases[] = {
		{ "own", a, a, STORE_OK },
		{ "another account's", b, b, STORE_NONE },
		{ "a flock that is none", none, none, STORE_NONE },
		{ "an established xflock", a, b, STORE_OK },
		{ "the same in the other's name", b, a, STORE_NONE },
		{ "only the account agreed", a, b2, STORE_NONE },
		{ "only the other agreed", a, b3, STORE_NONE },
		{ "nobody agreed, though both are own", a, a2, STORE_NONE },
		{ "with a flock that is none", a, none, STORE_NONE },
		{ "an xflock of others", b, b2, STORE_NONE },
	};
	bool e;

	owner_xflock(t, a, b);
	assert_int_equal(xflock_consent(t->s, t->anna, a, b2, 64, STORE_NOW, &e), STORE_OK);
	assert_int_equal(xflock_consent(t->s, t->boris, b3, a, 64, STORE_NOW, &e), STORE_OK);
	assert_int_equal(xflock_consent(t->s, t->boris, b, b2, 64, STORE_NOW, &e), STORE_OK);
	assert_int_equal(xflock_consent(t->s, t->boris, b2, b, 64, STORE_NOW, &e), STORE_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bundle_row row = test_bundle(cases[i].a, cases[i].b, 1);

		if (bundle_put(t->s, t->anna, &row) != cases[i].want)
			fail_msg("%s: not %d", cases[i].why, (int)cases[i].want);
	}
	assert_int_equal(owner_number(t, "SELECT count(*) FROM bundles"), 2);
}

/* One bundle a pair, whoever brings it, and whichever way round. */
static void
a_pair_has_one(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct flock_id b = owner_flock(t, t->boris, TOP_BIT | 0x200);
	/* A negative number is less. */
	const struct flock_id to[2] = { a, b }, stored[][2] = { { b, a } };
	struct bundle_row got = { 0 };
	char text[400];

	owner_xflock(t, a, b);
	owner_noted(t, NULL, 0);
	assert_int_equal(put(t, t->anna, to, 1, "by-anna"), STORE_OK);
	assert_true(owner_noted(t, stored, 1));
	assert_int_equal(put(t, t->boris, stored[0], 1, "again"), STORE_CONFLICT);
	assert_int_equal(put(t, t->boris, stored[0], 2, "by-boris"), STORE_OK);
	assert_true(owner_noted(t, stored, 1));
	assert_int_equal(bundle_get(t->s, a, b, &got), STORE_OK);
	assert_string_equal(got.file, "by-boris");
	assert_true(flock_equal(got.a, b) && flock_equal(got.b, a));
	memset(&got, 0, sizeof(got));
	assert_int_equal(bundle_get(t->s, b, a, &got), STORE_OK);
	assert_string_equal(got.file, "by-boris");
	assert_string_equal(leftovers(t, text), "by-anna ");
}

/* A file has one owner: who would remove it else? */
static void
files_are_not_shared(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	const struct flock_id of_a[2] = { a, a }, of_b[2] = { b, b };
	char text[400];

	assert_int_equal(put(t, t->anna, of_a, 1, "x"), STORE_OK);
	assert_int_equal(put(t, t->boris, of_b, 1, "x"), STORE_CONFLICT);
	/* What has an owner again is not listed, however it came there. */
	assert_int_equal(put(t, t->anna, of_a, 2, "y"), STORE_OK);
	assert_int_equal(put(t, t->boris, of_b, 1, "x"), STORE_OK);
	assert_string_equal(leftovers(t, text), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    another_generation_replaces, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(only_by_who_may, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(a_pair_has_one, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(files_are_not_shared, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

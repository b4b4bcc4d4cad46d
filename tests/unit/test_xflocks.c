/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/flocks.h"

#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

enum step { ANNA_AGREES, ANNA_WITHDRAWS, BORIS_AGREES, BORIS_WITHDRAWS };

static enum store_result
consent_step(struct owners *t, const struct flock_id pair[2], enum step step, bool *established)
{
	struct flock_id a = pair[0], b = pair[1];

	switch (step) {
	case ANNA_AGREES:
		return xflock_consent(t->s, t->anna, a, b, 64, STORE_NOW, established);
	case ANNA_WITHDRAWS:
		return xflock_withdraw(t->s, t->anna, a, b, STORE_NOW);
	case BORIS_AGREES:
		return xflock_consent(t->s, t->boris, b, a, 64, STORE_NOW, established);
	case BORIS_WITHDRAWS:
		return xflock_withdraw(t->s, t->boris, b, a, STORE_NOW);
	}
	return STORE_FAILED;
}

/* Each step follows the one before. */
static void
from_consent_to_withdrawal(void **state)
{
	static const struct {
		const char *why;
		enum step step;
		enum store_result want;
		bool established, noted;
		enum store_result anna_sees, boris_sees;
	} steps[] = {
		{ "nothing to withdraw", ANNA_WITHDRAWS, STORE_NONE, false, false, STORE_NONE,
		    STORE_NONE },
		{ "one side agrees", ANNA_AGREES, STORE_OK, false, false, STORE_CONFLICT,
		    STORE_NONE },
		{ "it agrees again", ANNA_AGREES, STORE_OK, false, false, STORE_CONFLICT,
		    STORE_NONE },
		{ "the other side has nothing to withdraw", BORIS_WITHDRAWS, STORE_NONE, false,
		    false, STORE_CONFLICT, STORE_NONE },
		{ "the other side agrees", BORIS_AGREES, STORE_OK, true, true, STORE_OK, STORE_OK },
		{ "one side agrees again", ANNA_AGREES, STORE_OK, true, false, STORE_OK, STORE_OK },
		{ "one side withdraws", ANNA_WITHDRAWS, STORE_OK, false, true, STORE_NONE,
		    STORE_CONFLICT },
		{ "it withdraws again", ANNA_WITHDRAWS, STORE_NONE, false, false, STORE_NONE,
		    STORE_CONFLICT },
		{ "it agrees once more", ANNA_AGREES, STORE_OK, true, true, STORE_OK, STORE_OK },
		{ "the other side withdraws", BORIS_WITHDRAWS, STORE_OK, false, true,
		    STORE_CONFLICT, STORE_NONE },
		{ "the first one's is withdrawn while pending", ANNA_WITHDRAWS, STORE_OK, false,
		    false, STORE_NONE, STORE_NONE },
	};
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct flock_id b = owner_flock(t, t->boris, TOP_BIT | 0x200);
	const struct flock_id pair[2] = { a, b }, noted[][2] = { { b, a } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool established = false;

		if (consent_step(t, pair, steps[i].step, &established) != steps[i].want)
			fail_msg("%s: not %d", steps[i].why, (int)steps[i].want);
		if (established != steps[i].established)
			fail_msg("%s: established or not", steps[i].why);
		if (!owner_noted(t, noted, steps[i].noted ? 1 : 0))
			fail_msg("%s: what is noted", steps[i].why);
		if (xflock_state(t->s, t->anna, a, b) != steps[i].anna_sees ||
		    xflock_state(t->s, t->boris, b, a) != steps[i].boris_sees)
			fail_msg("%s: what they see", steps[i].why);
	}
}

static void
nobody_elses_consent(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id b2 = owner_flock(t, t->boris, 0x300), none = { 0x400 };
	const struct {
		const char *why;
		struct flock_id flock, other;
		enum store_result agrees, withdraws, state;
	} cases[] = {
		{ "another's flock", b, a, STORE_NONE, STORE_NONE, STORE_NONE },
		{ "an xflock of others", b, b2, STORE_NONE, STORE_NONE, STORE_NONE },
		{ "a flock that is none", none, a, STORE_NONE, STORE_NONE, STORE_NONE },
		{ "with one that is none, which nobody may tell", a, none, STORE_OK, STORE_OK,
		    STORE_NONE },
		{ "with itself", a, a, STORE_CONFLICT, STORE_NONE, STORE_NONE },
	};
	bool e;

	owner_xflock(t, a, b);
	assert_int_equal(xflock_consent(t->s, t->boris, b, b2, 64, STORE_NOW, &e), STORE_OK);
	assert_int_equal(xflock_consent(t->s, t->boris, b2, b, 64, STORE_NOW, &e), STORE_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flock_id f = cases[i].flock, o = cases[i].other;

		if (xflock_state(t->s, t->anna, f, o) != cases[i].state)
			fail_msg("%s: state", cases[i].why);
		e = true;
		if (xflock_consent(t->s, t->anna, f, o, 64, STORE_NOW, &e) != cases[i].agrees || e)
			fail_msg("%s: agrees", cases[i].why);
		if (xflock_withdraw(t->s, t->anna, f, o, STORE_NOW) != cases[i].withdraws)
			fail_msg("%s: withdraws", cases[i].why);
	}
	assert_int_equal(xflock_state(t->s, t->anna, a, b), STORE_OK);
	assert_int_equal(xflock_state(t->s, t->boris, b, b2), STORE_OK);
}

static void
as_many_as_may_be(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	const struct flock_id o[] = { { 0x10000 }, { 0x20000 }, { 0x30000 }, { 0x40000 } };
	bool e;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(xflock_consent(t->s, t->anna, a, o[i], 3, STORE_NOW, &e),
		    i < 3 ? STORE_OK : STORE_FULL);
	/* One that is there is no more than one, whatever the limit has become. */
	assert_int_equal(xflock_consent(t->s, t->anna, a, o[0], 1, STORE_NOW, &e), STORE_OK);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM xflocks"), 3);
	/* Consents of others fill nothing. */
	owner_flock(t, t->boris, o[3].value);
	assert_int_equal(xflock_consent(t->s, t->boris, o[3], a, 3, STORE_NOW, &e), STORE_OK);
	assert_int_equal(xflock_withdraw(t->s, t->anna, a, o[0], STORE_NOW), STORE_OK);
	assert_int_equal(xflock_consent(t->s, t->anna, a, o[3], 3, STORE_NOW, &e), STORE_OK);
	assert_true(e);
	assert_int_equal(xflock_consent(t->s, t->anna, a, o[0], 3, STORE_NOW, &e), STORE_FULL);
}

/* Two flocks of one account agree like those of two. */
static void
both_of_one_account(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->anna, 0x200);
	bool e = true;

	assert_int_equal(xflock_consent(t->s, t->anna, a, b, 64, STORE_NOW, &e), STORE_OK);
	assert_false(e);
	assert_int_equal(xflock_consent(t->s, t->anna, b, a, 64, STORE_NOW, &e), STORE_OK);
	assert_true(e);
}

static void
the_bundle_goes_with_consent(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x300), b = owner_flock(t, t->boris, 0x200);
	struct bundle_row pair = test_bundle(a, b, 1), own = test_bundle(a, a, 2), got;

	owner_xflock(t, a, b);
	assert_int_equal(bundle_put(t->s, t->anna, &pair), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &own), STORE_OK);
	assert_int_equal(xflock_withdraw(t->s, t->boris, b, a, STORE_NOW), STORE_OK);
	assert_int_equal(bundle_get(t->s, a, b, &got), STORE_NONE);
	assert_int_equal(bundle_get(t->s, a, a, &got), STORE_OK);
	assert_int_equal(bundle_file_owned(t->s, pair.file), STORE_NONE);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM leftovers"), 1);
	/* Establishing it again does not bring it back. */
	owner_xflock(t, a, b);
	assert_int_equal(bundle_get(t->s, a, b, &got), STORE_NONE);
}

struct seen {
	struct xflock_row rows[20];
	size_t count;
};

static bool
see(void *arg, const struct xflock_row *x)
{
	struct seen *seen = arg;

	assert_true(seen->count < 20);
	seen->rows[seen->count++] = *x;
	return true;
}

/* As they are listed. */
static const uint64_t flocks[] = { TOP_BIT | 0x100, 0x100, 0x200 };
static const uint64_t others[] = { TOP_BIT, 0xffffffffffffff00, 0x300, 0x7fffffffffffff00 };

/* The seventh is the one that is established. */
static void
expect_row(const struct xflock_row *x, size_t n)
{
	assert_true(x->flock.value == flocks[n / 4]);
	assert_true(x->other.value == others[n % 4]);
	assert_int_equal(x->created, STORE_NOW + 5);
	assert_int_equal(x->established, n == 6);
	assert_int_equal(x->has_bundle, n == 6);
}

/* How many rows there were in all. */
static size_t
read_pages(struct owners *t, uint32_t limit)
{
	struct flock_id flock = { 0 }, other = { 0 };
	size_t met = 0;

	for (;;) {
		struct seen seen = { .count = 0 };

		assert_int_equal(
		    xflock_list(t->s, t->anna, flock, other, limit, see, &seen), STORE_OK);
		assert_true(seen.count <= limit);
		if (seen.count == 0)
			return met;
		for (size_t i = 0; i < seen.count; i++)
			expect_row(&seen.rows[i], met++);
		flock = seen.rows[seen.count - 1].flock;
		other = seen.rows[seen.count - 1].other;
	}
}

static void
pages_meet_each_once(void **state)
{
	struct owners *t = *state;
	struct flock_id b = owner_flock(t, t->boris, 0x300), middle = { flocks[1] };
	struct bundle_row bundle = test_bundle(middle, b, 1);
	bool e;

	for (size_t i = 12; i-- > 0;) {
		struct flock_id other = { others[i % 4] };

		if (i % 4 == 3)
			owner_flock(t, t->anna, flocks[i / 4]);
		assert_int_equal(xflock_consent(t->s, t->anna, (struct flock_id){ flocks[i / 4] },
				     other, 64, STORE_NOW + 5, &e),
		    STORE_OK);
	}
	assert_int_equal(xflock_consent(t->s, t->boris, b, middle, 64, STORE_NOW, &e), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &bundle), STORE_OK);
	for (uint32_t limit = 1; limit <= 13; limit++)
		assert_int_equal(read_pages(t, limit), 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    from_consent_to_withdrawal, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(nobody_elses_consent, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(as_many_as_may_be, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(both_of_one_account, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    the_bundle_goes_with_consent, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(pages_meet_each_once, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

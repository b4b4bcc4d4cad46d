/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/devices.h"
#include "tests/support/asked.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* For a flock that exists, for another account's, and for none, it is all the same. */
static void
as_many_as_may_wait(void **state)
{
	struct owners *t = *state;
	struct flock_id flocks[] = { owner_flock(t, t->anna, 0x100),
		owner_flock(t, t->boris, 0x200), { 0x300 }, { UINT64_C(0x8000000000000000) } };
	static const struct {
		const char *why;
		uint32_t id;
		int64_t age_s;
		uint32_t most;
		enum store_result want;
	} cases[] = {
		{ "none may", 1, 0, 0, STORE_FULL },
		{ "the first", 1, 0, 3, STORE_OK },
		{ "the same id", 1, 0, 3, STORE_CONFLICT },
		{ "one that is as old as can be", UINT32_MAX, STORE_NOW - JOINS_SINCE, 3,
		    STORE_OK },
		{ "one that has ended does not count", 3, STORE_NOW - JOINS_SINCE + 1, 3,
		    STORE_OK },
		{ "but its id is taken", 3, 0, 3, STORE_CONFLICT },
		{ "the third", 4, 0, 3, STORE_OK },
		{ "above it", 5, 0, 3, STORE_FULL },
		{ "a taken id, above it", 1, 0, 3, STORE_FULL },
		{ "more may", 5, 0, 4, STORE_OK },
	};

	for (size_t f = 0; f < sizeof(flocks) / sizeof(flocks[0]); f++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct join j =
			    test_join(flocks[f], cases[i].id, STORE_NOW - cases[i].age_s);
			enum store_result got = join_create(t->s, &j, cases[i].most, JOINS_SINCE);

			if (got != cases[i].want)
				fail_msg("flock %zu, %s: %d, not %d", f, cases[i].why, (int)got,
				    (int)cases[i].want);
		}
	}
	assert_true(owner_noted(t, NULL, 0));
}

static void
ids_of_devices_are_taken(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct join in_a = test_join(a, 7, STORE_NOW), in_b = test_join(b, 7, STORE_NOW);

	owner_device(t, t->anna, a, 7);
	assert_int_equal(join_create(t->s, &in_a, 64, JOINS_SINCE), STORE_CONFLICT);
	assert_int_equal(join_create(t->s, &in_b, 64, JOINS_SINCE), STORE_OK);
	assert_int_equal(
	    device_delete(t->s, t->anna, a, (struct device_id){ 7 }, JOINS_SINCE, STORE_NOW),
	    STORE_OK);
	assert_int_equal(join_create(t->s, &in_a, 64, JOINS_SINCE), STORE_OK);
}

/* What a stranger's request makes the database do says nothing about the flock. */
static void
the_same_work_for_any_flock(void **state)
{
	struct owners *t = *state;
	struct flock_id real = owner_flock(t, t->anna, 0x5500), none = { 0x6600 };
	struct hash32 key = test_hash("none's");

	owner_device(t, t->anna, real, 1);
	owner_pending(t, (struct flock_id){ 0x7700 }, 1); /* the table ends behind neither */
	for (uint32_t id = 10; id < 20; id++) {
		struct join there = test_join(real, id, STORE_NOW);
		struct join nowhere = test_join(none, id, STORE_NOW);
		uint32_t most = id < 18 ? 64 : 8;
		enum store_result want = id < 18 ? STORE_OK : STORE_FULL;
		struct asked first, second;

		asked_begin(t->s, &first);
		assert_int_equal(join_create(t->s, &there, most, JOINS_SINCE), want);
		asked_end(t->s, &first);
		asked_begin(t->s, &second);
		assert_int_equal(join_create(t->s, &nowhere, most, JOINS_SINCE), want);
		asked_end(t->s, &second);
		assert_true(first.count == (want == STORE_OK ? 1 : 2));
		assert_true(asked_alike(&first, &second));
	}
	for (int i = 0; i < 2; i++) {
		struct join there = test_join(real, 90, STORE_NOW);
		struct join nowhere = test_join(none, 90, STORE_NOW);
		struct asked first, second;
		struct account_id account;
		uint8_t kek;

		asked_begin(t->s, &first);
		assert_int_equal(join_enrol(t->s, &there, &key, 25, &kek, &account), STORE_NONE);
		asked_end(t->s, &first);
		asked_begin(t->s, &second);
		assert_int_equal(join_enrol(t->s, &nowhere, &key, 25, &kek, &account), STORE_NONE);
		asked_end(t->s, &second);
		assert_true(first.count == 1 && asked_alike(&first, &second));
	}
}

static void
enrol_keys(struct owners *t, struct flock_id a, struct flock_id b)
{
	const struct {
		const char *key;
		struct flock_id flock;
		struct account_id account;
		struct enrolment e;
	} keys[] = {
		{ "good", a, t->anna, { 1, "", 3, STORE_NOW, STORE_NOW + 60 } },
		{ "ends now", a, t->anna, { 2, "", 3, STORE_NOW, STORE_NOW } },
		{ "ends then", a, t->anna, { 3, "", 3, STORE_NOW, STORE_NOW + 1 } },
		{ "used up", a, t->anna, { 4, "", 0, STORE_NOW, STORE_NOW + 60 } },
		{ "boris'", b, t->boris, { 5, "", 3, STORE_NOW, STORE_NOW + 60 } },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct hash32 hash = test_hash(keys[i].key);

		assert_int_equal(
		    enrolment_create(t->s, keys[i].account, keys[i].flock, &keys[i].e, &hash, 9),
		    STORE_OK);
	}
}

static void
enrolment(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id none = { 0x300 };
	const struct flock_id noted[][2] = { { a, a } };
	const struct {
		const char *why, *key;
		struct flock_id flock;
		uint32_t id;
		enum store_result want;
		uint8_t kek;
	} cases[] = {
		{ "a good key", "good", a, 10, STORE_OK, 2 },
		{ "another flock's key", "boris'", a, 11, STORE_NONE, 0 },
		{ "for another flock", "good", b, 11, STORE_NONE, 0 },
		{ "for no flock", "good", none, 11, STORE_NONE, 0 },
		{ "no key at all", "invented", a, 11, STORE_NONE, 0 },
		{ "one that has ended", "ends now", a, 11, STORE_NONE, 0 },
		{ "one that is used up", "used up", a, 11, STORE_NONE, 0 },
		{ "one that is about to end", "ends then", a, 11, STORE_OK, 4 },
		{ "the id of a device", "good", a, 11, STORE_CONFLICT, 0 },
		{ "the id of one that waits", "good", a, 3, STORE_CONFLICT, 0 },
		{ "the second use", "good", a, 12, STORE_OK, 5 },
		{ "the third", "good", a, UINT32_MAX, STORE_OK, 6 },
		{ "one more than it has", "good", a, 14, STORE_NONE, 0 },
	};
	uint8_t third = 3;

	enrol_keys(t, a, b);
	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	owner_pending(t, a, 3);
	assert_int_equal(device_approve(t->s, t->anna, a, (struct device_id){ 2 }, 25, JOINS_SINCE,
			     STORE_NOW, &third),
	    STORE_OK);
	owner_noted(t, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct join j = test_join(cases[i].flock, cases[i].id, STORE_NOW);
		struct hash32 hash = test_hash(cases[i].key);
		struct account_id account = { 0 };
		uint8_t kek = 0;

		if (join_enrol(t->s, &j, &hash, 25, &kek, &account) != cases[i].want)
			fail_msg("%s: not %d", cases[i].why, (int)cases[i].want);
		if (kek != cases[i].kek || account.value != (kek != 0 ? t->anna.value : 0))
			fail_msg("%s: number %u", cases[i].why, kek);
		if (!owner_noted(t, noted, kek != 0 ? 1 : 0))
			fail_msg("%s: what is noted", cases[i].why);
	}
	assert_int_equal(owner_number(t, "SELECT uses_left FROM enrolments WHERE id = 1"), 0);
	assert_int_equal(owner_number(t, "SELECT uses_left FROM enrolments WHERE id = 5"), 3);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins"), 1);
}

/* It is used up with the device that it lets in, or not at all. */
static void
no_use_without_a_number(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct enrolment e = { 1, "", 1, STORE_NOW, STORE_NOW + 60 };
	struct hash32 hash = test_hash("key");
	struct join j = test_join(a, 999, STORE_NOW);
	struct account_id account;
	uint8_t kek;

	for (uint32_t n = 1; n <= 255; n++)
		owner_device(t, t->anna, a, n);
	assert_int_equal(enrolment_create(t->s, t->anna, a, &e, &hash, 9), STORE_OK);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_FULL);
	assert_int_equal(owner_number(t, "SELECT uses_left FROM enrolments"), 1);
	assert_int_equal(
	    device_delete(t->s, t->anna, a, (struct device_id){ 128 }, JOINS_SINCE, STORE_NOW),
	    STORE_OK);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_OK);
	assert_int_equal(kek, 128);
	assert_int_equal(owner_number(t, "SELECT uses_left FROM enrolments"), 0);
}

/* Whose account has ended approves nobody, not by a key either. */
static void
only_while_the_account_lives(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct enrolment e = { 1, "", 9, STORE_NOW, STORE_NOW + 10 * 86400 };
	struct hash32 hash = test_hash("key");
	struct account_id account;
	struct join j = test_join(a, 1, STORE_NOW + 86399);
	struct device_row row;
	uint8_t kek;

	assert_int_equal(enrolment_create(t->s, t->anna, a, &e, &hash, 9), STORE_OK);
	assert_int_equal(account_set_quota(t->s, t->anna, 3, 10, STORE_NOW), STORE_OK);
	assert_int_equal(account_set_suspended(t->s, t->anna, true, STORE_NOW), STORE_OK);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_NONE);
	assert_int_equal(account_set_suspended(t->s, t->anna, false, STORE_NOW), STORE_OK);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_OK);
	assert_int_equal(device_update(t->s, t->anna, a, j.id, &(struct device_change){ NULL, 0 },
			     JOINS_SINCE, STORE_NOW, &row),
	    STORE_OK);
	assert_int_equal(row.bw_limit, 10); /* the account's, which is less */
	assert_int_equal(row.kek, 1);
	j = test_join(a, 2, STORE_NOW + 86400);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_as_may_wait, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(ids_of_devices_are_taken, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    the_same_work_for_any_flock, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(enrolment, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(no_use_without_a_number, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    only_while_the_account_lives, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

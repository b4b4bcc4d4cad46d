/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/devices.h"

#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOP_BIT UINT64_C(0x8000000000000000)

static enum store_result
approve(struct owners *t, struct flock_id flock, uint32_t id, uint8_t *kek)
{
	return device_approve(
	    t->s, t->anna, flock, (struct device_id){ id }, 25, JOINS_SINCE, STORE_NOW + 1, kek);
}

static void
approval(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, TOP_BIT | 0x100);
	struct flock_id b = owner_flock(t, t->boris, 0x200), none = { 0x300 };
	const struct {
		const char *why;
		struct flock_id flock;
		uint32_t id;
		uint8_t asked;
		enum store_result want;
		uint8_t kek;
	} cases[] = {
		{ "the lowest number", a, 1, 0, STORE_OK, 1 },
		{ "again", a, 1, 0, STORE_CONFLICT, 1 },
		{ "again with its number", a, 1, 1, STORE_CONFLICT, 1 },
		{ "again with another number", a, 1, 9, STORE_CONFLICT, 1 },
		{ "a taken number", a, 2, 1, STORE_CONFLICT, 0 },
		{ "a number of choice", a, 2, 3, STORE_OK, 3 },
		{ "the gap", a, 3, 0, STORE_OK, 2 },
		{ "behind the gap", a, UINT32_MAX, 0, STORE_OK, 4 },
		{ "the last number", a, 5, 255, STORE_OK, 255 },
		{ "not the one after the last", a, 6, 0, STORE_OK, 5 },
		{ "a device that never asked", a, 7, 0, STORE_NONE, 0 },
		{ "of another flock", a, 20, 0, STORE_NONE, 0 },
		{ "one that asked too long ago", a, 8, 0, STORE_NONE, 0 },
		{ "another account's flock", b, 20, 0, STORE_NONE, 0 },
		{ "another account's approved one", b, 21, 0, STORE_NONE, 0 },
		{ "a flock that is none", none, 30, 0, STORE_NONE, 0 },
	};
	const struct flock_id noted[][2] = { { a, a } };
	struct join late = test_join(a, 8, JOINS_SINCE - 1);
	static const uint32_t asking[] = { 1, 2, 3, UINT32_MAX, 5, 6 };

	for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
		owner_pending(t, a, asking[i]);
	owner_pending(t, b, 20);
	owner_device(t, t->boris, b, 21);
	owner_pending(t, none, 30);
	assert_int_equal(join_create(t->s, &late, 64, JOINS_SINCE), STORE_OK);
	owner_noted(t, NULL, 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t kek = cases[i].asked;
		enum store_result got = approve(t, cases[i].flock, cases[i].id, &kek);

		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].why, (int)got, (int)cases[i].want);
		if (got != STORE_NONE && kek != cases[i].kek)
			fail_msg("%s: number %u, not %u", cases[i].why, kek, cases[i].kek);
		if (!owner_noted(t, noted, got == STORE_OK ? 1 : 0))
			fail_msg("%s: what is noted", cases[i].why);
	}
	/* Moved, not copied. */
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins WHERE flock < 0"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM devices WHERE flock < 0"), 6);
	assert_int_equal(owner_number(t, "SELECT sum(approved - created) FROM devices"
					 " WHERE flock < 0"),
	    6);
}

static void
all_numbers(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	uint8_t kek;

	for (uint32_t n = 1; n <= 255; n++)
		assert_int_equal(owner_device(t, t->anna, a, n), n);
	owner_pending(t, a, 999);
	kek = 0;
	assert_int_equal(approve(t, a, 999, &kek), STORE_FULL);
	kek = 77;
	assert_int_equal(approve(t, a, 999, &kek), STORE_CONFLICT);
	assert_int_equal(kek, 0);
	/* It is still there to be approved when one is free again, whichever. */
	for (uint32_t free = 1; free <= 255; free += 127) {
		assert_int_equal(device_delete(t->s, t->anna, a, (struct device_id){ free },
				     JOINS_SINCE, STORE_NOW),
		    STORE_OK);
		kek = 0;
		assert_int_equal(approve(t, a, 999 + free - 1, &kek), STORE_OK);
		assert_int_equal(kek, free);
		owner_pending(t, a, 999 + free + 126);
	}
}

static void
caps(void **state)
{
	static const struct {
		uint64_t asked, account, want;
	} cases[] = {
		{ 25, 25, 25 },
		{ 25, 10, 10 },
		{ 25, 100, 25 },
		{ UINT64_MAX, 10, 10 },
	};
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_row row;
		uint8_t kek = 0;

		assert_int_equal(
		    account_set_quota(t->s, t->anna, 3, cases[i].account, STORE_NOW), STORE_OK);
		owner_pending(t, a, i);
		assert_int_equal(device_approve(t->s, t->anna, a, (struct device_id){ i },
				     cases[i].asked, JOINS_SINCE, STORE_NOW, &kek),
		    STORE_OK);
		assert_int_equal(
		    device_update(t->s, t->anna, a, (struct device_id){ i },
			&(struct device_change){ NULL, 0 }, JOINS_SINCE, STORE_NOW, &row),
		    STORE_OK);
		assert_int_equal(row.bw_limit, cases[i].want);
	}
}

static void
changes_of_a_device(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id none = { 0x300 };
	struct join late = test_join(a, 3, JOINS_SINCE - 1);
	const struct flock_id noted[][2] = { { a, a } };
	const struct {
		const char *why;
		struct flock_id flock;
		uint32_t id;
		struct device_change change;
		enum store_result want;
		const char *label; /* afterwards */
		uint64_t bw_limit;
		bool noted;
	} cases[] = {
		{ "nothing", a, 1, { NULL, 0 }, STORE_OK, "device 1", 25, false },
		{ "a label", a, 1, { "it's \"new\"", 0 }, STORE_OK, "it's \"new\"", 25, false },
		{ "a cap", a, 1, { NULL, 1 }, STORE_OK, "it's \"new\"", 1, true },
		{ "both", a, 1, { "", 25 }, STORE_OK, "", 25, true },
		{ "too much", a, 1, { "x", 26 }, STORE_FULL, "", 25, false },
		{ "far too much", a, 1, { "x", UINT64_MAX }, STORE_FULL, "", 25, false },
		{ "a pending one's label", a, 2, { "cut\0off", 0 }, STORE_OK, "cut", 0, false },
		{ "a pending one's nothing", a, 2, { NULL, 0 }, STORE_OK, "cut", 0, false },
		{ "a pending one's cap", a, 2, { "x", 25 }, STORE_CONFLICT, "cut", 0, false },
		{ "one that asked too long ago", a, 3, { "x", 0 }, STORE_NONE, "", 0, false },
		{ "its cap", a, 3, { "x", 9 }, STORE_NONE, "", 0, false },
		{ "one that is not there", a, 4, { "x", 0 }, STORE_NONE, "", 0, false },
		{ "its cap", a, 4, { "x", 99 }, STORE_NONE, "", 0, false },
		{ "another account's", b, 1, { "x", 1 }, STORE_NONE, "", 0, false },
		{ "another account's pending one", b, 2, { "x", 0 }, STORE_NONE, "", 0, false },
		{ "of no flock", none, 1, { "x", 0 }, STORE_NONE, "", 0, false },
	};

	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	owner_device(t, t->boris, b, 1);
	owner_pending(t, b, 2);
	owner_pending(t, none, 1);
	assert_int_equal(join_create(t->s, &late, 64, JOINS_SINCE), STORE_OK);
	owner_noted(t, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_id id = { cases[i].id };
		struct device_row row;
		enum store_result got = device_update(t->s, t->anna, cases[i].flock, id,
		    &cases[i].change, JOINS_SINCE, STORE_NOW, &row);

		if (got != cases[i].want)
			fail_msg("%s: %d, not %d", cases[i].why, (int)got, (int)cases[i].want);
		if (!owner_noted(t, noted, cases[i].noted ? 1 : 0))
			fail_msg("%s: what is noted", cases[i].why);
		if (got == STORE_NONE)
			continue;
		assert_int_equal(
		    device_update(t->s, t->anna, cases[i].flock, id,
			&(struct device_change){ NULL, 0 }, JOINS_SINCE, STORE_NOW, &row),
		    STORE_OK);
		if (strcmp(row.label, cases[i].label) != 0 || row.bw_limit != cases[i].bw_limit ||
		    row.id.value != id.value || row.kek != (id.value == 1))
			fail_msg(
			    "%s: \"%s\" %ju", cases[i].why, row.label, (uintmax_t)row.bw_limit);
	}
	assert_int_equal(owner_number(t, "SELECT (SELECT count(*) FROM devices WHERE label = 'x')"
					 " + (SELECT count(*) FROM joins WHERE label = 'x')"),
	    0);
}

/* New secrets and deletion concern the same devices. */
static void
secrets_and_deletion(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id none = { 0x300 };
	struct join late = test_join(a, 3, JOINS_SINCE - 1);
	const struct flock_id noted[][2] = { { a, a } };
	const struct {
		const char *why;
		struct flock_id flock;
		uint32_t id;
		enum store_result want;
		bool noted;
	} cases[] = {
		{ "approved", a, 1, STORE_OK, true },
		{ "pending", a, 2, STORE_OK, false },
		{ "asked too long ago", a, 3, STORE_NONE, false },
		{ "not there", a, 4, STORE_NONE, false },
		{ "another account's", b, 1, STORE_NONE, false },
		{ "another account's pending one", b, 2, STORE_NONE, false },
		{ "of no flock", none, 1, STORE_NONE, false },
	};
	uint8_t sealed[DEVICE_SEALED], got[DEVICE_SEALED];
	struct cosk_public cosk;

	memset(sealed, 0xee, sizeof(sealed));
	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	owner_device(t, t->boris, b, 1);
	owner_pending(t, b, 2);
	owner_pending(t, none, 1);
	assert_int_equal(join_create(t->s, &late, 64, JOINS_SINCE), STORE_OK);
	owner_noted(t, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (device_set_secret(t->s, t->anna, cases[i].flock,
			(struct device_id){ cases[i].id }, sealed, JOINS_SINCE,
			STORE_NOW) != cases[i].want)
			fail_msg("%s: secret", cases[i].why);
		if (!owner_noted(t, noted, cases[i].noted ? 1 : 0))
			fail_msg("%s: secret: what is noted", cases[i].why);
	}
	assert_int_equal(device_keys(t->s, a, (struct device_id){ 1 }, got, &cosk), STORE_OK);
	assert_memory_equal(got, sealed, sizeof(got));
	assert_memory_equal(cosk.bytes, test_join(a, 1, STORE_NOW).cosk.bytes, sizeof(cosk.bytes));
	assert_int_equal(device_keys(t->s, b, (struct device_id){ 1 }, got, &cosk), STORE_OK);
	assert_memory_equal(got, test_join(b, 1, STORE_NOW).sealed, sizeof(got));
	assert_int_equal(device_keys(t->s, a, (struct device_id){ 2 }, got, &cosk), STORE_NONE);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins WHERE hex(sealed) LIKE"
					 " 'EE%'"),
	    1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int again = 0; again < 2; again++) {
			bool first = again == 0;

			if (device_delete(t->s, t->anna, cases[i].flock,
				(struct device_id){ cases[i].id }, JOINS_SINCE,
				STORE_NOW) != (first ? cases[i].want : STORE_NONE))
				fail_msg("%s: deletion", cases[i].why);
			if (!owner_noted(t, noted, first && cases[i].noted ? 1 : 0))
				fail_msg("%s: deletion: what is noted", cases[i].why);
		}
	}
	assert_int_equal(owner_number(t, "SELECT count(*) FROM devices"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins"), 3);
}

struct seen {
	struct device_row rows[40];
	size_t count, stop_at;
};

static bool
see(void *arg, const struct device_row *d)
{
	struct seen *seen = arg;

	assert_true(seen->count < 40);
	seen->rows[seen->count++] = *d;
	return seen->count != seen->stop_at;
}

/* Ids as they are listed: pending ones by id, then approved ones by number. */
static const uint32_t in_order[] = { 0, 5, 0x80000000, UINT32_MAX, 700, 600, 9 };
static const uint8_t keks[] = { 0, 0, 0, 0, 1, 3, 255 };

static size_t
read_pages(struct owners *t, struct flock_id flock, uint32_t limit)
{
	struct device_place after = { .begun = false };
	size_t met = 0;

	for (;;) {
		struct seen seen = { .count = 0 };

		assert_int_equal(
		    device_list(t->s, t->anna, flock, after, limit, JOINS_SINCE, see, &seen),
		    STORE_OK);
		assert_true(seen.count <= limit);
		if (seen.count == 0)
			return met;
		for (size_t i = 0; i < seen.count; i++, met++) {
			const struct device_row *d = &seen.rows[i];

			assert_int_equal(d->id.value, in_order[met]);
			assert_int_equal(d->kek, keks[met]);
			assert_int_equal(d->bw_limit, d->kek == 0 ? 0 : 25);
			assert_string_equal(
			    d->label, test_join(flock, d->id.value, STORE_NOW).label);
			assert_int_equal(d->created, STORE_NOW);
			after = (struct device_place){ d->kek, d->id, true };
		}
	}
}

static void
pages_meet_each_device_once(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, TOP_BIT | 0x100);
	struct flock_id b = owner_flock(t, t->boris, 0x200);
	struct join late = test_join(a, 3, JOINS_SINCE - 1);
	struct seen seen = { .stop_at = 3 };

	owner_device(t, t->boris, b, 1);
	assert_int_equal(join_create(t->s, &late, 64, JOINS_SINCE), STORE_OK);
	for (size_t i = 0; i < 7; i++) {
		uint8_t kek = keks[i];

		owner_pending(t, a, in_order[i]);
		if (kek != 0)
			assert_int_equal(approve(t, a, in_order[i], &kek), STORE_OK);
	}
	for (uint32_t limit = 1; limit <= 8; limit++)
		assert_int_equal(read_pages(t, a, limit), 7);
	assert_int_equal(device_list(t->s, t->anna, a, (struct device_place){ .begun = false }, 40,
			     JOINS_SINCE, see, &seen),
	    STORE_OK);
	assert_int_equal(seen.count, 3);
}

static void
lists_of_nobody_else(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct flock_id none = { 0x300 };
	const struct {
		const char *why;
		struct flock_id flock;
		struct device_place after;
		enum store_result want;
	} cases[] = {
		{ "an empty flock", a, { .begun = false }, STORE_OK },
		{ "behind all of it", a, { 255, { 1 }, true }, STORE_OK },
		{ "another account's", b, { .begun = false }, STORE_NONE },
		{ "behind all of it", b, { 255, { 1 }, true }, STORE_NONE },
		{ "no flock", none, { .begun = false }, STORE_NONE },
	};

	owner_device(t, t->boris, b, 1);
	owner_pending(t, b, 2);
	owner_pending(t, none, 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { .count = 0 };

		if (device_list(t->s, t->anna, cases[i].flock, cases[i].after, 10, JOINS_SINCE, see,
			&seen) != cases[i].want ||
		    seen.count != 0)
			fail_msg("%s", cases[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(approval, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(all_numbers, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(caps, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(changes_of_a_device, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(secrets_and_deletion, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    pages_meet_each_device_once, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(lists_of_nobody_else, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

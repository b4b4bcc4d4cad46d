/* SPDX-License-Identifier: ISC */
/* What ends by itself, and when; and what there is in all. */
#include "reliquary-api/store/ledger.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S INT64_C(86400)

static const struct upkeep usual = {
	.token_unused_s = 30 * DAY_S,
	.account_grace_s = 90 * DAY_S,
	.join_s = 3 * DAY_S,
	.event_s = 365 * DAY_S,
	.joins_most = 1000,
	.limit = 100,
};

/* Rows that went at that moment; nothing more to do. */
static uint64_t
ended(struct owners *t, int64_t now)
{
	struct upkeep u = usual;

	u.now = now;
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_false(u.more);
	return u.ended;
}

/* ---- one of each kind, each ending at a moment of its own ---- */

static void
add_token(struct owners *t, uint64_t id, int64_t expires, int64_t used_day)
{
	struct token token = { .id = id,
		.scope = SCOPE_FULL,
		.created = STORE_NOW,
		.expires = expires,
		.used_day = used_day };
	struct hash32 hash;
	char text[40];

	snprintf(text, sizeof(text), "token %d", (int)id);
	hash = test_hash(text);
	assert_int_equal(token_create(t->s, t->anna, &token, &hash, 99, false), STORE_OK);
}

static void
add_enrolment(struct owners *t, struct flock_id flock)
{
	struct enrolment e = { 1, "", 1, STORE_NOW, STORE_NOW + 20 };
	struct hash32 hash = test_hash("enrolment");

	assert_int_equal(enrolment_create(t->s, t->anna, flock, &e, &hash, 9), STORE_OK);
}

static void
add_invite(struct owners *t)
{
	struct invite i = { 1, "", 1, STORE_NOW, STORE_NOW + 30 };
	struct hash32 hash = test_hash("invite");

	assert_int_equal(invite_create(t->s, &i, &hash), STORE_OK);
}

static void
add_spent(struct owners *t)
{
	struct hash32 hash = test_hash("challenge");

	/* Kept for a day longer: a clock that was ahead may go back. */
	assert_int_equal(challenge_spend(t->s, &hash, STORE_NOW + 40 - DAY_S), STORE_OK);
}

static void
add_repeat(struct owners *t)
{
	uint8_t sealed[1] = { 1 };
	struct repeat r = { .hash = test_hash("repeat"),
		.status = 201,
		.sealed = sealed,
		.sealed_len = sizeof(sealed),
		.expires = STORE_NOW + 50 };

	assert_int_equal(repeat_keep(t->s, &r), STORE_OK);
}

static void
add_event(struct owners *t, int64_t at)
{
	struct event e = { .at = at, .token = "key", .action = "test", .subject = "" };

	assert_int_equal(event_add(t->s, t->boris, &e), STORE_OK);
}

/* The account itself lives for a day. */
static void
each_kind_at_its_moment(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct join j = test_join(a, 1, STORE_NOW + 60 - 3 * DAY_S);
	/* When, and what went: nothing a second before. */
	static const struct {
		const char *why;
		int64_t at;
	} moments[] = {
		{ "a token that has an end", 10 },
		{ "an enrolment key", 20 },
		{ "an invitation", 30 },
		{ "a spent challenge", 40 },
		{ "a first answer", 50 },
		{ "a join", 61 },
		{ "an event", 71 },
	};

	add_token(t, 1, STORE_NOW + 10, STORE_NOW / DAY_S);
	add_enrolment(t, a);
	add_invite(t);
	add_spent(t);
	add_repeat(t);
	assert_int_equal(join_create(t->s, &j, 9, 0), STORE_OK);
	add_event(t, STORE_NOW + 70 - 365 * DAY_S);
	/* These stay: all that is not due. */
	add_token(t, 2, 0, STORE_NOW / DAY_S);
	add_token(t, 3, STORE_NOW + DAY_S, STORE_NOW / DAY_S);
	owner_pending(t, a, 2);
	add_event(t, STORE_NOW);

	assert_int_equal(ended(t, STORE_NOW), 0);
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		uint64_t early = ended(t, STORE_NOW + moments[i].at - 1);
		uint64_t due = ended(t, STORE_NOW + moments[i].at);

		if (early != 0 || due != 1)
			fail_msg("%s: %ju before, %ju then", moments[i].why, (uintmax_t)early,
			    (uintmax_t)due);
	}
	assert_int_equal(owner_number(t, "SELECT (SELECT count(*) FROM tokens)"
					 " + (SELECT count(*) FROM joins)"
					 " + (SELECT count(*) FROM events)"),
	    4);
	assert_int_equal(owner_number(t, "SELECT (SELECT count(*) FROM enrolments)"
					 " + (SELECT count(*) FROM invites)"
					 " + (SELECT count(*) FROM spent)"
					 " + (SELECT count(*) FROM repeats)"),
	    0);
}

/* The same day as the one from which nobody may use it: tokens know days only. */
static void
unused_tokens(void **state)
{
	struct owners *t = *state;
	int64_t day = STORE_NOW / DAY_S;
	struct hash32 hash = test_hash("token 1");
	struct caller who;

	assert_int_equal(
	    account_extend(t->s, t->anna, STORE_NOW + 60 * DAY_S, STORE_NOW), STORE_OK);
	add_token(t, 1, 0, day);
	assert_int_equal(caller_by_token(t->s, &hash, (day + 31) * DAY_S - 1, &who), STORE_OK);
	assert_int_equal(caller_by_token(t->s, &hash, (day + 31) * DAY_S, &who), STORE_NONE);
	assert_int_equal(ended(t, (day + 31) * DAY_S - 1), 0);
	assert_int_equal(ended(t, (day + 31) * DAY_S), 1);
}

/* ---- accounts ---- */

static void
accounts_end_and_go(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x300), a2 = owner_flock(t, t->anna, 0x100);
	struct flock_id b = owner_flock(t, t->boris, 0x200);
	const struct flock_id annas[][2] = { { a, a }, { a2, a2 }, { b, a } };
	struct bundle_row bundle = test_bundle(a, b, 1);
	int64_t end = STORE_NOW + DAY_S;

	owner_xflock(t, a, b);
	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	assert_int_equal(bundle_put(t->s, t->anna, &bundle), STORE_OK);
	assert_int_equal(
	    account_extend(t->s, t->boris, STORE_NOW + 200 * DAY_S, STORE_NOW), STORE_OK);
	owner_noted(t, NULL, 0);

	assert_int_equal(ended(t, end - 1), 0);
	assert_true(owner_noted(t, NULL, 0));
	assert_int_equal(ended(t, end), 0);
	assert_true(owner_noted(t, annas, 3));
	assert_int_equal(ended(t, end + 1), 0); /* once is enough */
	assert_true(owner_noted(t, NULL, 0));

	/* Extended, it is served again; and ends again. */
	assert_int_equal(account_extend(t->s, t->anna, end + 60, end + 1), STORE_OK);
	assert_true(owner_noted(t, annas, 3));
	assert_int_equal(ended(t, end + 59), 0);
	assert_true(owner_noted(t, NULL, 0));
	assert_int_equal(ended(t, end + 60), 0);
	assert_true(owner_noted(t, annas, 3));

	assert_int_equal(owner_number(t, "DELETE FROM joins RETURNING id"), 2); /* not to count */
	assert_int_equal(ended(t, end + 60 + 90 * DAY_S - 1), 0);
	assert_true(owner_noted(t, NULL, 0));
	assert_int_equal(ended(t, end + 60 + 90 * DAY_S), 1);
	assert_true(owner_noted(t, annas, 3));
	assert_int_equal(owner_number(t, "SELECT count(*) FROM accounts"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM flocks"), 1);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM devices"), 0);
	assert_int_equal(owner_number(t, "SELECT count(*) FROM leftovers"), 1);
}

/* ---- many ---- */

static void
some_at_a_time(void **state)
{
	struct owners *t = *state;
	struct upkeep u = usual;
	unsigned runs = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < 25; i++) {
		struct join j = test_join((struct flock_id){ 0x900 }, i, STORE_NOW - i);
		struct account_new a = { .key_hash = test_hash("x"), .registration = "open" };

		assert_int_equal(join_create(t->s, &j, 99, 0), STORE_OK);
		add_event(t, STORE_NOW - i);
		a.key_hash.bytes[0] = (uint8_t)i;
		a.expires = STORE_NOW + i;
		snprintf(a.share_id, sizeof(a.share_id), "x%u", (unsigned)i);
		assert_int_equal(account_create(t->s, &a, &(struct account_id){ 0 }), STORE_OK);
	}
	u.now = STORE_NOW + 400 * DAY_S;
	u.limit = 10;
	do {
		assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
		assert_true(u.ended <= 30);
		total += u.ended;
		runs++;
	} while (u.more);
	assert_int_equal(runs, 3);
	assert_int_equal(total, 25 + 25 + 27); /* joins, events, accounts */
	assert_int_equal(owner_number(t, "SELECT count(*) FROM accounts"), 0);
}

/* What goes with an account counts: nobody waits for a hundred full ones at once. */
static void
full_accounts_go_one_by_one(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct upkeep u = usual;

	for (uint32_t i = 0; i < 20; i++) {
		owner_device(t, t->anna, a, i);
		owner_device(t, t->boris, b, i);
	}
	u.now = STORE_NOW + 10 * DAY_S;
	u.limit = 10;
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK); /* notes that both ended */
	u.now = STORE_NOW + 400 * DAY_S;
	for (int64_t left = 1; left >= 0; left--) {
		assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
		assert_int_equal(owner_number(t, "SELECT count(*) FROM accounts"), left);
		assert_true(u.more);
	}
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_false(u.more);
}

static void
add_joins(struct owners *t, struct flock_id flock, uint32_t from, uint32_t count)
{
	for (uint32_t i = from; i < from + count; i++) {
		struct join j = test_join(flock, i, STORE_NOW + i);

		assert_int_equal(join_create(t->s, &j, UINT32_MAX, JOINS_SINCE), STORE_OK);
	}
}

static int64_t
joins(struct owners *t)
{
	return owner_number(t, "SELECT count(*) FROM joins");
}

static int64_t
followed(struct owners *t, int64_t now)
{
	int64_t ret = 0;

	assert_int_equal(clock_follow(t->s, now, 100, &ret), STORE_OK);
	return ret;
}

/* A clock that leaps is not believed at once: what goes by it does not come back. */
static void
a_clock_that_leaps_is_followed_in_steps(void **state)
{
	struct owners *t = *state;

	assert_int_equal(followed(t, STORE_NOW), STORE_NOW);
	assert_int_equal(followed(t, STORE_NOW + 60), STORE_NOW + 60);
	assert_int_equal(followed(t, STORE_NOW + 365 * DAY_S), STORE_NOW + 160);
	assert_int_equal(followed(t, STORE_NOW + 365 * DAY_S), STORE_NOW + 260);
	assert_int_equal(followed(t, STORE_NOW + 270), STORE_NOW + 270);
	assert_int_equal(followed(t, STORE_NOW - DAY_S), STORE_NOW - DAY_S);
	assert_int_equal(followed(t, STORE_NOW - DAY_S + 100), STORE_NOW - DAY_S + 100);
}

static struct upkeep
at_most(uint32_t most, uint32_t limit)
{
	struct upkeep u = usual;

	u.now = STORE_NOW;
	u.joins_most = most;
	u.limit = limit;
	return u;
}

static void
joins_to_no_flock_go_first(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x500);
	const struct flock_id none = { 0x900 }, none_either = { UINT64_C(0xff00000000000000) };
	struct upkeep u = at_most(20, 100);

	add_joins(t, none, 0, 5);
	add_joins(t, a, 5, 10);
	add_joins(t, none_either, 15, 10);
	assert_int_equal(joins(t), 25);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(u.ended, 5);
	assert_false(u.more);
	/* The oldest of them went. */
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins WHERE flock = 2304"), 0);
	assert_int_equal(joins(t), 20);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(u.ended, 0);

	/* Those to flocks that exist stay, though they are too many. */
	u = at_most(5, 100);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(u.ended, 10);
	assert_int_equal(joins(t), 10);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(u.ended, 0);
	assert_false(u.more);
	assert_int_equal(joins(t), 10);
}

/* Old joins to real flocks lie before those that may go: each run goes on behind the last one. */
static void
a_run_looks_at_so_many(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x500);
	const struct flock_id none = { 0x900 };
	struct upkeep u = at_most(100, 5);
	unsigned runs;

	add_joins(t, a, 0, 90);
	add_joins(t, none, 90, 20);
	for (runs = 0; joins(t) > 100 && runs < 50; runs++)
		assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(joins(t), 100);
	assert_true(runs >= 90 / 20 && runs <= 90 / 20 + 4);
	/* What it passed is looked at again after the last. */
	add_joins(t, none, 300, 3);
	for (runs = 0; joins(t) > 100 && runs < 50; runs++)
		assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(joins(t), 100);
	/* Nobody who waits for an owner went. */
	assert_int_equal(owner_number(t, "SELECT count(*) FROM joins WHERE flock = 1280"), 90);
}

/* ---- files and totals ---- */

struct files {
	char text[200];
	size_t count, stop_at;
};

static bool
see_file(void *arg, const char *file)
{
	struct files *f = arg;

	f->count++;
	strcat(f->text, file + 30);
	return f->count != f->stop_at;
}

static void
files_of_nobody(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100);
	struct files all = { .count = 0 }, some = { .count = 0 }, two = { .stop_at = 2 };

	for (uint32_t generation = 1; generation <= 5; generation++) {
		struct bundle_row b = test_bundle(a, a, generation);

		assert_int_equal(bundle_put(t->s, t->anna, &b), STORE_OK);
	}
	assert_int_equal(leftover_list(t->s, 10, see_file, &all), STORE_OK);
	assert_string_equal(all.text, "01020304");
	assert_int_equal(leftover_list(t->s, 3, see_file, &some), STORE_OK);
	assert_string_equal(some.text, "010203");
	assert_int_equal(leftover_list(t->s, 10, see_file, &two), STORE_OK);
	assert_string_equal(two.text, "0102");
}

static void
totals(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x100), b = owner_flock(t, t->boris, 0x200);
	struct bundle_row own = test_bundle(a, a, 1), pair = test_bundle(a, b, 2);
	struct cathedral_row c = { .name = "north", .address = "192.0.2.1", .port = 4500 };
	struct hash32 hash = test_hash("token");
	struct store_totals got;
	bool established;

	assert_int_equal(store_totals(t->s, &got), STORE_OK);
	assert_int_equal(got.accounts, 2);
	assert_int_equal(got.flocks, 2);
	assert_int_equal(got.devices + got.joins + got.bundles + got.bundle_bytes + got.xflocks +
			     got.changes + got.tokens + got.leftovers,
	    0);

	owner_device(t, t->anna, a, 1);
	owner_pending(t, a, 2);
	owner_pending(t, b, 3);
	owner_xflock(t, a, b);
	assert_int_equal(xflock_consent(t->s, t->anna, a, (struct flock_id){ 0x900 }, 9, STORE_NOW,
			     &established),
	    STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &own), STORE_OK);
	own = test_bundle(a, a, 9);
	assert_int_equal(bundle_put(t->s, t->anna, &own), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->anna, &pair), STORE_OK);
	assert_int_equal(cathedral_add(t->s, &c, &hash, STORE_NOW), STORE_OK);
	add_token(t, 1, 0, STORE_NOW / DAY_S);
	assert_int_equal(account_set_suspended(t->s, t->boris, true, STORE_NOW), STORE_OK);
	assert_int_equal(
	    account_extend(t->s, t->boris, STORE_NOW + 9 * DAY_S, STORE_NOW), STORE_OK);
	assert_int_equal(ended(t, STORE_NOW + DAY_S), 0); /* anna's has just ended */

	assert_int_equal(store_totals(t->s, &got), STORE_OK);
	assert_int_equal(got.accounts, 2);
	assert_int_equal(got.accounts_ended, 1);
	assert_int_equal(got.accounts_suspended, 1);
	assert_int_equal(got.tokens, 1);
	assert_int_equal(got.flocks, 2);
	assert_int_equal(got.devices, 1);
	assert_int_equal(got.joins, 2);
	assert_int_equal(got.bundles, 2);
	assert_int_equal(got.bundle_bytes, 2 * 3756730);
	assert_int_equal(got.xflocks, 1);
	assert_int_equal(got.cathedrals, 1);
	assert_int_equal(got.leftovers, 1);
	assert_int_equal(got.changes, owner_number(t, "SELECT max(number) FROM changes"));
	assert_true(got.file_bytes > 0);
	assert_int_equal(got.file_bytes % 4096, 0);

	/* What is committed is in the log first. */
	assert_int_equal(group_commit(t->s), STORE_OK);
	assert_int_equal(store_totals(t->db.reader, &got), STORE_OK);
	assert_int_equal(got.devices, 1);
	assert_true(got.log_bytes > 0);
	assert_int_equal(group_begin(t->s), STORE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind_at_its_moment, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(unused_tokens, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(accounts_end_and_go, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    a_clock_that_leaps_is_followed_in_steps, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(some_at_a_time, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    full_accounts_go_one_by_one, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    joins_to_no_flock_go_first, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(a_run_looks_at_so_many, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(files_of_nobody, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(totals, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

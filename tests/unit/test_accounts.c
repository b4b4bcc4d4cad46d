/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/accounts.h"

#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY INT64_C(86400)

static const struct account_id nobody = { 999 };

static struct account
account_of(struct owners *o, struct account_id id)
{
	struct account a;

	assert_int_equal(account_get(o->s, id, &a), STORE_OK);
	return a;
}

static void
an_account_is_found_by_id_key_and_share_id(void **state)
{
	struct owners *o = *state;
	struct hash32 key = test_hash("anna"), other = test_hash("annb");
	struct account a;

	owner_flock(o, o->anna, 0x1100);
	for (int way = 0; way < 3; way++) {
		memset(&a, 0xff, sizeof(a));
		if (way == 0)
			assert_int_equal(account_get(o->s, o->anna, &a), STORE_OK);
		else if (way == 1)
			assert_int_equal(account_by_key(o->s, &key, &a), STORE_OK);
		else
			assert_int_equal(account_by_share_id(o->s, "anna", &a), STORE_OK);
		assert_int_equal(a.id.value, o->anna.value);
		assert_string_equal(a.share_id, "anna");
		assert_int_equal(a.created, STORE_NOW);
		assert_int_equal(a.expires, STORE_NOW + DAY);
		assert_false(a.suspended);
		assert_int_equal(a.max_flocks, 3);
		assert_int_equal(a.flocks, 1);
		assert_int_equal(a.bw_limit, 25);
		assert_string_equal(a.registration, "open");
	}
	assert_int_equal(account_get(o->s, nobody, &a), STORE_NONE);
	assert_int_equal(account_by_key(o->s, &other, &a), STORE_NONE);
	assert_int_equal(account_by_share_id(o->s, "ann", &a), STORE_NONE);
	assert_int_equal(account_by_share_id(o->s, "Anna", &a), STORE_NONE);
}

static void
names_and_keys_are_taken_once(void **state)
{
	struct owners *o = *state;
	struct account_new a = { "clara", test_hash("anna"), 1, 2, 3, 4, "pow" };
	struct account_id id = { 77 };

	assert_int_equal(account_create(o->s, &a, &id), STORE_CONFLICT);
	a.key_hash = test_hash("clara");
	snprintf(a.share_id, sizeof(a.share_id), "boris");
	assert_int_equal(account_create(o->s, &a, &id), STORE_CONFLICT);
	assert_int_equal(id.value, 77);
	snprintf(a.share_id, sizeof(a.share_id), "clara");
	assert_int_equal(account_create(o->s, &a, &id), STORE_OK);
	assert_int_not_equal(id.value, 77);
}

static void
a_key_is_exchanged(void **state)
{
	struct owners *o = *state;
	struct hash32 old = test_hash("anna"), new = test_hash("new"), taken = test_hash("boris");
	struct account a;

	assert_int_equal(account_set_key(o->s, o->anna, &taken), STORE_CONFLICT);
	assert_int_equal(account_set_key(o->s, o->anna, &new), STORE_OK);
	assert_int_equal(account_by_key(o->s, &old, &a), STORE_NONE);
	assert_int_equal(account_by_key(o->s, &new, &a), STORE_OK);
	assert_int_equal(a.id.value, o->anna.value);
	assert_int_equal(account_set_key(o->s, nobody, &old), STORE_NONE);
}

static void
quotas_are_set(void **state)
{
	struct owners *o = *state;

	assert_int_equal(account_set_quota(o->s, o->anna, 9, 100, STORE_NOW), STORE_OK);
	assert_int_equal(account_of(o, o->anna).max_flocks, 9);
	assert_int_equal(account_of(o, o->anna).bw_limit, 100);
	assert_int_equal(account_of(o, o->boris).max_flocks, 3);
	assert_int_equal(account_set_quota(o->s, nobody, 9, 100, STORE_NOW), STORE_NONE);
}

/* Devices never have more than their account: cathedrals hear of those that are cut. */
static void
a_lower_quota_cuts_devices(void **state)
{
	struct owners *o = *state;
	struct flock_id a = owner_flock(o, o->anna, 0x1100), b = owner_flock(o, o->boris, 0x2200);
	const struct flock_id annas[][2] = { { a, a } };
	const struct device_change fast = { .bw_limit = 20 };
	struct device_row row;

	owner_device(o, o->anna, a, 1);
	owner_device(o, o->anna, a, 2);
	owner_device(o, o->boris, b, 1);
	assert_int_equal(
	    device_update(o->s, o->anna, a, (struct device_id){ 1 },
		&(struct device_change){ .bw_limit = 5 }, JOINS_SINCE, STORE_NOW, &row),
	    STORE_OK);
	assert_int_equal(device_update(o->s, o->anna, a, (struct device_id){ 2 }, &fast,
			     JOINS_SINCE, STORE_NOW, &row),
	    STORE_OK);
	owner_noted(o, NULL, 0);
	assert_int_equal(account_set_quota(o->s, o->anna, 3, 20, STORE_NOW), STORE_OK);
	assert_int_equal(account_set_quota(o->s, o->anna, 3, 100, STORE_NOW), STORE_OK);
	assert_true(owner_noted(o, NULL, 0)); /* nobody has more */
	assert_int_equal(account_set_quota(o->s, o->anna, 3, 10, STORE_NOW), STORE_OK);
	assert_true(owner_noted(o, annas, 1));
	assert_int_equal(
	    owner_number(o, "SELECT sum(bw_limit * 1000 + id) FROM devices WHERE flock = 4352"),
	    15003);
	assert_true(owner_number(o, "SELECT bw_limit FROM devices WHERE flock = 8704") > 10);
}

/* Flock 1100 of anna's, 2200 of boris', agreed; 3300 of anna's, to which only anna agreed. */
static void
agree(struct owners *o)
{
	struct flock_id a = owner_flock(o, o->anna, 0x1100), b = owner_flock(o, o->boris, 0x2200);
	struct flock_id c = owner_flock(o, o->anna, 0x3300);
	bool established;

	owner_xflock(o, a, b);
	assert_int_equal(xflock_consent(o->s, o->anna, c, b, 8, STORE_NOW, &established), STORE_OK);
	assert_false(established);
	(void)owner_noted(o, NULL, 0);
}

/* What cathedrals serve of anna's. */
static const struct flock_id of_anna[][2] = {
	{ { 0x1100 }, { 0x1100 } },
	{ { 0x3300 }, { 0x3300 } },
	{ { 0x1100 }, { 0x2200 } },
};
#define OF_ANNA of_anna, 3

static void
extending_never_shortens(void **state)
{
	struct owners *o = *state;
	int64_t end = STORE_NOW + DAY;

	agree(o);
	assert_int_equal(account_extend(o->s, o->anna, end - 1, STORE_NOW), STORE_OK);
	assert_int_equal(account_of(o, o->anna).expires, end);
	assert_int_equal(account_extend(o->s, o->anna, end + 1, STORE_NOW), STORE_OK);
	assert_int_equal(account_of(o, o->anna).expires, end + 1);
	assert_int_equal(account_of(o, o->boris).expires, end);
	assert_int_equal(account_extend(o->s, nobody, end + 1, STORE_NOW), STORE_NONE);
	assert_true(owner_noted(o, NULL, 0)); /* it was served all the time */
}

static void
one_that_had_ended_is_served_again(void **state)
{
	struct owners *o = *state;
	struct upkeep u = {
		.now = STORE_NOW + DAY,
		.token_unused_s = 30 * DAY,
		.account_grace_s = 90 * DAY,
		.join_s = 3 * DAY,
		.event_s = 90 * DAY,
		.joins_most = 1000,
		.limit = 100,
	};

	agree(o);
	assert_int_equal(account_extend(o->s, o->boris, STORE_NOW + 9 * DAY, STORE_NOW), STORE_OK);
	assert_int_equal(upkeep_run(o->s, &u), STORE_OK);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM accounts WHERE served = 0"), 1);
	assert_true(owner_noted(o, OF_ANNA));

	/* Not by a time that is over, too. */
	assert_int_equal(account_extend(o->s, o->anna, u.now, u.now), STORE_OK);
	assert_true(owner_noted(o, NULL, 0));
	assert_int_equal(account_extend(o->s, o->anna, u.now + 1, u.now), STORE_OK);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM accounts WHERE served = 0"), 0);
	assert_true(owner_noted(o, OF_ANNA));
	assert_int_equal(account_extend(o->s, o->anna, u.now + 2, u.now), STORE_OK);
	assert_true(owner_noted(o, NULL, 0));
}

static void
suspending_and_resuming_are_noted(void **state)
{
	struct owners *o = *state;

	agree(o);
	assert_int_equal(account_set_suspended(o->s, o->anna, true, STORE_NOW), STORE_OK);
	assert_true(account_of(o, o->anna).suspended);
	assert_false(account_of(o, o->boris).suspended);
	assert_true(owner_noted(o, OF_ANNA));
	assert_int_equal(account_set_suspended(o->s, o->anna, false, STORE_NOW), STORE_OK);
	assert_false(account_of(o, o->anna).suspended);
	assert_true(owner_noted(o, OF_ANNA));
	assert_int_equal(account_set_suspended(o->s, nobody, true, STORE_NOW), STORE_NONE);
	assert_true(owner_noted(o, NULL, 0));
}

/* Everything of boris' with a number of rows that must not change. */
static const char of_boris[] =
    "SELECT (SELECT count(*) FROM flocks) * 100000 + (SELECT count(*) FROM devices) * 10000"
    " + (SELECT count(*) FROM joins) * 1000 + (SELECT count(*) FROM tokens) * 100"
    " + (SELECT count(*) FROM xflocks) * 10 + (SELECT count(*) FROM events)";

static void
deleting_takes_all_along_and_nothing_of_others(void **state)
{
	struct owners *o = *state;
	struct token token = { .id = 1, .label = "", .scope = SCOPE_FULL, .created = STORE_NOW };
	struct bundle_row own = test_bundle(
			      (struct flock_id){ 0x1100 }, (struct flock_id){ 0x1100 }, 1),
			  pair = test_bundle(
			      (struct flock_id){ 0x1100 }, (struct flock_id){ 0x2200 }, 2);
	struct event event = { .at = STORE_NOW, .token = "key", .action = "x", .subject = "y" };
	struct hash32 hash[] = { test_hash("1"), test_hash("2") };
	struct enrolment e = { .id = 1, .uses_left = 3, .expires = STORE_NOW + DAY };
	struct account a;

	agree(o);
	token.used_day = STORE_NOW / DAY;
	assert_int_equal(token_create(o->s, o->anna, &token, &hash[0], 9, false), STORE_OK);
	assert_int_equal(token_create(o->s, o->boris, &token, &hash[1], 9, false), STORE_OK);
	assert_int_equal(event_add(o->s, o->anna, &event), STORE_OK);
	assert_int_equal(event_add(o->s, o->boris, &event), STORE_OK);
	assert_int_equal(bundle_put(o->s, o->anna, &own), STORE_OK);
	assert_int_equal(bundle_put(o->s, o->anna, &pair), STORE_OK);
	assert_int_equal(enrolment_create(o->s, o->anna, own.a, &e, &hash[0], 9), STORE_OK);
	owner_device(o, o->anna, own.a, 1);
	owner_pending(o, own.a, 2);
	owner_pending(o, pair.b, 3);
	owner_pending(o, (struct flock_id){ 0x9900 }, 4); /* nobody's */
	(void)owner_noted(o, NULL, 0);

	assert_int_equal(account_delete(o->s, o->anna, STORE_NOW), STORE_OK);
	assert_true(owner_noted(o, OF_ANNA));
	assert_int_equal(account_get(o->s, o->anna, &a), STORE_NONE);
	/* Boris' flock, its join and the one to nobody, token, consent, event. */
	assert_int_equal(owner_number(o, of_boris), 102111);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM enrolments"), 0);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM bundles"), 0);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM leftovers"), 2);
	assert_int_equal(account_delete(o->s, o->anna, STORE_NOW), STORE_NONE);
	assert_true(owner_noted(o, NULL, 0));
}

/* A number that was another's once would inherit what was forgotten to delete. */
static void
numbers_are_not_used_twice(void **state)
{
	struct owners *o = *state;
	struct account_id id;

	assert_int_equal(account_delete(o->s, o->boris, STORE_NOW), STORE_OK);
	id = test_account(o->s, "boris");
	assert_true(id.value > o->boris.value);
}

struct page {
	char names[8][SHARE_ID_MAX];
	size_t count, most;
};

static bool
page_add(void *arg, const struct account *a)
{
	struct page *p = arg;

	snprintf(p->names[p->count++], SHARE_ID_MAX, "%s", a->share_id);
	return p->count < p->most;
}

static void
lists_come_in_pages(void **state)
{
	struct owners *o = *state;
	struct page p = { .most = 8 };

	test_account(o->s, "clara");
	assert_int_equal(account_list(o->s, "", 2, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 2);
	assert_int_equal(account_list(o->s, p.names[1], 2, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 3);
	assert_string_equal(p.names[0], "anna");
	assert_string_equal(p.names[1], "boris");
	assert_string_equal(p.names[2], "clara");
	p = (struct page){ .most = 1 };
	assert_int_equal(account_list(o->s, "", 8, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 1);
}

/* Without a group around it: all or nothing, on disk when it is said. */
static void
deleting_is_whole_by_itself(void **state)
{
	struct test_store t;
	struct account_id anna;
	char *text;

	(void)state;
	test_store_begin(&t, NULL);
	anna = test_account(t.writer, "anna");
	test_flock(t.writer, anna, 0x1100);
	/* The last statement of the deletion is refused: what came before it is undone. */
	free(test_sql(&t, "CREATE TRIGGER no BEFORE DELETE ON accounts BEGIN"
			  " SELECT raise(ABORT, 'no'); END;"
			  "INSERT INTO joins VALUES (4352, 5, zeroblob(32), x'00', '', 0);"
			  "DELETE FROM changes"));
	assert_int_not_equal(account_delete(t.writer, anna, STORE_NOW), STORE_OK);
	text = test_sql(&t, "SELECT (SELECT count(*) FROM joins), (SELECT count(*) FROM changes)");
	assert_string_equal(text, "1|0\n");
	free(text);
	free(test_sql(&t, "DROP TRIGGER no"));
	assert_int_equal(account_delete(t.writer, anna, STORE_NOW), STORE_OK);
	text = test_sql(&t, "SELECT (SELECT count(*) FROM joins), (SELECT count(*) FROM changes)");
	assert_string_equal(text, "0|1\n");
	free(text);
	test_store_end(&t);
}

int
main(void)
{
#define OWNED(test) cmocka_unit_test_setup_teardown(test, owners_begin, owners_end)
	const struct CMUnitTest tests[] = {
		OWNED(an_account_is_found_by_id_key_and_share_id),
		OWNED(names_and_keys_are_taken_once),
		OWNED(a_key_is_exchanged),
		OWNED(quotas_are_set),
		OWNED(a_lower_quota_cuts_devices),
		OWNED(extending_never_shortens),
		OWNED(one_that_had_ended_is_served_again),
		OWNED(suspending_and_resuming_are_noted),
		OWNED(deleting_takes_all_along_and_nothing_of_others),
		OWNED(numbers_are_not_used_twice),
		OWNED(lists_come_in_pages),
		cmocka_unit_test(deleting_is_whole_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Somebody else's and what does not exist cost the same; and no statement looks through a table, so
 * that nothing costs more because others have much.
 */
#include "database/sql.h"
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"
#include "tests/support/asked.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- every operation once, for whoever asks ---- */

struct ask {
	struct session *s;
	struct account_id account;
	struct flock_id flock, other;
};

static const struct device_id approved = { 1 }, pending = { 2 };

static bool
each_flock(void *arg, const struct flock_row *f)
{
	(void)arg;
	(void)f;
	return true;
}

static bool
each_xflock(void *arg, const struct xflock_row *x)
{
	(void)arg;
	(void)x;
	return true;
}

static bool
each_bundle(void *arg, const struct bundle_row *b)
{
	(void)arg;
	(void)b;
	return true;
}

static bool
each_device(void *arg, const struct device_row *d)
{
	(void)arg;
	(void)d;
	return true;
}

static bool
each_enrolment(void *arg, const struct enrolment *e)
{
	(void)arg;
	(void)e;
	return true;
}

static bool
each_cathedral(void *arg, const struct cathedral_row *c)
{
	(void)arg;
	(void)c;
	return true;
}

static bool
each_fed(void *arg, const struct feed_device *d)
{
	(void)arg;
	(void)d;
	return true;
}

static bool
each_change(void *arg, const struct change *c)
{
	(void)arg;
	(void)c;
	return true;
}

static bool
each_file(void *arg, const char *file)
{
	(void)arg;
	(void)file;
	return true;
}

static enum store_result
ask_owned(const struct ask *a)
{
	return flock_owned(a->s, a->account, a->flock);
}

static enum store_result
ask_relabel(const struct ask *a)
{
	return flock_relabel(a->s, a->account, a->flock, "new");
}

static enum store_result
ask_delete(const struct ask *a)
{
	return flock_delete(a->s, a->account, a->flock, STORE_NOW);
}

static enum store_result
ask_consent(const struct ask *a)
{
	bool established;

	return xflock_consent(a->s, a->account, a->flock, a->other, 64, STORE_NOW, &established);
}

static enum store_result
ask_withdraw(const struct ask *a)
{
	return xflock_withdraw(a->s, a->account, a->flock, a->other, STORE_NOW);
}

static enum store_result
ask_state(const struct ask *a)
{
	return xflock_state(a->s, a->account, a->flock, a->other);
}

static enum store_result
ask_own_bundle(const struct ask *a)
{
	struct bundle_row row = test_bundle(a->flock, a->flock, 99);

	return bundle_put(a->s, a->account, &row);
}

static enum store_result
ask_pair_bundle(const struct ask *a)
{
	struct bundle_row row = test_bundle(a->flock, a->other, 99);

	return bundle_put(a->s, a->account, &row);
}

static enum store_result
ask_devices(const struct ask *a)
{
	return device_list(a->s, a->account, a->flock, (struct device_place){ .begun = false }, 10,
	    JOINS_SINCE, each_device, NULL);
}

static enum store_result
ask_approve(const struct ask *a)
{
	uint8_t kek = 0;

	return device_approve(
	    a->s, a->account, a->flock, pending, 25, JOINS_SINCE, STORE_NOW, &kek);
}

static enum store_result
ask_update(const struct ask *a)
{
	struct device_row row;

	return device_update(a->s, a->account, a->flock, approved,
	    &(struct device_change){ "new", 1 }, JOINS_SINCE, STORE_NOW, &row);
}

static enum store_result
ask_update_pending(const struct ask *a)
{
	struct device_row row;

	return device_update(a->s, a->account, a->flock, pending,
	    &(struct device_change){ "new", 0 }, JOINS_SINCE, STORE_NOW, &row);
}

static enum store_result
ask_secret(const struct ask *a)
{
	static const uint8_t sealed[DEVICE_SEALED];

	return device_set_secret(
	    a->s, a->account, a->flock, approved, sealed, JOINS_SINCE, STORE_NOW);
}

static enum store_result
ask_device_delete(const struct ask *a)
{
	return device_delete(a->s, a->account, a->flock, approved, JOINS_SINCE, STORE_NOW);
}

static enum store_result
ask_enrolment_create(const struct ask *a)
{
	struct enrolment e = { 7, "", 1, STORE_NOW, STORE_NOW + 60 };
	struct hash32 hash = test_hash("another");

	return enrolment_create(a->s, a->account, a->flock, &e, &hash, 9);
}

static enum store_result
ask_enrolments(const struct ask *a)
{
	return enrolment_list(a->s, a->account, a->flock, 0, 10, STORE_NOW, each_enrolment, NULL);
}

static enum store_result
ask_enrolment_delete(const struct ask *a)
{
	return enrolment_delete(a->s, a->account, a->flock, 5);
}

/* In an order in which each finds what it is about; the last ones take things away. */
static const struct {
	const char *what;
	enum store_result (*ask)(const struct ask *a);
} asks[] = {
	{ "flock_owned", ask_owned },
	{ "flock_relabel", ask_relabel },
	{ "xflock_consent", ask_consent },
	{ "xflock_state", ask_state },
	{ "bundle_put of a flock", ask_own_bundle },
	{ "bundle_put of a pair", ask_pair_bundle },
	{ "device_list", ask_devices },
	{ "device_update", ask_update },
	{ "device_update of a pending one", ask_update_pending },
	{ "device_set_secret", ask_secret },
	{ "device_approve", ask_approve },
	{ "enrolment_create", ask_enrolment_create },
	{ "enrolment_list", ask_enrolments },
	{ "enrolment_delete", ask_enrolment_delete },
	{ "device_delete", ask_device_delete },
	{ "xflock_withdraw", ask_withdraw },
	{ "flock_delete", ask_delete },
};

#define ASKS (sizeof(asks) / sizeof(asks[0]))

/* ---- not yours ---- */

/* A flock of boris' that has of everything, an established xflock with a too. */
static struct flock_id
rich_flock(struct owners *t, uint64_t id, struct flock_id a)
{
	struct flock_id f = owner_flock(t, t->boris, id);
	struct bundle_row own = test_bundle(f, f, 1), pair = test_bundle(f, a, 2);
	struct enrolment e = { 5, "", 1, STORE_NOW, STORE_NOW + 60 };
	struct hash32 hash = test_hash("enrolment");

	assert_int_equal(owner_device(t, t->boris, f, approved.value), 1);
	owner_pending(t, f, pending.value);
	owner_xflock(t, a, f);
	assert_int_equal(bundle_put(t->s, t->boris, &own), STORE_OK);
	assert_int_equal(bundle_put(t->s, t->boris, &pair), STORE_OK);
	assert_int_equal(enrolment_create(t->s, t->boris, f, &e, &hash, 9), STORE_OK);
	return f;
}

static bool
begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A search for a flock by its owner, behind the lines that only say how plans are put together. */
static bool
searches_owner(const char *plan)
{
	while (begins_with(plan, "MERGE") || begins_with(plan, "LEFT\n") ||
	       begins_with(plan, "CO-ROUTINE"))
		plan = strchr(plan, '\n') + 1;
	return begins_with(plan, "SEARCH f USING PRIMARY KEY (account=? AND id=?)\n") ||
	       begins_with(plan, "SEARCH flocks USING PRIMARY KEY (account=? AND id=?)\n");
}

/*
 * A statement looks for the flock first: or a table is searched for what a subquery finds, and
 * not at all when that is nothing.
 */
static void
expect_search(struct owners *t, const char *what, const char *sql)
{
	static const char scalar[] = "SCALAR SUBQUERY 1\n";
	char *plan = plan_of(t->s, sql);
	const char *at = strstr(plan, scalar);

	if (!searches_owner(plan) && (at == NULL || !searches_owner(at + strlen(scalar))))
		fail_msg("%s: \"%.60s\" is done as\n%s", what, sql, plan);
	free(plan);
}

static void
others_cost_what_nothing_costs(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x4400);
	struct flock_id theirs = rich_flock(t, 0x5500, a), none = { 0x6600 };
	struct ask own = { t->s, t->anna, theirs, a };

	owner_flock(t, t->anna, 0x7700); /* the table ends behind neither */
	owner_noted(t, NULL, 0);
	for (size_t i = 0; i < ASKS; i++) {
		struct asked first, second;

		/* What is prepared the first time is not what is to be compared. */
		own.flock = none;
		assert_int_equal(asks[i].ask(&own), STORE_NONE);
		own.flock = theirs;
		asked_begin(t->s, &first);
		if (asks[i].ask(&own) != STORE_NONE)
			fail_msg("%s gives away what is another's", asks[i].what);
		asked_end(t->s, &first);
		own.flock = none;
		asked_begin(t->s, &second);
		if (asks[i].ask(&own) != STORE_NONE)
			fail_msg("%s finds what is not there", asks[i].what);
		asked_end(t->s, &second);

		if (!asked_alike(&first, &second))
			fail_msg("%s: %d steps of %zu statements, %d pages; %d of %zu, %d",
			    asks[i].what, first.statements[0].steps, first.count, first.pages,
			    second.statements[0].steps, second.count, second.pages);
		assert_true(first.count > 0);
		for (size_t n = 0; n < first.count; n++)
			expect_search(t, asks[i].what, first.statements[n].sql);
	}
	assert_true(owner_noted(t, NULL, 0));
	assert_int_equal(owner_number(t, "SELECT (SELECT count(*) FROM devices)"
					 " + (SELECT count(*) FROM joins)"
					 " + (SELECT count(*) FROM xflocks)"
					 " + (SELECT count(*) FROM bundles)"
					 " + (SELECT count(*) FROM enrolments)"),
	    7);
}

/* With the difference that another account would make, the same calls do their work. */
static void
owners_get_what_they_ask_for(void **state)
{
	struct owners *t = *state;
	struct flock_id a = owner_flock(t, t->anna, 0x4400);
	struct ask own = { t->s, t->boris, rich_flock(t, 0x5500, a), a };

	for (size_t i = 0; i < ASKS; i++) {
		enum store_result got = asks[i].ask(&own);

		if (got != STORE_OK)
			fail_msg("%s: %d", asks[i].what, (int)got);
	}
}

/* ---- no statement looks through a table ---- */

/* What may: counts for operators, what is small, and what ends after so many rows. */
static const struct {
	const char *begins, *scan;
} may_scan[] = {
	{ "SELECT (SELECT count(*) FROM accounts)", "" },               /* store_totals() */
	{ "SELECT count(*) FROM (SELECT 1 FROM joins LIMIT", "joins" }, /* not behind the limit */
	{ "SELECT name, region", "cathedrals" },                        /* tens of them */
	{ "SELECT " BUNDLE_COLUMNS " FROM bundles b ORDER", "b " }, /* all of them, for backups */
	{ "SELECT file FROM leftovers", "l\n" },                    /* so many at a time */
	{ "", "CONSTANT ROW" },
};

/* scanned: from the name of a table, or of a part of the statement, to the end of the plan. */
static bool
scan_allowed(const char *sql, const char *plan, const char *scanned)
{
	char part[64];

	snprintf(part, sizeof(part), "CO-ROUTINE %.*s\n", (int)strcspn(scanned, " \n"), scanned);
	if (strstr(plan, part) != NULL)
		return true;
	for (size_t i = 0; i < sizeof(may_scan) / sizeof(may_scan[0]); i++) {
		if (begins_with(sql, may_scan[i].begins) && begins_with(scanned, may_scan[i].scan))
			return true;
	}
	return false;
}

/* Whether the plan looks through a table that it must not look through. */
static bool
scans(const char *sql, const char *plan)
{
	for (const char *at = plan; (at = strstr(at, "SCAN ")) != NULL;) {
		at += strlen("SCAN ");
		if (!scan_allowed(sql, plan, at))
			return true;
	}
	return false;
}

struct seen_statements {
	struct session *s;
	size_t count;
};

static void
expect_no_scan(void *arg, const char *sql)
{
	struct seen_statements *seen = arg;
	char *plan = plan_of(seen->s, sql);

	seen->count++;
	if (scans(sql, plan))
		fail_msg("\"%s\" is done as\n%s", sql, plan);
	free(plan);
}

/* All that the asks leave out. */
static void
do_the_rest(struct owners *t, struct flock_id a, struct flock_id b)
{
	struct cathedral_row c = {
		.name = "north", .region = "eu", .address = "192.0.2.1", .port = 4500
	};
	struct upkeep u = { .now = STORE_NOW, .joins_most = 1, .limit = 5 };
	struct hash32 hash = test_hash("enrolment");
	struct join j = test_join(b, 77, STORE_NOW);
	struct bundle_row bundle;
	struct store_totals totals;
	struct cosk_public cosk;
	struct account_id account;
	uint8_t sealed[DEVICE_SEALED], kek;
	struct flock_id zero = { 0 };
	uint64_t number;

	j.id = approved;
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_CONFLICT);
	j.id.value = 77;
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_OK);
	assert_int_equal(join_enrol(t->s, &j, &hash, 25, &kek, &account), STORE_NONE);
	assert_int_equal(join_create(t->s, &j, 64, JOINS_SINCE), STORE_CONFLICT);
	assert_int_equal(device_keys(t->s, b, approved, sealed, &cosk), STORE_OK);
	assert_int_equal(
	    flock_list(t->s, t->boris, zero, 9, JOINS_SINCE, each_flock, NULL), STORE_OK);
	assert_int_equal(xflock_list(t->s, t->boris, zero, zero, 9, each_xflock, NULL), STORE_OK);
	assert_int_equal(bundle_get(t->s, a, b, &bundle), STORE_OK);
	assert_int_equal(bundle_file_owned(t->s, bundle.file), STORE_OK);
	assert_int_equal(bundle_each(t->s, each_bundle, NULL), STORE_OK);
	assert_int_equal(cathedral_add(t->s, &c, &hash, STORE_NOW), STORE_OK);
	assert_int_equal(cathedral_set(t->s, &c, STORE_NOW), STORE_OK);
	assert_int_equal(cathedral_set_token(t->s, c.name, &hash), STORE_OK);
	assert_int_equal(cathedral_by_token(t->s, &hash, &c), STORE_OK);
	assert_int_equal(cathedral_get(t->s, "north", &c), STORE_OK);
	assert_int_equal(cathedral_list(t->s, each_cathedral, NULL), STORE_OK);
	assert_int_equal(
	    cathedral_heartbeat(
		t->s, &(struct heartbeat){ .name = "north", .version = "1", .load = 5 }, STORE_NOW),
	    STORE_OK);
	assert_int_equal(
	    cathedral_heartbeat(t->s,
		&(struct heartbeat){ .name = "north", .version = "1", .leaving = true }, STORE_NOW),
	    STORE_OK);
	assert_int_equal(cathedral_remove(t->s, "north", STORE_NOW), STORE_OK);
	assert_int_equal(change_bounds(t->s, &number, &(uint64_t){ 0 }), STORE_OK);
	assert_int_equal(change_list(t->s, 0, 9, each_change, NULL), STORE_OK);
	assert_int_equal(feed_flock(t->s, b), STORE_OK);
	assert_int_equal(feed_xflock(t->s, a, b), STORE_OK);
	assert_int_equal(feed_devices(t->s, b, each_fed, NULL), STORE_OK);
	owner_pending(t, (struct flock_id){ 0x9900 }, 1);
	owner_pending(t, b, 78);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(change_note(t->s, (struct flock_id){ 0x9900 }, (struct flock_id){ 0x9900 },
			     CHANGE_GONE, 0),
	    STORE_OK);
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	u.joins_most = 0; /* only joins to real flocks are there now: it goes on behind them */
	assert_int_equal(upkeep_run(t->s, &u), STORE_OK);
	assert_int_equal(clock_follow(t->s, STORE_NOW, 60, &u.now), STORE_OK);
	assert_int_equal(leftover_list(t->s, 9, each_file, NULL), STORE_OK);
	assert_int_equal(leftover_forget(t->s, "none"), STORE_NONE);
	assert_int_equal(store_totals(t->s, &totals), STORE_OK);
	assert_int_equal(change_leap(t->s), STORE_OK);
}

static bool
each_account(void *arg, const struct account *a)
{
	(void)arg, (void)a;
	return true;
}

static void
do_accounts(struct owners *t)
{
	struct account_new n = {
		.share_id = "new", .registration = "open", .key_hash = test_hash("new key")
	};
	struct hash32 key = test_hash("another key");
	struct account_id id;
	struct account a;

	assert_int_equal(account_create(t->s, &n, &id), STORE_OK);
	assert_int_equal(account_get(t->s, id, &a), STORE_OK);
	assert_int_equal(account_by_key(t->s, &n.key_hash, &a), STORE_OK);
	assert_int_equal(account_by_share_id(t->s, "new", &a), STORE_OK);
	assert_int_equal(account_list(t->s, "", 9, each_account, NULL), STORE_OK);
	assert_int_equal(account_set_key(t->s, id, &key), STORE_OK);
	assert_int_equal(account_set_quota(t->s, id, 3, 25, STORE_NOW), STORE_OK);
	assert_int_equal(account_extend(t->s, id, STORE_NOW, STORE_NOW), STORE_OK);
	assert_int_equal(account_set_suspended(t->s, id, true, STORE_NOW), STORE_OK);
	assert_int_equal(account_delete(t->s, id, STORE_NOW), STORE_OK);
}

static bool
each_event(void *arg, const struct event *e)
{
	(void)arg, (void)e;
	return true;
}

static bool
each_invite(void *arg, const struct invite *i)
{
	(void)arg, (void)i;
	return true;
}

static void
do_the_ledger(struct owners *t)
{
	struct event e = { .at = STORE_NOW, .action = "flock.create" };
	struct invite i = { .id = 1, .uses_left = 1, .expires = STORE_NOW + 1 };
	struct repeat r = { .hash = test_hash("repeat"),
		.request_hash = test_hash("request"),
		.account = t->anna,
		.sealed = (uint8_t[]){ 1 },
		.sealed_len = 1,
		.expires = STORE_NOW + 1 };
	struct hash32 hash = test_hash("invite");

	for (unsigned n = 0; n <= EVENTS_KEPT; n++)
		assert_int_equal(event_add(t->s, t->anna, &e), STORE_OK);
	assert_int_equal(event_list(t->s, t->anna, 0, 9, each_event, NULL), STORE_OK);
	assert_int_equal(invite_create(t->s, &i, &hash), STORE_OK);
	assert_int_equal(invite_list(t->s, 0, 9, each_invite, NULL), STORE_OK);
	assert_int_equal(invite_use(t->s, &hash, STORE_NOW), STORE_OK);
	assert_int_equal(invite_delete(t->s, 1), STORE_OK);
	assert_int_equal(challenge_spend(t->s, &hash, STORE_NOW), STORE_OK);
	assert_int_equal(repeat_keep(t->s, &r), STORE_OK);
	assert_int_equal(repeat_find(t->s, &r.hash, STORE_NOW, &r), STORE_OK);
	free(r.sealed);
}

/* How many statements a file has: each is a text of its own. */
static size_t
statements_in(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];
	size_t count = 0;

	if (file == NULL)
		fail_msg("%s cannot be read: tests run at the tree's root", path);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, "static const char ") != NULL;
	fclose(file);
	return count;
}

#define STORE(name) "reliquary-api/store/" name ".c"

static void
no_statement_scans(void **state)
{
	static const char *const files[] = { STORE("flocks"), STORE("xflocks"), STORE("bundles"),
		STORE("devices"), STORE("device_list"), STORE("joins"), STORE("enrolments"),
		STORE("cathedrals"), STORE("changes"), STORE("feed"), STORE("upkeep"),
		STORE("totals"), STORE("accounts"), STORE("events"), STORE("invites"),
		STORE("repeats") };
	struct owners *t = *state, w;
	struct flock_id a = owner_flock(t, t->anna, 0x4400);
	struct flock_id b = rich_flock(t, 0x5500, a);
	struct seen_statements seen = { .count = 0 };
	struct fault why = { "" };
	size_t want = 0;
	struct ask own;

	/* A session that has asked nothing else: each of its statements is one of these files'. */
	assert_int_equal(group_commit(t->s), STORE_OK);
	w = *t;
	w.s = session_open_writer(t->db.store, &why);
	assert_non_null(w.s);
	assert_int_equal(group_begin(w.s), STORE_OK);
	do_the_rest(&w, a, b);
	do_accounts(&w);
	do_the_ledger(&w);
	own = (struct ask){ w.s, t->boris, b, a };
	assert_int_equal(flock_create(w.s, t->anna, own.flock, "", STORE_NOW), STORE_CONFLICT);
	for (size_t i = 0; i < ASKS; i++) {
		/* Refused first, and often for want of another reason. */
		own.account = t->anna;
		asks[i].ask(&own);
		own.account = t->boris;
		assert_int_equal(asks[i].ask(&own), STORE_OK);
	}
	assert_int_equal(change_note_account(w.s, t->anna.value, CHANGE_MADE, STORE_NOW), STORE_OK);

	seen.s = w.s;
	prepared_each(w.s, expect_no_scan, &seen);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		want += statements_in(files[i]);
	assert_int_equal(seen.count, want);
	group_abandon(w.s);
	session_close(w.s);
	assert_int_equal(group_begin(t->s), STORE_OK);
}

static void
scans_are_noticed(void **state)
{
	static const struct {
		const char *sql;
		bool scans;
	} cases[] = {
		{ "SELECT id FROM flocks WHERE label = 'x'", true },
		{ "SELECT 1 FROM devices WHERE id = 1", true },
		{ "SELECT name, region FROM cathedrals CROSS JOIN flocks", true },
		{ "SELECT name, region FROM cathedrals", false },
		{ "SELECT id FROM flocks WHERE id = 1", false },
	};
	struct owners *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plan = plan_of(t->s, cases[i].sql);

		assert_true(scans(cases[i].sql, plan) == cases[i].scans);
		free(plan);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    others_cost_what_nothing_costs, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    owners_get_what_they_ask_for, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(no_statement_scans, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(scans_are_noticed, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

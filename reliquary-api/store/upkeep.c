/* SPDX-License-Identifier: ISC */
/* What ends by itself.  All of it is found by indexes of when it ends, some rows at a time. */
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"

#define DAY_S INT64_C(86400)

/* A clock that was ahead is put back, and a challenge that had ended is good again: but once. */
#define SPENT_KEPT_S DAY_S

/* How many joins are looked at for one that may go. */
#define JOINS_LOOKED_AT 4

/* ?1: the moment; ?2: how many at most.  Each row that went is returned. */
static const char tokens_unused[] =
    "DELETE FROM tokens WHERE (account, id) IN"
    " (SELECT account, id FROM tokens WHERE used_day < ?1 ORDER BY used_day LIMIT ?2) RETURNING 1";
static const char tokens_ended[] =
    "DELETE FROM tokens WHERE (account, id) IN"
    " (SELECT account, id FROM tokens WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING 1";
static const char joins_ended[] =
    "DELETE FROM joins WHERE (flock, id) IN"
    " (SELECT flock, id FROM joins WHERE created < ?1 ORDER BY created LIMIT ?2) RETURNING 1";
static const char enrolments_ended[] =
    "DELETE FROM enrolments WHERE (flock, id) IN"
    " (SELECT flock, id FROM enrolments WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING 1";
static const char invites_ended[] =
    "DELETE FROM invites WHERE id IN"
    " (SELECT id FROM invites WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING 1";
static const char spent_ended[] =
    "DELETE FROM spent WHERE hash IN"
    " (SELECT hash FROM spent WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING 1";
static const char repeats_ended[] =
    "DELETE FROM repeats WHERE hash IN"
    " (SELECT hash FROM repeats WHERE expires <= ?1 ORDER BY expires LIMIT ?2) RETURNING 1";
static const char events_old[] =
    "DELETE FROM events WHERE (account, number) IN"
    " (SELECT account, number FROM events WHERE at < ?1 ORDER BY at LIMIT ?2) RETURNING 1";

/* Runs what deletes; *count: rows that went. */
static enum store_result
delete_run(struct query *q, uint64_t *count)
{
	*count = 0;
	while (query_row(q))
		(*count)++;
	return query_end(q, true);
}

static enum store_result
rows_end(struct session *s, struct upkeep *u, const char *sql, int64_t moment)
{
	struct query q = query_begin(s, sql);
	enum store_result result;
	uint64_t count;

	query_int(&q, moment);
	query_int(&q, u->limit);
	result = delete_run(&q, &count);
	u->ended += count;
	u->more = u->more || count == u->limit;
	return result;
}

static enum store_result
all_rows_end(struct session *s, struct upkeep *u)
{
	const struct {
		const char *sql;
		int64_t moment;
	} kinds[] = {
		{ tokens_unused, (u->now - u->token_unused_s) / DAY_S },
		{ tokens_ended, u->now },
		{ joins_ended, u->now - u->join_s },
		{ enrolments_ended, u->now },
		{ invites_ended, u->now },
		{ spent_ended, u->now - SPENT_KEPT_S },
		{ repeats_ended, u->now },
		{ events_old, u->now - u->event_s },
	};
	enum store_result result = STORE_OK;

	for (size_t i = 0; result == STORE_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		result = rows_end(s, u, kinds[i].sql, kinds[i].moment);
	return result;
}

/* How many joins there are above the most there may be, counted no further than a run can use. */
static enum store_result
joins_excess(struct session *s, const struct upkeep *u, int64_t *ret)
{
	static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM joins LIMIT ?1) j";
	struct query q = query_begin(s, sql);

	query_int(&q, (int64_t)u->joins_most + u->limit);
	query_row(&q);
	*ret = column_int(&q, 0) - (int64_t)u->joins_most;
	return query_end(&q, true);
}

static void
query_seen(struct query *q, const struct upkeep *u)
{
	query_int(q, u->seen.created);
	query_int(q, flock_column(u->seen.flock));
	query_int(q, u->seen.id.value);
}

static enum store_result
unknown_joins_delete(struct session *s, const struct upkeep *u, int64_t most, uint64_t *count)
{
	static const char sql[] =
	    "DELETE FROM joins WHERE (flock, id) IN (SELECT w.flock, w.id FROM"
	    " (SELECT created, flock, id FROM joins WHERE (created, flock, id) > (?1, ?2, ?3)"
	    " ORDER BY created, flock, id LIMIT ?4) w"
	    " WHERE NOT EXISTS (SELECT 1 FROM flocks f WHERE f.id = w.flock)"
	    " ORDER BY w.created, w.flock, w.id LIMIT ?5) RETURNING 1";
	struct query q = query_begin(s, sql);

	query_seen(&q, u);
	query_int(&q, (int64_t)u->limit * JOINS_LOOKED_AT);
	query_int(&q, most);
	return delete_run(&q, count);
}

/* To the last of those that were looked at, or to the beginning when that was the end. */
static enum store_result
seen_advance(struct session *s, struct upkeep *u, uint64_t deleted)
{
	static const char sql[] = "SELECT created, flock, id FROM joins"
				  " WHERE (created, flock, id) > (?1, ?2, ?3)"
				  " ORDER BY created, flock, id LIMIT 1 OFFSET ?4";
	struct query q = query_begin(s, sql);
	struct joins_seen seen = { 0 };

	query_seen(&q, u);
	query_int(&q, (int64_t)(u->limit * (uint64_t)JOINS_LOOKED_AT - deleted) - 1);
	if (query_row(&q)) {
		seen.created = column_int(&q, 0);
		seen.flock = column_flock(&q, 1);
		seen.id.value = (uint32_t)column_int(&q, 2);
	}
	u->seen = seen;
	return query_end(&q, true);
}

/* Too many joins: strangers invent flocks.  Those to flocks that exist are few, and stay. */
static enum store_result
unknown_joins_end(struct session *s, struct upkeep *u)
{
	enum store_result result;
	uint64_t deleted;
	int64_t excess;

	result = joins_excess(s, u, &excess);
	if (result != STORE_OK || excess <= 0)
		return result;
	if (excess > (int64_t)u->limit)
		excess = u->limit;
	result = unknown_joins_delete(s, u, excess, &deleted);
	if (result != STORE_OK)
		return result;
	u->ended += deleted;
	u->more = u->more || deleted == u->limit;
	return deleted < (uint64_t)excess ? seen_advance(s, u, deleted) : STORE_OK;
}

/* The next account that has just ended; STORE_NONE: there is none. */
static enum store_result
account_unserve(struct session *s, const struct upkeep *u)
{
	static const char sql[] = "UPDATE accounts SET served = 0 WHERE id ="
				  " (SELECT id FROM accounts WHERE served = 1 AND expires <= ?1"
				  " ORDER BY expires LIMIT 1) RETURNING id";
	struct query q = query_begin(s, sql);
	enum store_result result;
	int64_t account;
	bool found;

	query_int(&q, u->now);
	found = query_row(&q);
	account = column_int(&q, 0);
	result = query_end(&q, found);
	return result == STORE_OK ? change_note_account(s, account, CHANGE_MADE, u->now) : result;
}

/* The next account that ended so long ago that it goes; STORE_NONE: there is none. */
static enum store_result
account_end(struct session *s, const struct upkeep *u)
{
	static const char sql[] =
	    "SELECT id FROM accounts WHERE expires <= ?1 ORDER BY expires LIMIT 1";
	struct query q = query_begin(s, sql);
	struct account_id account;
	enum store_result result;
	bool found;

	query_int(&q, u->now - u->account_grace_s);
	found = query_row(&q);
	account.value = column_int(&q, 0);
	result = query_end(&q, found);
	return result == STORE_OK ? account_delete(s, account, u->now) : result;
}

/*
 * Takes one after the other until there is none, or limit rows changed: what belongs to one account
 * may be thousands.
 */
static enum store_result
accounts_each(struct session *s, struct upkeep *u,
    enum store_result (*take)(struct session *s, const struct upkeep *u), uint64_t *taken)
{
	uint64_t before = rows_changed(s);
	enum store_result result = STORE_OK;

	for (*taken = 0; rows_changed(s) - before < u->limit; (*taken)++) {
		result = take(s, u);
		if (result != STORE_OK)
			return result == STORE_NONE ? STORE_OK : result;
	}
	u->more = true;
	return STORE_OK;
}

/* The oldest are looked at, no more than may go at once. */
static enum store_result
changes_forget(struct session *s, struct upkeep *u)
{
	static const char sql[] =
	    "DELETE FROM changes WHERE (flock_a, flock_b) IN (SELECT c.flock_a, c.flock_b FROM"
	    " (SELECT flock_a, flock_b, number, at FROM changes WHERE gone = 1 AND at > 0 ORDER BY "
	    "at"
	    " LIMIT ?3) c WHERE c.at < ?1 OR c.number <"
	    " (SELECT value FROM counters WHERE name = 'changes') - ?2) RETURNING number";
	struct query q = query_begin(s, sql);
	enum store_result result;
	uint64_t count = 0;
	int64_t last = 0;

	query_int(&q, u->now - CHANGE_KEPT_S);
	query_int(&q, CHANGES_KEPT);
	query_int(&q, u->limit);
	while (query_row(&q)) {
		if (column_int(&q, 0) > last)
			last = column_int(&q, 0);
		count++;
	}
	result = query_end(&q, true);
	u->ended += count;
	u->more = u->more || count == u->limit;
	return result == STORE_OK && count > 0 ? change_forget(s, (uint64_t)last) : result;
}

static enum store_result
upkeep_step(struct session *s, struct upkeep *u)
{
	enum store_result result;
	uint64_t unserved, deleted;

	result = all_rows_end(s, u);
	if (result == STORE_OK)
		result = unknown_joins_end(s, u);
	if (result == STORE_OK)
		result = changes_forget(s, u);
	if (result == STORE_OK)
		result = accounts_each(s, u, account_unserve, &unserved);
	if (result == STORE_OK)
		result = accounts_each(s, u, account_end, &deleted);
	if (result == STORE_OK)
		u->ended += deleted;
	return result;
}

enum store_result
upkeep_run(struct session *s, struct upkeep *u)
{
	enum store_result result = whole_begin(s);

	u->ended = 0;
	u->more = false;
	if (result != STORE_OK)
		return result;
	return whole_end(s, upkeep_step(s, u));
}

enum store_result
clock_follow(struct session *s, int64_t now, int64_t step_s, int64_t *ret)
{
	static const char sql[] =
	    "INSERT INTO counters (name, value) VALUES ('clock', ?1) ON CONFLICT (name) DO UPDATE"
	    " SET value = CASE WHEN ?1 < value + ?2 THEN ?1 ELSE value + ?2 END RETURNING value";
	struct query q = query_begin(s, sql);
	int64_t moment;
	bool found;

	query_int(&q, now);
	query_int(&q, step_s);
	found = query_row(&q);
	moment = column_int(&q, 0);
	if (found)
		*ret = moment;
	return query_end(&q, found);
}

enum store_result
leftover_list(
    struct session *s, uint32_t limit, bool (*each)(void *arg, const char *file), void *arg)
{
	static const char sql[] =
	    "SELECT file FROM leftovers l"
	    " WHERE NOT EXISTS (SELECT 1 FROM bundles b WHERE b.file = l.file)"
	    " ORDER BY file LIMIT ?1";
	struct query q = query_begin(s, sql);
	char file[BUNDLE_FILE_NAME];

	query_int(&q, limit);
	while (query_row(&q)) {
		if (!column_text(&q, 0, file, sizeof(file)) || !each(arg, file))
			break;
	}
	return query_end(&q, true);
}

enum store_result
leftover_forget(struct session *s, const char *file)
{
	static const char sql[] = "DELETE FROM leftovers WHERE file = ?1";
	struct query q = query_begin(s, sql);

	query_text(&q, file);
	return query_run(&q);
}

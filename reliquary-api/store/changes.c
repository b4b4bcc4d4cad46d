/* SPDX-License-Identifier: ISC */
/*
 * What cathedrals must hear of.  One row a subject, which moves to the end when it changes again:
 * no more rows than subjects, however often they change.  Those of subjects that are gone go
 * after a while, too.
 */
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/parts.h"

/* More changes than can have been made since a copy that is restored. */
#define LEAP 2000000

/* One row that every writer changes: so numbers are given in the order of the commits. */
static enum store_result
number_next(struct session *s, int64_t *ret)
{
	static const char sql[] =
	    "UPDATE counters SET value = value + 1 WHERE name = 'changes' RETURNING value";
	struct query q = query_begin(s, sql);
	bool found = query_row(&q);

	*ret = column_int(&q, 0);
	return query_end(&q, found);
}

enum store_result
change_note(
    struct session *s, struct flock_id a, struct flock_id b, enum change_kind kind, int64_t now)
{
	static const char sql[] =
	    "INSERT INTO changes (flock_a, flock_b, number, at, gone) VALUES (?1, ?2, ?3, ?4, ?5)"
	    " ON CONFLICT (flock_a, flock_b) DO UPDATE SET number = excluded.number,"
	    " at = excluded.at, gone = excluded.gone";
	enum store_result result;
	struct query q;
	int64_t number;

	result = number_next(s, &number);
	if (result != STORE_OK)
		return result == STORE_NONE ? STORE_FAILED : result;

	q = query_begin(s, sql);
	query_pair(&q, a, b);
	query_int(&q, number);
	query_int(&q, now);
	query_int(&q, kind == CHANGE_GONE);
	result = query_run(&q);
	if (result == STORE_OK)
		s->noted = (uint64_t)number;
	return result;
}

/* Notes the pairs of flocks that a statement finds. */
static enum store_result
note_each(struct session *s, const char *sql, int64_t key, enum change_kind kind, int64_t now)
{
	struct query q = query_begin(s, sql);
	enum store_result noted = STORE_OK, result;

	query_int(&q, key);
	while (noted == STORE_OK && query_row(&q))
		noted = change_note(s, column_flock(&q, 0), column_flock(&q, 1), kind, now);
	result = query_end(&q, true);
	return noted != STORE_OK ? noted : result;
}

enum store_result
change_note_flock(struct session *s, struct flock_id flock, enum change_kind kind, int64_t now)
{
	static const char xflocks[] =
	    "SELECT x.flock, x.other FROM xflocks x CROSS JOIN xflocks y"
	    " WHERE x.flock = ?1 AND y.flock = x.other AND y.other = x.flock";
	enum store_result result = change_note(s, flock, flock, kind, now);

	return result == STORE_OK ? note_each(s, xflocks, flock_column(flock), kind, now) : result;
}

enum store_result
change_note_account(struct session *s, int64_t account, enum change_kind kind, int64_t now)
{
	static const char flocks[] = "SELECT id, id FROM flocks WHERE account = ?1";
	static const char xflocks[] =
	    "SELECT x.flock, x.other"
	    " FROM flocks f CROSS JOIN xflocks x CROSS JOIN xflocks y"
	    " WHERE f.account = ?1 AND x.flock = f.id AND y.flock = x.other AND y.other = x.flock";
	enum store_result result = note_each(s, flocks, account, kind, now);

	return result == STORE_OK ? note_each(s, xflocks, account, kind, now) : result;
}

uint64_t
group_noted(const struct session *s)
{
	return s->noted;
}

enum store_result
change_leap(struct session *s)
{
	static const char leap[] =
	    "UPDATE counters SET value = value + ?1 WHERE name = 'changes' RETURNING value";
	struct query q = query_begin(s, leap);
	enum store_result result;
	int64_t number;
	bool found;

	query_int(&q, LEAP);
	found = query_row(&q);
	number = column_int(&q, 0);
	result = query_end(&q, found);
	return result == STORE_OK ? change_forget(s, (uint64_t)number) : result;
}

enum store_result
change_forget(struct session *s, uint64_t number)
{
	static const char sql[] =
	    "UPDATE counters SET value = ?1 WHERE name = 'forgotten' AND value < ?1";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, (int64_t)number);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
change_bounds(struct session *s, uint64_t *last, uint64_t *forgotten)
{
	static const char sql[] = "SELECT (SELECT value FROM counters WHERE name = 'changes'),"
				  " (SELECT value FROM counters WHERE name = 'forgotten')";
	struct query q = query_begin(s, sql);
	bool found = query_row(&q);

	*last = (uint64_t)column_int(&q, 0);
	*forgotten = (uint64_t)column_int(&q, 1);
	return query_end(&q, found);
}

enum store_result
change_list(struct session *s, uint64_t after, uint32_t limit,
    bool (*each)(void *arg, const struct change *c), void *arg)
{
	static const char sql[] = "SELECT flock_a, flock_b, number, at FROM changes"
				  " WHERE number > ?1 ORDER BY number LIMIT ?2";
	struct query q = query_begin(s, sql);
	bool more = true;

	query_int(&q, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	query_int(&q, limit);
	while (more && query_row(&q)) {
		struct change c = {
			.a = column_flock(&q, 0),
			.b = column_flock(&q, 1),
			.number = (uint64_t)column_int(&q, 2),
			.at = column_int(&q, 3),
		};

		more = each(arg, &c);
	}
	return query_end(&q, true);
}

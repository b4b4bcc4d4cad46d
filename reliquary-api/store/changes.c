/* SPDX-License-Identifier: ISC */
/*
 * What cathedrals must hear of.  One row a subject, which moves to the end when it changes again:
 * no more rows than subjects, however often they change.  Subjects that are gone leave their rows
 * behind, so upkeep lets the oldest go.
 */
#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/sql.h"

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
change_note(struct session *s, struct flock_id a, struct flock_id b, int64_t now)
{
	static const char sql[] =
	    "INSERT INTO changes (flock_a, flock_b, number, at) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT (flock_a, flock_b) DO UPDATE SET number = excluded.number,"
	    " at = excluded.at";
	bool turned = flock_column(a) > flock_column(b);
	enum store_result result;
	struct query q;
	int64_t number;

	result = number_next(s, &number);
	if (result != STORE_OK)
		return result == STORE_NONE ? STORE_FAILED : result;

	q = query_begin(s, sql);
	query_int(&q, flock_column(turned ? b : a));
	query_int(&q, flock_column(turned ? a : b));
	query_int(&q, number);
	query_int(&q, now);
	return query_run(&q);
}

/* Notes the pairs of flocks that a statement finds. */
static enum store_result
change_note_all(struct session *s, const char *sql, int64_t account, int64_t now)
{
	struct query q = query_begin(s, sql);
	enum store_result noted = STORE_OK, result;

	query_int(&q, account);
	while (noted == STORE_OK && query_row(&q))
		noted = change_note(s, column_flock(&q, 0), column_flock(&q, 1), now);
	result = query_end(&q, true);
	return noted != STORE_OK ? noted : result;
}

enum store_result
change_note_account(struct session *s, int64_t account, int64_t now)
{
	static const char flocks[] = "SELECT id, id FROM flocks WHERE account = ?1";
	static const char xflocks[] =
	    "SELECT x.flock, x.other"
	    " FROM flocks f CROSS JOIN xflocks x CROSS JOIN xflocks y"
	    " WHERE f.account = ?1 AND x.flock = f.id AND y.flock = x.other AND y.other = x.flock";
	enum store_result result = change_note_all(s, flocks, account, now);

	return result == STORE_OK ? change_note_all(s, xflocks, account, now) : result;
}

enum store_result
change_leap(struct session *s)
{
	static const char sql[] = "UPDATE counters SET value = value + ?1 WHERE name = 'changes'";
	struct query q = query_begin(s, sql);

	query_int(&q, 2 * (int64_t)CHANGES_KEPT);
	return query_run(&q);
}

enum store_result
change_last(struct session *s, uint64_t *ret)
{
	static const char sql[] = "SELECT value FROM counters WHERE name = 'changes'";
	struct query q = query_begin(s, sql);
	bool found = query_row(&q);

	*ret = (uint64_t)column_int(&q, 0);
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

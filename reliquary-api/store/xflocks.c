/* SPDX-License-Identifier: ISC */
/* Agreements of two flocks: each side's consent is a row of its own, two of them establish. */
#include "database/sql.h"
#include "reliquary-api/store/flocks.h"
#include "reliquary-api/store/parts.h"

/* Binds ?1, ?2, ?3: who asks, for which flock, with which other. */
static void
query_consent(
    struct query *q, struct account_id account, struct flock_id flock, struct flock_id other)
{
	query_int(q, account.value);
	query_int(q, flock_column(flock));
	query_int(q, flock_column(other));
}

enum store_result
xflock_state(
    struct session *s, struct account_id account, struct flock_id flock, struct flock_id other)
{
	static const char sql[] =
	    "SELECT EXISTS (SELECT 1 FROM xflocks y WHERE y.flock = x.other AND y.other = x.flock)"
	    " FROM flocks f CROSS JOIN xflocks x"
	    " WHERE f.account = ?1 AND f.id = ?2 AND x.flock = f.id AND x.other = ?3";
	struct query q = query_begin(s, sql);
	enum store_result result;
	bool found, both;

	query_consent(&q, account, flock, other);
	found = query_row(&q);
	both = column_int(&q, 0) != 0;
	result = query_end(&q, found);
	return result == STORE_OK && !both ? STORE_CONFLICT : result;
}

/* STORE_NONE: it was there before, or the flock has most. */
static enum store_result
consent_add(struct query *q, struct account_id account, struct flock_id flock,
    struct flock_id other, uint32_t most, int64_t now)
{
	query_consent(q, account, flock, other);
	query_int(q, now);
	query_int(q, most);
	return query_run(q);
}

static enum store_result
xflock_agree(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, uint32_t most, int64_t now, bool *established)
{
	static const char sql[] =
	    "INSERT INTO xflocks (flock, other, created) SELECT f.id, ?3, ?4 FROM flocks f"
	    " WHERE f.account = ?1 AND f.id = ?2"
	    " AND (SELECT count(*) FROM xflocks x WHERE x.flock = f.id) < ?5"
	    " ON CONFLICT (flock, other) DO NOTHING";
	enum store_result result = flock_owned(s, account, flock), added;
	struct query q;

	if (result != STORE_OK)
		return result;
	q = query_begin(s, sql);
	added = consent_add(&q, account, flock, other, most, now);
	if (added != STORE_OK && added != STORE_NONE)
		return added;

	result = xflock_state(s, account, flock, other);
	if (result == STORE_NONE)
		return STORE_FULL;
	*established = result == STORE_OK;
	if (*established && added == STORE_OK)
		return change_note(s, flock, other, CHANGE_MADE, now);
	return result == STORE_CONFLICT ? STORE_OK : result;
}

enum store_result
xflock_consent(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, uint32_t most, int64_t now, bool *established)
{
	enum store_result result = whole_begin(s);

	*established = false;
	if (result != STORE_OK)
		return result;
	return whole_end(s, xflock_agree(s, account, flock, other, most, now, established));
}

/* Without agreement there is no use for the bundle, which is the last to name both flocks. */
static enum store_result
pair_bundle_delete(
    struct session *s, struct account_id account, struct flock_id flock, struct flock_id other)
{
	static const char sql[] = "DELETE FROM bundles WHERE " OWNED_FLOCK " IS NOT NULL"
				  " AND flock_a = ?3 AND flock_b = ?4";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, account.value);
	query_int(&q, flock_column(flock));
	query_pair(&q, flock, other);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

static enum store_result
consent_delete(
    struct session *s, struct account_id account, struct flock_id flock, struct flock_id other)
{
	static const char sql[] =
	    "DELETE FROM xflocks WHERE flock = " OWNED_FLOCK " AND other = ?3";
	struct query q = query_begin(s, sql);

	query_consent(&q, account, flock, other);
	return query_run(&q);
}

static enum store_result
xflock_part(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, int64_t now)
{
	enum store_result state = xflock_state(s, account, flock, other), result;

	if (state != STORE_OK && state != STORE_CONFLICT)
		return state;
	result = pair_bundle_delete(s, account, flock, other);
	if (result == STORE_OK)
		result = consent_delete(s, account, flock, other);
	if (result == STORE_OK && state == STORE_OK)
		result = change_note(s, flock, other, CHANGE_GONE, now);
	return result;
}

enum store_result
xflock_withdraw(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, int64_t now)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, xflock_part(s, account, flock, other, now));
}

static bool
xflock_columns(struct query *q, struct xflock_row *ret)
{
	*ret = (struct xflock_row){
		.flock = column_flock(q, 0),
		.other = column_flock(q, 1),
		.created = column_int(q, 2),
		.established = column_int(q, 3) != 0,
	};
	ret->has_bundle = column_bundle(q, 4, &ret->bundle);
	return q->code == SQLITE_ROW;
}

enum store_result
xflock_list(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, uint32_t limit, bool (*each)(void *arg, const struct xflock_row *x),
    void *arg)
{
	static const char sql[] =
	    "SELECT x.flock, x.other, x.created,"
	    " EXISTS (SELECT 1 FROM xflocks y WHERE y.flock = x.other AND y.other = x.flock),"
	    " " BUNDLE_COLUMNS " FROM flocks f CROSS JOIN xflocks x"
	    " LEFT JOIN bundles b"
	    " ON b.flock_a = CASE WHEN x.flock < x.other THEN x.flock ELSE x.other END"
	    " AND b.flock_b = CASE WHEN x.flock < x.other THEN x.other ELSE x.flock END"
	    " WHERE f.account = ?1 AND f.id >= coalesce(?2, -1e19) AND x.flock = f.id"
	    " AND (f.id > coalesce(?2, -1e19) OR x.other > coalesce(?3, -1e19))"
	    " ORDER BY f.id, x.other LIMIT ?4";
	struct query q = query_begin(s, sql);
	struct xflock_row row;

	query_int(&q, account.value);
	query_after(&q, flock.value);
	query_after(&q, other.value);
	query_int(&q, limit);
	while (query_row(&q)) {
		if (!xflock_columns(&q, &row) || !each(arg, &row))
			break;
	}
	return query_end(&q, true);
}

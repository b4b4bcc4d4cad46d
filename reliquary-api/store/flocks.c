/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/flocks.h"

#include "database/sql.h"
#include "reliquary-api/store/parts.h"

enum store_result
flock_create(struct session *s, struct account_id account, struct flock_id id, const char *label,
    int64_t now)
{
	static const char sql[] = "INSERT INTO flocks (account, id, label, created)"
				  " SELECT a.id, ?2, ?3, ?4 FROM accounts a"
				  " WHERE a.id = ?1 AND a.flocks < a.max_flocks";
	enum store_result result;
	struct query q;

	if (id.value == 0) /* names the cathedrals among the changes */
		return STORE_CONFLICT;
	q = query_begin(s, sql);
	query_int(&q, account.value);
	query_int(&q, flock_column(id));
	query_text(&q, label);
	query_int(&q, now);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_FULL : result;
}

enum store_result
flock_owned(struct session *s, struct account_id account, struct flock_id id)
{
	static const char sql[] = "SELECT 1 FROM flocks WHERE account = ?1 AND id = ?2";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, flock_column(id));
	return query_end(&q, query_row(&q));
}

static bool
flock_columns(struct query *q, struct flock_row *ret)
{
	*ret = (struct flock_row){
		.id = column_flock(q, 0),
		.created = column_int(q, 2),
		.devices = (uint64_t)column_int(q, 3),
		.pending = (uint64_t)column_int(q, 4),
	};
	ret->has_bundle = column_bundle(q, 5, &ret->bundle);
	return column_text(q, 1, ret->label, sizeof(ret->label));
}

enum store_result
flock_list(struct session *s, struct account_id account, struct flock_id after, uint32_t limit,
    int64_t joins_since, bool (*each)(void *arg, const struct flock_row *f), void *arg)
{
	static const char sql[] =
	    "SELECT f.id, f.label, f.created,"
	    " (SELECT count(*) FROM devices d WHERE d.flock = f.id),"
	    " (SELECT count(*) FROM joins j WHERE j.flock = f.id AND j.created >= ?4),"
	    " " BUNDLE_COLUMNS
	    " FROM flocks f LEFT JOIN bundles b ON b.flock_a = f.id AND b.flock_b = f.id"
	    " WHERE f.account = ?1 AND f.id > coalesce(?2, -1e19) ORDER BY f.id LIMIT ?3";
	struct query q = query_begin(s, sql);
	struct flock_row row;

	query_int(&q, account.value);
	query_after(&q, after.value);
	query_int(&q, limit);
	query_int(&q, joins_since);
	while (query_row(&q)) {
		if (!flock_columns(&q, &row) || !each(arg, &row))
			break;
	}
	return query_end(&q, true);
}

enum store_result
flock_relabel(struct session *s, struct account_id account, struct flock_id id, const char *label)
{
	static const char sql[] = "UPDATE flocks SET label = ?3 WHERE account = ?1 AND id = ?2";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, flock_column(id));
	query_text(&q, label);
	return query_run(&q);
}

/* One of the statements about the flock ?2 of account ?1, which may concern no row. */
static enum store_result
flock_run(struct session *s, const char *sql, struct account_id account, struct flock_id id)
{
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, account.value);
	query_int(&q, flock_column(id));
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

/* What refers to the flock goes with it by itself; joins do not, since their flock may be none. */
static enum store_result
flock_take_away(struct session *s, struct account_id account, struct flock_id id, int64_t now)
{
	static const char joins[] = "DELETE FROM joins WHERE flock = " OWNED_FLOCK;
	static const char flock[] = "DELETE FROM flocks WHERE account = ?1 AND id = ?2";
	enum store_result result = flock_owned(s, account, id);

	if (result == STORE_OK)
		result = change_note_flock(s, id, CHANGE_GONE, now);
	if (result == STORE_OK)
		result = flock_run(s, joins, account, id);
	if (result == STORE_OK)
		result = flock_run(s, flock, account, id);
	return result;
}

enum store_result
flock_delete(struct session *s, struct account_id account, struct flock_id id, int64_t now)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, flock_take_away(s, account, id, now));
}

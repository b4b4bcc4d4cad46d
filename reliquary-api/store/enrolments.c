/* SPDX-License-Identifier: ISC */
/* Keys that approve by themselves, as their owner makes and ends them; joins.c uses them up. */
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/parts.h"

static enum store_result
enrolment_insert(struct session *s, struct account_id account, struct flock_id flock,
    const struct enrolment *e, const struct hash32 *hash, uint32_t most)
{
	static const char sql[] =
	    "INSERT INTO enrolments (flock, id, hash, label, uses_left, created, expires)"
	    " SELECT f.id, ?3, ?4, ?5, ?6, ?7, ?8 FROM flocks f"
	    " WHERE f.account = ?1 AND f.id = ?2 AND"
	    " (SELECT count(*) FROM enrolments e WHERE e.flock = f.id AND e.expires > ?7) < ?9";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, flock_column(flock));
	query_int(&q, (int64_t)e->id);
	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_text(&q, e->label);
	query_count(&q, e->uses_left);
	query_int(&q, e->created);
	query_int(&q, e->expires);
	query_int(&q, most);
	return query_run(&q);
}

enum store_result
enrolment_create(struct session *s, struct account_id account, struct flock_id flock,
    const struct enrolment *e, const struct hash32 *hash, uint32_t most)
{
	enum store_result result = enrolment_insert(s, account, flock, e, hash, most);

	if (result != STORE_NONE)
		return result;
	result = flock_owned(s, account, flock);
	return result == STORE_OK ? STORE_FULL : result;
}

static bool
enrolment_columns(struct query *q, struct enrolment *ret)
{
	*ret = (struct enrolment){
		.id = (uint64_t)column_int(q, 0),
		.uses_left = (uint64_t)column_int(q, 2),
		.created = column_int(q, 3),
		.expires = column_int(q, 4),
	};
	return column_text(q, 1, ret->label, sizeof(ret->label));
}

/* A flock without any gives one row without values. */
enum store_result
enrolment_list(struct session *s, struct account_id account, struct flock_id flock, uint64_t after,
    uint32_t limit, int64_t now, bool (*each)(void *arg, const struct enrolment *e), void *arg)
{
	static const char sql[] =
	    "SELECT e.id, e.label, e.uses_left, e.created, e.expires FROM flocks f"
	    " LEFT JOIN enrolments e"
	    " ON e.flock = f.id AND e.id > coalesce(?3, -1e19) AND e.expires > ?4"
	    " WHERE f.account = ?1 AND f.id = ?2 ORDER BY e.id LIMIT ?5";
	struct query q = query_begin(s, sql);
	struct enrolment row;
	bool found = false;

	query_int(&q, account.value);
	query_int(&q, flock_column(flock));
	query_after(&q, after);
	query_int(&q, now);
	query_int(&q, limit);
	while (query_row(&q)) {
		found = true;
		if (column_is_null(&q, 0) || !enrolment_columns(&q, &row) || !each(arg, &row))
			break;
	}
	return query_end(&q, found);
}

enum store_result
enrolment_delete(struct session *s, struct account_id account, struct flock_id flock, uint64_t id)
{
	static const char sql[] =
	    "DELETE FROM enrolments WHERE flock = " OWNED_FLOCK " AND id = ?3";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, flock_column(flock));
	query_int(&q, (int64_t)id);
	return query_run(&q);
}

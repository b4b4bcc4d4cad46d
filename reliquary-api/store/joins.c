/* SPDX-License-Identifier: ISC */
/*
 * Joins come from strangers.  What is done for one never looks whether its flock exists: a table of
 * joins to any flock, real or not, is all that it touches, and the place in the table of devices
 * where this one would be.
 */
#include "database/sql.h"
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/parts.h"

/* Binds ?1 to ?6. */
static void
query_join(struct query *q, const struct join *j)
{
	query_int(q, j->id.value);
	query_int(q, flock_column(j->flock));
	query_blob(q, j->cosk.bytes, sizeof(j->cosk.bytes));
	query_blob(q, j->sealed, sizeof(j->sealed));
	query_text(q, j->label);
	query_int(q, j->now);
}

/* The flock has most of them, or the id is taken. */
static enum store_result
join_refused(struct session *s, const struct join *j, uint32_t most, int64_t joins_since)
{
	static const char sql[] = "SELECT count(*) FROM joins WHERE flock = ?1 AND created >= ?2";
	struct query q = query_begin(s, sql);
	enum store_result result;
	int64_t count;

	query_int(&q, flock_column(j->flock));
	query_int(&q, joins_since);
	query_row(&q);
	count = column_int(&q, 0);
	result = query_end(&q, true);
	if (result != STORE_OK)
		return result;
	return count >= (int64_t)most ? STORE_FULL : STORE_CONFLICT;
}

enum store_result
join_create(struct session *s, const struct join *j, uint32_t most, int64_t joins_since)
{
	static const char sql[] =
	    "INSERT INTO joins (id, flock, cosk, sealed, label, created)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, ?6"
	    " WHERE (SELECT count(*) FROM joins WHERE flock = ?2 AND created >= ?7) < ?8"
	    " AND NOT EXISTS (SELECT 1 FROM devices WHERE flock = ?2 AND id = ?1)"
	    " ON CONFLICT DO NOTHING";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_join(&q, j);
	query_int(&q, joins_since);
	query_int(&q, most);
	result = query_run(&q);
	return result == STORE_NONE ? join_refused(s, j, most, joins_since) : result;
}

/*
 * Uses up one use of a key that is this flock's, while its owner may use the service.  The only
 * look at an unknown flock: a key that is none of its is found nowhere.
 */
static enum store_result
enrolment_use(
    struct session *s, const struct join *j, const struct hash32 *hash, struct account_id *account)
{
	static const char sql[] =
	    "UPDATE enrolments SET uses_left = uses_left - 1"
	    " WHERE hash = ?1 AND flock = ?2 AND uses_left > 0 AND expires > ?3"
	    " AND EXISTS (SELECT 1 FROM flocks f CROSS JOIN accounts a WHERE f.id = flock"
	    " AND a.id = f.account AND a.suspended = 0 AND a.expires > ?3)"
	    " RETURNING (SELECT f.account FROM flocks f WHERE f.id = flock)";
	struct query q = query_begin(s, sql);
	bool found;

	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_int(&q, flock_column(j->flock));
	query_int(&q, j->now);
	found = query_row(&q);
	account->value = column_int(&q, 0);
	return query_end(&q, found);
}

/* STORE_NONE: the id is taken, or no number is free. */
static enum store_result
enrol(struct session *s, const struct join *j, struct account_id account, uint64_t bw_limit,
    uint8_t *kek)
{
	static const char sql[] =
	    "INSERT INTO devices (id, flock, cosk, sealed, label, created, approved, bw_limit, kek)"
	    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6, bw_limit, kek FROM"
	    " (SELECT CASE WHEN ?8 < a.bw_limit THEN ?8 ELSE a.bw_limit END AS bw_limit,"
	    " " LOWEST_FREE_KEK " AS kek FROM accounts a WHERE a.id = ?7 LIMIT 1) n"
	    " WHERE kek IS NOT NULL"
	    " AND NOT EXISTS (SELECT 1 FROM joins WHERE flock = ?2 AND id = ?1)"
	    " ON CONFLICT DO NOTHING RETURNING kek";
	struct query q = query_begin(s, sql);
	bool found;

	query_join(&q, j);
	query_int(&q, account.value);
	query_count(&q, bw_limit);
	found = query_row(&q);
	*kek = (uint8_t)column_int(&q, 0);
	return query_end(&q, found);
}

/* All numbers are taken, or the id is. */
static enum store_result
enrol_refused(struct session *s, const struct join *j)
{
	static const char sql[] = "SELECT count(*) FROM devices WHERE flock = ?1";
	struct query q = query_begin(s, sql);
	enum store_result result;
	int64_t count;

	query_int(&q, flock_column(j->flock));
	query_row(&q);
	count = column_int(&q, 0);
	result = query_end(&q, true);
	if (result != STORE_OK)
		return result;
	return count >= KEK_NUMBER_MAX ? STORE_FULL : STORE_CONFLICT;
}

struct enrolling {
	const struct join *join;
	const struct hash32 *hash;
	uint64_t bw_limit;
	uint8_t kek;
	struct account_id account;
};

static enum store_result
enrol_by_key(struct session *s, struct enrolling *e)
{
	enum store_result result = enrolment_use(s, e->join, e->hash, &e->account);

	if (result != STORE_OK)
		return result;
	result = enrol(s, e->join, e->account, e->bw_limit, &e->kek);
	if (result == STORE_NONE)
		return enrol_refused(s, e->join);
	if (result != STORE_OK)
		return result;
	return change_note_flock(s, e->join->flock, CHANGE_MADE, e->join->now);
}

enum store_result
join_enrol(struct session *s, const struct join *j, const struct hash32 *enrolment_hash,
    uint64_t bw_limit, uint8_t *kek, struct account_id *account)
{
	struct enrolling e = { .join = j, .hash = enrolment_hash, .bw_limit = bw_limit };
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = whole_end(s, enrol_by_key(s, &e));
	if (result == STORE_OK) {
		*kek = e.kek;
		*account = e.account;
	}
	return result;
}

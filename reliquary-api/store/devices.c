/* SPDX-License-Identifier: ISC */
/*
 * What owners do with devices.  A device is pending (a join) until its owner approves it, and goes
 * from the one table to the other in one step; so each operation looks for the approved one first,
 * then for the pending one.
 */
#include "reliquary-api/store/devices.h"

#include "database/sql.h"
#include "reliquary-api/store/parts.h"

/* Which device, and who asks for it. */
struct place {
	struct account_id account;
	struct flock_id flock;
	struct device_id id;
	int64_t joins_since;
};

/* Binds ?1, ?2, ?3. */
static struct query
place_query(struct session *s, const char *sql, const struct place *p)
{
	struct query q = query_begin(s, sql);

	query_int(&q, p->account.value);
	query_int(&q, flock_column(p->flock));
	query_int(&q, p->id.value);
	return q;
}

/* Says in *kek what is there: the number of an approved one, 0 for a pending one. */
static enum store_result
device_find(struct session *s, const struct place *p, uint8_t *kek)
{
	static const char sql[] =
	    "SELECT (SELECT d.kek FROM devices d WHERE d.flock = f.id AND d.id = ?3),"
	    " EXISTS (SELECT 1 FROM joins j WHERE j.flock = f.id AND j.id = ?3 AND j.created >= ?4)"
	    " FROM flocks f WHERE f.account = ?1 AND f.id = ?2";
	struct query q = place_query(s, sql, p);
	bool found;

	query_int(&q, p->joins_since);
	found = query_row(&q);
	*kek = (uint8_t)column_int(&q, 0);
	return query_end(&q, found && (*kek != 0 || column_int(&q, 1) != 0));
}

struct approval {
	struct place place;
	uint64_t bw_limit;
	int64_t now;
	uint8_t kek; /* as asked for, then as given */
};

/* STORE_NONE: there is no such join, or no such number to be had. */
static enum store_result
approve_join(struct session *s, struct approval *a)
{
	static const char sql[] =
	    "INSERT INTO devices (flock, id, kek, cosk, sealed, label, bw_limit, created, approved)"
	    " SELECT flock, id, kek, cosk, sealed, label, bw_limit, created, ?7 FROM"
	    " (SELECT j.flock, j.id, j.cosk, j.sealed, j.label, j.created,"
	    " CASE WHEN ?6 < o.bw_limit THEN ?6 ELSE o.bw_limit END AS bw_limit,"
	    " CASE WHEN ?5 <> 0 THEN ?5 ELSE " LOWEST_FREE_KEK " END AS kek"
	    " FROM flocks f CROSS JOIN joins j CROSS JOIN accounts o"
	    " WHERE f.account = ?1 AND f.id = ?2 AND j.flock = f.id AND j.id = ?3"
	    " AND j.created >= ?4 AND o.id = f.account LIMIT 1) n"
	    " WHERE kek IS NOT NULL ON CONFLICT DO NOTHING RETURNING kek";
	struct query q = place_query(s, sql, &a->place);
	enum store_result result;
	bool found;
	uint8_t kek;

	query_int(&q, a->place.joins_since);
	query_int(&q, a->kek);
	query_count(&q, a->bw_limit);
	query_int(&q, a->now);
	found = query_row(&q);
	kek = (uint8_t)column_int(&q, 0);
	result = query_end(&q, found);
	if (result == STORE_OK)
		a->kek = kek;
	return result;
}

/* Why nothing was approved. */
static enum store_result
approve_refused(struct session *s, struct approval *a)
{
	uint8_t asked = a->kek;
	enum store_result result = device_find(s, &a->place, &a->kek);

	if (result != STORE_OK)
		return result;
	return a->kek != 0 || asked != 0 ? STORE_CONFLICT : STORE_FULL;
}

static enum store_result
join_delete(struct session *s, const struct place *p)
{
	static const char sql[] =
	    "DELETE FROM joins WHERE flock = " OWNED_FLOCK " AND id = ?3 AND created >= ?4";
	struct query q = place_query(s, sql, p);

	query_int(&q, p->joins_since);
	return query_run(&q);
}

static enum store_result
approve(struct session *s, struct approval *a)
{
	enum store_result result = approve_join(s, a);

	if (result == STORE_NONE)
		return approve_refused(s, a);
	if (result == STORE_OK)
		result = join_delete(s, &a->place);
	if (result == STORE_OK)
		result = change_note_flock(s, a->place.flock, CHANGE_MADE, a->now);
	return result;
}

enum store_result
device_approve(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, uint64_t bw_limit, int64_t joins_since, int64_t now, uint8_t *kek)
{
	struct approval a = {
		.place = { account, flock, id, joins_since },
		.bw_limit = bw_limit,
		.now = now,
		.kek = *kek,
	};
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = whole_end(s, approve(s, &a));
	*kek = a.kek;
	return result;
}

/* NULL: as it is. */
static void
query_label(struct query *q, const char *label)
{
	if (label == NULL)
		query_null(q);
	else
		query_text(q, label);
}

/* Changes an approved one (bw_limit: not above the account's), or the label of a pending one. */
static enum store_result
device_change(
    struct session *s, const struct place *p, const struct device_change *c, struct device_row *ret)
{
	static const char approved[] = "UPDATE devices SET label = coalesce(?4, label),"
				       " bw_limit = CASE WHEN ?5 = 0 THEN bw_limit ELSE ?5 END"
				       " WHERE flock = " OWNED_FLOCK " AND id = ?3"
				       " AND ?5 <= (SELECT bw_limit FROM accounts WHERE id = ?1)"
				       " RETURNING kek, id, label, bw_limit, created";
	static const char pending[] = "UPDATE joins SET label = coalesce(?4, label)"
				      " WHERE flock = " OWNED_FLOCK " AND id = ?3 AND created >= ?5"
				      " RETURNING 0, id, label, 0, created";
	enum store_result result;
	struct query q;

	q = place_query(s, approved, p);
	query_label(&q, c->label);
	query_count(&q, c->bw_limit);
	result = query_end(&q, query_row(&q) && column_device(&q, ret));
	if (result != STORE_NONE || c->bw_limit != 0)
		return result;

	q = place_query(s, pending, p);
	query_label(&q, c->label);
	query_int(&q, p->joins_since);
	return query_end(&q, query_row(&q) && column_device(&q, ret));
}

/* Cathedrals do not know labels. */
static enum store_result
device_change_note(struct session *s, const struct place *p, const struct device_change *c,
    int64_t now, struct device_row *ret)
{
	enum store_result result = device_change(s, p, c, ret);
	uint8_t kek;

	if (c->bw_limit == 0)
		return result;
	if (result == STORE_OK)
		return change_note(s, p->flock, p->flock, CHANGE_MADE, now);
	if (result != STORE_NONE)
		return result;
	result = device_find(s, p, &kek);
	if (result != STORE_OK)
		return result;
	return kek != 0 ? STORE_FULL : STORE_CONFLICT;
}

enum store_result
device_update(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, const struct device_change *c, int64_t joins_since, int64_t now,
    struct device_row *ret)
{
	const struct place p = { account, flock, id, joins_since };
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, device_change_note(s, &p, c, now, ret));
}

static enum store_result
secret_change(struct session *s, const struct place *p, const uint8_t sealed[static DEVICE_SEALED],
    int64_t now)
{
	static const char approved[] =
	    "UPDATE devices SET sealed = ?4 WHERE flock = " OWNED_FLOCK " AND id = ?3";
	static const char pending[] = "UPDATE joins SET sealed = ?4 WHERE flock = " OWNED_FLOCK
				      " AND id = ?3 AND created >= ?5";
	struct query q = place_query(s, approved, p);
	enum store_result result;

	query_blob(&q, sealed, DEVICE_SEALED);
	result = query_run(&q);
	if (result == STORE_OK)
		return change_note(s, p->flock, p->flock, CHANGE_MADE, now);
	if (result != STORE_NONE)
		return result;

	q = place_query(s, pending, p);
	query_blob(&q, sealed, DEVICE_SEALED);
	query_int(&q, p->joins_since);
	return query_run(&q);
}

enum store_result
device_set_secret(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, const uint8_t sealed[static DEVICE_SEALED], int64_t joins_since,
    int64_t now)
{
	const struct place p = { account, flock, id, joins_since };
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, secret_change(s, &p, sealed, now));
}

static enum store_result
device_remove(struct session *s, const struct place *p, int64_t now)
{
	static const char sql[] = "DELETE FROM devices WHERE flock = " OWNED_FLOCK " AND id = ?3";
	struct query q = place_query(s, sql, p);
	enum store_result result = query_run(&q);

	if (result == STORE_OK)
		return change_note_flock(s, p->flock, CHANGE_MADE, now);
	return result == STORE_NONE ? join_delete(s, p) : result;
}

enum store_result
device_delete(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, int64_t joins_since, int64_t now)
{
	const struct place p = { account, flock, id, joins_since };
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, device_remove(s, &p, now));
}

enum store_result
device_keys(struct session *s, struct flock_id flock, struct device_id id,
    uint8_t sealed[static DEVICE_SEALED], struct cosk_public *cosk)
{
	static const char sql[] = "SELECT sealed, cosk FROM devices WHERE flock = ?1 AND id = ?2";
	struct query q = query_begin(s, sql);

	query_int(&q, flock_column(flock));
	query_int(&q, id.value);
	return query_end(&q, query_row(&q) && column_blob(&q, 0, sealed, DEVICE_SEALED) &&
				 column_blob(&q, 1, cosk->bytes, sizeof(cosk->bytes)));
}

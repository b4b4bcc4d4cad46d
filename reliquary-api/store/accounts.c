/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/accounts.h"
#include "reliquary-api/store/parts.h"

#include <string.h>

#define ACCOUNT_COLUMNS                                                                            \
	"SELECT a.id, a.share_id, a.created, a.expires, a.suspended, a.max_flocks, a.bw_limit,"    \
	" a.registration, a.flocks FROM accounts a"

enum store_result
account_create(struct session *s, const struct account_new *a, struct account_id *ret)
{
	static const char sql[] =
	    "INSERT INTO accounts"
	    " (share_id, key_hash, created, expires, max_flocks, bw_limit, registration)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
	struct query q = query_begin(s, sql);
	struct account_id id;
	enum store_result result;
	bool made;

	query_text(&q, a->share_id);
	query_blob(&q, a->key_hash.bytes, sizeof(a->key_hash.bytes));
	query_int(&q, a->now);
	query_int(&q, a->expires);
	query_int(&q, (int64_t)a->max_flocks);
	query_int(&q, (int64_t)a->bw_limit);
	query_text(&q, a->registration);
	made = query_row(&q);
	id.value = column_int(&q, 0);
	result = query_end(&q, made);
	if (result == STORE_OK)
		*ret = id;
	return result;
}

const char *
account_state(const struct account *a, int64_t now)
{
	if (a->suspended)
		return "suspended";
	return a->expires <= now ? "expired" : "active";
}

static bool
account_row(struct query *q, struct account *ret)
{
	struct account a = { .id = { column_int(q, 0) } };
	bool fits = column_text(q, 1, a.share_id, sizeof(a.share_id));

	a.created = column_int(q, 2);
	a.expires = column_int(q, 3);
	a.suspended = column_int(q, 4) != 0;
	a.max_flocks = (uint64_t)column_int(q, 5);
	a.bw_limit = (uint64_t)column_int(q, 6);
	fits = fits && column_text(q, 7, a.registration, sizeof(a.registration));
	a.flocks = (uint64_t)column_int(q, 8);
	if (fits)
		*ret = a;
	return fits;
}

static enum store_result
account_one(struct query *q, struct account *ret)
{
	return query_end(q, query_row(q) && account_row(q, ret));
}

enum store_result
account_get(struct session *s, struct account_id id, struct account *ret)
{
	static const char sql[] = ACCOUNT_COLUMNS " WHERE a.id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, id.value);
	return account_one(&q, ret);
}

enum store_result
account_by_key(struct session *s, const struct hash32 *key_hash, struct account *ret)
{
	static const char sql[] = ACCOUNT_COLUMNS " WHERE a.key_hash = ?";
	struct query q = query_begin(s, sql);

	query_blob(&q, key_hash->bytes, sizeof(key_hash->bytes));
	return account_one(&q, ret);
}

enum store_result
account_by_share_id(struct session *s, const char *share_id, struct account *ret)
{
	static const char sql[] = ACCOUNT_COLUMNS " WHERE a.share_id = ?";
	struct query q = query_begin(s, sql);

	query_text(&q, share_id);
	return account_one(&q, ret);
}

enum store_result
account_list(struct session *s, const char *after, uint32_t limit,
    bool (*each)(void *arg, const struct account *a), void *arg)
{
	static const char sql[] =
	    ACCOUNT_COLUMNS " WHERE a.share_id > ? ORDER BY a.share_id LIMIT ?";
	struct query q = query_begin(s, sql);
	struct account a;

	query_text(&q, after);
	query_int(&q, limit);
	while (query_row(&q) && account_row(&q, &a)) {
		if (!each(arg, &a))
			break;
	}
	return query_end(&q, true);
}

enum store_result
account_set_key(struct session *s, struct account_id id, const struct hash32 *key_hash)
{
	static const char sql[] = "UPDATE accounts SET key_hash = ? WHERE id = ?";
	struct query q = query_begin(s, sql);

	query_blob(&q, key_hash->bytes, sizeof(key_hash->bytes));
	query_int(&q, id.value);
	return query_run(&q);
}

/* Ends what whole_begin() began: with changes noted when the account is served otherwise now. */
static enum store_result
account_end(struct session *s, enum store_result result, struct account_id id, int64_t now)
{
	if (result == STORE_OK)
		result = change_note_account(s, id.value, CHANGE_MADE, now);
	return whole_end(s, result);
}

static enum store_result
quota_set(struct session *s, struct account_id id, uint64_t max_flocks, uint64_t bw_limit)
{
	static const char sql[] = "UPDATE accounts SET max_flocks = ?, bw_limit = ? WHERE id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, (int64_t)max_flocks);
	query_int(&q, (int64_t)bw_limit);
	query_int(&q, id.value);
	return query_run(&q);
}

/* STORE_NONE: no device of the account has more. */
static enum store_result
devices_cut(struct session *s, struct account_id id, uint64_t bw_limit)
{
	static const char sql[] =
	    "UPDATE devices SET bw_limit = ?2 WHERE bw_limit > ?2 AND flock IN"
	    " (SELECT id FROM flocks WHERE account = ?1)";
	struct query q = query_begin(s, sql);

	query_int(&q, id.value);
	query_int(&q, (int64_t)bw_limit);
	return query_run(&q);
}

enum store_result
account_set_quota(
    struct session *s, struct account_id id, uint64_t max_flocks, uint64_t bw_limit, int64_t now)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = quota_set(s, id, max_flocks, bw_limit);
	if (result != STORE_OK)
		return whole_end(s, result);
	result = devices_cut(s, id, bw_limit);
	if (result == STORE_NONE)
		return whole_end(s, STORE_OK);
	return account_end(s, result, id, now);
}

static enum store_result
extend(struct session *s, struct account_id id, int64_t expires)
{
	static const char sql[] = "UPDATE accounts SET expires ="
				  " CASE WHEN expires < ? THEN ? ELSE expires END WHERE id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, expires);
	query_int(&q, expires);
	query_int(&q, id.value);
	return query_run(&q);
}

/* STORE_NONE: it was served already, or has ended for all that. */
static enum store_result
serve_again(struct session *s, struct account_id id, int64_t now)
{
	static const char sql[] =
	    "UPDATE accounts SET served = 1 WHERE id = ? AND served = 0 AND expires > ?";
	struct query q = query_begin(s, sql);

	query_int(&q, id.value);
	query_int(&q, now);
	return query_run(&q);
}

enum store_result
account_extend(struct session *s, struct account_id id, int64_t expires, int64_t now)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = extend(s, id, expires);
	if (result != STORE_OK)
		return whole_end(s, result);
	result = serve_again(s, id, now);
	if (result == STORE_NONE)
		return whole_end(s, STORE_OK);
	return account_end(s, result, id, now);
}

enum store_result
account_set_suspended(struct session *s, struct account_id id, bool suspended, int64_t now)
{
	static const char sql[] = "UPDATE accounts SET suspended = ? WHERE id = ?";
	enum store_result result = whole_begin(s);
	struct query q;

	if (result != STORE_OK)
		return result;
	q = query_begin(s, sql);
	query_int(&q, suspended);
	query_int(&q, id.value);
	result = query_run(&q);
	return account_end(s, result, id, now);
}

/* Joins belong to no flock that could take them along. */
static enum store_result
forget_joins(struct session *s, struct account_id id)
{
	static const char sql[] =
	    "DELETE FROM joins WHERE flock IN (SELECT id FROM flocks WHERE account = ?)";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, id.value);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
account_delete(struct session *s, struct account_id id, int64_t now)
{
	static const char sql[] = "DELETE FROM accounts WHERE id = ?";
	enum store_result result = whole_begin(s);
	struct query q;

	if (result != STORE_OK)
		return result;
	result = change_note_account(s, id.value, CHANGE_GONE, now);
	if (result == STORE_OK)
		result = forget_joins(s, id);
	if (result != STORE_OK)
		return whole_end(s, result);
	q = query_begin(s, sql);
	query_int(&q, id.value);
	result = query_run(&q);
	return whole_end(s, result);
}

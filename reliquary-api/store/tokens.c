/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/accounts.h"
#include "reliquary-api/store/parts.h"

#define DAY_S 86400

/* A token that was last used before this day is dead, whether or not its row is gone yet. */
static int64_t
oldest_used_day(const struct session *s, int64_t now)
{
	return now / DAY_S - (int64_t)store_of(s)->token_unused_days;
}

enum store_result
caller_by_token(struct session *s, const struct hash32 *token_hash, int64_t now, struct caller *ret)
{
	static const char sql[] =
	    "SELECT t.account, t.id, t.scope, t.used_day, a.expires, a.suspended"
	    " FROM tokens t JOIN accounts a ON a.id = t.account"
	    " WHERE t.hash = ? AND (t.expires IS NULL OR t.expires > ?) AND t.used_day >= ?";
	struct query q = query_begin(s, sql);
	struct caller c = { 0 };
	enum store_result result;
	bool found;

	query_blob(&q, token_hash->bytes, sizeof(token_hash->bytes));
	query_int(&q, now);
	query_int(&q, oldest_used_day(s, now));
	found = query_row(&q);
	if (found) {
		c.account.value = column_int(&q, 0);
		c.token = (uint64_t)column_int(&q, 1);
		c.scope = (enum scope)column_int(&q, 2);
		c.used_day = column_int(&q, 3);
		c.expires = column_int(&q, 4);
		c.suspended = column_int(&q, 5) != 0;
	}
	result = query_end(&q, found);
	if (result == STORE_OK)
		*ret = c;
	return result;
}

/* All but the most - 1 best ones go: the dead first, then those unused for the longest time. */
static enum store_result
token_make_room(struct session *s, struct account_id account, int64_t now, uint32_t most)
{
	static const char sql[] =
	    "DELETE FROM tokens WHERE account = ? AND id NOT IN (SELECT id FROM tokens"
	    " WHERE account = ?"
	    " ORDER BY expires IS NULL OR expires > ? DESC, used_day DESC, created DESC, id"
	    " LIMIT ?)";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, account.value);
	query_int(&q, account.value);
	query_int(&q, now);
	query_int(&q, most > 0 ? most - 1 : 0);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

/* STORE_FULL at the limit: the statement counts and adds in one. */
static enum store_result
token_add(struct session *s, struct account_id account, const struct token *t,
    const struct hash32 *hash, uint32_t most)
{
	static const char sql[] =
	    "INSERT INTO tokens (account, id, hash, label, scope, created, expires, used_day)"
	    " SELECT a.id, ?, ?, ?, ?, ?, ?, ? FROM accounts a WHERE a.id = ?"
	    " AND (SELECT count(*) FROM tokens t WHERE t.account = a.id AND t.used_day >= ?"
	    " AND (t.expires IS NULL OR t.expires > ?)) < ?";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, (int64_t)t->id);
	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_text(&q, t->label);
	query_int(&q, t->scope);
	query_int(&q, t->created);
	if (t->expires == 0)
		query_null(&q);
	else
		query_int(&q, t->expires);
	query_int(&q, t->used_day);
	query_int(&q, account.value);
	query_int(&q, oldest_used_day(s, t->created));
	query_int(&q, t->created);
	query_int(&q, most);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_FULL : result;
}

enum store_result
token_create(struct session *s, struct account_id account, const struct token *t,
    const struct hash32 *hash, uint32_t most, bool make_room)
{
	enum store_result result;

	if (!make_room)
		return token_add(s, account, t, hash, most);
	result = whole_begin(s);
	if (result != STORE_OK)
		return result;
	result = token_make_room(s, account, t->created, most);
	if (result == STORE_OK)
		result = token_add(s, account, t, hash, most);
	return whole_end(s, result);
}

static bool
token_row(struct query *q, struct token *ret)
{
	struct token t = {
		.id = (uint64_t)column_int(q, 0),
		.scope = (enum scope)column_int(q, 2),
		.created = column_int(q, 3),
		.expires = column_int(q, 4), /* NULL reads as 0 */
		.used_day = column_int(q, 5),
	};

	if (!column_text(q, 1, t.label, sizeof(t.label)))
		return false;
	*ret = t;
	return true;
}

enum store_result
token_list(struct session *s, struct account_id account, uint64_t after, uint32_t limit,
    int64_t now, bool (*each)(void *arg, const struct token *t), void *arg)
{
	static const char sql[] =
	    "SELECT id, label, scope, created, expires, used_day FROM tokens"
	    " WHERE account = ? AND (expires IS NULL OR expires > ?) AND used_day >= ?"
	    " AND id > coalesce(?, -1e19) ORDER BY id LIMIT ?";
	struct query q = query_begin(s, sql);
	struct token t;

	query_int(&q, account.value);
	query_int(&q, now);
	query_int(&q, oldest_used_day(s, now));
	query_after(&q, after);
	query_int(&q, limit);
	while (query_row(&q) && token_row(&q, &t)) {
		if (!each(arg, &t))
			break;
	}
	return query_end(&q, true);
}

enum store_result
token_delete(struct session *s, struct account_id account, uint64_t id)
{
	static const char sql[] = "DELETE FROM tokens WHERE account = ? AND id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, (int64_t)id);
	return query_run(&q);
}

enum store_result
token_used(struct session *s, struct account_id account, uint64_t id, int64_t day)
{
	static const char sql[] = "UPDATE tokens SET used_day = CASE WHEN used_day < ? THEN ?"
				  " ELSE used_day END WHERE account = ? AND id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, day);
	query_int(&q, day);
	query_int(&q, account.value);
	query_int(&q, (int64_t)id);
	return query_run(&q);
}

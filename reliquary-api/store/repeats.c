/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"

#include <stdlib.h>
#include <string.h>

/* False without memory for what the column holds. */
static bool
take_sealed(struct query *q, int n, struct repeat *r)
{
	const void *data = column_view(q, n, &r->sealed_len);

	r->sealed = malloc(r->sealed_len + 1); /* never of no bytes */
	if (r->sealed == NULL)
		return false;
	if (r->sealed_len > 0)
		memcpy(r->sealed, data, r->sealed_len);
	return true;
}

enum store_result
repeat_find(struct session *s, const struct hash32 *hash, int64_t now, struct repeat *ret)
{
	static const char sql[] = "SELECT request_hash, status, sealed, expires FROM repeats"
				  " WHERE hash = ? AND expires > ?";
	struct query q = query_begin(s, sql);
	struct repeat r = { .hash = *hash };
	enum store_result result;
	bool found, whole = false;

	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_int(&q, now);
	found = query_row(&q);
	if (found) {
		column_blob(&q, 0, r.request_hash.bytes, sizeof(r.request_hash.bytes));
		r.status = (unsigned)column_int(&q, 1);
		r.expires = column_int(&q, 3);
		whole = take_sealed(&q, 2, &r);
	}
	result = query_end(&q, found);
	if (result == STORE_OK && !whole)
		result = STORE_FAILED;
	if (result == STORE_OK)
		*ret = r;
	else
		free(r.sealed);
	return result;
}

/* One that has ended may still be in its place. */
static enum store_result
repeat_insert(struct session *s, const struct repeat *r)
{
	static const char sql[] =
	    "INSERT INTO repeats (hash, request_hash, status, sealed, account, expires)"
	    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET"
	    " request_hash = excluded.request_hash, status = excluded.status,"
	    " sealed = excluded.sealed, account = excluded.account, expires = excluded.expires"
	    " WHERE repeats.expires <= ?";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_blob(&q, r->hash.bytes, sizeof(r->hash.bytes));
	query_blob(&q, r->request_hash.bytes, sizeof(r->request_hash.bytes));
	query_int(&q, r->status);
	query_blob(&q, r->sealed, r->sealed_len);
	if (r->account.value == 0)
		query_null(&q);
	else
		query_int(&q, r->account.value);
	query_int(&q, r->expires);
	query_int(&q, r->now);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_CONFLICT : result;
}

/* All of an account but the last ones. */
static enum store_result
repeats_cut(struct session *s, struct account_id account)
{
	static const char sql[] = "DELETE FROM repeats WHERE hash IN (SELECT hash FROM repeats"
				  " WHERE account = ? ORDER BY expires DESC LIMIT -1 OFFSET ?)";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, account.value);
	query_int(&q, REPEATS_KEPT);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
repeat_keep(struct session *s, const struct repeat *r)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = repeat_insert(s, r);
	if (result == STORE_OK && r->account.value != 0)
		result = repeats_cut(s, r->account);
	return whole_end(s, result);
}

enum store_result
challenge_spend(struct session *s, const struct hash32 *hash, int64_t expires)
{
	static const char sql[] = "INSERT INTO spent (hash, expires) VALUES (?, ?)"
				  " ON CONFLICT (hash) DO NOTHING";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_int(&q, expires);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_CONFLICT : result;
}

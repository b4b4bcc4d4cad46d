/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"

enum store_result
invite_create(struct session *s, const struct invite *i, const struct hash32 *hash)
{
	static const char sql[] =
	    "INSERT INTO invites (id, hash, label, uses_left, created, expires)"
	    " VALUES (?, ?, ?, ?, ?, ?)";
	struct query q = query_begin(s, sql);

	query_int(&q, (int64_t)i->id);
	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_text(&q, i->label);
	query_int(&q, (int64_t)i->uses_left);
	query_int(&q, i->created);
	query_int(&q, i->expires);
	return query_run(&q);
}

static bool
invite_row(struct query *q, struct invite *ret)
{
	struct invite i = {
		.id = (uint64_t)column_int(q, 0),
		.uses_left = (uint64_t)column_int(q, 2),
		.created = column_int(q, 3),
		.expires = column_int(q, 4),
	};

	if (!column_text(q, 1, i.label, sizeof(i.label)))
		return false;
	*ret = i;
	return true;
}

enum store_result
invite_list(struct session *s, uint64_t after, uint32_t limit,
    bool (*each)(void *arg, const struct invite *i), void *arg)
{
	static const char sql[] = "SELECT id, label, uses_left, created, expires FROM invites"
				  " WHERE id > coalesce(?, -1e19) ORDER BY id LIMIT ?";
	struct query q = query_begin(s, sql);
	struct invite i;

	query_after(&q, after);
	query_int(&q, limit);
	while (query_row(&q) && invite_row(&q, &i)) {
		if (!each(arg, &i))
			break;
	}
	return query_end(&q, true);
}

enum store_result
invite_delete(struct session *s, uint64_t id)
{
	static const char sql[] = "DELETE FROM invites WHERE id = ?";
	struct query q = query_begin(s, sql);

	query_int(&q, (int64_t)id);
	return query_run(&q);
}

enum store_result
invite_use(struct session *s, const struct hash32 *hash, int64_t now)
{
	static const char sql[] = "UPDATE invites SET uses_left = uses_left - 1"
				  " WHERE hash = ? AND uses_left > 0 AND expires > ?";
	struct query q = query_begin(s, sql);

	query_blob(&q, hash->bytes, sizeof(hash->bytes));
	query_int(&q, now);
	return query_run(&q);
}

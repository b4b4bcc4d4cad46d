/* SPDX-License-Identifier: ISC */
/* Bundles: what is known of them.  Their bytes are files, whose names the store keeps track of. */
#include "database/sql.h"
#include "reliquary-api/store/flocks.h"
#include "reliquary-api/store/parts.h"

bool
column_bundle(struct query *q, int n, struct bundle_row *ret)
{
	*ret = (struct bundle_row){ 0 };
	if (column_is_null(q, n))
		return false;
	ret->a = column_flock(q, n);
	ret->b = column_flock(q, n + 1);
	ret->generation = (uint32_t)column_int(q, n + 2);
	ret->expires = column_int(q, n + 3);
	ret->uploaded = column_int(q, n + 4);
	ret->size = (uint64_t)column_int(q, n + 5);
	return column_blob(q, n + 6, ret->hash.bytes, sizeof(ret->hash.bytes)) &&
	       column_text(q, n + 7, ret->file, sizeof(ret->file));
}

void
query_pair(struct query *q, struct flock_id a, struct flock_id b)
{
	bool turned = flock_column(a) > flock_column(b);

	query_int(q, flock_column(turned ? b : a));
	query_int(q, flock_column(turned ? a : b));
}

/* STORE_NONE: the generation is there already, or the account may not. */
static enum store_result
bundle_upsert(struct session *s, struct account_id account, const struct bundle_row *b)
{
	static const char sql[] =
	    "INSERT INTO bundles AS b (flock_a, flock_b, generation, expires, uploaded, size, hash,"
	    " file)"
	    " SELECT ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM flocks f"
	    " WHERE f.account = ?1 AND f.id = ?2 AND (f.id = ?3 OR"
	    " (EXISTS (SELECT 1 FROM xflocks WHERE flock = f.id AND other = ?3) AND"
	    " EXISTS (SELECT 1 FROM xflocks WHERE flock = ?3 AND other = f.id)))"
	    " ON CONFLICT (flock_a, flock_b) DO UPDATE SET generation = excluded.generation,"
	    " expires = excluded.expires, uploaded = excluded.uploaded, size = excluded.size,"
	    " hash = excluded.hash, file = excluded.file"
	    " WHERE b.generation <> excluded.generation";
	struct query q = query_begin(s, sql);

	query_int(&q, account.value);
	query_int(&q, flock_column(b->a));
	query_int(&q, flock_column(b->b));
	query_pair(&q, b->a, b->b);
	query_int(&q, b->generation);
	query_int(&q, b->expires);
	query_int(&q, b->uploaded);
	query_count(&q, b->size);
	query_blob(&q, b->hash.bytes, sizeof(b->hash.bytes));
	query_text(&q, b->file);
	return query_run(&q);
}

/* Why a bundle was not taken. */
static enum store_result
bundle_refused(struct session *s, struct account_id account, const struct bundle_row *b)
{
	enum store_result result;

	if (flock_equal(b->a, b->b))
		result = flock_owned(s, account, b->a);
	else
		result = xflock_state(s, account, b->a, b->b);
	if (result == STORE_OK)
		return STORE_CONFLICT;
	return result == STORE_CONFLICT ? STORE_NONE : result;
}

static enum store_result
bundle_replace(struct session *s, struct account_id account, const struct bundle_row *b)
{
	enum store_result result = bundle_upsert(s, account, b);

	if (result == STORE_NONE)
		return bundle_refused(s, account, b);
	return result == STORE_OK ? change_note(s, b->a, b->b, CHANGE_MADE, b->uploaded) : result;
}

enum store_result
bundle_put(struct session *s, struct account_id account, const struct bundle_row *b)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	return whole_end(s, bundle_replace(s, account, b));
}

enum store_result
bundle_get(struct session *s, struct flock_id a, struct flock_id b, struct bundle_row *ret)
{
	static const char sql[] =
	    "SELECT " BUNDLE_COLUMNS " FROM bundles b WHERE b.flock_a = ?1 AND b.flock_b = ?2";
	struct query q = query_begin(s, sql);

	query_pair(&q, a, b);
	return query_end(&q, query_row(&q) && column_bundle(&q, 0, ret));
}

enum store_result
bundle_file_owned(struct session *s, const char *file)
{
	static const char sql[] = "SELECT 1 FROM bundles WHERE file = ?1";
	struct query q = query_begin(s, sql);

	query_text(&q, file);
	return query_end(&q, query_row(&q));
}

enum store_result
bundle_each(struct session *s, bool (*each)(void *arg, const struct bundle_row *b), void *arg)
{
	static const char sql[] = "SELECT " BUNDLE_COLUMNS " FROM bundles b ORDER BY b.file";
	struct query q = query_begin(s, sql);
	struct bundle_row b;

	while (query_row(&q) && column_bundle(&q, 0, &b) && each(arg, &b))
		continue;
	return query_end(&q, true);
}

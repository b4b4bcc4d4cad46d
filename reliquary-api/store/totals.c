/* SPDX-License-Identifier: ISC */
/* How much of everything there is.  It counts whole tables: for operators, not for requests. */
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"

#include <sys/stat.h>

/* The engine's log grows beside the database. */
static uint64_t
log_size(const struct query *q)
{
	const char *database = sqlite3_db_filename(sqlite3_db_handle(q->statement), "main");
	struct stat st;

	if (database == NULL || database[0] == '\0')
		return 0; /* in memory */
	if (stat(sqlite3_filename_wal(database), &st) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

enum store_result
store_totals(struct session *s, struct store_totals *ret)
{
	static const char sql[] =
	    "SELECT (SELECT count(*) FROM accounts),"
	    " (SELECT count(*) FROM accounts WHERE served = 0),"
	    " (SELECT count(*) FROM accounts WHERE suspended = 1),"
	    " (SELECT count(*) FROM tokens), (SELECT count(*) FROM flocks),"
	    " (SELECT count(*) FROM devices), (SELECT count(*) FROM joins),"
	    " (SELECT count(*) FROM bundles), (SELECT coalesce(sum(size), 0) FROM bundles),"
	    " (SELECT count(*) FROM xflocks x CROSS JOIN xflocks y WHERE x.flock < x.other"
	    " AND y.flock = x.other AND y.other = x.flock),"
	    " (SELECT count(*) FROM cathedrals),"
	    " (SELECT value FROM counters WHERE name = 'changes'),"
	    " (SELECT count(*) FROM leftovers),"
	    " (SELECT p.page_count * z.page_size FROM pragma_page_count() p"
	    " CROSS JOIN pragma_page_size() z)";
	struct query q = query_begin(s, sql);
	struct store_totals t = { 0 };
	uint64_t *const fields[] = { &t.accounts, &t.accounts_ended, &t.accounts_suspended,
		&t.tokens, &t.flocks, &t.devices, &t.joins, &t.bundles, &t.bundle_bytes, &t.xflocks,
		&t.cathedrals, &t.changes, &t.leftovers, &t.file_bytes };
	enum store_result result;
	bool found = query_row(&q);

	for (int i = 0; i < (int)(sizeof(fields) / sizeof(fields[0])); i++)
		*fields[i] = (uint64_t)column_int(&q, i);
	if (found)
		t.log_bytes = log_size(&q);
	result = query_end(&q, found);
	if (result == STORE_OK)
		*ret = t;
	return result;
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/sql.h"

enum store_result
store_touch(struct session *s, int64_t now)
{
	static const char sql[] = "INSERT INTO counters (name, value) VALUES ('touched', ?)"
				  " ON CONFLICT (name) DO UPDATE SET value = excluded.value";
	struct query q = query_begin(s, sql);

	query_int(&q, now);
	return query_run(&q);
}

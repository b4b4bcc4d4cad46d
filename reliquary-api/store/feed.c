/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/feed.h"

#include "reliquary-api/store/parts.h"

/* Whether a flock that is column f.id belongs to somebody who is served. */
#define SERVED                                                                                     \
	"EXISTS (SELECT 1 FROM accounts a WHERE a.id = f.account AND a.served = 1"                 \
	" AND a.suspended = 0)"

enum store_result
feed_flock(struct session *s, struct flock_id flock)
{
	static const char sql[] = "SELECT 1 FROM flocks f WHERE f.id = ?1 AND " SERVED;
	struct query q = query_begin(s, sql);

	query_int(&q, flock_column(flock));
	return query_end(&q, query_row(&q));
}

enum store_result
feed_xflock(struct session *s, struct flock_id a, struct flock_id b)
{
	static const char sql[] =
	    "SELECT 1 WHERE EXISTS (SELECT 1 FROM xflocks WHERE flock = ?1 AND other = ?2)"
	    " AND EXISTS (SELECT 1 FROM xflocks WHERE flock = ?2 AND other = ?1)"
	    " AND EXISTS (SELECT 1 FROM flocks f WHERE f.id = ?1 AND " SERVED ")"
	    " AND EXISTS (SELECT 1 FROM flocks f WHERE f.id = ?2 AND " SERVED ")";
	struct query q = query_begin(s, sql);

	query_int(&q, flock_column(a));
	query_int(&q, flock_column(b));
	return query_end(&q, query_row(&q));
}

enum store_result
feed_devices(struct session *s, struct flock_id flock,
    bool (*each)(void *arg, const struct feed_device *d), void *arg)
{
	static const char sql[] = "SELECT id, kek, bw_limit, sealed, cosk FROM devices"
				  " WHERE flock = ?1 ORDER BY kek";
	struct query q = query_begin(s, sql);
	struct feed_device d;

	query_int(&q, flock_column(flock));
	while (query_row(&q)) {
		d.id.value = (uint32_t)column_int(&q, 0);
		d.kek = (uint8_t)column_int(&q, 1);
		d.bw_limit = (uint64_t)column_int(&q, 2);
		if (!column_blob(&q, 3, d.sealed, sizeof(d.sealed)) ||
		    !column_blob(&q, 4, d.cosk.bytes, sizeof(d.cosk.bytes)) || !each(arg, &d))
			break;
	}
	return query_end(&q, true);
}

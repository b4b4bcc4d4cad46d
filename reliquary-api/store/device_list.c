/* SPDX-License-Identifier: ISC */
#include "database/sql.h"
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/parts.h"

#define NO_DEVICE -1 /* in the place of an id: there is the flock, at least */

bool
column_device(struct query *q, struct device_row *ret)
{
	*ret = (struct device_row){
		.kek = (uint8_t)column_int(q, 0),
		.id = { (uint32_t)column_int(q, 1) },
		.bw_limit = (uint64_t)column_int(q, 3),
		.created = column_int(q, 4),
	};
	return column_text(q, 2, ret->label, sizeof(ret->label));
}

/* Where to go on among the pending ones, and among the approved ones: both after a number. */
static int64_t
pending_after(struct device_place after)
{
	if (!after.begun)
		return NO_DEVICE;
	return after.kek == 0 ? (int64_t)after.id.value : UINT32_MAX;
}

static int64_t
approved_after(struct device_place after)
{
	return after.begun ? after.kek : 0;
}

/*
 * One statement, so that a device is not seen twice when it is approved meanwhile.  Its first row
 * says that the flock is the account's; each part begins there.
 */
enum store_result
device_list(struct session *s, struct account_id account, struct flock_id flock,
    struct device_place after, uint32_t limit, int64_t joins_since,
    bool (*each)(void *arg, const struct device_row *d), void *arg)
{
	static const char sql[] =
	    "SELECT 0 AS kek, -1 AS id, '', 0, 0 FROM flocks f WHERE f.account = ?1 AND f.id = ?2"
	    " UNION ALL SELECT 0, j.id, j.label, 0, j.created FROM flocks f CROSS JOIN joins j"
	    " WHERE f.account = ?1 AND f.id = ?2 AND j.flock = f.id AND j.id > ?3"
	    " AND j.created >= ?4"
	    " UNION ALL SELECT d.kek, d.id, d.label, d.bw_limit, d.created"
	    " FROM flocks f CROSS JOIN devices d"
	    " WHERE f.account = ?1 AND f.id = ?2 AND d.flock = f.id AND d.kek > ?5"
	    " ORDER BY kek, id LIMIT ?6";
	struct query q = query_begin(s, sql);
	struct device_row row;
	bool found;

	query_int(&q, account.value);
	query_int(&q, flock_column(flock));
	query_int(&q, pending_after(after));
	query_int(&q, joins_since);
	query_int(&q, approved_after(after));
	query_int(&q, (int64_t)limit + 1);
	found = query_row(&q);
	while (query_row(&q)) {
		if (!column_device(&q, &row) || !each(arg, &row))
			break;
	}
	return query_end(&q, found);
}

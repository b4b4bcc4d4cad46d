/* SPDX-License-Identifier: ISC */
/* How things leave registry.db, and how long that is remembered. */
#include "registry/put.h"

#define GONE_KEPT 100000

/* Runs a statement with a version, and what it is about. */
static bool
went(struct put *p, enum store_result result)
{
	p->gone = p->gone || result == STORE_OK;
	return put_changed(p, result);
}

static bool
run_pair(struct put *p, const char *sql, struct flock_id a, struct flock_id b)
{
	struct query q = query_begin(p->session, sql);

	query_int(&q, flock_column(a));
	query_int(&q, flock_column(b));
	query_int(&q, (int64_t)p->version);
	return went(p, query_run(&q));
}

bool
put_xflock_gone(struct put *p, struct flock_pair pair)
{
	static const char note[] = "INSERT INTO gone (a, b, version)"
				   " SELECT a, b, ?3 FROM xflocks WHERE a = ?1 AND b = ?2";
	static const char drop[] = "DELETE FROM xflocks WHERE a = ?1 AND b = ?2 AND ?3 > 0";

	return run_pair(p, note, pair.a, pair.b) && run_pair(p, drop, pair.a, pair.b);
}

bool
put_flock_gone(struct put *p, struct flock_id flock)
{
	static const char *const steps[] = {
		"INSERT INTO gone (a, b, version)"
		" SELECT a, b, ?3 FROM xflocks WHERE a = ?1 OR b = ?2",
		"DELETE FROM xflocks WHERE (a = ?1 OR b = ?2) AND ?3 > 0",
		"INSERT INTO gone (a, b, version)"
		" SELECT id, ?2, ?3 FROM flocks WHERE id = ?1",
		"DELETE FROM flocks WHERE id = ?1 AND id = ?2 AND ?3 > 0",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!run_pair(p, steps[i], flock, flock))
			return false;
	}
	return true;
}

/* ---- the end of a sweep ---- */

static bool
fleet_sweep(struct put *p)
{
	uint64_t came_up;
	enum store_result result = registry_counter_get(p->session, "fleet_sweep", &came_up);

	if (result != STORE_OK)
		return put_went(p, result);
	return came_up == p->sweep || put_fleet(p, NULL, 0);
}

#define NOT_UP "SELECT id FROM flocks WHERE sweep <> ?1"

bool
put_sweep(struct put *p)
{
	static const char *const steps[] = {
		"INSERT INTO gone (a, b, version) SELECT a, b, ?2 FROM xflocks"
		" WHERE sweep <> ?1 OR a IN (" NOT_UP ") OR b IN (" NOT_UP ")",
		"DELETE FROM xflocks WHERE (sweep <> ?1 OR a IN (" NOT_UP ") OR b IN (" NOT_UP
		")) AND ?2 > 0",
		"INSERT INTO gone (a, b, version) SELECT id, id, ?2 FROM flocks WHERE sweep <> ?1",
		"DELETE FROM flocks WHERE sweep <> ?1 AND ?2 > 0",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct query q = query_begin(p->session, steps[i]);

		query_int(&q, (int64_t)p->sweep);
		query_int(&q, (int64_t)p->version);
		if (!went(p, query_run(&q)))
			return false;
	}
	return fleet_sweep(p);
}

/* ---- what is forgotten ---- */

/* The newest of those that are too many; 0: none are. */
static bool
surplus_version(struct put *p, uint64_t *ret)
{
	static const char sql[] = "SELECT version FROM gone ORDER BY version DESC LIMIT 1 OFFSET ?";
	struct query q = query_begin(p->session, sql);

	query_int(&q, GONE_KEPT);
	*ret = query_row(&q) ? (uint64_t)column_int(&q, 0) : 0;
	return put_went(p, query_end(&q, true));
}

bool
put_forget(struct put *p)
{
	static const char sql[] = "DELETE FROM gone WHERE version <= ?";
	uint64_t surplus;
	struct query q;

	if (!surplus_version(p, &surplus))
		return false;
	if (surplus == 0)
		return true;
	q = query_begin(p->session, sql);
	query_int(&q, (int64_t)surplus);
	return put_went(p, query_run(&q)) &&
	       put_went(p, registry_counter_set(p->session, "forgotten", surplus));
}

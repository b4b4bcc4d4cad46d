/* SPDX-License-Identifier: ISC */
/* How things leave registry.db, and how long that is remembered. */
#include "registry/put.h"

#define GONE_KEPT 100000

/* A statement, and how many of the values it is about. */
struct step {
	const char *sql;
	size_t values;
};

/* What a step finds goes, or is noted as gone. */
static bool
step_run(struct put *p, const struct step *step, const int64_t *values)
{
	struct query q = query_begin(p->session, step->sql);
	enum store_result result;

	for (size_t i = 0; i < step->values; i++)
		query_int(&q, values[i]);
	result = query_run(&q);
	p->gone = p->gone || result == STORE_OK;
	return put_changed(p, result);
}

static bool
steps_run(struct put *p, const struct step *steps, size_t count, const int64_t *values)
{
	for (size_t i = 0; i < count; i++) {
		if (!step_run(p, &steps[i], values))
			return false;
	}
	return true;
}

bool
put_xflock_gone(struct put *p, struct flock_pair pair)
{
	static const struct step steps[] = {
		{ "INSERT INTO gone (a, b, version)"
		  " SELECT a, b, ?3 FROM xflocks WHERE a = ?1 AND b = ?2",
		    3 },
		{ "DELETE FROM xflocks WHERE a = ?1 AND b = ?2", 2 },
	};
	const int64_t values[] = { flock_column(pair.a), flock_column(pair.b),
		(int64_t)p->version };

	return steps_run(p, steps, 2, values);
}

bool
put_flock_gone(struct put *p, struct flock_id flock)
{
	static const struct step steps[] = {
		{ "INSERT INTO gone (a, b, version)"
		  " SELECT a, b, ?2 FROM xflocks WHERE a = ?1 OR b = ?1",
		    2 },
		{ "DELETE FROM xflocks WHERE a = ?1 OR b = ?1", 1 },
		{ "INSERT INTO gone (a, b, version) SELECT id, id, ?2 FROM flocks WHERE id = ?1",
		    2 },
		{ "DELETE FROM flocks WHERE id = ?1", 1 },
	};
	const int64_t values[] = { flock_column(flock), (int64_t)p->version };

	return steps_run(p, steps, 4, values);
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
	static const struct step steps[] = {
		{ "INSERT INTO gone (a, b, version) SELECT a, b, ?2 FROM xflocks"
		  " WHERE sweep <> ?1 OR a IN (" NOT_UP ") OR b IN (" NOT_UP ")",
		    2 },
		{ "DELETE FROM xflocks"
		  " WHERE sweep <> ?1 OR a IN (" NOT_UP ") OR b IN (" NOT_UP ")",
		    1 },
		{ "INSERT INTO gone (a, b, version) SELECT id, id, ?2 FROM flocks WHERE sweep <> "
		  "?1",
		    2 },
		{ "DELETE FROM flocks WHERE sweep <> ?1", 1 },
	};
	const int64_t values[] = { (int64_t)p->sweep, (int64_t)p->version };

	return steps_run(p, steps, 4, values) && fleet_sweep(p);
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

/* SPDX-License-Identifier: ISC */
#include "registry/put.h"

#include <stdlib.h>
#include <string.h>

static int
by_name(const void *a, const void *b)
{
	const struct record_cathedral *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool
cathedrals_drop(struct put *p)
{
	static const char sql[] = "DELETE FROM cathedrals";
	struct query q = query_begin(p->session, sql);

	return put_went(p, query_run(&q));
}

static bool
cathedral_write(struct put *p, const struct record_cathedral *c)
{
	static const char sql[] =
	    "INSERT INTO cathedrals (name, region, ip, port, nat_port, shroud, draining)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?)";
	struct query q = query_begin(p->session, sql);

	query_text(&q, c->name);
	query_text(&q, c->region);
	query_blob(&q, c->at.ip, sizeof(c->at.ip));
	query_int(&q, c->at.port);
	query_int(&q, c->nat_port);
	query_int(&q, c->shroud);
	query_int(&q, c->draining);
	return put_went(p, query_run(&q));
}

static bool
fleet_write(struct put *p, const struct record_cathedral *fleet, size_t count, const char *digest)
{
	if (!cathedrals_drop(p))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!cathedral_write(p, &fleet[i]))
			return false;
	}
	p->changed = true;
	return put_went(p, registry_fact_set(p->session, "fleet", digest)) &&
	       put_went(p, registry_counter_set(p->session, "fleet", p->version));
}

/* Sorted by name. */
static bool
fleet_put_sorted(struct put *p, const struct record_cathedral *fleet, size_t count)
{
	char there[FACT_TEXT], text[DIGEST_TEXT];
	struct secret_hash digest = registry_digest_fleet(p->db, fleet, count);

	registry_digest_text(text, &digest);
	if (!put_went(p, registry_counter_set(p->session, "fleet_sweep", p->sweep)) ||
	    !put_went(p, registry_fact_get(p->session, "fleet", there)))
		return false;
	/* None at all, and never one before, is no change. */
	if (strcmp(text, there) == 0 || (count == 0 && there[0] == '\0'))
		return true;
	return fleet_write(p, fleet, count, text);
}

static bool
all_differ(struct put *p, const struct record_cathedral *sorted, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
			return fault_set(p->why, "cathedral %s: is there twice", sorted[i].name);
	}
	return true;
}

bool
put_fleet(struct put *p, const struct record_cathedral *fleet, size_t count)
{
	struct record_cathedral *sorted = calloc(count + 1, sizeof(sorted[0]));
	bool ok;

	if (sorted == NULL)
		return fault_set(p->why, "out of memory");
	if (count > 0)
		memcpy(sorted, fleet, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), by_name);
	ok = all_differ(p, sorted, count) && fleet_put_sorted(p, sorted, count);
	free(sorted);
	return ok;
}

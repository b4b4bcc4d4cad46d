/* SPDX-License-Identifier: ISC */
/*
 * The fleet: tens of rows, so that looking at all of them is fine.  What state one is in follows
 * from when it was last heard of, and is stored nowhere.
 */
#include "reliquary-api/store/cathedrals.h"

#include "database/sql.h"
#include "reliquary-api/store/parts.h"

#include <string.h>

/* How many changes there were since its own. */
#define CATHEDRAL_BEHIND "max((SELECT value FROM counters WHERE name = 'changes') - change, 0)"

/* It is there while a cathedral wants to be left: a wish of its own beside its operator's. */
#define LEAVING "'draining ' || "

#define CATHEDRAL_COLUMNS                                                                          \
	"name, region, address, port, nat_port, shroud, draining, created, coalesce(seen, 0),"     \
	" version, load, change, " CATHEDRAL_BEHIND ", coalesce(due, 0), coalesce(due_since, 0),"  \
	" EXISTS (SELECT 1 FROM facts WHERE facts.name = " LEAVING "cathedrals.name)"

static bool
is_behind(const struct cathedral_row *c, int64_t now)
{
	return c->says_change && c->change < c->due && now - c->due_since >= CATHEDRAL_LATE_S;
}

enum cathedral_state
cathedral_state(const struct cathedral_row *c, int64_t now)
{
	if (c->draining || c->leaving)
		return CATHEDRAL_DRAINING;
	if (c->seen == 0)
		return CATHEDRAL_NEW;
	if (now - c->seen < CATHEDRAL_LATE_S)
		return is_behind(c, now) ? CATHEDRAL_LATE : CATHEDRAL_HEALTHY;
	return now - c->seen < CATHEDRAL_GONE_S ? CATHEDRAL_LATE : CATHEDRAL_GONE;
}

const char *
cathedral_state_name(enum cathedral_state state)
{
	switch (state) {
	case CATHEDRAL_NEW:
		return "new";
	case CATHEDRAL_HEALTHY:
		return "healthy";
	case CATHEDRAL_LATE:
		return "late";
	case CATHEDRAL_GONE:
		return "gone";
	case CATHEDRAL_DRAINING:
		return "draining";
	}
	return "unknown";
}

static bool
column_cathedral(struct query *q, struct cathedral_row *ret)
{
	*ret = (struct cathedral_row){
		.port = (uint16_t)column_int(q, 3),
		.nat_port = (uint16_t)column_int(q, 4),
		.shroud = column_int(q, 5) != 0,
		.draining = column_int(q, 6) != 0,
		.created = column_int(q, 7),
		.seen = column_int(q, 8),
		.load = (uint64_t)column_int(q, 10),
		.says_change = !column_is_null(q, 11),
		.change = (uint64_t)column_int(q, 11),
		.behind = (uint64_t)column_int(q, 12),
		.due = (uint64_t)column_int(q, 13),
		.due_since = column_int(q, 14),
		.leaving = column_int(q, 15) != 0,
	};
	return column_text(q, 0, ret->name, sizeof(ret->name)) &&
	       column_text(q, 1, ret->region, sizeof(ret->region)) &&
	       column_text(q, 2, ret->address, sizeof(ret->address)) &&
	       column_text(q, 9, ret->version, sizeof(ret->version));
}

/* Binds ?1 to ?7: what its operator decides. */
static void
query_cathedral(struct query *q, const struct cathedral_row *c)
{
	query_text(q, c->name);
	query_text(q, c->region);
	query_text(q, c->address);
	query_int(q, c->port);
	query_int(q, c->nat_port);
	query_int(q, c->shroud);
	query_int(q, c->draining);
}

/* Runs what changes the fleet, and notes that. */
static enum store_result
fleet_change(struct query *q, int64_t now)
{
	static const struct flock_id fleet = { 0 };
	struct session *s = q->session;
	enum store_result result = query_run(q);

	return result == STORE_OK ? change_note(s, fleet, fleet, CHANGE_MADE, now) : result;
}

enum store_result
cathedral_add(
    struct session *s, const struct cathedral_row *c, const struct hash32 *token_hash, int64_t now)
{
	static const char sql[] =
	    "INSERT INTO cathedrals"
	    " (name, region, address, port, nat_port, shroud, draining, token_hash, created)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	enum store_result result = whole_begin(s);
	struct query q;

	if (result != STORE_OK)
		return result;
	q = query_begin(s, sql);
	query_cathedral(&q, c);
	query_blob(&q, token_hash->bytes, sizeof(token_hash->bytes));
	query_int(&q, now);
	return whole_end(s, fleet_change(&q, now));
}

enum store_result
cathedral_get(struct session *s, const char *name, struct cathedral_row *ret)
{
	static const char sql[] = "SELECT " CATHEDRAL_COLUMNS " FROM cathedrals WHERE name = ?1";
	struct query q = query_begin(s, sql);

	query_text(&q, name);
	return query_end(&q, query_row(&q) && column_cathedral(&q, ret));
}

enum store_result
cathedral_set(struct session *s, const struct cathedral_row *c, int64_t now)
{
	static const char sql[] = "UPDATE cathedrals SET region = ?2, address = ?3, port = ?4,"
				  " nat_port = ?5, shroud = ?6, draining = ?7 WHERE name = ?1";
	enum store_result result = whole_begin(s);
	struct query q;

	if (result != STORE_OK)
		return result;
	q = query_begin(s, sql);
	query_cathedral(&q, c);
	return whole_end(s, fleet_change(&q, now));
}

enum store_result
cathedral_set_token(struct session *s, const char *name, const struct hash32 *token_hash)
{
	static const char sql[] = "UPDATE cathedrals SET token_hash = ?2 WHERE name = ?1";
	struct query q = query_begin(s, sql);

	query_text(&q, name);
	query_blob(&q, token_hash->bytes, sizeof(token_hash->bytes));
	return query_run(&q);
}

/* Notes its own wish, which others have to hear of if it is a new one. */
static enum store_result
set_leaving(struct session *s, const char *name, bool leaving, int64_t now)
{
	static const char add[] = "INSERT INTO facts (name, value) VALUES (" LEAVING "?1, '')"
				  " ON CONFLICT (name) DO NOTHING";
	static const char end[] = "DELETE FROM facts WHERE name = " LEAVING "?1";
	struct query q = query_begin(s, leaving ? add : end);
	enum store_result result;

	query_text(&q, name);
	result = fleet_change(&q, now);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
cathedral_remove(struct session *s, const char *name, int64_t now)
{
	static const char sql[] = "DELETE FROM cathedrals WHERE name = ?1";
	enum store_result result = whole_begin(s);
	struct query q;

	if (result != STORE_OK)
		return result;
	q = query_begin(s, sql);
	query_text(&q, name);
	result = fleet_change(&q, now);
	if (result == STORE_OK)
		result = set_leaving(s, name, false, now);
	return whole_end(s, result);
}

enum store_result
cathedral_list(struct session *s, bool (*each)(void *arg, const struct cathedral_row *c), void *arg)
{
	static const char sql[] = "SELECT " CATHEDRAL_COLUMNS " FROM cathedrals ORDER BY name";
	struct query q = query_begin(s, sql);
	struct cathedral_row row;

	while (query_row(&q)) {
		if (!column_cathedral(&q, &row) || !each(arg, &row))
			break;
	}
	return query_end(&q, true);
}

enum store_result
cathedral_by_token(struct session *s, const struct hash32 *token_hash, struct cathedral_row *ret)
{
	static const char sql[] =
	    "SELECT " CATHEDRAL_COLUMNS " FROM cathedrals WHERE token_hash = ?1";
	struct query q = query_begin(s, sql);

	query_blob(&q, token_hash->bytes, sizeof(token_hash->bytes));
	return query_end(&q, query_row(&q) && column_cathedral(&q, ret));
}

/*
 * What is due is the last change at the time of a heartbeat; when one says that it is reached, the
 * last one of that time is.
 */
static enum store_result
note_heartbeat(struct session *s, const struct heartbeat *h, int64_t now)
{
	static const char sql[] =
	    "UPDATE cathedrals SET version = ?2, load = ?3, seen = ?4, change = ?5,"
	    " due = CASE WHEN ?5 < coalesce(due, last.value) THEN coalesce(due, last.value)"
	    " WHEN ?5 IS NOT NULL THEN last.value END,"
	    " due_since = CASE WHEN ?5 < coalesce(due, last.value) THEN coalesce(due_since, 0)"
	    " WHEN ?5 IS NOT NULL THEN ?4 END"
	    " FROM counters AS last WHERE last.name = 'changes' AND cathedrals.name = ?1";
	struct query q = query_begin(s, sql);

	query_text(&q, h->name);
	query_text(&q, h->version);
	query_count(&q, h->load);
	query_int(&q, now);
	if (h->says_change)
		query_count(&q, h->change);
	else
		query_null(&q);
	return query_run(&q);
}

/* Nothing of it is news to other cathedrals, so it is no change, but that it is to be left. */
enum store_result
cathedral_heartbeat(struct session *s, const struct heartbeat *h, int64_t now)
{
	enum store_result result = whole_begin(s);

	if (result != STORE_OK)
		return result;
	result = note_heartbeat(s, h, now);
	if (result == STORE_OK)
		result = set_leaving(s, h->name, h->leaving, now);
	return whole_end(s, result);
}

struct choice {
	const char *region;
	int64_t now;
	struct cathedral_row best;
	bool found;
};

/* The lower the better; 0: not to be handed out. */
static unsigned
state_rank(enum cathedral_state state)
{
	switch (state) {
	case CATHEDRAL_HEALTHY:
		return 1;
	case CATHEDRAL_NEW:
		return 2;
	case CATHEDRAL_LATE:
		return 3;
	case CATHEDRAL_GONE:
	case CATHEDRAL_DRAINING:
		break;
	}
	return 0;
}

static bool
choice_better(const struct choice *ch, const struct cathedral_row *c)
{
	unsigned rank = state_rank(cathedral_state(c, ch->now));
	unsigned best = state_rank(cathedral_state(&ch->best, ch->now));
	bool near = strcmp(c->region, ch->region) == 0;
	bool best_near = strcmp(ch->best.region, ch->region) == 0;

	if (rank == 0 || !ch->found)
		return rank != 0;
	if (rank != best)
		return rank < best;
	if (ch->region[0] != '\0' && near != best_near)
		return near;
	return c->load < ch->best.load; /* alike: the first by name */
}

static bool
choice_see(void *arg, const struct cathedral_row *c)
{
	struct choice *ch = arg;

	if (choice_better(ch, c)) {
		ch->best = *c;
		ch->found = true;
	}
	return true;
}

enum store_result
cathedral_choose(struct session *s, const char *region, int64_t now, struct cathedral_row *ret)
{
	struct choice ch = { .region = region, .now = now };
	enum store_result result = cathedral_list(s, choice_see, &ch);

	if (result != STORE_OK)
		return result;
	if (!ch.found)
		return STORE_NONE;
	*ret = ch.best;
	return STORE_OK;
}

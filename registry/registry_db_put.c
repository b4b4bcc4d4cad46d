/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/secret.h"
#include "registry/parts.h"
#include "registry/put.h"

#include <inttypes.h>
#include <string.h>

bool
put_went(struct put *p, enum store_result result)
{
	if (result == STORE_OK || result == STORE_NONE)
		return true;
	return session_fault(p->session, result, p->why);
}

bool
put_changed(struct put *p, enum store_result result)
{
	p->changed = p->changed || result == STORE_OK;
	return put_went(p, result);
}

/* ---- what is there already ---- */

/* The row of a subject, if there is one. */
struct row {
	bool there, same; /* with the same content */
	uint64_t sweep;
};

static bool
row_look(struct put *p, struct query *q, const struct secret_hash *digest, struct row *ret)
{
	struct secret_hash there;

	*ret = (struct row){ .there = query_row(q) };
	if (ret->there) {
		ret->sweep = (uint64_t)column_int(q, 1);
		ret->same = column_blob(q, 0, there.bytes, sizeof(there.bytes)) &&
			    secret_equal(there.bytes, digest->bytes, sizeof(there.bytes));
	}
	return put_went(p, query_end(q, true));
}

/* It is here again. */
static bool
unforget(struct put *p, struct flock_id a, struct flock_id b)
{
	static const char sql[] = "DELETE FROM gone WHERE a = ? AND b = ?";
	struct query q = query_begin(p->session, sql);

	query_int(&q, flock_column(a));
	query_int(&q, flock_column(b));
	return put_went(p, query_run(&q));
}

/* ---- flocks ---- */

static bool
flock_came_up(struct put *p, struct flock_id flock)
{
	static const char sql[] = "UPDATE flocks SET sweep = ? WHERE id = ?";
	struct query q = query_begin(p->session, sql);

	query_int(&q, (int64_t)p->sweep);
	query_int(&q, flock_column(flock));
	return put_went(p, query_run(&q));
}

static bool
flock_write(struct put *p, const struct record_flock *f, const struct secret_hash *digest)
{
	static const char sql[] =
	    "INSERT INTO flocks (id, version, sweep, digest, keks, slice)"
	    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version,"
	    " sweep = excluded.sweep, digest = excluded.digest, keks = excluded.keks,"
	    " slice = excluded.slice";
	struct query q = query_begin(p->session, sql);
	uint8_t keks[KEK_SET_SIZE];

	registry_keks_pack(keks, &f->slice.in_a);
	query_int(&q, flock_column(f->id));
	query_int(&q, (int64_t)p->version);
	query_int(&q, (int64_t)p->sweep);
	query_blob(&q, digest->bytes, sizeof(digest->bytes));
	query_blob(&q, keks, sizeof(keks));
	query_blob(&q, f->slice.bytes, f->slice.len);
	return put_changed(p, query_run(&q));
}

static bool
devices_drop(struct put *p, struct flock_id flock)
{
	static const char sql[] = "DELETE FROM devices WHERE flock = ?";
	struct query q = query_begin(p->session, sql);

	query_int(&q, flock_column(flock));
	return put_went(p, query_run(&q));
}

static bool
device_write(struct put *p, struct flock_id flock, const struct record_device *d)
{
	static const char sql[] = "INSERT INTO devices (flock, kek, id, mbit, cosk, sealed)"
				  " VALUES (?, ?, ?, ?, ?, ?)";
	struct query q = query_begin(p->session, sql);
	uint8_t sealed[SECRET_SEALED];
	char place[DEVICE_PLACE];

	registry_device_place(place, flock, d->id);
	vault_seal(p->db->vault, place, d->cs.bytes, sizeof(d->cs.bytes), sealed, p->random);
	query_int(&q, flock_column(flock));
	query_int(&q, d->kek);
	query_int(&q, d->id.value);
	query_int(&q, d->mbit);
	query_blob(&q, d->cosk.bytes, sizeof(d->cosk.bytes));
	query_blob(&q, sealed, sizeof(sealed));
	return put_went(p, query_run(&q));
}

static bool
flock_put(struct put *p, const struct record_flock *f)
{
	static const char sql[] = "SELECT digest, sweep FROM flocks WHERE id = ?";
	struct query q = query_begin(p->session, sql);
	struct secret_hash digest = registry_digest_flock(p->db, f);
	struct row row;

	query_int(&q, flock_column(f->id));
	if (!row_look(p, &q, &digest, &row))
		return false;
	if (row.same)
		return row.sweep == p->sweep || flock_came_up(p, f->id);
	if (!flock_write(p, f, &digest) || !devices_drop(p, f->id))
		return false;
	for (size_t i = 0; i < f->device_count; i++) {
		if (!device_write(p, f->id, &f->devices[i]))
			return false;
	}
	return row.there || unforget(p, f->id, f->id);
}

/* ---- xflocks ---- */

static bool
xflock_came_up(struct put *p, const struct record_xflock *x)
{
	static const char sql[] = "UPDATE xflocks SET sweep = ? WHERE a = ? AND b = ?";
	struct query q = query_begin(p->session, sql);

	query_int(&q, (int64_t)p->sweep);
	query_int(&q, flock_column(x->a));
	query_int(&q, flock_column(x->b));
	return put_went(p, query_run(&q));
}

static bool
xflock_write(struct put *p, const struct record_xflock *x, const struct secret_hash *digest)
{
	static const char sql[] =
	    "INSERT INTO xflocks (a, b, version, sweep, digest, keks, slice)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (a, b) DO UPDATE SET"
	    " version = excluded.version, sweep = excluded.sweep, digest = excluded.digest,"
	    " keks = excluded.keks, slice = excluded.slice";
	struct query q = query_begin(p->session, sql);
	uint8_t keks[2 * KEK_SET_SIZE];

	registry_keks_pack(keks, &x->slice.in_a);
	registry_keks_pack(keks + KEK_SET_SIZE, &x->slice.in_b);
	query_int(&q, flock_column(x->a));
	query_int(&q, flock_column(x->b));
	query_int(&q, (int64_t)p->version);
	query_int(&q, (int64_t)p->sweep);
	query_blob(&q, digest->bytes, sizeof(digest->bytes));
	query_blob(&q, keks, sizeof(keks));
	query_blob(&q, x->slice.bytes, x->slice.len);
	return put_changed(p, query_run(&q));
}

static bool
xflock_put(struct put *p, const struct record_xflock *x)
{
	static const char sql[] = "SELECT digest, sweep FROM xflocks WHERE a = ? AND b = ?";
	struct query q = query_begin(p->session, sql);
	struct secret_hash digest = registry_digest_xflock(p->db, x);
	struct row row;

	query_int(&q, flock_column(x->a));
	query_int(&q, flock_column(x->b));
	if (!row_look(p, &q, &digest, &row))
		return false;
	if (row.same)
		return row.sweep == p->sweep || xflock_came_up(p, x);
	return xflock_write(p, x, &digest) && (row.there || unforget(p, x->a, x->b));
}

/* ---- a page ---- */

/* What is gone comes last: of a page that contradicts itself nobody gets in. */
static bool
page_apply(struct put *p, const struct record_page *page)
{
	for (size_t i = 0; i < page->flock_count; i++) {
		if (!flock_put(p, &page->flocks[i]))
			return false;
	}
	for (size_t i = 0; i < page->xflock_count; i++) {
		if (!xflock_put(p, &page->xflocks[i]))
			return false;
	}
	if (page->has_fleet && !put_fleet(p, page->fleet, page->fleet_count))
		return false;
	for (size_t i = 0; i < page->xflock_gone_count; i++) {
		if (!put_xflock_gone(p, page->xflocks_gone[i]))
			return false;
	}
	for (size_t i = 0; i < page->flock_gone_count; i++) {
		if (!put_flock_gone(p, page->flocks_gone[i]))
			return false;
	}
	return true;
}

static bool
counter_read(struct put *p, const char *name, uint64_t *ret)
{
	enum store_result result = registry_counter_get(p->session, name, ret);

	return result == STORE_OK || session_fault(p->session, result, p->why);
}

static bool
counter_write(struct put *p, const char *name, uint64_t value)
{
	return put_went(p, registry_counter_set(p->session, name, value));
}

/* The page has to follow what is there. */
static bool
page_follows(struct put *p, const struct record_page *page)
{
	char database[FACT_TEXT];
	uint64_t until;

	if (!put_went(p, registry_fact_get(p->session, "database", database)) ||
	    !counter_read(p, "until", &until))
		return false;
	if (page->reset)
		return true;
	if (page->since == until && strcmp(page->database, database) == 0)
		return true;
	return fault_set(p->why,
	    "%s: a page of database \"%s\" from %" PRIu64
	    " on does not follow what is there: database \"%s\" up to %" PRIu64,
	    p->db->database.path, page->database, page->since, database, until);
}

static bool
put_begin(struct put *p, const struct record_page *page, uint64_t *sweeping)
{
	uint64_t version;

	if (!page_follows(p, page) || !counter_read(p, "version", &version) ||
	    !counter_read(p, "sweep", &p->sweep) || !counter_read(p, "sweeping", sweeping))
		return false;
	p->version = version + 1;
	if (!page->reset)
		return true;
	p->sweep++;
	*sweeping = 1;
	return counter_write(p, "sweep", p->sweep) &&
	       put_went(p, registry_fact_set(p->session, "database", page->database));
}

static bool
put_finish(struct put *p, const struct record_page *page, uint64_t sweeping)
{
	if (sweeping != 0 && !page->more) {
		if (!put_sweep(p) || !counter_write(p, "swept", p->sweep))
			return false;
		sweeping = 0;
	}
	return (!p->gone || put_forget(p)) && counter_write(p, "sweeping", sweeping) &&
	       counter_write(p, "until", page->until) &&
	       (!p->changed || counter_write(p, "version", p->version));
}

static bool
put_all(struct put *p, const struct record_page *page)
{
	enum store_result result = group_begin(p->session);
	uint64_t sweeping;

	if (result != STORE_OK)
		return session_fault(p->session, result, p->why);
	if (!put_begin(p, page, &sweeping) || !page_apply(p, page) ||
	    !put_finish(p, page, sweeping)) {
		group_abandon(p->session);
		return false;
	}
	result = group_commit(p->session);
	return result == STORE_OK || session_fault(p->session, result, p->why);
}

bool
registry_db_put(struct registry_db *db, const struct record_page *page, bool *changed,
    struct random *random, struct fault *why)
{
	struct put p = { .db = db, .random = random, .why = why };
	uint64_t left;

	*changed = false;
	if (!page_check(page, why) || !registry_connect(db, why))
		return false;
	p.session = db->session;
	if (!put_all(&p, page))
		return false;
	*changed = p.changed;
	/* It is on disk; what is wrong with moving it out of the log is logged, and tried again. */
	store_checkpoint(db->session, &left);
	return true;
}

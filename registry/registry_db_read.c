/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/secret.h"
#include "registry/parts.h"

#include <stdlib.h>
#include <string.h>

/* One reading, of one moment. */
struct reading {
	struct registry_db *db;
	const struct registry_db_visitor *to;
	struct fault *why;
	uint64_t from; /* what is newer than this; 0: everything */
	bool whole;
	char id[FACT_TEXT];
};

/* Who has no key file wrote it, or the disk lies. */
static bool
damaged(struct reading *r, const char *what)
{
	return fault_set(r->why,
	    "%s: %s is not as it was written: remove the file, and all of it comes again",
	    r->db->database.path, what);
}

static bool
failed(struct reading *r, enum store_result result)
{
	return session_fault(r->db->session, result, r->why);
}

/* Each row to one(), which says why when it returns false. */
static bool
each_row(struct reading *r, struct query *q, bool (*one)(struct reading *r, struct query *q))
{
	enum store_result result;
	bool good = true;

	while (good && query_row(q))
		good = one(r, q);
	result = query_end(q, true);
	return result == STORE_OK ? good : failed(r, result);
}

/* ---- columns ---- */

static bool
column_slice(struct reading *r, struct query *q, int n, struct record_slice *ret)
{
	size_t len;
	const void *bytes = column_view(q, n, &len);

	if (len == 0)
		return true;
	ret->bytes = malloc(len);
	if (ret->bytes == NULL)
		return fault_set(r->why, "out of memory");
	memcpy(ret->bytes, bytes, len);
	ret->len = len;
	return true;
}

/* A row holds what its digest was made of. */
static bool
digest_fits(struct reading *r, struct query *q, int n, const struct secret_hash *digest)
{
	struct secret_hash there;

	return column_blob(q, n, there.bytes, sizeof(there.bytes)) &&
	       (secret_equal(there.bytes, digest->bytes, sizeof(there.bytes)) ||
		   damaged(r, "a row"));
}

/* ---- flocks ---- */

static bool
device_column(struct reading *r, struct query *q, struct flock_id flock, struct record_device *d)
{
	uint8_t sealed[SECRET_SEALED];
	char place[DEVICE_PLACE];

	d->kek = (uint8_t)column_int(q, 0);
	d->id.value = (uint32_t)column_int(q, 1);
	d->mbit = (uint32_t)column_int(q, 2);
	if (!column_blob(q, 3, d->cosk.bytes, sizeof(d->cosk.bytes)) ||
	    !column_blob(q, 4, sealed, sizeof(sealed)))
		return false;
	registry_device_place(place, flock, d->id);
	return vault_open_sealed(r->db->vault, place, sealed, sizeof(sealed), d->cs.bytes) ||
	       damaged(r, "a device's secret");
}

/* Into the scratch memory, which *count of them are in then. */
static bool
devices_collect(struct reading *r, struct flock_id flock, size_t *count)
{
	static const char sql[] =
	    "SELECT kek, id, mbit, cosk, sealed FROM devices WHERE flock = ? ORDER BY kek";
	struct query q = query_begin(r->db->session, sql);
	enum store_result result;
	bool good = true;

	query_int(&q, flock_column(flock));
	for (*count = 0; good && query_row(&q); ++*count) {
		if (*count == FLOCK_DEVICES) {
			good = damaged(r, "a flock");
			break;
		}
		good = device_column(r, &q, flock, &r->db->scratch->devices[*count]);
	}
	result = query_end(&q, true);
	return result == STORE_OK ? good : failed(r, result);
}

static bool
devices_load(struct reading *r, struct record_flock *f)
{
	struct record_device *scratch = r->db->scratch->devices;
	size_t count;
	bool good = devices_collect(r, f->id, &count);

	if (good && count > 0) {
		f->devices = malloc(count * sizeof(f->devices[0]));
		good = f->devices != NULL || fault_set(r->why, "out of memory");
	}
	if (f->devices != NULL) {
		memcpy(f->devices, scratch, count * sizeof(f->devices[0]));
		f->device_count = count;
	}
	secret_wipe(scratch, count * sizeof(scratch[0]));
	return good;
}

static bool
flock_load(struct reading *r, struct query *q, struct record_flock *f)
{
	uint8_t keks[KEK_SET_SIZE];
	struct secret_hash digest;

	f->id = column_flock(q, 0);
	if (!column_blob(q, 2, keks, sizeof(keks)))
		return false;
	registry_keks_unpack(&f->slice.in_a, keks);
	f->slice.in_b = f->slice.in_a;
	if (!column_slice(r, q, 3, &f->slice) || !devices_load(r, f))
		return false;
	digest = registry_digest_flock(r->db, f);
	return digest_fits(r, q, 1, &digest);
}

static bool
flock_give(struct reading *r, struct query *q)
{
	struct record_flock f = { .device_count = 0 };
	bool good = flock_load(r, q, &f) && r->to->flock(r->to->arg, &f, r->why);

	record_flock_free(&f);
	return good;
}

static bool
flocks_give(struct reading *r)
{
	static const char all[] = "SELECT id, digest, keks, slice FROM flocks ORDER BY id";
	static const char some[] = "SELECT id, digest, keks, slice FROM flocks"
				   " WHERE version > ? ORDER BY version";
	struct query q = query_begin(r->db->session, r->whole ? all : some);

	if (!r->whole)
		query_int(&q, (int64_t)r->from);
	return each_row(r, &q, flock_give);
}

/* ---- xflocks ---- */

static bool
xflock_load(struct reading *r, struct query *q, struct record_xflock *x)
{
	uint8_t keks[2 * KEK_SET_SIZE];
	struct secret_hash digest;

	x->a = column_flock(q, 0);
	x->b = column_flock(q, 1);
	if (!column_blob(q, 3, keks, sizeof(keks)))
		return false;
	registry_keks_unpack(&x->slice.in_a, keks);
	registry_keks_unpack(&x->slice.in_b, keks + KEK_SET_SIZE);
	if (!column_slice(r, q, 4, &x->slice))
		return false;
	digest = registry_digest_xflock(r->db, x);
	return digest_fits(r, q, 2, &digest);
}

static bool
xflock_give(struct reading *r, struct query *q)
{
	struct record_xflock x = { .slice.len = 0 };
	bool good = xflock_load(r, q, &x) && r->to->xflock(r->to->arg, &x, r->why);

	record_xflock_free(&x);
	return good;
}

static bool
xflocks_give(struct reading *r)
{
	static const char all[] = "SELECT a, b, digest, keks, slice FROM xflocks";
	static const char some[] = "SELECT a, b, digest, keks, slice FROM xflocks"
				   " WHERE version > ? ORDER BY version";
	struct query q = query_begin(r->db->session, r->whole ? all : some);

	if (!r->whole)
		query_int(&q, (int64_t)r->from);
	return each_row(r, &q, xflock_give);
}

/* ---- what is gone ---- */

static bool
xflock_gone_give(struct reading *r, struct query *q)
{
	struct flock_pair pair = { column_flock(q, 0), column_flock(q, 1) };

	return r->to->xflock_gone(r->to->arg, pair, r->why);
}

static bool
flock_gone_give(struct reading *r, struct query *q)
{
	return r->to->flock_gone(r->to->arg, column_flock(q, 0), r->why);
}

static bool
gone_give(struct reading *r)
{
	static const char pairs[] = "SELECT a, b FROM gone WHERE version > ? AND a <> b";
	static const char flocks[] = "SELECT a FROM gone WHERE version > ? AND a = b";
	struct query q;

	if (r->whole)
		return true;
	q = query_begin(r->db->session, pairs);
	query_int(&q, (int64_t)r->from);
	if (!each_row(r, &q, xflock_gone_give))
		return false;
	q = query_begin(r->db->session, flocks);
	query_int(&q, (int64_t)r->from);
	return each_row(r, &q, flock_gone_give);
}

/* ---- the fleet ---- */

static bool
cathedral_column(struct query *q, struct record_cathedral *c)
{
	*c = (struct record_cathedral){ .at.port = (uint16_t)column_int(q, 3),
		.nat_port = (uint16_t)column_int(q, 4),
		.shroud = column_int(q, 5) != 0,
		.draining = column_int(q, 6) != 0 };
	return column_text(q, 0, c->name, sizeof(c->name)) &&
	       column_text(q, 1, c->region, sizeof(c->region)) &&
	       column_blob(q, 2, c->at.ip, sizeof(c->at.ip));
}

static bool
fleet_load(struct reading *r, struct record_cathedral *fleet, size_t room, size_t *count)
{
	static const char sql[] = "SELECT name, region, ip, port, nat_port, shroud, draining"
				  " FROM cathedrals ORDER BY name";
	struct query q = query_begin(r->db->session, sql);
	enum store_result result;
	bool good = true;

	for (*count = 0; good && *count < room && query_row(&q); ++*count)
		good = cathedral_column(&q, &fleet[*count]);
	result = query_end(&q, true);
	return result == STORE_OK ? good : failed(r, result);
}

static bool
fleet_fits(struct reading *r, const struct record_cathedral *fleet, size_t count)
{
	char want[FACT_TEXT], is[DIGEST_TEXT];
	enum store_result result = registry_fact_get(r->db->session, "fleet", want);
	struct secret_hash digest = registry_digest_fleet(r->db, fleet, count);

	if (result != STORE_OK)
		return failed(r, result);
	/* Before one was heard of there is neither. */
	if (count == 0 && want[0] == '\0')
		return true;
	return strcmp(registry_digest_text(is, &digest), want) == 0 || damaged(r, "a cathedral");
}

/* How many rows there are. */
static bool
fleet_room(struct reading *r, size_t *ret)
{
	static const char sql[] = "SELECT count(*) FROM cathedrals";
	struct query q = query_begin(r->db->session, sql);
	bool found = query_row(&q);
	enum store_result result;

	*ret = (size_t)column_int(&q, 0);
	result = query_end(&q, found);
	return result == STORE_OK || failed(r, result);
}

static bool
fleet_give(struct reading *r)
{
	struct record_cathedral *fleet;
	uint64_t version;
	size_t room, count;
	enum store_result result = registry_counter_get(r->db->session, "fleet", &version);
	bool good;

	if (result != STORE_OK)
		return failed(r, result);
	if (!r->whole && version <= r->from)
		return true;
	if (!fleet_room(r, &room))
		return false;
	fleet = calloc(room + 1, sizeof(fleet[0]));
	if (fleet == NULL)
		return fault_set(r->why, "out of memory");
	good = fleet_load(r, fleet, room, &count) && fleet_fits(r, fleet, count) &&
	       r->to->fleet(r->to->arg, fleet, count, r->why);
	free(fleet);
	return good;
}

/* ---- all of it ---- */

/*
 * A file in the place of another: until all there is has come up for the first time, what was read
 * from the other one is nearer to the truth.
 */
static bool
is_complete(struct reading *r)
{
	uint64_t swept;
	enum store_result result = registry_counter_get(r->db->session, "swept", &swept);

	if (result != STORE_OK)
		return failed(r, result);
	return swept > 0 ||
	       fault_set(r->why, "%s: is a new one, and not complete yet", r->db->database.path);
}

/* Where to begin: versions of another file, or of before what is forgotten, say nothing. */
static bool
reading_begin(struct reading *r, uint64_t after, uint64_t *version)
{
	struct session *s = r->db->session;
	uint64_t forgotten = 0;
	enum store_result result = registry_fact_get(s, "id", r->id);
	bool other;

	if (result == STORE_OK)
		result = registry_counter_get(s, "version", version);
	if (result == STORE_OK)
		result = registry_counter_get(s, "forgotten", &forgotten);
	if (result != STORE_OK)
		return failed(r, result);
	other = r->db->read_id[0] != '\0' && strcmp(r->db->read_id, r->id) != 0;
	r->whole = other || after == 0 || after < forgotten || after > *version;
	r->from = r->whole ? 0 : after;
	return !other || is_complete(r);
}

static bool
read_all(struct reading *r, uint64_t after, uint64_t *version)
{
	if (!reading_begin(r, after, version))
		return false;
	if (!r->whole && r->from == *version)
		return true;
	return flocks_give(r) && xflocks_give(r) && gone_give(r) && fleet_give(r);
}

bool
registry_db_read(struct registry_db *db, uint64_t after, const struct registry_db_visitor *to,
    bool *whole, uint64_t *version, struct fault *why)
{
	struct reading r = { .db = db, .to = to, .why = why };
	enum store_result result;
	uint64_t now = 0;
	bool good;

	if (!registry_connect(db, why))
		return false;
	result = session_read_begin(db->session);
	if (result != STORE_OK)
		return session_fault(db->session, result, why);
	good = read_all(&r, after, &now);
	session_read_end(db->session);
	if (!good)
		return false;
	memcpy(db->read_id, r.id, sizeof(db->read_id));
	*whole = r.whole;
	*version = now;
	return true;
}

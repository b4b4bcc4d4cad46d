/* SPDX-License-Identifier: ISC */
#include "tests/support/truth.h"

#include "base/clock.h"
#include "base/file.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUSY_MS 10000

#define SERVED                                                                                     \
	" IN (SELECT f.id FROM flocks f JOIN accounts a ON a.id = f.account"                       \
	" WHERE a.suspended = 0 AND a.expires > ?1)"

void
truth_open(struct truth *t, const char *data)
{
	char path[320];
	struct fault why;

	snprintf(path, sizeof(path), "%s/key", data);
	snprintf(t->bundles, sizeof(t->bundles), "%s/bundles", data);
	t->vault = vault_open(path, &why);
	if (t->vault == NULL)
		fail_msg("%s", why.text);
	snprintf(path, sizeof(path), "%s/reliquary.db", data);
	assert_int_equal(sqlite3_open(path, &t->db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(t->db, BUSY_MS), SQLITE_OK);
}

void
truth_close(struct truth *t)
{
	sqlite3_close(t->db);
	vault_close(t->vault);
	*t = (struct truth){ .db = NULL };
}

static sqlite3_stmt *
prepare(struct truth *t, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(t->db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
	return s;
}

static bool
row(struct truth *t, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		fail_msg("%s: %s", sqlite3_sql(s), sqlite3_errmsg(t->db));
	return code == SQLITE_ROW;
}

const char *
truth_text(struct truth *t, const char *sql, int64_t a, int64_t b, char out[static TRUTH_TEXT])
{
	sqlite3_stmt *s = prepare(t, sql);
	const unsigned char *text = NULL;

	if (sqlite3_bind_parameter_count(s) > 0)
		sqlite3_bind_int64(s, 1, a);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, b);
	if (row(t, s))
		text = sqlite3_column_text(s, 0);
	snprintf(out, TRUTH_TEXT, "%s", text != NULL ? (const char *)text : "");
	sqlite3_finalize(s);
	return out;
}

static void
take(sqlite3_stmt *s, int column, void *out, size_t len)
{
	assert_int_equal(sqlite3_column_bytes(s, column), len);
	memcpy(out, sqlite3_column_blob(s, column), len);
}

/* ---- slices ---- */

struct cutting {
	uint8_t *out;
	const uint8_t *next; /* in the bundle */
};

/* A tunnel has two entries, one for each end. */
static void
cut_tunnel(struct cutting *c, bool wanted)
{
	if (wanted) {
		memcpy(c->out, c->next, 2 * BUNDLE_ENTRY_SIZE);
		c->out += 2 * BUNDLE_ENTRY_SIZE;
	}
	c->next += 2 * BUNDLE_ENTRY_SIZE;
}

static void
cut(struct record_slice *ret, const uint8_t *whole, struct flock_id a, struct flock_id b)
{
	struct kek_set first = ret->in_a, second = ret->in_b;
	struct cutting c = { .next = whole + BUNDLE_HEAD_SIZE };
	bool one = flock_equal(a, b);
	uint64_t named = 0;

	for (int i = 0; i < 8; i++)
		named = named << 8 | c.next[i];
	if (!one && named == b.value) {
		first = ret->in_b;
		second = ret->in_a;
	}
	ret->bytes = malloc(BUNDLE_HEAD_SIZE + 2u * 255 * 255 * BUNDLE_ENTRY_SIZE);
	assert_non_null(ret->bytes);
	memcpy(ret->bytes, whole, BUNDLE_HEAD_SIZE);
	c.out = ret->bytes + BUNDLE_HEAD_SIZE;
	for (unsigned x = 1; x <= 255; x++) {
		for (unsigned y = one ? x + 1 : 1; y <= 255; y++)
			cut_tunnel(&c,
			    kek_set_has(&first, (uint8_t)x) && kek_set_has(&second, (uint8_t)y));
	}
	ret->len = (size_t)(c.out - ret->bytes);
}

static struct kek_set
numbers_of(struct truth *t, struct flock_id flock)
{
	sqlite3_stmt *s = prepare(t, "SELECT kek FROM devices WHERE flock = ?");
	struct kek_set set = { 0 };

	sqlite3_bind_int64(s, 1, (int64_t)flock.value);
	while (row(t, s))
		kek_set_add(&set, (uint8_t)sqlite3_column_int(s, 0));
	sqlite3_finalize(s);
	return set;
}

static void
read_slice(struct truth *t, struct record_slice *ret, struct flock_id a, struct flock_id b)
{
	sqlite3_stmt *s =
	    prepare(t, "SELECT file, size FROM bundles WHERE flock_a = ? AND flock_b = ?");
	size_t len, size;
	uint8_t *whole;
	struct fault why;
	char path[512];

	*ret = (struct record_slice){ .in_a = numbers_of(t, a), .in_b = numbers_of(t, b) };
	/* Here the lower is that of two numbers with a sign. */
	sqlite3_bind_int64(s, (int64_t)a.value <= (int64_t)b.value ? 1 : 2, (int64_t)a.value);
	sqlite3_bind_int64(s, (int64_t)a.value <= (int64_t)b.value ? 2 : 1, (int64_t)b.value);
	if (!row(t, s)) {
		sqlite3_finalize(s);
		return;
	}
	size = (size_t)sqlite3_column_int64(s, 1);
	snprintf(path, sizeof(path), "%s/%s", t->bundles, sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	if (!file_read(&whole, &len, path, BUNDLE_TWO_FLOCKS_SIZE, &why))
		fail_msg("%s", why.text);
	assert_int_equal(len, size);
	assert_int_equal(len, flock_equal(a, b) ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE);
	cut(ret, whole, a, b);
	free(whole);
}

/* ---- flocks, xflocks, cathedrals ---- */

static void
read_device(struct truth *t, sqlite3_stmt *s, struct flock_id flock, struct record_device *ret)
{
	uint8_t sealed[sizeof(ret->cs) + VAULT_SEAL_EXTRA];
	char place[64];

	ret->id.value = (uint32_t)sqlite3_column_int64(s, 0);
	ret->kek = (uint8_t)sqlite3_column_int(s, 1);
	ret->mbit = (uint32_t)sqlite3_column_int64(s, 2);
	take(s, 3, &ret->cosk, sizeof(ret->cosk));
	take(s, 4, sealed, sizeof(sealed));
	snprintf(
	    place, sizeof(place), "device %016" PRIx64 "/%08" PRIx32, flock.value, ret->id.value);
	assert_true(vault_open_sealed(t->vault, place, sealed, sizeof(sealed), &ret->cs));
}

static void
read_flock(struct truth *t, struct flock_id id, struct known *ret)
{
	sqlite3_stmt *s =
	    prepare(t, "SELECT id, kek, bw_limit, cosk, sealed FROM devices WHERE flock = ?");
	struct record_device devices[KEK_NUMBER_MAX];
	struct record_flock f = { .id = id, .devices = devices };

	sqlite3_bind_int64(s, 1, (int64_t)id.value);
	while (row(t, s)) {
		assert_true(f.device_count < KEK_NUMBER_MAX);
		memset(&devices[f.device_count], 0, sizeof(devices[0]));
		read_device(t, s, id, &devices[f.device_count++]);
	}
	sqlite3_finalize(s);
	read_slice(t, &f.slice, id, id);
	known_put_flock(ret, &f);
	free(f.slice.bytes);
}

static void
read_flocks(struct truth *t, int64_t now_s, struct known *ret)
{
	sqlite3_stmt *s = prepare(t, "SELECT id FROM flocks WHERE id" SERVED);

	sqlite3_bind_int64(s, 1, now_s);
	while (row(t, s))
		read_flock(t, (struct flock_id){ (uint64_t)sqlite3_column_int64(s, 0) }, ret);
	sqlite3_finalize(s);
}

/* Both have agreed, and both are served. */
static void
read_xflocks(struct truth *t, int64_t now_s, struct known *ret)
{
	sqlite3_stmt *s =
	    prepare(t, "SELECT x.flock, x.other FROM xflocks x JOIN xflocks y ON y.flock = x.other"
		       " AND y.other = x.flock WHERE x.flock" SERVED " AND x.other" SERVED);

	sqlite3_bind_int64(s, 1, now_s);
	while (row(t, s)) {
		struct record_xflock x = { .a.value = (uint64_t)sqlite3_column_int64(s, 0),
			.b.value = (uint64_t)sqlite3_column_int64(s, 1) };

		if (x.a.value > x.b.value)
			continue; /* it comes up the other way round, too */
		read_slice(t, &x.slice, x.a, x.b);
		known_put_xflock(ret, &x);
		free(x.slice.bytes);
	}
	sqlite3_finalize(s);
}

static void
read_fleet(struct truth *t, struct known *ret)
{
	sqlite3_stmt *s = prepare(
	    t, "SELECT name, region, address, port, nat_port, shroud, draining FROM cathedrals");
	struct record_cathedral fleet[64];
	size_t count = 0;

	while (row(t, s)) {
		struct record_cathedral *c = &fleet[count++];

		assert_true(count <= 64);
		memset(c, 0, sizeof(*c));
		snprintf(c->name, sizeof(c->name), "%s", sqlite3_column_text(s, 0));
		snprintf(c->region, sizeof(c->region), "%s", sqlite3_column_text(s, 1));
		assert_true(endpoint_parse_ip(&c->at, (const char *)sqlite3_column_text(s, 2)));
		c->at.port = (uint16_t)sqlite3_column_int(s, 3);
		c->nat_port = (uint16_t)sqlite3_column_int(s, 4);
		c->shroud = sqlite3_column_int(s, 5) != 0;
		c->draining = sqlite3_column_int(s, 6) != 0;
	}
	sqlite3_finalize(s);
	known_put_fleet(ret, fleet, count);
}

uint64_t
truth_read(struct truth *t, struct known *ret)
{
	int64_t now_s = clock_now().wall_s;
	char number[TRUTH_TEXT];

	assert_int_equal(sqlite3_exec(t->db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	truth_text(t, "SELECT value FROM counters WHERE name = 'changes'", 0, 0, number);
	read_flocks(t, now_s, ret);
	read_xflocks(t, now_s, ret);
	read_fleet(t, ret);
	assert_int_equal(sqlite3_exec(t->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	return strtoull(number, NULL, 10);
}

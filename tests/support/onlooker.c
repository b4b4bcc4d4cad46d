/* SPDX-License-Identifier: ISC */
#include "tests/support/onlooker.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BUSY_MS 5000

void
onlooker_open(struct onlooker *o, const char *path)
{
	*o = (struct onlooker){ 0 };
	if (sqlite3_open_v2(path, &o->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		fail_msg("%s: %s", path, sqlite3_errmsg(o->db));
	sqlite3_busy_timeout(o->db, BUSY_MS);
}

void
onlooker_close(struct onlooker *o)
{
	sqlite3_close(o->db);
	o->db = NULL;
}

static sqlite3_stmt *
prepared(struct onlooker *o, const char *sql, const char *text)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(o->db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(o->db));
	if (text != NULL)
		sqlite3_bind_text(s, 1, text, -1, SQLITE_TRANSIENT);
	return s;
}

static bool
has_row(struct onlooker *o, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		fail_msg("%s: %s", sqlite3_sql(s), sqlite3_errmsg(o->db));
	return code == SQLITE_ROW;
}

/* Kind, length and bytes of each column, so that no two tables look the same. */
static void
hash_row(crypto_generichash_state *h, sqlite3_stmt *s)
{
	for (int n = 0; n < sqlite3_column_count(s); n++) {
		const char *name = sqlite3_column_name(s, n);
		int32_t facts[2] = { sqlite3_column_type(s, n), 0 };
		const void *bytes;

		if (strcmp(name, "used_day") == 0)
			continue;
		bytes = sqlite3_column_blob(s, n); /* numbers as their digits */
		facts[1] = sqlite3_column_bytes(s, n);
		crypto_generichash_update(h, (const uint8_t *)facts, sizeof(facts));
		if (facts[1] > 0)
			crypto_generichash_update(h, bytes, (size_t)facts[1]);
	}
}

static void
hash_table(struct onlooker *o, crypto_generichash_state *h, const char *table)
{
	char sql[128];
	sqlite3_stmt *s;

	/* Upkeep tries to write when a write has failed. */
	snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"%s", table,
	    strcmp(table, "counters") == 0 ? " WHERE name <> 'touched'" : "");
	s = prepared(o, sql, NULL);
	crypto_generichash_update(h, (const uint8_t *)table, strlen(table) + 1);
	while (has_row(o, s))
		hash_row(h, s);
	sqlite3_finalize(s);
}

static void
hash_all(struct onlooker *o, uint8_t hash[static 32])
{
	crypto_generichash_state h;
	sqlite3_stmt *tables;

	crypto_generichash_init(&h, NULL, 0, 32);
	onlooker_change(o, "BEGIN", NULL);
	tables = prepared(o,
	    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	    " ORDER BY name",
	    NULL);
	while (has_row(o, tables))
		hash_table(o, &h, (const char *)sqlite3_column_text(tables, 0));
	sqlite3_finalize(tables);
	onlooker_change(o, "COMMIT", NULL);
	crypto_generichash_final(&h, hash, 32);
}

/* Before the content: what comes in between is then seen as a change, not overlooked. */
static int64_t
version_of(struct onlooker *o)
{
	return onlooker_number(o, "PRAGMA data_version", NULL);
}

void
onlooker_look(struct onlooker *o)
{
	o->version = version_of(o);
	hash_all(o, o->hash);
}

bool
onlooker_unchanged(struct onlooker *o)
{
	int64_t version = version_of(o);
	uint8_t hash[32];

	if (version == o->version)
		return true; /* nobody has committed anything at all */
	hash_all(o, hash);
	return memcmp(hash, o->hash, sizeof(hash)) == 0;
}

int64_t
onlooker_number(struct onlooker *o, const char *sql, const char *text)
{
	sqlite3_stmt *s = prepared(o, sql, text);
	int64_t number;

	if (!has_row(o, s))
		fail_msg("%s: no row", sql);
	number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

void
onlooker_change(struct onlooker *o, const char *sql, const char *text)
{
	sqlite3_stmt *s = prepared(o, sql, text);

	has_row(o, s);
	sqlite3_finalize(s);
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/ends.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct fault why;

void
ends_open(struct ends *e)
{
	e->writer = registry_db_create(&e->options, &e->random, &why);
	if (e->writer == NULL)
		fail_msg("%s", why.text);
	e->reader = registry_db_open(&e->options, &why);
	if (e->reader == NULL)
		fail_msg("%s", why.text);
}

void
ends_close(struct ends *e)
{
	registry_db_close(e->reader);
	registry_db_close(e->writer);
	e->reader = e->writer = NULL;
}

void
ends_begin(struct ends *e)
{
	memset(e, 0, sizeof(*e));
	e->folder = scratch_make();
	e->path = scratch_name(&e->folder, "registry.db");
	e->key = scratch_name(&e->folder, "registry.db.key");
	e->options = (struct registry_db_options){
		.path = e->path.path, .key = e->key.path, .busy_ms = 200
	};
	random_from_seed(&e->random, 1);
	ends_open(e);
}

void
ends_end(struct ends *e)
{
	ends_close(e);
	known_free(&e->held);
	scratch_remove(&e->folder);
}

bool
ends_put(struct ends *e, struct record_page *page)
{
	bool changed;

	if (!registry_db_put(e->writer, page, &changed, &e->random, &why))
		fail_msg("%s", why.text);
	record_page_free(page);
	return changed;
}

bool
ends_put_flock(struct ends *e, uint64_t since, uint64_t id, unsigned devices, unsigned what)
{
	struct record_page page = page_from(since, since + 1);

	page_add_flock(&page, id, devices, what);
	return ends_put(e, &page);
}

struct registry_db_state
ends_state(struct ends *e)
{
	struct registry_db_state s;

	if (!registry_db_state(e->reader, &s, &why))
		fail_msg("%s", why.text);
	return s;
}

void
ends_read(struct ends *e)
{
	if (!known_read(&e->held, e->reader, &e->version, &why))
		fail_msg("%s", why.text);
}

void
ends_assert_hold(struct ends *e, const struct known *want)
{
	struct known anew = { .given = 0 };
	uint64_t from = 0;

	ends_read(e);
	if (!known_same(want, &e->held, &why))
		fail_msg("read on: %s", why.text);
	if (!known_read(&anew, e->reader, &from, &why) || !known_same(want, &anew, &why))
		fail_msg("read anew: %s", why.text);
	assert_int_equal(from, e->version);
	known_free(&anew);
}

int
ends_sql(struct ends *e, const char *sql)
{
	sqlite3 *db = NULL;
	int code;

	assert_int_equal(sqlite3_open(e->path.path, &db), SQLITE_OK);
	code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}

int64_t
ends_number(struct ends *e, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t number;

	assert_int_equal(sqlite3_open(e->path.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

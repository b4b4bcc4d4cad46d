/* SPDX-License-Identifier: ISC */
#include "tests/support/asked.h"

#include "database/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool
begins_with(const char *sql, const char *word)
{
	return strncmp(sql, word, strlen(word)) == 0;
}

static bool
about_rows(const char *sql)
{
	return begins_with(sql, "SELECT ") || begins_with(sql, "INSERT ") ||
	       begins_with(sql, "UPDATE ") || begins_with(sql, "DELETE ");
}

static int
took(unsigned event, void *arg, void *statement, void *ns)
{
	struct asked *a = arg;
	const char *sql = sqlite3_sql(statement);
	int steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);

	(void)event;
	(void)ns;
	if (about_rows(sql) && a->count < ASKED_MOST) {
		a->statements[a->count].sql = sql;
		a->statements[a->count++].steps = steps;
	}
	return 0;
}

/* Since it was last asked. */
static int
pages_seen(struct session *s)
{
	int hits = 0, misses = 0, high;

	sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &high, 1);
	sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &high, 1);
	return hits + misses;
}

void
asked_begin(struct session *s, struct asked *a)
{
	memset(a, 0, sizeof(*a));
	pages_seen(s);
	for (sqlite3_stmt *p = NULL; (p = sqlite3_next_stmt(s->db, p)) != NULL;)
		sqlite3_stmt_status(p, SQLITE_STMTSTATUS_VM_STEP, 1);
	sqlite3_trace_v2(s->db, SQLITE_TRACE_PROFILE, took, a);
}

void
asked_end(struct session *s, struct asked *a)
{
	sqlite3_trace_v2(s->db, 0, NULL, NULL);
	a->pages = pages_seen(s);
}

bool
asked_alike(const struct asked *a, const struct asked *b)
{
	bool alike = a->count == b->count && a->pages == b->pages;

	for (size_t i = 0; alike && i < a->count; i++)
		alike = a->statements[i].sql == b->statements[i].sql &&
			a->statements[i].steps == b->statements[i].steps;
	return alike;
}

char *
plan_of(struct session *s, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	char question[4096], *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_true(snprintf(question, sizeof(question), "EXPLAIN QUERY PLAN %s", sql) <
		    (int)sizeof(question));
	assert_int_equal(sqlite3_prepare_v2(s->db, question, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW)
		fprintf(file, "%s\n", (const char *)sqlite3_column_text(statement, 3));
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	fclose(file);
	return text;
}

void
prepared_each(struct session *s, void (*each)(void *arg, const char *sql), void *arg)
{
	for (size_t i = 0; i < SESSION_STATEMENTS; i++) {
		if (s->slots[i].sql != NULL && about_rows(s->slots[i].sql))
			each(arg, s->slots[i].sql);
	}
}

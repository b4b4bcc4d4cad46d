/* SPDX-License-Identifier: ISC */
/*
 * Statements, for the files that know what is in a database.  Each is prepared once a session,
 *found again by where its text is: the text must live for ever (a string literal in a static
 *const).
 *
 *	static const char sql[] = "SELECT label FROM flocks WHERE account = ? AND id = ?";
 *	struct query q = query_begin(s, sql);
 *
 *	query_int(&q, account.value);
 *	query_int(&q, flock_column(id));
 *	found = query_row(&q) && column_text(&q, 0, row.label, sizeof(row.label));
 *	return query_end(&q, found);
 */
#ifndef DATABASE_SQL_H
#define DATABASE_SQL_H

#include "base/ids.h"
#include "database/database.h"

#include <sqlite3.h>

struct query {
	struct session *session;
	sqlite3_stmt *statement; /* NULL when it could not be prepared */
	const char *sql;
	int bound; /* parameters so far */
	int code;  /* SQLite's, of the last step; sticky once it is an error */
};

struct query query_begin(struct session *s, const char *sql);

/* The next parameter; what is pointed to is borrowed until query_end(). */
void query_int(struct query *q, int64_t value);
void query_text(struct query *q, const char *text);
void query_blob(struct query *q, const void *data, size_t len);
void query_null(struct query *q);

/*
 * Where a page of numbers goes on: after id, or from the start when it is 0, for
 * "WHERE id > coalesce(?, -1e19)".  Numbers with the top bit set are negative there, and come
 * first.
 */
static inline void
query_after(struct query *q, uint64_t id)
{
	if (id == 0)
		query_null(q);
	else
		query_int(q, (int64_t)id);
}

/* Steps; true when there is a row. */
bool query_row(struct query *q);

int64_t column_int(struct query *q, int n);
/* As it is, until the next query_row() or query_end(); NULL when empty. */
const void *column_view(struct query *q, int n, size_t *len);
bool column_is_null(struct query *q, int n);
/* False, and an error that sticks, when it does not fit: our own bounds were broken. */
bool column_text(struct query *q, int n, char *out, size_t size);
bool column_blob(struct query *q, int n, void *out, size_t len); /* exactly len bytes */

/*
 * Resets, and says how it went: STORE_OK, or STORE_NONE when it ran but found is false, or what the
 * error means: STORE_CONFLICT for a constraint, BUSY, NO_SPACE, FAILED (logged).
 */
enum store_result query_end(struct query *q, bool found);

/* Steps once, for statements without rows; found: something was changed. */
enum store_result query_run(struct query *q);

/* How many rows statements of this session changed, with those that went along by themselves. */
uint64_t rows_changed(const struct session *s);

/*
 * Around an operation of several statements, so that all happen or none: a step inside a group, a
 * transaction of its own otherwise.  whole_end() keeps them when result is STORE_OK, undoes them
 * otherwise, and says how it went.
 */
enum store_result whole_begin(struct session *s);
enum store_result whole_end(struct session *s, enum store_result result);

/* A flock's id as a column, and back. */
static inline int64_t
flock_column(struct flock_id flock)
{
	return (int64_t)flock.value;
}

static inline struct flock_id
column_flock(struct query *q, int n)
{
	return (struct flock_id){ (uint64_t)column_int(q, n) };
}

#endif

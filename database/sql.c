/* SPDX-License-Identifier: ISC */
#include "database/sql.h"

#include "base/clock.h"
#include "database/session.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LOG_WORDS 48 /* of a statement, enough to find it */

static bool
out_of_space(int system_errno)
{
	return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EROFS;
}

enum store_result
engine_result(int code, int system_errno)
{
	/* What only our own mistakes bring about; the rest of the constraints are conflicts. */
	if (code == SQLITE_CONSTRAINT_NOTNULL || code == SQLITE_CONSTRAINT_DATATYPE)
		return STORE_FAILED;
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STORE_OK;
	case SQLITE_CONSTRAINT:
		return STORE_CONFLICT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL: /* a race for the log's locks, lost many times over */
		return STORE_BUSY;
	case SQLITE_FULL:
	case SQLITE_READONLY:
		return STORE_NO_SPACE;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return out_of_space(system_errno) ? STORE_NO_SPACE : STORE_FAILED;
	default:
		return STORE_FAILED;
	}
}

/* Of the statement only its text, in which values are question marks. */
static void
complain(struct session *s, const char *sql, int code)
{
	uint64_t suppressed = 0;

	if (!log_limit_allow(&s->limit, clock_now().mono_ns, &suppressed))
		return;
	if (suppressed > 0)
		log_warn("%s: %ju errors like the next were not logged", s->database->what,
		    (uintmax_t)suppressed);
	log_error("%s: %s (%d) in \"%.*s\"", s->database->what, sqlite3_errstr(code), code,
	    LOG_WORDS, sql);
}

/*
 * What the operating system said.  The engine does not tell of a commit, but its files know what
 * they failed with last, the log first: it is what is written.
 */
static int
session_errno(struct session *s, int code)
{
	static const int ops[] = { SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER };

	for (size_t i = 0; (code & 0xff) == SQLITE_IOERR && i < 2; i++) {
		sqlite3_file *file = NULL;
		int cause = 0;

		sqlite3_file_control(s->db, "main", ops[i], &file);
		if (file != NULL && file->pMethods != NULL)
			file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &cause);
		if (cause != 0)
			return cause;
	}
	return sqlite3_system_errno(s->db);
}

enum store_result
session_judge(struct session *s, const char *sql, int code)
{
	enum store_result result = engine_result(code, 0);

	if (result == STORE_OK || result == STORE_CONFLICT)
		return result;
	if (result == STORE_FAILED)
		result = engine_result(code, session_errno(s, code));
	s->last_error = code;
	complain(s, sql, code);
	if (s->group && s->spoilt == STORE_OK)
		s->spoilt = result;
	return result;
}

/* The same text is at the same place, so that its address is all there is to compare. */
static size_t
slot_of(const struct session *s, const char *sql)
{
	size_t i = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (size_t tried = 0; tried < SESSION_STATEMENTS; tried++, i++) {
		const char *there = s->slots[i % SESSION_STATEMENTS].sql;

		if (there == sql || there == NULL)
			return i % SESSION_STATEMENTS;
	}
	assert(!"more statements than the session has room for");
	return 0;
}

static sqlite3_stmt *
statement_find(struct session *s, const char *sql, int *code)
{
	size_t slot = slot_of(s, sql);
	sqlite3_stmt *statement = s->slots[slot].statement;

	if (statement != NULL) {
		assert(!sqlite3_stmt_busy(statement)); /* a query inside the same one */
		*code = SQLITE_OK;
		return statement;
	}
	*code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (*code == SQLITE_OK) {
		s->slots[slot].sql = sql;
		s->slots[slot].statement = statement;
	}
	return statement;
}

/* What a statement of a transaction fails with that the engine has ended: it would run alone. */
static bool
group_is_lost(const struct session *s)
{
	return s->group && !session_in_transaction(s);
}

struct query
query_begin(struct session *s, const char *sql)
{
	struct query q = { .session = s, .sql = sql };

	if (group_is_lost(s))
		q.code = SQLITE_ABORT_ROLLBACK;
	else
		q.statement = statement_find(s, sql, &q.code);
	return q;
}

/* Whether the query still goes well; false keeps its first error. */
static bool
note(struct query *q, int code)
{
	if (code != SQLITE_OK && q->code == SQLITE_OK)
		q->code = code;
	return q->code == SQLITE_OK;
}

static bool
fine(const struct query *q)
{
	return q->code == SQLITE_OK || q->code == SQLITE_ROW;
}

void
query_int(struct query *q, int64_t value)
{
	q->bound++;
	if (q->code == SQLITE_OK)
		note(q, sqlite3_bind_int64(q->statement, q->bound, value));
}

void
query_text(struct query *q, const char *text)
{
	q->bound++;
	if (q->code == SQLITE_OK)
		note(q, sqlite3_bind_text(q->statement, q->bound, text, -1, SQLITE_STATIC));
}

void
query_blob(struct query *q, const void *data, size_t len)
{
	q->bound++;
	if (q->code != SQLITE_OK)
		return;
	if (len > INT_MAX)
		note(q, SQLITE_TOOBIG);
	else if (len == 0) /* a blob without bytes, which is not NULL */
		note(q, sqlite3_bind_zeroblob(q->statement, q->bound, 0));
	else
		note(q, sqlite3_bind_blob(q->statement, q->bound, data, (int)len, SQLITE_STATIC));
}

void
query_null(struct query *q)
{
	q->bound++;
	if (q->code == SQLITE_OK)
		note(q, sqlite3_bind_null(q->statement, q->bound));
}

bool
query_row(struct query *q)
{
	if (!fine(q))
		return false;
	assert(q->bound == sqlite3_bind_parameter_count(q->statement));
	q->code = sqlite3_step(q->statement);
	return q->code == SQLITE_ROW;
}

int64_t
column_int(struct query *q, int n)
{
	return q->code == SQLITE_ROW ? sqlite3_column_int64(q->statement, n) : 0;
}

bool
column_is_null(struct query *q, int n)
{
	return q->code != SQLITE_ROW || sqlite3_column_type(q->statement, n) == SQLITE_NULL;
}

const void *
column_view(struct query *q, int n, size_t *len)
{
	const void *data;

	*len = 0;
	if (q->code != SQLITE_ROW)
		return NULL;
	data = sqlite3_column_blob(q->statement, n);
	*len = data == NULL ? 0 : (size_t)sqlite3_column_bytes(q->statement, n);
	return data;
}

bool
column_text(struct query *q, int n, char *out, size_t size)
{
	size_t len;
	const void *data = column_view(q, n, &len);

	out[0] = '\0';
	if (q->code != SQLITE_ROW)
		return false;
	if (len >= size) {
		q->code = SQLITE_TOOBIG;
		return false;
	}
	if (len > 0)
		memcpy(out, data, len);
	out[len] = '\0';
	return true;
}

bool
column_blob(struct query *q, int n, void *out, size_t len)
{
	size_t have;
	const void *data = column_view(q, n, &have);

	memset(out, 0, len);
	if (q->code != SQLITE_ROW)
		return false;
	if (have != len) {
		q->code = SQLITE_MISMATCH;
		return false;
	}
	if (len > 0)
		memcpy(out, data, len);
	return true;
}

enum store_result
query_end(struct query *q, bool found)
{
	struct session *s = q->session;
	enum store_result result;
	int code = q->code;

	if (q->statement != NULL) {
		/* A change that returned rows is committed here, which may fail, too. */
		int reset = sqlite3_reset(q->statement);

		if (fine(q) || code == SQLITE_DONE)
			code = reset != SQLITE_OK ? reset : code;
		sqlite3_clear_bindings(q->statement); /* they point to what may go now */
	}
	q->statement = NULL;
	q->code = SQLITE_MISUSE; /* for whoever goes on with it */

	/* The error that ended the group is what matters, not those that follow from it. */
	if (group_is_lost(s) && s->spoilt != STORE_OK)
		return s->spoilt;
	result = session_judge(s, q->sql, code);
	return result == STORE_OK && !found ? STORE_NONE : result;
}

enum store_result
query_run(struct query *q)
{
	bool row = query_row(q);

	return query_end(q, row || (q->code == SQLITE_DONE && sqlite3_changes(q->session->db) > 0));
}

uint64_t
rows_changed(const struct session *s)
{
	return (uint64_t)sqlite3_total_changes64(s->db);
}

enum store_result
session_command(struct session *s, const char *sql)
{
	int code;
	sqlite3_stmt *statement = statement_find(s, sql, &code);

	if (statement != NULL) {
		code = sqlite3_step(statement);
		sqlite3_reset(statement);
	}
	return session_judge(s, sql, code);
}

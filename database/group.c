/* SPDX-License-Identifier: ISC */
/*
 * Transactions.  The engine may end one by itself when the disk fails it or memory is short; then
 * its statements would run alone, each on disk at once.  So a session knows whether it is in a
 * group and asks the engine whether that still stands (sql.c does for every statement).
 */
#include "database/session.h"
#include "database/sql.h"

#include <assert.h>

/* Above so much of it the log is begun anew, though writers wait for that a moment. */
#define LOG_BYTES_LARGE (64 << 20)
#define BEGIN_ANEW_MS   100

static const char begin_reading[] = "BEGIN";
static const char end_reading[] = "ROLLBACK";
static const char begin_writing[] = "BEGIN IMMEDIATE";
static const char commit[] = "COMMIT";
static const char rollback[] = "ROLLBACK";
static const char savepoint[] = "SAVEPOINT step";
static const char release[] = "RELEASE step";
static const char rollback_to[] = "ROLLBACK TO step";

bool
session_in_transaction(const struct session *s)
{
	return sqlite3_get_autocommit(s->db) == 0;
}

enum store_result
session_read_begin(struct session *s)
{
	enum store_result result;

	assert(!s->reading && !s->group);
	result = session_command(s, begin_reading);
	s->reading = result == STORE_OK;
	return result;
}

void
session_read_end(struct session *s)
{
	if (s->reading && session_in_transaction(s))
		session_command(s, end_reading);
	s->reading = false;
}

enum store_result
group_begin(struct session *s)
{
	enum store_result result;

	assert(!s->reading && !s->group);
	result = session_command(s, begin_writing);
	s->group = result == STORE_OK;
	s->spoilt = STORE_OK;
	s->steps = 0;
	return result;
}

bool
group_alive(const struct session *s)
{
	return s->group && session_in_transaction(s);
}

/* Why nothing more can be kept; STORE_OK while everything can. */
static enum store_result
group_state(const struct session *s)
{
	if (s->spoilt != STORE_OK)
		return s->spoilt;
	return group_alive(s) ? STORE_OK : STORE_FAILED;
}

void
group_abandon(struct session *s)
{
	if (s->group && session_in_transaction(s))
		session_command(s, rollback);
	s->group = false;
	s->steps = 0;
	s->spoilt = STORE_OK;
}

enum store_result
group_commit(struct session *s)
{
	enum store_result result;

	assert(s->group && s->steps == 0);
	result = group_state(s);
	if (result == STORE_OK)
		result = session_command(s, commit);
	/* What could not be committed may still be there: nobody may commit it later. */
	group_abandon(s);
	return result;
}

enum store_result
step_begin(struct session *s)
{
	enum store_result result = group_state(s);

	assert(s->group);
	if (result == STORE_OK)
		result = session_command(s, savepoint);
	if (result == STORE_OK)
		s->steps++;
	return result;
}

enum store_result
step_keep(struct session *s)
{
	enum store_result result = group_state(s);

	assert(s->steps > 0);
	if (result == STORE_OK)
		result = session_command(s, release);
	if (result == STORE_OK)
		s->steps--;
	else
		step_undo(s);
	return result;
}

void
step_undo(struct session *s)
{
	assert(s->steps > 0);
	s->steps--;
	if (!group_alive(s))
		return;
	/* What cannot be undone must not be kept by those who come after. */
	if (session_command(s, rollback_to) != STORE_OK || session_command(s, release) != STORE_OK)
		session_command(s, rollback);
	else
		s->spoilt = STORE_OK;
}

enum store_result
whole_begin(struct session *s)
{
	return s->group ? step_begin(s) : group_begin(s);
}

enum store_result
whole_end(struct session *s, enum store_result result)
{
	if (s->steps > 0) {
		if (result == STORE_OK)
			return step_keep(s);
		step_undo(s);
		return result;
	}
	if (result == STORE_OK)
		return group_commit(s);
	group_abandon(s);
	return result;
}

enum store_result
store_atomically(
    struct session *s, enum store_result (*work)(struct session *s, void *arg), void *arg)
{
	enum store_result result = whole_begin(s);

	return result == STORE_OK ? whole_end(s, work(s, arg)) : result;
}

static int64_t
page_bytes(struct session *s)
{
	static const char sql[] = "PRAGMA page_size";
	struct query q = query_begin(s, sql);
	int64_t bytes = query_row(&q) ? column_int(&q, 0) : 0;

	return query_end(&q, true) == STORE_OK ? bytes + 24 : 0; /* a page in the log has a head */
}

enum store_result
store_checkpoint(struct session *s, uint64_t *log_bytes)
{
	int64_t page = page_bytes(s);
	int in_log = 0, moved = 0;
	int code =
	    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);

	/* Whether a reader is in the way of a new beginning shows at once, or the next time. */
	if (code == SQLITE_OK && in_log * page > LOG_BYTES_LARGE) {
		sqlite3_busy_timeout(s->db, BEGIN_ANEW_MS);
		code = sqlite3_wal_checkpoint_v2(
		    s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &moved);
		sqlite3_busy_timeout(s->db, (int)s->database->busy_ms);
		if ((code & 0xff) == SQLITE_BUSY)
			code = SQLITE_OK;
	}
	*log_bytes = in_log > moved ? (uint64_t)((in_log - moved) * page) : 0;
	return session_judge(s, "checkpoint", code);
}

/* SPDX-License-Identifier: ISC */
#include "database/session.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* The log file shrinks to it when it begins anew. */
#define LOG_BYTES_KEPT (16 << 20)

static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

/* No lock inside the engine: a session is one thread's at a time.  Refused, without harm, when a
 * test has begun to use it before: connections say the same for themselves. */
static void
engine_configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
}

void
engine_begin(void)
{
	pthread_once(&engine_once, engine_configure);
}

bool
database_name(struct database *ret, const char *path, const char *vfs, struct fault *why)
{
	/* Room for the longest ending that is put to it. */
	if (strlen(path) + sizeof(".before-NNNN.XXXXXX-journal") > sizeof(ret->path))
		return fault_set(why, "the database's path is too long");
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	snprintf(ret->vfs, sizeof(ret->vfs), "%s", vfs != NULL ? vfs : "");
	return true;
}

/* The engine misses what it could not make, and says that. */
static bool
is_read_only(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

bool
connection_fault(struct fault *why, sqlite3 *db, const char *path)
{
	int code = db == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
	int cause = db == NULL ? 0 : sqlite3_system_errno(db);

	if ((code & 0xff) == SQLITE_CANTOPEN && is_read_only(path))
		return fault_set(why, "%s: %s", path, strerror(EROFS));
	if (cause == 0 || (code & 0xff) == SQLITE_NOMEM)
		return fault_set(why, "%s: %s", path, sqlite3_errstr(code));
	return fault_set(why, "%s: %s (%s)", path, sqlite3_errstr(code), strerror(cause));
}

bool
connection_number(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;

	if (ok)
		*ret = sqlite3_column_int64(statement, 0);
	return sqlite3_finalize(statement) == SQLITE_OK && ok;
}

/* NULL with the reason.  NOFOLLOW is of no use here: administrators link data folders. */
static sqlite3 *
connection_open(const struct database *d, int flags, struct fault *why)
{
	sqlite3 *db = NULL;
	int code;

	engine_begin();
	code = sqlite3_open_v2(d->path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    d->vfs[0] == '\0' ? NULL : d->vfs);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(db, (int)d->busy_ms);
		return db;
	}
	connection_fault(why, db, d->path);
	sqlite3_close(db);
	return NULL;
}

sqlite3 *
connection_open_untouched(const struct database *d, struct fault *why)
{
	sqlite3 *db = connection_open(d, SQLITE_OPEN_READONLY, why);

	if (db != NULL)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return db;
}

/* The last but one are those that have to be asked whether they took. */
static bool
connection_settle(sqlite3 *db, const struct database *d, enum session_kind kind)
{
	static const int features[][2] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
	};
	char sql[512];

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (sqlite3_db_config(db, features[i][0], features[i][1], NULL) != SQLITE_OK)
			return false;
	}
	/* What is deleted is zeroed where that costs no other page.  Who commits does not also copy
	 * the log: store_checkpoint() does. */
	snprintf(sql, sizeof(sql),
	    "PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY;"
	    "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0;"
	    "PRAGMA cache_size = -%u; PRAGMA journal_size_limit = %d; PRAGMA query_only = %d;",
	    d->cache_kib, LOG_BYTES_KEPT, kind == SESSION_READER);
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/*
 * A database remembers that it has a log, but a copy in its place may not.  The engine does not
 * wait for others when it changes that, so that is done here.
 */
static bool
connection_use_log(sqlite3 *db, unsigned busy_ms)
{
	for (unsigned waited = 0;; waited += 10) {
		sqlite3_stmt *statement = NULL;
		const char *mode = NULL;
		bool ok;
		int code;

		if (sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL) ==
			SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW)
			mode = (const char *)sqlite3_column_text(statement, 0);
		ok = mode != NULL && strcmp(mode, "wal") == 0; /* NULL: no memory */
		code = sqlite3_finalize(statement);

		if (ok || (code & 0xff) != SQLITE_BUSY || waited >= busy_ms)
			return ok;
		sqlite3_sleep(10);
	}
}

struct session *
session_open(const struct database *d, enum session_kind kind, struct fault *why)
{
	/* Readers write, too: they note in shared memory what they read. */
	sqlite3 *db = connection_open(d, SQLITE_OPEN_READWRITE, why);
	struct session *session;

	if (db == NULL)
		return NULL;
	session = calloc(1, sizeof(*session));
	if (session == NULL) {
		connection_fault(why, NULL, d->path);
	} else if (!connection_use_log(db, d->busy_ms) || !connection_settle(db, d, kind)) {
		connection_fault(why, db, d->path);
	} else {
		session->database = d;
		session->db = db;
		session->limit.interval_ns = NS_PER_S;
		session->limit.burst = 10;
		return session;
	}
	free(session);
	sqlite3_close(db);
	return NULL;
}

void
session_close(struct session *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SESSION_STATEMENTS; i++)
		sqlite3_finalize(s->slots[i].statement);
	sqlite3_close(s->db); /* undoes what was not committed */
	free(s);
}

bool
session_fault(const struct session *s, enum store_result result, struct fault *why)
{
	const char *path = s->database->path;

	switch (result) {
	case STORE_BUSY:
		return fault_set(why, "%s: another process holds it", path);
	case STORE_NO_SPACE:
		return fault_set(why, "%s: the disk is full, or read-only", path);
	case STORE_FAILED:
		return fault_set(why, "%s: %s", path,
		    s->last_error != 0 ? sqlite3_errstr(s->last_error) : "cannot be worked on");
	default:
		return fault_set(why, "%s: it is not in a state that allows this", path);
	}
}

bool
session_moved(struct session *s)
{
	int moved = 0;

	return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       moved != 0;
}

/* SPDX-License-Identifier: ISC */
/* What a session is made of: for the files that open, copy and check databases. */
#ifndef DATABASE_SESSION_H
#define DATABASE_SESSION_H

#include "base/log.h"
#include "database/database.h"

#include <sqlite3.h>

/* Twice the statements there are; their number is known when this is compiled. */
#define SESSION_STATEMENTS 512

struct session {
	const struct database *database;
	sqlite3 *db;
	bool group;     /* between group_begin() and its end */
	bool reading;   /* between session_read_begin() and session_read_end() */
	unsigned steps; /* begun and not ended; one may be inside another */
	/*
	 * The first error in the step, or in the group outside of steps, after which nothing of it
	 * may be kept; STORE_OK without.
	 */
	enum store_result spoilt;
	uint64_t noted; /* the number of the last change */
	int last_error; /* the engine's, that was logged last */
	struct log_limit limit;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} slots[SESSION_STATEMENTS];
};

/* Prepares the engine for the process; before anything else of it is used. */
void engine_begin(void);

/* A connection that leaves the file as it is, byte for byte, even when it is closed. */
sqlite3 *connection_open_untouched(const struct database *d, struct fault *why);

/* One number that the engine knows of a database ("PRAGMA user_version"). */
bool connection_number(sqlite3 *db, const char *sql, int64_t *ret);

/* Says what went wrong with a connection (NULL: no memory for one). */
bool connection_fault(struct fault *why, sqlite3 *db, const char *path);

/*
 * Runs one of the statements that begin and end transactions, even in a group that has failed.
 * What went wrong is logged.
 */
enum store_result session_command(struct session *s, const char *sql);

/* Logs what is an error, and remembers that nothing of the step or group may be kept. */
enum store_result session_judge(struct session *s, const char *sql, int code);

/* False when a failure of the disk ended the transaction by itself. */
bool session_in_transaction(const struct session *s);

/* What an error of the engine means; errno of the operating system helps to tell. */
enum store_result engine_result(int code, int system_errno);

#endif

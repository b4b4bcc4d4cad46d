/* SPDX-License-Identifier: ISC */
/*
 * A database in one file, whatever is in it (SQLite): connections, transactions, and what errors
 * mean.  A session is a connection with its prepared statements, for one thread at a time: readers
 * never wait, there is one writer.
 */
#ifndef DATABASE_DATABASE_H
#define DATABASE_DATABASE_H

#include "base/fault.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_result {
	STORE_OK = 0,
	STORE_NONE,     /* not there, or not the one's who asks: nobody may tell which */
	STORE_CONFLICT, /* there already, or in a state that forbids it */
	STORE_FULL,     /* a quota is used up */
	STORE_BUSY,     /* another process holds the database: later */
	STORE_NO_SPACE, /* disk full or read-only */
	STORE_FAILED,   /* out of memory, input or output error, our own mistake: logged */
};

struct session;

/* Which one, and how it is worked on. */
struct database {
	char path[PATH_MAX];
	const char *what;   /* it is called in the log; a literal */
	char vfs[64];       /* tests: a file system that fails; "" for the usual one */
	unsigned cache_kib; /* of each session */
	unsigned busy_ms;   /* how long a writer waits for another process */
};

/* False when the path is too long: endings are put to it.  vfs may be NULL. */
bool database_name(struct database *ret, const char *path, const char *vfs, struct fault *why);

enum session_kind { SESSION_READER = 0, SESSION_WRITER };

/* NULL with the reason.  The database must stay where it is. */
struct session *session_open(const struct database *d, enum session_kind kind, struct fault *why);
void session_close(struct session *s); /* NULL is fine */

/* Says in words why the last operation of the session ended with this result, and returns false. */
bool session_fault(const struct session *s, enum store_result result, struct fault *why);

/* The file is not at its path any more: it was removed, or another one put in its place. */
bool session_moved(struct session *s);

/*
 * A read transaction: what is read until session_read_end() is of one moment.  Without it every
 * operation is a moment of its own.
 */
enum store_result session_read_begin(struct session *s);
void session_read_end(struct session *s);

/*
 * The writer's transaction, on disk when group_commit() returned STORE_OK, gone otherwise.  Steps
 * inside it are undone one by one: step_begin(), work, then step_keep() or step_undo().  A step
 * with an error in it is not kept: step_keep() has undone it when it fails.  An error of the disk
 * may end the whole group: group_alive() says whether it still stands.
 */
enum store_result group_begin(struct session *s);
enum store_result group_commit(struct session *s);
void group_abandon(struct session *s);
bool group_alive(const struct session *s);
enum store_result step_begin(struct session *s);
enum store_result step_keep(struct session *s);
void step_undo(struct session *s);

/* One operation, or several, in a transaction of its own: for commands and background work. */
enum store_result store_atomically(
    struct session *s, enum store_result (*work)(struct session *s, void *arg), void *arg);

/* Moves what was committed into the database file, as far as readers let it; bytes still in the
 * log.  A session of its own thread does it, so that nobody waits. */
enum store_result store_checkpoint(struct session *s, uint64_t *log_bytes);

#endif

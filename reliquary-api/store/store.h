/* SPDX-License-Identifier: ISC */
/*
 * What is known, on disk.  The only place that knows the database and its language; another one
 * can stand behind these headers, with the same tests.  No secret comes here but hashed or sealed.
 *
 * A store is the file and what its sessions share.  A session is a connection with its prepared
 * statements, for one thread at a time: readers never wait, there is one writer.
 */
#ifndef RELIQUARY_API_STORE_STORE_H
#define RELIQUARY_API_STORE_STORE_H

#include "base/fault.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_HASH  32
#define STORE_LABEL 65 /* texts that people choose: at most 64 bytes */

enum store_result {
	STORE_OK = 0,
	STORE_NONE,     /* not there, or not the one's who asks: nobody may tell which */
	STORE_CONFLICT, /* there already, or in a state that forbids it */
	STORE_FULL,     /* a quota is used up */
	STORE_BUSY,     /* another process holds the database: later */
	STORE_NO_SPACE, /* disk full or read-only */
	STORE_FAILED,   /* out of memory, input or output error, our own mistake: logged */
};

struct hash32 {
	uint8_t bytes[STORE_HASH];
};

struct store;
struct session;

struct store_options {
	const char *path;           /* the database file */
	const char *vfs;            /* tests: a file system that fails; NULL: the usual one */
	unsigned cache_kib;         /* of each session */
	unsigned busy_ms;           /* how long a writer waits for another process */
	unsigned token_unused_days; /* after how many a token is dead; 0: 30 */
};

/*
 * Opens, or makes, the database: snapshot first (path.before-NNNN) when migrations are to be
 * applied to one that is there, then all of them in one transaction.  A database that is newer than
 * this program, or not ours, is refused and left as it is.  NULL with the reason.
 */
struct store *store_open(const struct store_options *o, struct random *random, struct fault *why);
void store_close(struct store *s); /* after its sessions */

/* For `migrate`, `check`: what store_open() would do. */
struct store_version {
	unsigned have; /* 0: no database yet */
	unsigned want;
};

bool store_version(const struct store_options *o, struct store_version *ret, struct fault *why);

/* Whole-database checks of the engine and of our own rules; the first problem in words. */
bool store_check(struct session *s, struct fault *why);

/* A consistent copy of a running database in one file, atomically in its place. */
bool store_backup(const struct store_options *o, const char *to, struct fault *why);

/* May a backup of it be put to that place, where nothing is, or an older backup? */
bool store_backup_place(const struct store_options *o, const char *to, struct fault *why);

struct session *session_open_reader(struct store *s, struct fault *why);
struct session *session_open_writer(struct store *s, struct fault *why);
void session_close(struct session *s); /* NULL is fine */

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

/* Writes something, to see that it can be written. */
enum store_result store_touch(struct session *s);

/* Facts about the database ("id", "vault"): text of at most 64 bytes. */
enum store_result fact_get(struct session *s, const char *name, char out[static STORE_LABEL]);
enum store_result fact_set(struct session *s, const char *name, const char *value); /* once */

#endif

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
#include "database/migrate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_HASH  32
#define STORE_LABEL 65 /* texts that people choose: at most 64 bytes */

struct hash32 {
	uint8_t bytes[STORE_HASH];
};

struct store;

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
bool store_version(const struct store_options *o, struct schema_version *ret, struct fault *why);

/* Whole-database checks of the engine and of our own rules; the first problem in words. */
bool store_check(struct session *s, struct fault *why);

/* A consistent copy of a running database in one file, atomically in its place. */
bool store_backup(const struct store_options *o, const char *to, struct fault *why);

/* May a backup of it be put to that place, where nothing is, or an older backup? */
bool store_backup_place(const struct store_options *o, const char *to, struct fault *why);

struct session *session_open_reader(struct store *s, struct fault *why);
struct session *session_open_writer(struct store *s, struct fault *why);

/* Writes something, to see that it can be written. */
enum store_result store_touch(struct session *s);

/* Facts about the database ("id", "vault"): text of at most 64 bytes. */
enum store_result fact_get(struct session *s, const char *name, char out[static STORE_LABEL]);
enum store_result fact_set(struct session *s, const char *name, const char *value); /* once */

/*
 * Draws another "id".  For a copy of the past that takes the place of a database: numbers of
 * changes will be given once more, for other changes, so who knows the old ones must not go on from
 * them.
 */
enum store_result store_rename(struct session *s, struct random *random);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The database engine alone: the same changes to the same tables, with the settings that the API's
 * store uses, by prepared statements and nothing else.  For benches; what fails ends them.
 */
#ifndef TESTS_SUPPORT_BARE_SQL_H
#define TESTS_SUPPORT_BARE_SQL_H

#include "base/ids.h"
#include "reliquary-api/store/accounts.h"

#include <sqlite3.h>

#define BARE_STATEMENTS 8

struct bare_sql {
	sqlite3 *db;
	sqlite3_stmt *statements[BARE_STATEMENTS];
};

struct bare_write {
	struct account_id owner;
	struct flock_id flock;
	struct device_id id;
	uint8_t kek;
};

void bare_sql_open(struct bare_sql *b, const char *path);
void bare_sql_close(struct bare_sql *b);
void bare_sql_begin(struct bare_sql *b);
void bare_sql_commit(struct bare_sql *b); /* then it is on disk */

/* Copies what is in the log to where it belongs, as the service does beside its writes. */
void bare_sql_checkpoint(struct bare_sql *b);

/* What a join, and its approval, change. */
void bare_sql_join(struct bare_sql *b, const struct bare_write *w);
void bare_sql_approve(struct bare_sql *b, const struct bare_write *w);

#endif

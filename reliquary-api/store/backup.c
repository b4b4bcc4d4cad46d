/* SPDX-License-Identifier: ISC */
#include "database/copy.h"
#include "reliquary-api/store/parts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Its name, or a link to it: the copy would take the place of what is in use. */
static bool
is_the_same(const char *path, const char *to)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Services work on databases with a log; a copy has none before one does. */
static bool
is_copy(const struct database *d, struct fault *why)
{
	sqlite3 *db = connection_open_untouched(d, why);
	sqlite3_stmt *statement = NULL;
	const char *mode = NULL;
	bool ok;

	if (db == NULL)
		return false;
	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		mode = (const char *)sqlite3_column_text(statement, 0);
	ok = mode != NULL && strcmp(mode, "wal") != 0;
	if (mode == NULL)
		connection_fault(why, db, d->path);
	else if (!ok)
		fault_set(why, "%s: a database that a service works on, no backup", d->path);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return ok;
}

bool
store_backup_place(const struct store_options *o, const char *to, struct fault *why)
{
	struct store_options there = *o;
	struct schema_version v;
	struct database d;
	struct stat st;

	there.path = to;
	if (stat(to, &st) == -1)
		return errno == ENOENT || fault_set(why, "%s: %s", to, strerror(errno));
	if (is_the_same(o->path, to))
		return fault_set(why, "%s: this is the database itself", to);
	if (!store_database(&d, &there, why) || !store_version(&there, &v, why))
		return fault_prefix(why, "nothing but an older backup is replaced");
	return is_copy(&d, why);
}

bool
store_backup(const struct store_options *o, const char *to, struct fault *why)
{
	struct schema_version v;
	struct database d;
	sqlite3 *db;
	bool ok;

	if (!store_database(&d, o, why) || !store_version(o, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(why, "%s: there is no database yet", d.path);
	if (is_the_same(d.path, to))
		return fault_set(why, "%s: this is the database itself", to);
	db = connection_open_untouched(&d, why);
	if (db == NULL)
		return false;
	ok = copy_database(db, to, why);
	sqlite3_close(db);
	return ok;
}

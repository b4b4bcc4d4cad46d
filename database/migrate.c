/* SPDX-License-Identifier: ISC */
#include "database/migrate.h"

#include "base/log.h"
#include "database/copy.h"
#include "database/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Numbers are 1, 2, … in order: a test says so. */
unsigned
schema_last(const struct schema *s)
{
	unsigned last = 0;

	for (const struct migration *m = s->table; m->name != NULL; m++)
		last = m->number;
	return last;
}

/* Version, application and tables, all of one moment: another process may be migrating. */
static bool
version_look(sqlite3 *db, int64_t ret[static 3])
{
	static const char sql[] = "SELECT (SELECT user_version FROM pragma_user_version),"
				  " (SELECT application_id FROM pragma_application_id),"
				  " (SELECT count(*) FROM sqlite_schema)";
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;

	for (int i = 0; ok && i < 3; i++)
		ret[i] = sqlite3_column_int64(statement, i);
	return sqlite3_finalize(statement) == SQLITE_OK && ok;
}

/*
 * The version of what a connection sees; refused when it is not ours, or newer than the table.  A
 * file without a byte is a database without a table, which becomes ours.
 */
static bool
version_read(
    sqlite3 *db, const char *path, const struct schema *s, unsigned *ret, struct fault *why)
{
	unsigned want = schema_last(s);
	int64_t seen[3], version;

	if (!version_look(db, seen))
		return connection_fault(why, db, path);
	version = seen[0];
	if (version == 0 && seen[1] == 0 && seen[2] == 0) {
		*ret = 0;
		return true;
	}
	if (seen[1] != s->application || version <= 0)
		return fault_set(why, "%s: a database of another program", path);
	if (version > want)
		return fault_set(why,
		    "%s: version %lld of the database, this program knows up to %u: "
		    "it was written by a newer one",
		    path, (long long)version, want);
	*ret = (unsigned)version;
	return true;
}

bool
schema_version(
    const struct database *d, const struct schema *s, struct schema_version *ret, struct fault *why)
{
	struct schema_version v = { .have = 0, .want = schema_last(s) };
	struct stat st;
	sqlite3 *db;
	bool ok;

	if (stat(d->path, &st) == -1 && errno == ENOENT) {
		*ret = v;
		return true;
	}
	db = connection_open_untouched(d, why);
	if (db == NULL)
		return false;
	ok = version_read(db, d->path, s, &v.have, why);
	sqlite3_close(db);
	if (ok)
		*ret = v;
	return ok;
}

/* By a connection of its own: the one that migrates is in its transaction. */
static bool
snapshot(const struct database *d, unsigned next, struct fault *why)
{
	char to[PATH_MAX + 32];
	sqlite3 *db = connection_open_untouched(d, why);
	bool ok;

	if (db == NULL)
		return false;
	snprintf(to, sizeof(to), "%s.before-%04u", d->path, next);
	ok = copy_database(db, to, why);
	sqlite3_close(db);
	if (ok)
		log_info("the database as it was before migration %u is kept: %s", next, to);
	return ok;
}

static bool
run(sqlite3 *db, const struct database *d, const char *sql, struct fault *why)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       connection_fault(why, db, d->path);
}

/* A migration cannot end the transaction that all of them are in. */
static int
forbid_transactions(
    void *arg, int action, const char *a, const char *b, const char *c, const char *d)
{
	(void)arg, (void)a, (void)b, (void)c, (void)d;
	return action == SQLITE_TRANSACTION ? SQLITE_DENY : SQLITE_OK;
}

static bool
apply_one(sqlite3 *db, const struct database *d, int32_t application, const struct migration *m,
    struct fault *why)
{
	char mark[96];
	bool ok;

	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %u",
	    (int)application, m->number);
	sqlite3_set_authorizer(db, forbid_transactions, NULL);
	ok = run(db, d, m->sql, why) && run(db, d, mark, why);
	sqlite3_set_authorizer(db, NULL, NULL);
	return ok || fault_prefix(why, "migration %s", m->name);
}

/* In the transaction: what is pending now, after another process may have been faster. */
static bool
apply_pending(sqlite3 *db, const struct database *d, const struct schema *s, struct fault *why)
{
	unsigned have, want = schema_last(s);
	int64_t broken;

	if (!version_read(db, d->path, s, &have, why))
		return false;
	if (have > 0 && have < want && !snapshot(d, have + 1, why))
		return false;
	for (const struct migration *m = s->table; m->name != NULL; m++) {
		if (m->number > have && !apply_one(db, d, s->application, m, why))
			return false;
	}
	if (!connection_number(db, "SELECT count(*) FROM pragma_foreign_key_check", &broken))
		return connection_fault(why, db, d->path);
	if (broken != 0)
		return fault_set(
		    why, "%s: the migrations leave rows without what they belong to", d->path);
	return true;
}

static bool
migrate(const struct database *d, const struct schema *s, struct fault *why)
{
	struct session *session = session_open(d, SESSION_WRITER, why);
	bool ok = false;

	if (session == NULL)
		return false;
	/* Tables that are made anew must not take along what belongs to them; it is checked after.
	 */
	if (run(session->db, d, "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE", why))
		ok = apply_pending(session->db, d, s, why) && run(session->db, d, "COMMIT", why);
	session_close(session); /* undoes the transaction of what failed */
	return ok;
}

bool
schema_apply(const struct database *d, const struct schema *s, struct fault *why)
{
	struct schema_version v;

	if (!schema_version(d, s, &v, why))
		return false;
	return v.have == v.want || (copy_make_empty(d->path, why) && migrate(d, s, why));
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/copy.h"
#include "reliquary-api/store/session.h"

#include <sys/stat.h>

/* Its name, or a link to it: the copy would take the place of what is in use. */
static bool
is_the_same(const char *path, const char *to)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

bool
store_backup(const struct store_options *o, const char *to, struct fault *why)
{
	struct store_version v;
	struct store s;
	sqlite3 *db;
	bool ok;

	if (!store_fill(&s, o, why) || !store_version(o, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(why, "%s: there is no database yet", s.path);
	if (is_the_same(s.path, to))
		return fault_set(why, "%s: this is the database itself", to);
	db = connection_open_untouched(&s, why);
	if (db == NULL)
		return false;
	ok = copy_database(db, to, why);
	sqlite3_close(db);
	return ok;
}

/* SPDX-License-Identifier: ISC */
/* Files beside or apart from the database. */
#ifndef DATABASE_COPY_H
#define DATABASE_COPY_H

#include "base/fault.h"

#include <sqlite3.h>
#include <stdbool.h>

/*
 * A copy of the whole database as of one moment, without what was deleted from it: written beside
 * to, then put in its place, on disk when this returns.  Mode 0600, its folder's owner.
 */
bool copy_database(sqlite3 *db, const char *to, struct fault *why);

/*
 * Makes path, empty, with mode 0600 and its folder's owner, on disk; fine when it is there.  In a
 * folder that its group may write to, it is the group's as well: mode 0660.
 */
bool copy_make_empty(const char *path, struct fault *why);

#endif

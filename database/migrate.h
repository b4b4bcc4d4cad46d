/* SPDX-License-Identifier: ISC */
/* The schema's versions, and how a database gets from one to the next. */
#ifndef DATABASE_MIGRATE_H
#define DATABASE_MIGRATE_H

#include "database/database.h"

/* One file of schema/NAME. */
struct migration {
	unsigned number; /* 1, 2, … */
	const char *name;
	const char *sql;
};

struct schema {
	int32_t application;           /* in the file's header: whose the database is */
	const struct migration *table; /* all of them, ended by one without a name */
};

struct schema_version {
	unsigned have; /* 0: no database yet */
	unsigned want;
};

/* The number of the last one. */
unsigned schema_last(const struct schema *s);

/* What schema_apply() would do. */
bool schema_version(const struct database *d, const struct schema *s, struct schema_version *ret,
    struct fault *why);

/*
 * Makes the database when it is not there: snapshot first (path.before-NNNN) when migrations are to
 * be applied to one that is, then all of them in one transaction.  A database that is newer than
 * this program, or not ours, is refused and left as it is.
 */
bool schema_apply(const struct database *d, const struct schema *s, struct fault *why);

#endif

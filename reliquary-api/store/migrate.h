/* SPDX-License-Identifier: ISC */
/* The schema's versions, and how a database gets from one to the next. */
#ifndef RELIQUARY_API_STORE_MIGRATE_H
#define RELIQUARY_API_STORE_MIGRATE_H

#include "reliquary-api/store/store.h"

/* One file of schema/reliquary. */
struct migration {
	unsigned number; /* 1, 2, … */
	const char *name;
	const char *sql;
};

/* All of them, ended by one without a name. */
extern const struct migration schema_migrations[];

/* The number of the last one. */
unsigned migrations_last(const struct migration *table);

/* store_version() and the first part of store_open() with a table of the caller's. */
bool migrations_version(const struct store_options *o, const struct migration *table,
    struct store_version *ret, struct fault *why);
bool migrations_apply(
    const struct store_options *o, const struct migration *table, struct fault *why);

#endif

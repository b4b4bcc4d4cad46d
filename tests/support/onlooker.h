/* SPDX-License-Identifier: ISC */
/*
 * Looks at a running service's database from outside, on a connection of its own: has anything in
 * it changed, and what is there?  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_ONLOOKER_H
#define TESTS_SUPPORT_ONLOOKER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct onlooker {
	sqlite3 *db;
	int64_t version; /* the engine's own, of the last look */
	uint8_t hash[32];
};

void onlooker_open(struct onlooker *o, const char *path);
void onlooker_close(struct onlooker *o);

/* Remembers all that is in all tables, but for the days on which tokens were used, and for what
 * upkeep writes to see that it can. */
void onlooker_look(struct onlooker *o);

/* Is all of it as it was at the last look? */
bool onlooker_unchanged(struct onlooker *o);

/* The one number that a statement finds; ?1 is text. */
int64_t onlooker_number(struct onlooker *o, const char *sql, const char *text);

/* Changes something behind the service's back; ?1 is text. */
void onlooker_change(struct onlooker *o, const char *sql, const char *text);

#endif

/* SPDX-License-Identifier: ISC */
/* Files of bundles that no row of the database owns. */
#ifndef RELIQUARY_API_SERVICE_UPKEEP_FILES_H
#define RELIQUARY_API_SERVICE_UPKEEP_FILES_H

#include "reliquary-api/store/flocks.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* A file that nobody owned for so long was left by a crash: it is not just about to be owned. */
#define ORPHAN_AGE_S 3600

#define LEFTOVERS_AT_ONCE 64

/* Names that the database forgets once the files are gone. */
struct leftovers {
	char names[LEFTOVERS_AT_ONCE][BUNDLE_FILE_NAME];
	uint32_t count;
};

/* The next ones, at most LEFTOVERS_AT_ONCE. */
enum store_result leftovers_read(struct session *s, struct leftovers *ret);

/* Removes the files; those that cannot be removed are taken from the list.  How many are gone. */
uint32_t leftovers_unlink(struct leftovers *l, const char *folder);

/* Removes what no row owns and is older than ORPHAN_AGE_S; *stop ends it early.  How many went. */
uint64_t orphans_unlink(
    struct session *s, const char *folder, int64_t now, bool (*stop)(void *arg), void *arg);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * What a service's database says that cathedrals must know: by SQL of the tests' own, slices cut
 * by loops from whole bundles, nothing of the feed.  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_TRUTH_H
#define TESTS_SUPPORT_TRUTH_H

#include "database/vault.h"
#include "tests/support/known.h"

#include <sqlite3.h>

struct truth {
	sqlite3 *db;
	struct vault *vault;
	char bundles[256];
};

/* Of the data folder of a service that runs, or has run. */
void truth_open(struct truth *t, const char *data);
void truth_close(struct truth *t);

/* All of one moment into an empty *ret; returns the number of the last change. */
uint64_t truth_read(struct truth *t, struct known *ret);

/* What a statement with up to two numbers finds first, as text; "" when there is no row. */
#define TRUTH_TEXT 80
const char *truth_text(
    struct truth *t, const char *sql, int64_t a, int64_t b, char out[static TRUTH_TEXT]);

#endif

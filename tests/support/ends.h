/* SPDX-License-Identifier: ISC */
/* A registry.db of a test's own, with who writes it and who reads it.  What fails fails the running
 * test. */
#ifndef TESTS_SUPPORT_ENDS_H
#define TESTS_SUPPORT_ENDS_H

#include "tests/support/known.h"
#include "tests/support/pages.h"
#include "tests/support/scratch.h"

struct ends {
	struct scratch folder;
	struct scratch_name path, key;
	struct registry_db_options options;
	struct random random;
	struct registry_db *writer, *reader;
	struct known held; /* what the reader was given, up to version */
	uint64_t version;
};

void ends_begin(struct ends *e); /* both are open */
void ends_end(struct ends *e);
void ends_open(struct ends *e);
void ends_close(struct ends *e);

/* Frees the page.  Did something change? */
bool ends_put(struct ends *e, struct record_page *page);

/* A page with one flock, from since to the next number. */
bool ends_put_flock(struct ends *e, uint64_t since, uint64_t id, unsigned devices, unsigned what);

struct registry_db_state ends_state(struct ends *e);
void ends_read(struct ends *e);

/* Both who reads on and who reads it all anew. */
void ends_assert_hold(struct ends *e, const struct known *want);

/* One statement by the engine alone, behind the back of all: 0, or its error. */
int ends_sql(struct ends *e, const char *sql);
/* The number that a statement finds. */
int64_t ends_number(struct ends *e, const char *sql);

#endif

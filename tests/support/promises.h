/* SPDX-License-Identifier: ISC */
/*
 * What a service has promised: a client does this and that at random, on behalf of a few accounts,
 * and remembers every success.  The request that got no answer before the service went down may
 * have been done, wholly, or not at all.  Later all that was promised must be there, and nothing
 * else.
 */
#ifndef TESTS_SUPPORT_PROMISES_H
#define TESTS_SUPPORT_PROMISES_H

#include "tests/support/api.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct promises; /* of one client */

/* Without memory for one the running test fails. */
struct promises *promises_create(uint64_t seed);
void promises_destroy(struct promises *p);

/*
 * Asks until no answer comes, or one that is wrong (promises_check() says so).  No answer is right
 * only once *down says that none is to be expected.  Any thread.
 */
void promises_go_on(struct promises *p, const struct endpoint *at, const atomic_bool *down);

/* How many were made, and how many requests ended without an answer. */
unsigned promises_made(const struct promises *p);
unsigned promises_open(const struct promises *p);

/*
 * Fails the running test unless all is as promised.  What was left open is settled by it.  db: the
 * same database; bundles: the folder of their files.
 */
void promises_check(
    struct promises *p, const struct endpoint *at, sqlite3 *db, const char *bundles);

#endif

/* SPDX-License-Identifier: ISC */
/* A database of a test's own, with what is in it.  What fails fails the running test. */
#ifndef TESTS_SUPPORT_STORE_H
#define TESTS_SUPPORT_STORE_H

#include "reliquary-api/store/accounts.h"
#include "reliquary-api/store/flocks.h"
#include "tests/support/scratch.h"

#define STORE_NOW INT64_C(1790000000) /* a time for tests */

struct test_store {
	struct scratch scratch;
	struct scratch_name path;
	struct store_options options;
	struct random random;
	struct store *store;
	struct session *writer, *reader;
};

/* In a folder of its own; vfs as in store_options. */
void test_store_begin(struct test_store *t, const char *vfs);
void test_store_end(struct test_store *t);

/* Closes the sessions and the store, and opens them again. */
void test_store_again(struct test_store *t);
void test_store_close(struct test_store *t);
void test_store_open(struct test_store *t);

/* The same for the same text. */
struct hash32 test_hash(const char *text);

/* An account with this share id, 3 flocks and 25 Mbit/s, from STORE_NOW for a day; its key's hash
 * is test_hash(share_id). */
struct account_id test_account(struct session *s, const char *share_id);
struct flock_id test_flock(struct session *s, struct account_id account, uint64_t id);

/* By the database's own shell: what a statement finds, lines of columns parted by '|'; freed by the
 * caller.  For looking behind the store's back. */
char *test_sql(const struct test_store *t, const char *sql);

#endif

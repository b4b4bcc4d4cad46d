/* SPDX-License-Identifier: ISC */
/*
 * Two accounts, anna's and boris', in a database of a test's own and a group that is never
 * committed: nothing waits for a disk.  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_OWNERS_H
#define TESTS_SUPPORT_OWNERS_H

#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/flocks.h"
#include "tests/support/store.h"

/* Joins that are older have ended. */
#define JOINS_SINCE (STORE_NOW - 72 * 3600)

struct owners {
	struct test_store db;
	struct session *s;
	struct account_id anna, boris;
	uint64_t noted; /* the last change that owner_noted() saw */
};

/* For cmocka_unit_test_setup_teardown(). */
int owners_begin(void **state);
int owners_end(void **state);

/* A flock beyond the quota's three, too. */
struct flock_id owner_flock(struct owners *t, struct account_id account, uint64_t id);

/* Who asks to join: the bytes follow from flock and id. */
struct join test_join(struct flock_id flock, uint32_t id, int64_t now);
void owner_pending(struct owners *t, struct flock_id flock, uint32_t id);

/* A pending one that is approved at once: returns its KEK number. */
uint8_t owner_device(
    struct owners *t, struct account_id account, struct flock_id flock, uint32_t id);

/* Consent of both, which establishes; anna's a, boris' b. */
void owner_xflock(struct owners *t, struct flock_id a, struct flock_id b);

/* A bundle whose file is named after its generation. */
struct bundle_row test_bundle(struct flock_id a, struct flock_id b, uint32_t generation);

/* The one number that a statement (a string literal) finds. */
int64_t owner_number(struct owners *t, const char *sql);

/* The number of the last change of (a, b), in this order; 0 when there is none. */
uint64_t owner_change(struct owners *t, struct flock_id a, struct flock_id b);

/* Whether exactly these (each as it is stored) were noted since the last call, or at all. */
bool owner_noted(struct owners *t, const struct flock_id pairs[][2], size_t count);

#endif

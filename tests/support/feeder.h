/* SPDX-License-Identifier: ISC */
/*
 * Who writes registry.db, with slices of bundles that are right.  A page is put together, and put.
 * Nothing here can fail but for want of memory or disk, which ends the program.
 */
#ifndef TESTS_SUPPORT_FEEDER_H
#define TESTS_SUPPORT_FEEDER_H

#include "registry/registry_db.h"
#include "tests/support/members.h"

struct feeder {
	char path[512], key[512];
	struct random random;
	struct registry_db *db;
	struct record_page page; /* the next one */
};

/* Makes registry.db in the folder, or goes on with the one that is there. */
void feeder_open(struct feeder *f, const char *folder, struct random *seed);
void feeder_close(struct feeder *f); /* the file stays */

/* The page is the first of all there is. */
void feeder_reset(struct feeder *f);

/*
 * A flock with these members, and, with a plan, the slice between their numbers.  Borrowed until
 * the next one is added.
 */
struct record_flock *feeder_flock(struct feeder *f, struct flock_id id,
    const struct member *members, size_t count, const struct bundle_plan *plan);
void feeder_flock_gone(struct feeder *f, struct flock_id id);

/* The slice between these numbers of the plan's flocks, in whichever order the plan names them. */
struct record_xflock *feeder_xflock(struct feeder *f, const struct bundle_plan *plan,
    const struct kek_set *of_first, const struct kek_set *of_second);
/* The same with no slice yet; a is the lower. */
struct record_xflock *feeder_xflock_record(struct feeder *f, struct flock_id a, struct flock_id b);
void feeder_xflock_gone(struct feeder *f, struct flock_id a, struct flock_id b);

/* The fleet is what is added; none: it has not changed. */
struct record_cathedral *feeder_cathedral(
    struct feeder *f, const char *name, const struct endpoint *at, bool shroud);

/* Puts the page, and begins the next; whether it changed anything. */
bool feeder_put(struct feeder *f);

struct kek_set feeder_numbers(const struct member *members, size_t count);

/* As in records: a slice of the plan's bundle. */
struct record_slice feeder_slice(const struct bundle_plan *plan, const struct kek_set *of_first,
    const struct kek_set *of_second);

#endif

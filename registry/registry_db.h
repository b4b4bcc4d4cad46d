/* SPDX-License-Identifier: ISC */
/*
 * registry.db: what this cathedral has to know, on its own disk, so that it needs nobody to start.
 * cathedral-sync writes it, a transaction for each page of the feed; the cathedral reads it whole
 * when it starts, and then what changed.
 *
 * Two numbers must not be mixed up: `until` is the service's (up to which of its changes all is
 * known here); `version` is this file's own, grows with each transaction that changed something,
 * and stands in every row that changed in it.
 *
 * Secrets of devices are sealed under a key file beside it (database/vault.h): a copy of the file
 * alone, in a backup, opens nothing.  The file can be thrown away at any time, and both while
 * nobody writes: all of it comes again.
 */
#ifndef REGISTRY_REGISTRY_DB_H
#define REGISTRY_REGISTRY_DB_H

#include "base/fault.h"
#include "base/random.h"
#include "registry/records.h"

struct registry_db; /* one thread's at a time */

struct registry_db_options {
	const char *path; /* of the file, in a folder that is there */
	const char *key;  /* of the key file */
	unsigned busy_ms; /* how long to wait for the other process; 0: 5000 */
};

/* The key file when none is named: path with .key behind it.  False when it has no room in key. */
bool registry_db_key_default(char *key, size_t size, const char *path);

/*
 * For who writes: makes file and key file when neither is there.  A key file that does not go with
 * the file, or lacks, is refused.  In a folder that its group may write to, files are for the group
 * as well (0660), so that reader and writer can be two users.
 */
struct registry_db *registry_db_create(
    const struct registry_db_options *o, struct random *random, struct fault *why);

/* For who reads: both must be there. */
struct registry_db *registry_db_open(const struct registry_db_options *o, struct fault *why);
void registry_db_close(struct registry_db *db); /* NULL is fine */

struct registry_db_state {
	char database[RECORD_DATABASE]; /* whose number until is; "": nothing was heard yet */
	uint64_t until;
	bool
	    sweeping; /* between a first page of all there is and its last: something may be gone */
	uint64_t version;
	uint64_t flocks, devices, xflocks, cathedrals;
};

/*
 * A file that was removed, or exchanged for another one, while this one is open is noticed by all
 * functions: who writes makes it anew, who reads is given all of the new one, but not before all
 * of it has come up there for the first time.
 */
bool registry_db_state(struct registry_db *db, struct registry_db_state *ret, struct fault *why);

/*
 * The writer: all of a page, or nothing of it.  It has to go on where the file ends (since is its
 * until, of the same database), or to begin anew (reset).  What is as it was keeps its version.
 * *changed: whether version grew.  False with the reason.
 */
bool registry_db_put(struct registry_db *db, const struct record_page *page, bool *changed,
    struct random *random, struct fault *why);

/*
 * The reader, of one moment: everything whose version is above after.  Each function may keep what
 * it is given (records: moved out of, and zeroed, or else they are freed), and false ends it all,
 * with a reason in *why.  *whole: everything was given, because after is 0 or so far behind that
 * what went since is forgotten: whatever has not come up is gone.  *version: where to go on.
 */
struct registry_db_visitor {
	bool (*flock)(void *arg, struct record_flock *f, struct fault *why);
	bool (*xflock)(void *arg, struct record_xflock *x, struct fault *why);
	bool (*flock_gone)(void *arg, struct flock_id flock, struct fault *why);
	bool (*xflock_gone)(void *arg, struct flock_pair pair, struct fault *why);
	/* All of them, once, when one of them changed. */
	bool (*fleet)(
	    void *arg, const struct record_cathedral *fleet, size_t count, struct fault *why);
	void *arg;
};

/* In this order: flocks, xflocks, xflocks and flocks that are gone, the fleet. */
bool registry_db_read(struct registry_db *db, uint64_t after, const struct registry_db_visitor *to,
    bool *whole, uint64_t *version, struct fault *why);

/*
 * Is there anything after this version?  Costs next to nothing.  True as well when that cannot be
 * told: reading says why.
 */
bool registry_db_changed(struct registry_db *db, uint64_t version);

#endif

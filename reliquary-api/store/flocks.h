/* SPDX-License-Identifier: ISC */
/* Flocks, the agreements between them, and their bundles. */
#ifndef RELIQUARY_API_STORE_FLOCKS_H
#define RELIQUARY_API_STORE_FLOCKS_H

#include "base/ids.h"
#include "reliquary-api/store/accounts.h"

#define BUNDLE_FILE_NAME 33

struct bundle_row {
	struct flock_id a, b; /* equal: the flock's own; as read: the lower signed number first */
	uint32_t generation;
	int64_t expires, uploaded;
	uint64_t size;
	struct hash32 hash;
	char file[BUNDLE_FILE_NAME];
};

struct flock_row {
	struct flock_id id;
	char label[STORE_LABEL];
	int64_t created;
	uint64_t devices, pending; /* pending ones that have not ended */
	bool has_bundle;
	struct bundle_row bundle;
};

/* STORE_FULL at the account's quota; STORE_CONFLICT when the id is taken: draw another. */
enum store_result flock_create(struct session *s, struct account_id account, struct flock_id id,
    const char *label, int64_t now);

/* STORE_OK or STORE_NONE, by one look that costs the same for both. */
enum store_result flock_owned(struct session *s, struct account_id account, struct flock_id id);

/*
 * By id as a signed number, after the one given (0 from the start); joins older than joins_since do
 * not count.
 */
enum store_result flock_list(struct session *s, struct account_id account, struct flock_id after,
    uint32_t limit, int64_t joins_since, bool (*each)(void *arg, const struct flock_row *f),
    void *arg);
enum store_result flock_relabel(
    struct session *s, struct account_id account, struct flock_id id, const char *label);

/* With devices, joins, enrolments, bundles and its side of xflocks. */
enum store_result flock_delete(
    struct session *s, struct account_id account, struct flock_id id, int64_t now);

struct xflock_row {
	struct flock_id flock, other; /* flock is the account's */
	bool established;
	int64_t created;
	bool has_bundle;
	struct bundle_row bundle;
};

/* The account's consent; *established says whether the other side's is there, too.  Again: fine.
 * STORE_FULL when the flock has most of them. */
enum store_result xflock_consent(struct session *s, struct account_id account,
    struct flock_id flock, struct flock_id other, uint32_t most, int64_t now, bool *established);
enum store_result xflock_withdraw(struct session *s, struct account_id account,
    struct flock_id flock, struct flock_id other, int64_t now);

/* Of the account's own consent: STORE_OK when it is established; STORE_CONFLICT when the other side
 * has not agreed; STORE_NONE when there is none. */
enum store_result xflock_state(
    struct session *s, struct account_id account, struct flock_id flock, struct flock_id other);

/* By flock, then other, after the pair given (zeros from the start). */
enum store_result xflock_list(struct session *s, struct account_id account, struct flock_id flock,
    struct flock_id other, uint32_t limit, bool (*each)(void *arg, const struct xflock_row *x),
    void *arg);

/*
 * Puts a bundle in the place of the one that is there.  b->a is the account's flock; b->b the same,
 * or the other of an established xflock.  STORE_CONFLICT when the generation is the current one's;
 * STORE_BUSY is never returned for that.  STORE_NONE: not the account's, or not established.
 */
enum store_result bundle_put(
    struct session *s, struct account_id account, const struct bundle_row *b);
enum store_result bundle_get(
    struct session *s, struct flock_id a, struct flock_id b, struct bundle_row *ret);

/* Every bundle there is, by name of its file. */
enum store_result bundle_each(
    struct session *s, bool (*each)(void *arg, const struct bundle_row *b), void *arg);

/* Is this file anybody's? */
enum store_result bundle_file_owned(struct session *s, const char *file);

#endif

/* SPDX-License-Identifier: ISC */
/* Devices: those who asked to join, those who were approved, and the keys that approve by
 * themselves. */
#ifndef RELIQUARY_API_STORE_DEVICES_H
#define RELIQUARY_API_STORE_DEVICES_H

#include "base/ids.h"
#include "base/keys.h"
#include "reliquary-api/store/accounts.h"

#define DEVICE_SEALED 72 /* a cathedral secret and what sealing adds */

struct device_row {
	struct device_id id;
	uint8_t kek; /* 0: pending */
	char label[STORE_LABEL];
	uint64_t bw_limit; /* Mbit/s; 0 while pending */
	int64_t created;
};

struct join {
	struct flock_id flock;
	struct device_id id;
	struct cosk_public cosk;
	uint8_t sealed[DEVICE_SEALED];
	char label[STORE_LABEL];
	int64_t now;
};

/*
 * Whether the flock exists makes no difference, to the answer or to the work.  STORE_FULL at most
 * pending ones that are younger than joins_since; STORE_CONFLICT when the id is taken: draw
 * another.
 */
enum store_result join_create(
    struct session *s, const struct join *j, uint32_t most, int64_t joins_since);

/*
 * A join that is approved at once: uses up one use of the enrolment key.  STORE_NONE when the key
 * is not one of this flock's, is used up or has ended, or when its account has ended or is
 * suspended; STORE_FULL without a free KEK number; STORE_CONFLICT when the id is taken.  Only
 * STORE_OK uses anything up.  bw_limit is cut to the account's.
 */
enum store_result join_enrol(struct session *s, const struct join *j,
    const struct hash32 *enrolment_hash, uint64_t bw_limit, uint8_t *kek,
    struct account_id *account);

/* Where a page of devices goes on: pending ones by id, then approved ones by KEK number. */
struct device_place {
	uint8_t kek; /* 0: among the pending ones */
	struct device_id id;
	bool begun; /* false: from the start */
};

/* STORE_NONE when the flock is not the account's. */
enum store_result device_list(struct session *s, struct account_id account, struct flock_id flock,
    struct device_place after, uint32_t limit, int64_t joins_since,
    bool (*each)(void *arg, const struct device_row *d), void *arg);

/*
 * Pending becomes approved with KEK number *kek, or the lowest free one when it is 0; *kek says
 * which.  STORE_CONFLICT: approved already (*kek is its number), or the number is taken (*kek is
 * 0); STORE_FULL: no number is free; STORE_NONE: no such join.  bw_limit is cut to the account's.
 */
enum store_result device_approve(struct session *s, struct account_id account,
    struct flock_id flock, struct device_id id, uint64_t bw_limit, int64_t joins_since, int64_t now,
    uint8_t *kek);

struct device_change {
	const char *label; /* NULL: as it is */
	uint64_t bw_limit; /* 0: as it is */
};

/* STORE_FULL: bw_limit above the account's; STORE_CONFLICT: bw_limit of a pending one. */
enum store_result device_update(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, const struct device_change *c, int64_t joins_since, int64_t now,
    struct device_row *ret);
enum store_result device_set_secret(struct session *s, struct account_id account,
    struct flock_id flock, struct device_id id, const uint8_t sealed[static DEVICE_SEALED],
    int64_t joins_since, int64_t now);
enum store_result device_delete(struct session *s, struct account_id account, struct flock_id flock,
    struct device_id id, int64_t joins_since, int64_t now);

/* For the cathedrals' sake, and tests: the sealed secret and key of an approved device. */
enum store_result device_keys(struct session *s, struct flock_id flock, struct device_id id,
    uint8_t sealed[static DEVICE_SEALED], struct cosk_public *cosk);

struct enrolment {
	uint64_t id;
	char label[STORE_LABEL];
	uint64_t uses_left;
	int64_t created, expires;
};

/*
 * STORE_NONE: not the account's flock; STORE_FULL: the flock has most of them that have not ended
 * at e->created, used up or not; STORE_CONFLICT: the id is taken.
 */
enum store_result enrolment_create(struct session *s, struct account_id account,
    struct flock_id flock, const struct enrolment *e, const struct hash32 *hash, uint32_t most);
/* By id, those that have not ended.  STORE_NONE: not the account's flock. */
enum store_result enrolment_list(struct session *s, struct account_id account,
    struct flock_id flock, uint64_t after, uint32_t limit, int64_t now,
    bool (*each)(void *arg, const struct enrolment *e), void *arg);
enum store_result enrolment_delete(
    struct session *s, struct account_id account, struct flock_id flock, uint64_t id);

#endif

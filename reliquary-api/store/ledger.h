/* SPDX-License-Identifier: ISC */
/* What is remembered about requests: events, first answers, spent challenges, invitations; and the
 * work in the background that lets things end. */
#ifndef RELIQUARY_API_STORE_LEDGER_H
#define RELIQUARY_API_STORE_LEDGER_H

#include "reliquary-api/store/accounts.h"
#include "reliquary-api/store/flocks.h"

#define EVENT_WORD 33

struct event {
	uint64_t number; /* filled by the store */
	int64_t at;
	char token[EVENT_WORD];    /* a token's id, or "key", "admin", "service" */
	char action[EVENT_WORD];   /* "device.approve" */
	char subject[STORE_LABEL]; /* "6442a01510d91a00/36d28dec" */
};

#define EVENTS_KEPT 1000 /* of an account; older ones go */

enum store_result event_add(struct session *s, struct account_id account, const struct event *e);
/* Newest first, those before the number given (0: from the newest). */
enum store_result event_list(struct session *s, struct account_id account, uint64_t before,
    uint32_t limit, bool (*each)(void *arg, const struct event *e), void *arg);

/* A first answer to a request with an Idempotency-Key. */
struct repeat {
	struct hash32 hash, request_hash;
	struct account_id account; /* repeat_keep(): who asked; 0: a stranger */
	unsigned status;
	uint8_t *sealed; /* repeat_find(): malloc'd, the caller frees it */
	size_t sealed_len;
	int64_t now; /* repeat_keep(): one that ended by then is replaced */
	int64_t expires;
};

enum store_result repeat_find(
    struct session *s, const struct hash32 *hash, int64_t now, struct repeat *ret);

#define REPEATS_KEPT 1000 /* of an account; those that end first go */

/* STORE_CONFLICT: one is there. */
enum store_result repeat_keep(struct session *s, const struct repeat *r);

/* STORE_CONFLICT: spent already. */
enum store_result challenge_spend(struct session *s, const struct hash32 *hash, int64_t expires);

struct invite {
	uint64_t id;
	char label[STORE_LABEL];
	uint64_t uses_left;
	int64_t created, expires;
};

enum store_result invite_create(
    struct session *s, const struct invite *i, const struct hash32 *hash);
enum store_result invite_list(struct session *s, uint64_t after, uint32_t limit,
    bool (*each)(void *arg, const struct invite *i), void *arg);
enum store_result invite_delete(struct session *s, uint64_t id);
/* Uses it once; STORE_NONE when there is no such one, or no use left, or it has ended. */
enum store_result invite_use(struct session *s, const struct hash32 *hash, int64_t now);

/*
 * Where among the joins upkeep looked last for ones to flocks that do not exist: it does not look
 * at all of them in one run.  Zeros at first.
 */
struct joins_seen {
	int64_t created;
	struct flock_id flock;
	struct device_id id;
};

/*
 * Lets end what is due, at most limit rows of each kind: tokens unused or ended, accounts that
 * ended long ago, joins, enrolments, invitations, spent challenges, first answers, old events
 * and changes; and notes the change for accounts that just ended.  Accounts go whole, the last one
 * of a run with more rows than limit if it has them.  *more: there is more to do.
 */
struct upkeep {
	int64_t now;
	int64_t token_unused_s;  /* after how long a token dies that was not used */
	int64_t account_grace_s; /* after its end, until an account is deleted */
	int64_t join_s;
	int64_t event_s;
	uint32_t joins_most; /* above it joins to flocks that do not exist go, oldest first */
	uint32_t limit;
	struct joins_seen seen; /* kept by the caller from run to run */
	uint64_t ended;         /* filled: rows that went */
	bool more;
};

enum store_result upkeep_run(struct session *s, struct upkeep *u);

/*
 * The moment to let things end by, which the database remembers: now, but never more than step_s
 * after the one before.  What is deleted by a clock that is wrong does not come back.
 */
enum store_result clock_follow(struct session *s, int64_t now, int64_t step_s, int64_t *ret);

/* Files nobody owns: names to unlink; forgotten when the caller says that they are gone. */
enum store_result leftover_list(
    struct session *s, uint32_t limit, bool (*each)(void *arg, const char *file), void *arg);
enum store_result leftover_forget(struct session *s, const char *file);

/* accounts_ended: those that are not served any more for it; xflocks: the established ones;
 * changes: the number of the last one. */
struct store_totals {
	uint64_t accounts, accounts_ended, accounts_suspended, tokens, flocks, devices, joins,
	    bundles, bundle_bytes, xflocks, cathedrals, changes, leftovers;
	uint64_t file_bytes, log_bytes; /* the database and its write-ahead log */
};

enum store_result store_totals(struct session *s, struct store_totals *ret);

#endif

/* SPDX-License-Identifier: ISC */
/* Accounts and their tokens.  Times are Unix seconds. */
#ifndef RELIQUARY_API_STORE_ACCOUNTS_H
#define RELIQUARY_API_STORE_ACCOUNTS_H

#include "reliquary-api/store/store.h"

#define SHARE_ID_MAX 17

enum scope { SCOPE_READ = 1, SCOPE_APPROVE, SCOPE_FULL };

struct account_id {
	int64_t value;
};

struct account {
	struct account_id id;
	char share_id[SHARE_ID_MAX];
	int64_t created, expires;
	bool suspended;
	uint64_t max_flocks, flocks;
	uint64_t bw_limit; /* Mbit/s, the most that a device may have */
	char registration[16];
};

/* "active", "expired" or "suspended". */
const char *account_state(const struct account *a, int64_t now);

/* Who a token speaks for. */
struct caller {
	struct account_id account;
	uint64_t token;
	enum scope scope;
	int64_t expires; /* the account's */
	bool suspended;
	int64_t used_day;
};

struct account_new {
	char share_id[SHARE_ID_MAX];
	struct hash32 key_hash;
	int64_t now, expires;
	uint64_t max_flocks, bw_limit;
	const char *registration;
};

enum store_result account_create(
    struct session *s, const struct account_new *a, struct account_id *ret);
enum store_result account_get(struct session *s, struct account_id id, struct account *ret);
enum store_result account_by_key(
    struct session *s, const struct hash32 *key_hash, struct account *ret);
enum store_result account_by_share_id(struct session *s, const char *share_id, struct account *ret);

/* The token's account, whatever its state; STORE_NONE when the token is not there or has ended. */
enum store_result caller_by_token(
    struct session *s, const struct hash32 *token_hash, int64_t now, struct caller *ret);

/* Later than before or the same; notes the change when the account was no longer served. */
enum store_result account_extend(
    struct session *s, struct account_id id, int64_t expires, int64_t now);
enum store_result account_set_key(
    struct session *s, struct account_id id, const struct hash32 *key_hash);
enum store_result account_set_suspended(
    struct session *s, struct account_id id, bool suspended, int64_t now);

/* Devices that have more than bw_limit are cut to it. */
enum store_result account_set_quota(
    struct session *s, struct account_id id, uint64_t max_flocks, uint64_t bw_limit, int64_t now);

/* With flocks, devices, bundles, xflocks, tokens, events. */
enum store_result account_delete(struct session *s, struct account_id id, int64_t now);

/* By share id, after the one named ("" from the start), at most limit; each() false ends it. */
enum store_result account_list(struct session *s, const char *after, uint32_t limit,
    bool (*each)(void *arg, const struct account *a), void *arg);

struct token {
	uint64_t id;
	char label[STORE_LABEL];
	enum scope scope;
	int64_t created;
	int64_t expires;  /* 0: while it is used */
	int64_t used_day; /* days since 1970 */
};

/*
 * STORE_FULL when the account has most already, unless make_room: then the one that was not used
 * for the longest time goes.
 */
enum store_result token_create(struct session *s, struct account_id account, const struct token *t,
    const struct hash32 *hash, uint32_t most, bool make_room);
enum store_result token_list(struct session *s, struct account_id account, uint64_t after,
    uint32_t limit, int64_t now, bool (*each)(void *arg, const struct token *t), void *arg);
enum store_result token_delete(struct session *s, struct account_id account, uint64_t id);
enum store_result token_used(
    struct session *s, struct account_id account, uint64_t id, int64_t day);

#endif

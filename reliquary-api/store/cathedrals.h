/* SPDX-License-Identifier: ISC */
/* The fleet. */
#ifndef RELIQUARY_API_STORE_CATHEDRALS_H
#define RELIQUARY_API_STORE_CATHEDRALS_H

#include "base/ids.h"
#include "reliquary-api/store/store.h"

#define CATHEDRAL_NAME    33
#define CATHEDRAL_REGION  33
#define CATHEDRAL_ADDRESS 46 /* INET6_ADDRSTRLEN */
#define CATHEDRAL_VERSION 33

/*
 * From when it was last heard of: healthy for 60 s, late for 15 minutes, then gone.  Late as well
 * while it lacks changes that are older than 60 s: whom they are about it does not serve.
 */
enum cathedral_state {
	CATHEDRAL_NEW = 0, /* never heard of */
	CATHEDRAL_HEALTHY,
	CATHEDRAL_LATE,
	CATHEDRAL_GONE,
	CATHEDRAL_DRAINING, /* as its operator wants it, here or there */
};

#define CATHEDRAL_LATE_S 60
#define CATHEDRAL_GONE_S 900

struct cathedral_row {
	char name[CATHEDRAL_NAME];
	char region[CATHEDRAL_REGION];
	char address[CATHEDRAL_ADDRESS];
	uint16_t port, nat_port;
	bool shroud;
	bool draining; /* so its operator told the service */
	bool leaving;  /* so its operator told the cathedral, and its heartbeats say */
	int64_t created;
	int64_t seen; /* 0: never */
	char version[CATHEDRAL_VERSION];
	uint64_t load; /* thousandths */
	bool says_change;
	uint64_t change;   /* up to which it said to have all */
	uint64_t behind;   /* so many there were since */
	uint64_t due;      /* the last one there was at */
	int64_t due_since; /* 0: it never had all there was */
};

enum cathedral_state cathedral_state(const struct cathedral_row *c, int64_t now);
const char *cathedral_state_name(enum cathedral_state state);

/* STORE_CONFLICT: name or address taken. */
enum store_result cathedral_add(
    struct session *s, const struct cathedral_row *c, const struct hash32 *token_hash, int64_t now);
enum store_result cathedral_get(struct session *s, const char *name, struct cathedral_row *ret);
/* Everything of *c but created, and what heartbeats say. */
enum store_result cathedral_set(struct session *s, const struct cathedral_row *c, int64_t now);
enum store_result cathedral_set_token(
    struct session *s, const char *name, const struct hash32 *token_hash);
enum store_result cathedral_remove(struct session *s, const char *name, int64_t now);

/* By name. */
enum store_result cathedral_list(
    struct session *s, bool (*each)(void *arg, const struct cathedral_row *c), void *arg);
enum store_result cathedral_by_token(
    struct session *s, const struct hash32 *token_hash, struct cathedral_row *ret);

struct heartbeat {
	const char *name, *version;
	uint64_t load;
	bool says_change;
	uint64_t change;
	bool leaving;
};

enum store_result cathedral_heartbeat(struct session *s, const struct heartbeat *h, int64_t now);

/*
 * One to hand out: healthy before new before late, never draining or gone ones; in region first
 * ("" for any), then the least load.  STORE_NONE: there is none.
 */
enum store_result cathedral_choose(
    struct session *s, const char *region, int64_t now, struct cathedral_row *ret);

#endif

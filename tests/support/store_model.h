/* SPDX-License-Identifier: ISC */
/*
 * What a store of flocks must do, in arrays and loops: a few flocks, devices and keys with fixed
 * ids, which come and go.  Each function says what the store's must say, and does what it must do.
 * A copy of a model is a model: so steps are undone.
 */
#ifndef TESTS_SUPPORT_STORE_MODEL_H
#define TESTS_SUPPORT_STORE_MODEL_H

#include "reliquary-api/store/store.h"

/* Ids are indexes here; those of flocks in the order in which they are listed. */
#define MODEL_FLOCKS  6
#define MODEL_DEVICES 6 /* of a flock */
#define MODEL_KEYS    4 /* of a flock */

/* Limits, low enough to be met all the time. */
#define MODEL_QUOTA      3
#define MODEL_JOINS      3
#define MODEL_ENROLMENTS 2
#define MODEL_CONSENTS   2
#define MODEL_JOIN_S     60
#define MODEL_TICK_S     20 /* time goes by so much, or several times as much */
#define MODEL_MBIT       25

struct model_device {
	enum { DEVICE_NONE = 0, DEVICE_PENDING, DEVICE_APPROVED } state;
	uint8_t kek, secret;
	unsigned label;
	uint64_t bw_limit;
	int64_t created;
};

struct model_enrolment {
	bool there;
	uint64_t uses;
	int64_t created, expires;
};

struct model_bundle {
	bool there;
	uint32_t generation;
	int64_t uploaded;
};

struct model {
	int64_t now;
	struct {
		int owner; /* 1 or 2; 0: the flock does not exist */
		unsigned label;
		int64_t created;
	} flocks[MODEL_FLOCKS];
	struct model_device devices[MODEL_FLOCKS][MODEL_DEVICES];
	struct model_enrolment enrolments[MODEL_FLOCKS][MODEL_KEYS];
	int64_t consents[MODEL_FLOCKS][MODEL_FLOCKS];            /* since when; 0: none */
	struct model_bundle bundles[MODEL_FLOCKS][MODEL_FLOCKS]; /* the lower index first */
	uint64_t noted[MODEL_FLOCKS][MODEL_FLOCKS];              /* likewise */
	uint64_t last;
	uint64_t leftovers;
};

/* Who asks for what; not every operation needs all of it. */
struct model_ask {
	int who;
	unsigned flock, other, device, key;
	unsigned label; /* 0: none */
	uint8_t kek, secret;
	uint64_t bw_limit, uses;
	int64_t lasts_s;
	uint32_t generation;
};

enum store_result model_flock_create(struct model *m, const struct model_ask *a);
enum store_result model_flock_relabel(struct model *m, const struct model_ask *a);
enum store_result model_flock_delete(struct model *m, const struct model_ask *a);
enum store_result model_join(struct model *m, const struct model_ask *a);
enum store_result model_enrol(struct model *m, const struct model_ask *a, uint8_t *kek);
enum store_result model_approve(struct model *m, const struct model_ask *a, uint8_t *kek);
enum store_result model_update(struct model *m, const struct model_ask *a);
enum store_result model_set_secret(struct model *m, const struct model_ask *a);
enum store_result model_device_delete(struct model *m, const struct model_ask *a);
enum store_result model_enrolment_create(struct model *m, const struct model_ask *a);
enum store_result model_enrolment_delete(struct model *m, const struct model_ask *a);
enum store_result model_consent(struct model *m, const struct model_ask *a, bool *established);
enum store_result model_withdraw(struct model *m, const struct model_ask *a);
enum store_result model_bundle_put(struct model *m, const struct model_ask *a);
uint64_t model_upkeep(struct model *m); /* rows that went */

/* Devices that asked before that have ended. */
static inline int64_t
model_joins_since(const struct model *m)
{
	return m->now - MODEL_JOIN_S;
}

bool model_waits(const struct model *m, unsigned flock, unsigned device);
bool model_established(const struct model *m, unsigned a, unsigned b);
const struct model_bundle *model_bundle(const struct model *m, unsigned a, unsigned b);

#endif

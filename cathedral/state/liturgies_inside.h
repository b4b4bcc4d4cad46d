/* SPDX-License-Identifier: ISC */
/* What liturgies.c, which hears them, and liturgies_walk.c, which goes over them, share. */
#ifndef CATHEDRAL_STATE_LITURGIES_INSIDE_H
#define CATHEDRAL_STATE_LITURGIES_INSIDE_H

#include "cathedral/state/liturgies.h"
#include "cathedral/state/quota.h"
#include "cathedral/state/table.h"
#include "cathedral/state/tunnels.h"

/*
 * A device has at most one entry of each kind in a flock domain.  All entries of one domain live
 * in one shard, together with the domain's index, which says whose entries there are.
 */
enum kind { DISCOVERY, SIGNALLING, INDEX };

struct key {
	struct flock_id flock; /* with its domain */
	uint8_t kind;
	uint8_t number;
	uint8_t zero[6];
};

struct entry {
	struct key key;
	uint64_t seen_ns;
	uint64_t answered_ns, remembered_ns; /* 0: never */
	struct rhythm rhythm;
	union {
		struct {
			struct device_id device;
			uint16_t group;
			uint8_t listener;
			bool hidden, federated;
			struct endpoint at;
			uint64_t said_s;   /* by the device's clock; 0: not known */
			uint64_t peers[4]; /* KEK numbers it names */
		};
		uint64_t present[2][4]; /* the index: KEK numbers by kind */
	};
};

struct liturgies {
	struct table *table;
	struct quota *quota;
};

static inline struct key
key_of(struct flock_id flock, enum kind kind, uint8_t number)
{
	return (struct key){ .flock = flock, .kind = (uint8_t)kind, .number = number };
}

static inline bool
is_live(const struct entry *e, uint64_t now_ns)
{
	return now_ns < e->seen_ns + ENTRY_TTL_NS;
}

/* What an entry that goes away held. */
static inline void
entry_release(struct liturgies *l, const struct entry *e)
{
	if (e->key.kind != INDEX)
		quota_give_back(l->quota, e->key.flock, e->device);
}

static inline void
bit_set(uint64_t bits[static 4], uint8_t n)
{
	bits[n / 64] |= UINT64_C(1) << (n % 64);
}

/* The index of a domain, made if there is none; NULL when the shard is full of live entries. */
struct entry *liturgies_index(
    struct liturgies *l, struct table_shard *s, struct flock_id flock, uint64_t now_ns);

/*
 * The entry of a device, made if there is none, or none that lives, or one of a device that had the
 * number before: nothing of that one counts.  NULL when there is no room, or no quota.
 */
struct entry *liturgies_entry_of(struct liturgies *l, struct table_shard *s, const struct key *key,
    struct device_id device, uint64_t now_ns, bool *quota);

#endif

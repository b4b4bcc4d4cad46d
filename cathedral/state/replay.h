/* SPDX-License-Identifier: ISC */
/*
 * The seeds of accepted offers, remembered as long as their timestamps stay fresh.  Any thread may
 * call any of these.
 */
#ifndef CATHEDRAL_STATE_REPLAY_H
#define CATHEDRAL_STATE_REPLAY_H

#include "base/clock.h"
#include "base/random.h"
#include "base/seeded_hash.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A timestamp may be as much ahead of our clock as behind it: it is fresh for two windows at the
 * most, and a second more since timestamps are whole seconds.
 */
#define REPLAY_TTL_NS ((2 * OFFER_WINDOW_S + 1) * NS_PER_S)

struct replay;

struct replay *replay_create(size_t capacity, struct random *r);
void replay_destroy(struct replay *p);

struct replay_mark {
	uint8_t bytes[16];
	struct flock_id flock; /* base: whose room it takes */
};

/* What stands for an offer: a keyed hash over sender, flocks and seed. */
struct replay_mark replay_mark(const struct replay *p, const struct offer_header *h);

/* Cheap look before anything costly. */
bool replay_seen(struct replay *p, const struct replay_mark *mark, uint64_t now_ns);

/* REPLAY_QUOTA: this flock's offers have a quarter of the room, which is all they may have. */
enum replay_result { REPLAY_NEW, REPLAY_SEEN, REPLAY_QUOTA, REPLAY_FULL };

/* Remembers it: of two that come at once exactly one is REPLAY_NEW. */
enum replay_result replay_admit(struct replay *p, const struct replay_mark *mark, uint64_t now_ns);

/*
 * For who comes after us (relay/bequest.h), as tunnels_changed() and its like.  Marks mean
 * something only under the key that they were made with: who restores some takes it over before.
 */
struct replay_record {
	struct replay_mark mark;
	uint64_t until_ns;
};

typedef void replay_see(const struct replay_record *record, void *arg);
struct hash_key replay_key(const struct replay *p);
void replay_set_key(struct replay *p, const struct hash_key *key); /* before any thread uses it */
uint32_t replay_begin(struct replay *p);                           /* table_mark() */
bool replay_changed(
    struct replay *p, uint32_t since, replay_see *see, bool (*rest)(void *arg), void *arg);
/* False: there is no room. */
bool replay_restore(struct replay *p, const struct replay_record *was, uint64_t now_ns);

size_t replay_sweep(struct replay *p, size_t parts, uint64_t now_ns);
size_t replay_count(struct replay *p);

#endif

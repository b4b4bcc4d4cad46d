/* SPDX-License-Identifier: ISC */
/*
 * The seeds of accepted offers, remembered as long as their timestamps stay fresh.  Any thread may
 * call any of these.
 */
#ifndef CATHEDRAL_STATE_REPLAY_H
#define CATHEDRAL_STATE_REPLAY_H

#include "base/clock.h"
#include "base/random.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

size_t replay_sweep(struct replay *p, size_t parts, uint64_t now_ns);
size_t replay_count(struct replay *p);

#endif

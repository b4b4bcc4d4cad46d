/* SPDX-License-Identifier: ISC */
/*
 * Which device shows which shroud identity.  Identities can be made by anyone who knows a flock
 * and a device number, so one that was merely looked up is only a candidate, in a small table that
 * newer ones overwrite; it is kept for good (until it can be in use no more) once an offer under
 * it was accepted.  Beside that: who was last heard at an address, the first to try for an
 * unknown identity from there.
 */
#ifndef CATHEDRAL_STATE_IDENTITIES_H
#define CATHEDRAL_STATE_IDENTITIES_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A device shows an identity for 300 s at most: longer after its last offer it cannot come back.
 * Who was heard where is worth more time, since that finds those who come back after a pause.
 */
#define IDENTITY_TTL_NS           (330 * NS_PER_S)
#define IDENTITY_HINT_TTL_NS      (630 * NS_PER_S)
#define IDENTITY_CANDIDATE_TTL_NS (30 * NS_PER_S)
#define IDENTITY_HINTS_NEAR       4
#define IDENTITY_HINTS_MAX        20

/* A device and the pair of flocks it talks in; base flocks. */
struct identity {
	struct flock_id own, other;
	struct device_id device;
	uint32_t zero;
};

struct identities;

/* per_device: identities a device may have proven at a time. */
struct identities *identities_create(size_t capacity, uint32_t per_device, struct random *r);
void identities_destroy(struct identities *c);

bool identities_find(
    struct identities *c, const uint8_t id[static 16], uint64_t now_ns, struct identity *ret);

/* Found by computation; nothing is proven yet. */
void identities_suggest(
    struct identities *c, const uint8_t id[static 16], const struct identity *who, uint64_t now_ns);

/* An offer under id, from this address, was accepted. */
void identities_prove(struct identities *c, const uint8_t id[static 16], const struct identity *who,
    const struct endpoint *from, uint64_t now_ns);

/* It was heard at this address by somebody who says so; more room is not taken for that than there
 * is. */
void identities_expect(
    struct identities *c, const struct identity *who, const struct endpoint *at, uint64_t now_ns);

/*
 * Who was heard at this address and port, at most IDENTITY_HINTS_NEAR; and who was at this address,
 * behind the count of others that are in ret already and not once more.  Returns how many there
 * are then.
 */
size_t identities_hints_near(struct identities *c, const struct endpoint *from,
    struct identity ret[static IDENTITY_HINTS_NEAR]);
size_t identities_hints_around(struct identities *c, const struct endpoint *from,
    struct identity ret[static IDENTITY_HINTS_MAX], size_t count);

/*
 * What is known, piece by piece, for who comes after us (relay/bequest.h): an identity that was
 * proven, or is a candidate; or who was heard at an address and port, or at an address.
 */
enum identity_piece {
	IDENTITY_PROVEN = 1,
	IDENTITY_CANDIDATE,
	IDENTITY_AT_ENDPOINT,
	IDENTITY_AT_ADDRESS
};

struct identity_record {
	enum identity_piece piece;
	uint8_t id[16];     /* of the first two */
	struct endpoint at; /* of the last two */
	struct identity who;
	uint64_t ns; /* when it was last seen; of a candidate: until when it holds */
};

/* As tunnels_changed() and its like; candidates come always, oldest hints of an address first. */
typedef void identities_see(const struct identity_record *record, void *arg);
uint32_t identities_mark(struct identities *c);
bool identities_changed(
    struct identities *c, uint32_t since, identities_see *see, bool (*rest)(void *arg), void *arg);

/* False when its time is over. */
bool identities_restore(struct identities *c, const struct identity_record *was, uint64_t now_ns);

size_t identities_sweep(struct identities *c, size_t parts, uint64_t now_ns);
size_t identities_count(struct identities *c);

#endif

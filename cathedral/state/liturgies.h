/* SPDX-License-Identifier: ISC */
/*
 * Presence lists, one per flock domain and group (docs/protocol.md, "Liturgy").  Any thread may
 * call any of these.
 */
#ifndef CATHEDRAL_STATE_LITURGIES_H
#define CATHEDRAL_STATE_LITURGIES_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"
#include "cathedral/state/rhythm.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was heard, from whom, where. */
struct liturgy_heard {
	struct flock_id flock; /* with its domain */
	struct device_id device;
	const struct liturgy *liturgy;
	uint64_t said_s; /* when the device made it, by its own clock */
	struct endpoint from;
	uint8_t listener;
	bool federated; /* told by another cathedral: from is its address */
	uint64_t now_ns;
	struct rhythm_terms rhythm;
};

/* What is to be done about it. */
struct liturgy_outcome {
	bool answer;    /* with peers below */
	bool remember;  /* remembrance is due */
	enum tell tell; /* other cathedrals */
	bool quota;     /* the device has as many entries as it may have: nothing was recorded */
	bool unproven;  /* the address is new for a known entry: one answer at most */
	uint8_t peers[LITURGY_PEERS];
};

/* A copy. */
struct liturgy_entry {
	struct flock_id flock; /* with its domain */
	uint8_t number, listener;
	bool signalling, hidden, federated;
	uint16_t group;
	struct device_id device;
	struct endpoint at;
	uint64_t seen_ns;
	uint64_t answered_ns, remembered_ns; /* 0: never */
	struct rhythm rhythm;
	uint64_t peers[4]; /* bits: the KEK numbers it names */
};

/* Entries of one device: one of each kind in as many domains as anybody uses. */
#define LITURGIES_PER_DEVICE 64

struct liturgies;

struct liturgies *liturgies_create(size_t capacity, struct random *r);
void liturgies_destroy(struct liturgies *l);

/*
 * Records it and says what follows: nothing when the device has said something else since, which
 * overtook it on the way.  False when there is no room for a new entry, or its quota.
 */
bool liturgies_hear(
    struct liturgies *l, const struct liturgy_heard *heard, struct liturgy_outcome *ret);

size_t liturgies_sweep(struct liturgies *l, size_t parts, uint64_t now_ns);

/* Copies of all entries; those for which visit() says false, and says so again, are removed. */
typedef bool liturgies_visit(const struct liturgy_entry *entry, void *arg);
void liturgies_each(struct liturgies *l, liturgies_visit *visit, void *arg);

/* The same for the entries of one flock, in any domain: what it costs is by their number. */
void liturgies_each_of(
    struct liturgies *l, struct flock_id flock, liturgies_visit *visit, void *arg);

/* As tunnels_changed() and its like; false: it has expired, or there is no room, or no quota. */
typedef void liturgies_see(const struct liturgy_entry *entry, void *arg);
uint32_t liturgies_mark(struct liturgies *l);
bool liturgies_changed(
    struct liturgies *l, uint32_t since, liturgies_see *see, bool (*rest)(void *arg), void *arg);
bool liturgies_restore(struct liturgies *l, const struct liturgy_entry *was, uint64_t now_ns);

size_t liturgies_count(struct liturgies *l);
size_t liturgies_capacity(const struct liturgies *l);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Who is served next when more is to be sent than may be: deficit round robin by bytes between
 * flocks and, within a flock, between tunnels.  In a tunnel the order stays.  What there is no room
 * for is dropped from the longest queue, its oldest packet first: of the flock that has most
 * waiting, and there of its tunnel that has.
 *
 * No clock, no chance, no sockets; one thread's.  Nothing costs more when there are more flocks.
 */
#ifndef CATHEDRAL_RELAY_SHARE_H
#define CATHEDRAL_RELAY_SHARE_H

#include "base/endpoint.h"
#include "base/seeded_hash.h"
#include "cathedral/state/tunnels.h"
#include "cathedral/state/waiters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_COST_MAX 1600 /* also what each is given in a round */
#define SHARE_ROOM_MIN 16384
#define SHARE_ROOM_MAX (UINT32_C(16) << 20)

/* A packet that waits, without its bytes. */
struct parcel {
	struct tunnel_key key; /* of its receiver, as that names the tunnel; dst is its sender */
	struct endpoint to;
	uint16_t len;
	uint16_t cost; /* what it takes of the line, in bytes; 1 .. SHARE_COST_MAX */
	uint8_t listener;
	bool federated;
	bool shrouded;
};

struct share;

/*
 * room: bytes for all that waits, between SHARE_ROOM_MIN and _MAX; at most half of it is one
 * flock's.  waiters (borrowed; NULL: there are no other workers) are told which flocks wait at this
 * worker, and know where else they do: who waits at n of them is given an n-th here.  NULL when
 * out of memory.
 */
struct share *share_create(
    size_t room, struct hash_key hash, struct waiters *waiters, unsigned worker);
void share_destroy(struct share *s);

/* Puts a copy of a packet (PACKET_MAX bytes at most) last in its tunnel; returns how many it cost.
 */
size_t share_put(struct share *s, const struct parcel *parcel, const uint8_t *bytes);

/* The next in turn, with len bytes into room for PACKET_MAX; false when nothing waits. */
bool share_take(struct share *s, struct parcel *ret, uint8_t *bytes);

/* Packets, and flocks (in all their domains) that have any. */
size_t share_waiting(const struct share *s);
uint32_t share_flocks(const struct share *s);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * A packet on its way, changed in place: the room in front takes a shroud header, the room behind
 * its padding.  Where it lies close between others (the kernel may hand over many as one) it moves
 * into its own room before it grows.  Short packets are outsiders' fault and answered with false; a
 * lack of room would be ours.
 */
#ifndef CATHEDRAL_RELAY_PACKET_H
#define CATHEDRAL_RELAY_PACKET_H

#include "base/endpoint.h"
#include "cathedral/state/egress.h"
#include "cathedral/state/identities.h"
#include "cathedral/state/registry.h"
#include "cathedral/state/verdict.h"
#include "protocol/crypto/shroud.h"
#include "protocol/wire/kind.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_HEADROOM 64 /* at least a shroud header; keeps the body aligned */
#define PACKET_ROOM     2048

struct packet {
	/* Where it is now. */
	uint8_t *head;
	size_t len;
	uint8_t *low, *high; /* what is between is its alone: its own room, or a receiver's */

	/* How it came: set by whoever received it. */
	struct endpoint from;
	uint8_t listener;
	bool nat_port;

	/* What unshrouding found out. */
	size_t wire_len;                  /* as it came, shroud included */
	const struct registry_peer *peer; /* the federated cathedral that sent it, or NULL */
	bool shrouded;
	uint8_t shown[16];   /* the shroud identity it came under */
	struct identity who; /* whose that is */

	enum verdict verdict;

	/* How it goes: a relayed packet or an answer. */
	struct endpoint to;
	uint8_t to_listener;
	const struct kmac_prefix *to_mask; /* NULL: clear */
	size_t below; /* shrouded size stays below this by padding; see packet_fits() */

	_Alignas(16) uint8_t room[PACKET_ROOM];
};

/* Where a packet begins in its own room: up to PACKET_MAX bytes, and what they may grow by. */
static inline uint8_t *
packet_start(struct packet *pkt)
{
	return pkt->room + PACKET_HEADROOM;
}

static inline void
packet_reset(struct packet *pkt, size_t len)
{
	pkt->low = pkt->room;
	pkt->high = pkt->room + PACKET_ROOM;
	pkt->head = packet_start(pkt);
	pkt->len = len;
}

static inline bool
packet_pull(struct packet *pkt, size_t n)
{
	if (n > pkt->len)
		return false;
	pkt->head += n;
	pkt->len -= n;
	return true;
}

static inline uint8_t *
packet_push(struct packet *pkt, size_t n)
{
	assert(n <= (size_t)(pkt->head - pkt->low));
	pkt->head -= n;
	pkt->len += n;
	return pkt->head;
}

static inline size_t
packet_tailroom(const struct packet *pkt)
{
	return (size_t)(pkt->high - (pkt->head + pkt->len));
}

/* Sees to it that so many bytes in front and behind are its own, by moving it if need be. */
static inline void
packet_make_room(struct packet *pkt, size_t front, size_t behind)
{
	const uint8_t *bytes = pkt->head;

	if (front <= (size_t)(pkt->head - pkt->low) && behind <= packet_tailroom(pkt))
		return;
	assert(pkt->low != pkt->room);
	packet_reset(pkt, pkt->len);
	assert(front <= PACKET_HEADROOM && behind <= packet_tailroom(pkt));
	memcpy(pkt->head, bytes, pkt->len);
}

/*
 * Bytes on the line, headers included, of one that is ready to go.  A mask's padding is chance's:
 * half of what there may be, on the average.
 */
static inline size_t
packet_cost(const struct packet *pkt)
{
	size_t used = pkt->len;

	if (pkt->to_mask != NULL) {
		used += SHROUD_HEADER_SIZE + 1;
		if (used < pkt->below)
			used += (pkt->below - used) / 2;
	}
	return used + EGRESS_HEADERS;
}

#endif

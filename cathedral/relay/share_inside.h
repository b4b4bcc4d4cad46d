/* SPDX-License-Identifier: ISC */
/* What share.c, which says whose turn it is, and the files that keep packets and queues share. */
#ifndef CATHEDRAL_RELAY_SHARE_INSIDE_H
#define CATHEDRAL_RELAY_SHARE_INSIDE_H

#include "cathedral/relay/ranks.h"
#include "cathedral/relay/share.h"

#include <stdatomic.h>

#define CELL_BYTES 248
#define ROOT       0 /* of the nodes; as a number of anything else: none */

/* A packet is a chain of cells: its parcel, then its bytes. */
struct cell {
	uint32_t next;  /* of the same packet, or of the free ones */
	uint32_t after; /* in the first cell: the packet behind it in its tunnel */
	uint8_t bytes[CELL_BYTES];
};

_Static_assert(sizeof(struct parcel) <= CELL_BYTES, "a parcel is in the first cell");
_Static_assert(SHARE_ROOM_MAX / sizeof(struct cell) <= RANKS_TOP, "every length has a rank");

/* The root's members are flocks, and theirs are tunnels. */
struct node {
	struct tunnel_key key;
	uint32_t parent, chain;
	uint32_t next, before;    /* in the round */
	uint32_t shorter, longer; /* others of the same rank, a list without order */
	uint32_t first, last;     /* of a tunnel: its packets */
	uint32_t cells;           /* that wait */
	int32_t deficit;
	uint32_t turn; /* whose it is among the members */
	/* Of a flock: the workers at which it waits, a bit for each; NULL: this one alone. */
	const _Atomic uint64_t *workers;
};

/* Of a root or flock: its members by how much they have waiting. */
struct ranking {
	uint64_t used;
	uint32_t heads[RANKS];
};

struct share {
	struct hash_key hash;
	struct waiters *waiters; /* told of who waits here; or NULL */
	unsigned worker;
	size_t waiting;
	uint32_t flocks;
	uint32_t cell_count, cells_used, cells_left; /* used: touched so far */
	uint32_t free_cell;
	uint32_t nodes_used, free_node;
	uint32_t slot_mask;
	struct cell *cells;       /* from 1 */
	struct node *nodes;       /* 0 is the root */
	struct ranking *rankings; /* of the node with the same number */
	uint32_t *slots;
};

/* ---- share_cells.c: packets in cells ---- */

uint32_t parcel_cells(size_t len); /* so many does a packet of len bytes take */

/* There is room: whoever calls has made some.  Returns the first cell. */
uint32_t parcel_store(struct share *s, const struct parcel *parcel, const uint8_t *bytes);
struct parcel parcel_of(const struct share *s, uint32_t first);
void parcel_load(const struct share *s, uint32_t first, size_t len, uint8_t *bytes);
void parcel_free(struct share *s, uint32_t first);

/* ---- share_nodes.c: flocks and tunnels ---- */

struct tunnel_key flock_key(const struct parcel *p);
uint32_t node_find(struct share *s, const struct tunnel_key *key); /* 0: there is none */
uint32_t node_have(struct share *s, const struct tunnel_key *key, uint32_t parent);
void node_remove(struct share *s, uint32_t n);

/* How many cells of it wait; 0 means that it is in no ranking. */
void node_resize(struct share *s, uint32_t n, uint32_t cells);

/* The member of a flock, or of the root, that has most waiting. */
uint32_t node_longest(const struct share *s, uint32_t parent);

#endif

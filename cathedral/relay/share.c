/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/share.h"

#include "cathedral/relay/ranks.h"
#include "protocol/wire/kind.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
};

/* Of a root or flock: its members by how much they have waiting. */
struct ranking {
	uint64_t used;
	uint32_t heads[RANKS];
};

struct share {
	struct hash_key hash;
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

struct share *
share_create(size_t room, struct hash_key hash)
{
	struct share *s = calloc(1, sizeof(*s));
	uint32_t slots = 64;

	if (s == NULL)
		return NULL;
	assert(room >= SHARE_ROOM_MIN && room <= SHARE_ROOM_MAX);
	s->hash = hash;
	s->cell_count = s->cells_left = (uint32_t)(room / sizeof(struct cell));
	s->nodes_used = 1;
	while (slots < s->cell_count)
		slots *= 2;
	s->slot_mask = slots - 1;
	/* Each packet may be the only one of its tunnel and of its flock; untouched is not used. */
	s->cells = calloc(s->cell_count + 1, sizeof(*s->cells));
	s->nodes = calloc(2 * s->cell_count + 1, sizeof(*s->nodes));
	s->rankings = calloc(2 * s->cell_count + 1, sizeof(*s->rankings));
	s->slots = calloc(slots, sizeof(*s->slots));
	if (s->cells && s->nodes && s->rankings && s->slots)
		return s;
	share_destroy(s);
	return NULL;
}

void
share_destroy(struct share *s)
{
	if (s == NULL)
		return;
	free(s->cells);
	free(s->nodes);
	free(s->rankings);
	free(s->slots);
	free(s);
}

size_t
share_waiting(const struct share *s)
{
	return s->waiting;
}

uint32_t
share_flocks(const struct share *s)
{
	return s->flocks;
}

/* ---- packets in cells ---- */

static uint32_t
cells_for(size_t len)
{
	return (uint32_t)((sizeof(struct parcel) + len + CELL_BYTES - 1) / CELL_BYTES);
}

static uint32_t
cell_new(struct share *s)
{
	uint32_t n = s->free_cell;

	s->cells_left--;
	if (n == 0)
		return ++s->cells_used;
	s->free_cell = s->cells[n].next;
	return n;
}

/* There is room: whoever calls has made some. */
static uint32_t
packet_store(struct share *s, const struct parcel *parcel, const uint8_t *bytes)
{
	uint32_t first = cell_new(s), at = first;
	size_t begin = sizeof(*parcel), left = parcel->len;

	memcpy(s->cells[first].bytes, parcel, sizeof(*parcel));
	s->cells[first].after = 0;
	for (;;) {
		size_t part = left < CELL_BYTES - begin ? left : CELL_BYTES - begin;

		memcpy(s->cells[at].bytes + begin, bytes, part);
		s->cells[at].next = 0;
		bytes += part;
		left -= part;
		begin = 0;
		if (left == 0)
			return first;
		at = s->cells[at].next = cell_new(s);
	}
}

static struct parcel
packet_parcel(const struct share *s, uint32_t first)
{
	struct parcel p;

	memcpy(&p, s->cells[first].bytes, sizeof(p));
	return p;
}

static void
packet_load(const struct share *s, uint32_t first, size_t left, uint8_t *bytes)
{
	size_t begin = sizeof(struct parcel);

	for (uint32_t at = first; left > 0; at = s->cells[at].next) {
		size_t part = left < CELL_BYTES - begin ? left : CELL_BYTES - begin;

		memcpy(bytes, s->cells[at].bytes + begin, part);
		bytes += part;
		left -= part;
		begin = 0;
	}
}

static void
packet_free(struct share *s, uint32_t first)
{
	uint32_t last = first, count = 1;

	for (; s->cells[last].next != 0; last = s->cells[last].next)
		count++;
	s->cells[last].next = s->free_cell;
	s->free_cell = first;
	s->cells_left += count;
}

/* ---- flocks and tunnels ---- */

/* A tunnel's key has an end; a flock's has none. */
static struct tunnel_key
flock_key(const struct parcel *p)
{
	return (struct tunnel_key){ .dst = flock_base(p->key.dst), .zero = { 1 } };
}

static uint32_t *
slot_of(struct share *s, const struct tunnel_key *key)
{
	return &s->slots[seeded_hash(&s->hash, key, sizeof(*key)) & s->slot_mask];
}

static uint32_t
node_find(struct share *s, const struct tunnel_key *key)
{
	uint32_t n = *slot_of(s, key);

	while (n != 0 && memcmp(&s->nodes[n].key, key, sizeof(*key)) != 0)
		n = s->nodes[n].chain;
	return n;
}

/* Last in the round of its parent. */
static void
round_join(struct share *s, uint32_t n)
{
	uint32_t *turn = &s->nodes[s->nodes[n].parent].turn;
	struct node *node = &s->nodes[n];

	if (*turn == 0) {
		*turn = node->next = node->before = n;
		return;
	}
	node->next = *turn;
	node->before = s->nodes[*turn].before;
	s->nodes[node->before].next = s->nodes[node->next].before = n;
}

static void
round_leave(struct share *s, uint32_t n)
{
	struct node *node = &s->nodes[n];
	uint32_t *turn = &s->nodes[node->parent].turn;

	if (node->next == n) {
		*turn = 0;
		return;
	}
	s->nodes[node->before].next = node->next;
	s->nodes[node->next].before = node->before;
	if (*turn == n)
		*turn = node->next;
}

static void
rank_join(struct share *s, uint32_t n)
{
	struct node *node = &s->nodes[n];
	struct ranking *r = &s->rankings[node->parent];
	unsigned rank = rank_of(node->cells);

	node->shorter = r->heads[rank];
	node->longer = 0;
	if (node->shorter != 0)
		s->nodes[node->shorter].longer = n;
	r->heads[rank] = n;
	r->used |= UINT64_C(1) << rank;
}

static void
rank_leave(struct share *s, uint32_t n)
{
	struct node *node = &s->nodes[n];
	struct ranking *r = &s->rankings[node->parent];
	unsigned rank = rank_of(node->cells);

	if (node->shorter != 0)
		s->nodes[node->shorter].longer = node->longer;
	if (node->longer != 0)
		s->nodes[node->longer].shorter = node->shorter;
	else
		r->heads[rank] = node->shorter;
	if (r->heads[rank] == 0)
		r->used &= ~(UINT64_C(1) << rank);
}

static uint32_t
node_longest(const struct share *s, uint32_t parent)
{
	const struct ranking *r = &s->rankings[parent];

	return r->heads[rank_top(r->used)];
}

/* cells of 0 mean that it is in no ranking. */
static void
node_resize(struct share *s, uint32_t n, uint32_t cells)
{
	if (s->nodes[n].cells != 0)
		rank_leave(s, n);
	s->nodes[n].cells = cells;
	if (cells != 0)
		rank_join(s, n);
}

static uint32_t
node_have(struct share *s, const struct tunnel_key *key, uint32_t parent)
{
	uint32_t n = node_find(s, key);
	uint32_t *slot = slot_of(s, key);

	if (n != 0)
		return n;
	n = s->free_node;
	if (n != 0)
		s->free_node = s->nodes[n].chain;
	else
		n = s->nodes_used++;
	s->nodes[n] = (struct node){ .key = *key, .parent = parent, .chain = *slot };
	*slot = n;
	s->flocks += parent == ROOT;
	round_join(s, n);
	return n;
}

static void
node_remove(struct share *s, uint32_t n)
{
	uint32_t *at = slot_of(s, &s->nodes[n].key);

	while (*at != n)
		at = &s->nodes[*at].chain;
	*at = s->nodes[n].chain;
	round_leave(s, n);
	s->flocks -= s->nodes[n].parent == ROOT;
	s->nodes[n].chain = s->free_node;
	s->free_node = n;
}

/* ---- in and out ---- */

/* The oldest packet of a tunnel leaves the queues; who has nothing left leaves, too. */
static uint32_t
tunnel_shift(struct share *s, uint32_t tunnel)
{
	struct node *t = &s->nodes[tunnel];
	uint32_t flock = t->parent, first = t->first;
	uint32_t cells = cells_for(packet_parcel(s, first).len);

	t->first = s->cells[first].after;
	s->waiting--;
	node_resize(s, tunnel, t->cells - cells);
	node_resize(s, flock, s->nodes[flock].cells - cells);
	if (s->nodes[tunnel].cells == 0)
		node_remove(s, tunnel);
	if (s->nodes[flock].cells == 0)
		node_remove(s, flock);
	return first;
}

static void
drop_from(struct share *s, uint32_t flock)
{
	packet_free(s, tunnel_shift(s, node_longest(s, flock)));
}

static size_t
make_room(struct share *s, const struct tunnel_key *flock, uint32_t cells)
{
	uint32_t n, most = s->cell_count / 2;
	size_t dropped = 0;

	for (; s->cells_left < cells; dropped++)
		drop_from(s, node_longest(s, ROOT));
	for (; (n = node_find(s, flock)) != 0 && s->nodes[n].cells + cells > most; dropped++)
		drop_from(s, n);
	return dropped;
}

size_t
share_put(struct share *s, const struct parcel *parcel, const uint8_t *bytes)
{
	struct tunnel_key key = flock_key(parcel);
	uint32_t cells = cells_for(parcel->len), flock, tunnel, packet;
	size_t dropped;
	struct node *t;

	assert(parcel->len <= PACKET_MAX);
	assert(parcel->cost > 0 && parcel->cost <= SHARE_COST_MAX);
	dropped = make_room(s, &key, cells);
	packet = packet_store(s, parcel, bytes);
	flock = node_have(s, &key, ROOT);
	tunnel = node_have(s, &parcel->key, flock);
	t = &s->nodes[tunnel];
	if (t->cells == 0)
		t->first = packet;
	else
		s->cells[t->last].after = packet;
	t->last = packet;
	s->waiting++;
	node_resize(s, tunnel, t->cells + cells);
	node_resize(s, flock, s->nodes[flock].cells + cells);
	return dropped;
}

static int32_t
tunnel_cost(const struct share *s, uint32_t tunnel)
{
	return packet_parcel(s, s->nodes[tunnel].first).cost;
}

/* What is given in a round pays for any packet, so nobody is passed over twice. */
static uint32_t
next_tunnel(struct share *s, uint32_t flock)
{
	for (;;) {
		struct node *t = &s->nodes[s->nodes[flock].turn];

		if (t->deficit >= tunnel_cost(s, s->nodes[flock].turn))
			return s->nodes[flock].turn;
		t->deficit += SHARE_COST_MAX;
		s->nodes[flock].turn = t->next;
	}
}

static uint32_t
next_in_turn(struct share *s)
{
	for (;;) {
		struct node *f = &s->nodes[s->nodes[ROOT].turn];
		uint32_t tunnel = next_tunnel(s, s->nodes[ROOT].turn);

		if (f->deficit >= tunnel_cost(s, tunnel))
			return tunnel;
		f->deficit += SHARE_COST_MAX;
		s->nodes[ROOT].turn = f->next;
	}
}

bool
share_take(struct share *s, struct parcel *ret, uint8_t *bytes)
{
	uint32_t tunnel, packet;

	if (s->waiting == 0)
		return false;
	tunnel = next_in_turn(s);
	*ret = packet_parcel(s, s->nodes[tunnel].first);
	s->nodes[tunnel].deficit -= ret->cost;
	s->nodes[s->nodes[tunnel].parent].deficit -= ret->cost;
	packet = tunnel_shift(s, tunnel);
	packet_load(s, packet, ret->len, bytes);
	packet_free(s, packet);
	return true;
}

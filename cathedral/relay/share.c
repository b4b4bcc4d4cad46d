/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/share.h"

#include "cathedral/relay/share_inside.h"
#include "protocol/wire/kind.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct share *
share_create(size_t room, struct hash_key hash, struct waiters *waiters, unsigned worker)
{
	struct share *s = calloc(1, sizeof(*s));
	uint32_t slots = 64;

	if (s == NULL)
		return NULL;
	assert(room >= SHARE_ROOM_MIN && room <= SHARE_ROOM_MAX);
	s->hash = hash;
	s->waiters = waiters;
	s->worker = worker;
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

/* ---- in and out ---- */

/* The oldest packet of a tunnel leaves the queues; who has nothing left leaves, too. */
static uint32_t
tunnel_shift(struct share *s, uint32_t tunnel)
{
	struct node *t = &s->nodes[tunnel];
	uint32_t flock = t->parent, first = t->first;
	uint32_t cells = parcel_cells(parcel_of(s, first).len);

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
	parcel_free(s, tunnel_shift(s, node_longest(s, flock)));
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
	uint32_t cells = parcel_cells(parcel->len), flock, tunnel, packet;
	size_t dropped;
	struct node *t;

	assert(parcel->len <= PACKET_MAX);
	assert(parcel->cost > 0 && parcel->cost <= SHARE_COST_MAX);
	dropped = make_room(s, &key, cells);
	packet = parcel_store(s, parcel, bytes);
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
	return parcel_of(s, s->nodes[tunnel].first).cost;
}

/* What is given in a round pays for any packet, so no tunnel is passed over twice. */
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

/* Who waits at several workers gets of each the same part of what others get. */
static int32_t
gift(const struct node *flock)
{
	int workers = 1;

	if (flock->workers != NULL)
		workers = __builtin_popcountll(
		    atomic_load_explicit(flock->workers, memory_order_relaxed));
	return SHARE_COST_MAX / workers;
}

static uint32_t
next_in_turn(struct share *s)
{
	for (;;) {
		struct node *f = &s->nodes[s->nodes[ROOT].turn];
		uint32_t tunnel = next_tunnel(s, s->nodes[ROOT].turn);

		if (f->deficit >= tunnel_cost(s, tunnel))
			return tunnel;
		f->deficit += gift(f);
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
	*ret = parcel_of(s, s->nodes[tunnel].first);
	s->nodes[tunnel].deficit -= ret->cost;
	s->nodes[s->nodes[tunnel].parent].deficit -= ret->cost;
	packet = tunnel_shift(s, tunnel);
	parcel_load(s, packet, ret->len, bytes);
	parcel_free(s, packet);
	return true;
}

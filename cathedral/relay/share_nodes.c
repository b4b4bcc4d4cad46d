/* SPDX-License-Identifier: ISC */
/* The queues of flocks and of their tunnels: who has one, in which order, and how long it is. */
#include "cathedral/relay/share_inside.h"

#include <string.h>

/* A tunnel's key has an end; a flock's has none. */
struct tunnel_key
flock_key(const struct parcel *p)
{
	return (struct tunnel_key){ .dst = flock_base(p->key.dst), .zero = { 1 } };
}

static uint32_t *
slot_of(struct share *s, const struct tunnel_key *key)
{
	return &s->slots[seeded_hash(&s->hash, key, sizeof(*key)) & s->slot_mask];
}

uint32_t
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

uint32_t
node_longest(const struct share *s, uint32_t parent)
{
	const struct ranking *r = &s->rankings[parent];

	return r->heads[rank_top(r->used)];
}

void
node_resize(struct share *s, uint32_t n, uint32_t cells)
{
	if (s->nodes[n].cells != 0)
		rank_leave(s, n);
	s->nodes[n].cells = cells;
	if (cells != 0)
		rank_join(s, n);
}

static void
flock_begins(struct share *s, uint32_t n)
{
	s->flocks++;
	if (s->waiters != NULL)
		s->nodes[n].workers = waiters_join(s->waiters, s->worker, s->nodes[n].key.dst);
}

static void
flock_ceases(struct share *s, uint32_t n)
{
	s->flocks--;
	if (s->waiters != NULL)
		waiters_leave(s->waiters, s->worker, s->nodes[n].key.dst);
}

uint32_t
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
	if (parent == ROOT)
		flock_begins(s, n);
	round_join(s, n);
	return n;
}

void
node_remove(struct share *s, uint32_t n)
{
	uint32_t *at = slot_of(s, &s->nodes[n].key);

	while (*at != n)
		at = &s->nodes[*at].chain;
	*at = s->nodes[n].chain;
	round_leave(s, n);
	if (s->nodes[n].parent == ROOT)
		flock_ceases(s, n);
	s->nodes[n].chain = s->free_node;
	s->free_node = n;
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/publish.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A reader's turn counter: odd while it is inside a batch. */
struct slot {
	_Alignas(64) _Atomic uint64_t turn;
};

struct retired {
	struct retired *next;
	struct registry *registry;
	uint64_t turns[PUBLISH_SLOTS_MAX]; /* as they stood after the swap */
};

struct publish {
	_Atomic(struct registry *) current;
	unsigned slot_count;
	struct retired *retired; /* newest first */
	struct slot slots[PUBLISH_SLOTS_MAX];
};

struct publish *
publish_create(struct registry *first, unsigned slots)
{
	struct publish *p;

	if (slots > PUBLISH_SLOTS_MAX)
		return NULL;
	p = aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);
	if (p == NULL)
		return NULL;
	atomic_init(&p->current, first);
	p->slot_count = slots;
	p->retired = NULL;
	for (unsigned n = 0; n < PUBLISH_SLOTS_MAX; n++)
		atomic_init(&p->slots[n].turn, 0);
	return p;
}

void
publish_destroy(struct publish *p)
{
	struct retired *next;

	if (p == NULL)
		return;
	for (struct retired *r = p->retired; r != NULL; r = next) {
		next = r->next;
		registry_free(r->registry);
		free(r);
	}
	registry_free(atomic_load(&p->current));
	free(p);
}

/*
 * Sequentially consistent on purpose: either this reader's odd turn is seen by publish_swap(), or
 * the reader sees the new snapshot.
 */
const struct registry *
publish_enter(struct publish *p, unsigned slot)
{
	atomic_fetch_add(&p->slots[slot].turn, 1);
	return atomic_load(&p->current);
}

void
publish_leave(struct publish *p, unsigned slot)
{
	atomic_fetch_add(&p->slots[slot].turn, 1);
}

const struct registry *
publish_current(const struct publish *p)
{
	return atomic_load(&p->current);
}

bool
publish_swap(struct publish *p, struct registry *next)
{
	struct retired *r = malloc(sizeof(*r));

	if (r == NULL)
		return false;
	r->registry = atomic_exchange(&p->current, next);
	for (unsigned n = 0; n < p->slot_count; n++)
		r->turns[n] = atomic_load(&p->slots[n].turn);
	r->next = p->retired;
	p->retired = r;
	return true;
}

static bool
may_be_held(const struct publish *p, const struct retired *r)
{
	for (unsigned n = 0; n < p->slot_count; n++) {
		if ((r->turns[n] & 1) != 0 && atomic_load(&p->slots[n].turn) == r->turns[n])
			return true;
	}
	return false;
}

bool
publish_reclaim(struct publish *p)
{
	struct retired **link = &p->retired;

	while (*link != NULL) {
		struct retired *r = *link;

		if (may_be_held(p, r)) {
			link = &r->next;
			continue;
		}
		*link = r->next;
		registry_free(r->registry);
		free(r);
	}
	return p->retired == NULL;
}

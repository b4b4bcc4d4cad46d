/* SPDX-License-Identifier: ISC */
#include "cathedral/state/egress.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A byte takes 8000 / mbit nanoseconds. */
#define NS_PER_BYTE_AND_MBIT 8000

struct egress {
	uint32_t mbit;
	_Alignas(64) _Atomic uint64_t spent_ns; /* the line is in use until then */
};

struct egress *
egress_create(uint32_t mbit)
{
	struct egress *e = aligned_alloc(_Alignof(struct egress), sizeof(*e));

	if (e == NULL)
		return NULL;
	e->mbit = mbit;
	atomic_init(&e->spent_ns, 0);
	return e;
}

void
egress_destroy(struct egress *e)
{
	free(e);
}

uint32_t
egress_mbit(const struct egress *e)
{
	return e->mbit;
}

uint64_t
egress_time_ns(const struct egress *e, uint64_t bytes)
{
	return (bytes * NS_PER_BYTE_AND_MBIT + e->mbit - 1) / e->mbit;
}

int64_t
egress_bytes(const struct egress *e, int64_t ns)
{
	return ns * (int64_t)e->mbit / NS_PER_BYTE_AND_MBIT;
}

/* An idle line saves up only so much, and a debt ends some day. */
int64_t
egress_left_ns(struct egress *e, uint64_t now_ns)
{
	uint64_t low = now_ns > EGRESS_BURST_NS ? now_ns - EGRESS_BURST_NS : 0;
	uint64_t high = now_ns + EGRESS_DEBT_NS;
	uint64_t spent = atomic_load_explicit(&e->spent_ns, memory_order_relaxed);

	while (spent < low || spent > high) {
		uint64_t bound = spent < low ? low : high;

		if (atomic_compare_exchange_weak_explicit(
			&e->spent_ns, &spent, bound, memory_order_relaxed, memory_order_relaxed))
			spent = bound;
	}
	return (int64_t)(now_ns - spent);
}

void
egress_charge(struct egress *e, uint64_t ns)
{
	atomic_fetch_add_explicit(&e->spent_ns, ns, memory_order_relaxed);
}

/* SPDX-License-Identifier: ISC */
/*
 * What one thread has sent for one flock, or for the host, and how fast it may go on: a line of the
 * cache that is written on the way of packets by its thread alone.  The main thread reads what was
 * sent and sets the pace (state/budget.h).
 */
#ifndef CATHEDRAL_STATE_METER_H
#define CATHEDRAL_STATE_METER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define METER_FREE    UINT64_MAX           /* a pace: as fast as it likes */
#define METER_STOPPED UINT64_C(0)          /* nothing at all */
#define METER_FASTEST UINT64_C(1000000000) /* bytes per second; what may be faster is free */

/* So much may go at once however slow the pace is: two full packets. */
#define METER_BURST UINT64_C(3200)

struct meter {
	_Alignas(64) _Atomic uint64_t sent; /* bytes, ever growing */
	_Atomic uint64_t pace;              /* bytes per second, or one of the above */

	/* A token bucket while it is slowed; its thread's alone. */
	uint64_t filled_ns; /* when credit was last counted */
	uint64_t credit;    /* bytes * NS_PER_S */
};

enum meter_word { METER_GO, METER_SLOW, METER_STOP };

/* Of one that is not free; takes the bytes from its bucket when it says METER_GO. */
enum meter_word meter_ask_bucket(struct meter *m, uint64_t pace, size_t bytes, uint64_t now_ns);

/* Whether so many bytes may go; nothing is counted as sent yet. */
static inline enum meter_word
meter_ask(struct meter *m, size_t bytes, uint64_t now_ns)
{
	uint64_t pace = atomic_load_explicit(&m->pace, memory_order_relaxed);

	return pace == METER_FREE ? METER_GO : meter_ask_bucket(m, pace, bytes, now_ns);
}

/* They went.  Only the meter's own thread may call it, so a plain load and store are enough. */
static inline void
meter_count(struct meter *m, size_t bytes)
{
	uint64_t old = atomic_load_explicit(&m->sent, memory_order_relaxed);

	atomic_store_explicit(&m->sent, old + bytes, memory_order_relaxed);
}

#endif

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/pace.h"

#include "base/clock.h"

/* Timers are not finer than this in practice; and so much may come in a row at high rates. */
#define TICK_NS (NS_PER_MS / 10)

static uint64_t
due_by_rate(struct pace *p, uint64_t now_ns)
{
	double after_s = (double)(now_ns - p->start_ns) / (double)NS_PER_S;
	uint64_t all = (uint64_t)(after_s * p->rate), most = (uint64_t)(p->rate / 10) + 1;

	if (all <= p->sent)
		return 0;
	if (all - p->sent <= most)
		return all - p->sent;
	/* As if it had begun later. */
	p->start_ns += (uint64_t)((double)(all - p->sent - most) / p->rate * (double)NS_PER_S);
	return most;
}

uint64_t
pace_due(struct pace *p, uint64_t under_way, uint64_t now_ns)
{
	uint64_t due = UINT64_MAX;

	if (now_ns < p->start_ns || now_ns >= p->end_ns)
		return 0;
	if (p->rate > 0)
		due = due_by_rate(p, now_ns);
	if (p->window > 0) {
		uint64_t room = under_way < p->window ? p->window - under_way : 0;

		/* A few at a time: each time costs. */
		if (p->rate == 0 && room < (p->window + 3) / 4)
			room = 0;
		due = due < room ? due : room;
	}
	return due;
}

uint64_t
pace_next_ns(const struct pace *p, uint64_t now_ns)
{
	uint64_t next_ns = now_ns + TICK_NS;

	if (p->rate > 0) {
		uint64_t at = p->start_ns + (uint64_t)((double)(p->sent + 1) / p->rate * 1e9);

		next_ns = at > next_ns ? at : next_ns;
	}
	return next_ns < p->end_ns ? next_ns : p->end_ns;
}

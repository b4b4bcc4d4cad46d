/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/meter.h"

#include <string.h>

void
meter_start(struct meter *m, uint64_t now_ns)
{
	m->heard_ns = now_ns;
}

void
meter_silence(struct meter *m, uint64_t now_ns)
{
	if (now_ns > m->heard_ns && now_ns - m->heard_ns > m->silence_ns)
		m->silence_ns = now_ns - m->heard_ns;
}

static bool
bit_get(const struct meter *m, uint64_t number)
{
	return (m->seen[number % METER_WINDOW / 64] >> number % 64 & 1) != 0;
}

static void
bit_set(struct meter *m, uint64_t number, bool on)
{
	uint64_t bit = UINT64_C(1) << number % 64;

	if (on)
		m->seen[number % METER_WINDOW / 64] |= bit;
	else
		m->seen[number % METER_WINDOW / 64] &= ~bit;
}

/* Keeps what the last run missed and forgets the rest of it. */
static void
begin_run(struct meter *m, const struct stamp *s)
{
	if (m->run != 0)
		m->missed = meter_lost(m);
	m->run = s->run;
	m->first = s->number;
	m->highest = s->number;
	m->run_received = 0;
	memset(m->seen, 0, sizeof(m->seen));
}

/* Whether this one was seen; marks it.  Numbers behind the window cannot be told: taken as seen. */
static bool
seen_before(struct meter *m, uint64_t number)
{
	bool seen;

	if (number > m->highest) {
		uint64_t from = m->highest + 1;

		if (number - m->highest >= METER_WINDOW) {
			memset(m->seen, 0, sizeof(m->seen));
			from = number;
		}
		for (uint64_t n = from; n < number; n++)
			bit_set(m, n, false);
		bit_set(m, number, true);
		m->highest = number;
		return false;
	}
	if (m->highest - number >= METER_WINDOW)
		return true;
	seen = bit_get(m, number);
	bit_set(m, number, true);
	return seen;
}

bool
meter_take(struct meter *m, const struct stamp *s, size_t bytes, uint64_t now_ns)
{
	bool late;

	if (m->run != s->run)
		begin_run(m, s);
	late = s->number < m->highest;
	if (seen_before(m, s->number)) {
		m->duplicates++;
		return false;
	}
	if (s->number < m->first)
		m->first = s->number;

	m->received++;
	m->run_received++;
	m->reordered += late;
	m->bytes += bytes;
	meter_silence(m, now_ns);
	m->heard_ns = now_ns;
	return true;
}

uint64_t
meter_lost(const struct meter *m)
{
	if (m->run == 0)
		return 0;
	return m->missed + (m->highest - m->first + 1 - m->run_received);
}

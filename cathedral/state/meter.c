/* SPDX-License-Identifier: ISC */
#include "cathedral/state/meter.h"

#include "base/clock.h"

/* Longer than any bucket takes to fill matters no more; and it keeps credit within 64 bits. */
#define PASSED_MAX_NS (10 * NS_PER_S)

/* What one second brings, and always the burst. */
static uint64_t
bucket_room(uint64_t pace)
{
	return (pace > METER_BURST ? pace : METER_BURST) * NS_PER_S;
}

enum meter_word
meter_ask_bucket(struct meter *m, uint64_t pace, size_t bytes, uint64_t now_ns)
{
	uint64_t cost = bytes * NS_PER_S, full = bucket_room(pace), passed;

	if (pace == METER_STOPPED)
		return METER_STOP;
	passed = now_ns > m->filled_ns ? now_ns - m->filled_ns : 0;
	if (passed > PASSED_MAX_NS)
		passed = PASSED_MAX_NS;
	m->filled_ns = now_ns > m->filled_ns ? now_ns : m->filled_ns;
	m->credit += passed * pace;
	if (m->credit > full)
		m->credit = full;
	if (m->credit < cost)
		return METER_SLOW;
	m->credit -= cost;
	return METER_GO;
}

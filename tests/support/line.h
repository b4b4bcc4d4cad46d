/* SPDX-License-Identifier: ISC */
/* One direction of a bad line: packets are lost, delayed, doubled, overtaken.  Fixed memory. */
#ifndef TESTS_SUPPORT_LINE_H
#define TESTS_SUPPORT_LINE_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_PACKET_MAX 2048

struct line_faults {
	uint32_t loss, duplicate;     /* parts in a million */
	uint32_t delay_ms, jitter_ms; /* every packet waits delay plus a random part of jitter */
	bool down;                    /* nothing gets in */
};

struct line_counts {
	uint64_t in, lost, duplicated, full,
	    out; /* in + duplicated = lost + full + out + waiting */
};

struct line;

/* NULL when out of memory.  The random numbers stay the caller's. */
struct line *line_create(size_t capacity, struct random *random);
void line_destroy(struct line *l);

/* The faults may be changed at any time; packets on their way are not concerned. */
struct line_faults *line_faults(struct line *l);
const struct line_counts *line_counts(const struct line *l);

void line_put(struct line *l, const uint8_t *packet, size_t len, uint64_t now_ns);

/* When the next packet comes out; UINT64_MAX when none is on its way. */
uint64_t line_next_ns(const struct line *l);

/* Copies the next packet that is due to out; 0 when none is. */
size_t line_take(struct line *l, uint64_t now_ns, uint8_t out[static LINE_PACKET_MAX]);

#endif

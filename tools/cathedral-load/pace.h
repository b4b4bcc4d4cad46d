/* SPDX-License-Identifier: ISC */
/* When the next packets are due: so many a second, or as many as are not under way yet. */
#ifndef TOOLS_CATHEDRAL_LOAD_PACE_H
#define TOOLS_CATHEDRAL_LOAD_PACE_H

#include <stdint.h>

struct pace {
	double rate;     /* a second; 0: by window alone */
	uint64_t window; /* at most so many under way; 0: any number */
	uint64_t start_ns, end_ns;
	uint64_t sent; /* to be raised by who sends */
};

/*
 * How many to send now.  Those that a sleeping or slow sender is late with are made up for, but of
 * no more than a tenth of a second: what it missed beyond that it will never have sent.  By window
 * alone none is due before a quarter of it is free.
 */
uint64_t pace_due(struct pace *p, uint64_t under_way, uint64_t now_ns);

/* When to look again, at the latest. */
uint64_t pace_next_ns(const struct pace *p, uint64_t now_ns);

#endif

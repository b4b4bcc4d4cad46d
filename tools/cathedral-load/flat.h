/* SPDX-License-Identifier: ISC */
/* Whether a figure that was taken again and again stays as it was. */
#ifndef TOOLS_CATHEDRAL_LOAD_FLAT_H
#define TOOLS_CATHEDRAL_LOAD_FLAT_H

#include <stdbool.h>
#include <stddef.h>

#define FLAT_SAMPLES_MIN 8 /* two in a quarter; with fewer nothing can be said */

/* It may grow by so much of itself, and by so much besides. */
struct flat_rule {
	double percent, more;
};

struct flat_result {
	bool seen;          /* there were enough values; else the rest is 0, and flat is true */
	bool flat;          /* last is not above limit */
	double first, last; /* the middle one of the first quarter, and of the last */
	double limit;
};

/*
 * Of count values in the order in which they were taken.  NAN stands for one that could not be
 * taken, and is left out.  A single value that is far off changes nothing.  scratch has room for
 * as many.
 */
struct flat_result flat_judge(
    const double *values, size_t count, const struct flat_rule *rule, double *scratch);

#endif

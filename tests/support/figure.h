/* SPDX-License-Identifier: ISC */
/* How benches print what they measured: a line a figure. */
#ifndef TESTS_SUPPORT_FIGURE_H
#define TESTS_SUPPORT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* BENCH_SHORT in the environment: a few seconds, to see that it runs, not to be quoted. */
bool bench_is_short(void);

/* The middle one; sorts values. */
double median(double *values, size_t count);

struct figure {
	const char *name;
	double value;
	const char *unit;
	double ratio; /* only when ratio_to says to what */
	const char *ratio_to;
	const char *goal; /* or NULL */
};

void figure_print(const struct figure *f);

/* With "name, count of" instead of its name. */
void figure_print_of(struct figure f, const char *name, uint32_t count, const char *of);

#endif

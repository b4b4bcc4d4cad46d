/* SPDX-License-Identifier: ISC */
#include "tests/support/figure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
bench_is_short(void)
{
	const char *wish = getenv("BENCH_SHORT");

	return wish != NULL && strcmp(wish, "") != 0 && strcmp(wish, "0") != 0;
}

static int
by_value(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return values[count / 2];
}

void
figure_print(const struct figure *f)
{
	char ratio[96] = "-";

	if (f->ratio_to != NULL)
		snprintf(ratio, sizeof(ratio), "%.2f of %s", f->ratio, f->ratio_to);
	printf("%-52s %10.1f %-16s %-28s %s%s\n", f->name, f->value, f->unit, ratio,
	    f->goal != NULL ? "goal " : "-", f->goal != NULL ? f->goal : "");
	fflush(stdout);
}

void
figure_print_of(struct figure f, const char *name, uint32_t count, const char *of)
{
	char text[96];

	snprintf(text, sizeof(text), "%s, %" PRIu32 " %s", name, count, of);
	f.name = text;
	figure_print(&f);
}

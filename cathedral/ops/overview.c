/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/overview.h"

#include <stdio.h>

const char *
overview_thread_name(const struct overview *o, unsigned n, char text[static OVERVIEW_THREAD_NAME])
{
	if (n < o->workers)
		snprintf(text, OVERVIEW_THREAD_NAME, "%u", n);
	else
		snprintf(text, OVERVIEW_THREAD_NAME, "%s", n == o->workers ? "scanner" : "main");
	return text;
}

struct stats_sum
overview_sum(const struct overview *o)
{
	struct stats_sum sum = { 0 };

	for (unsigned n = 0; n < overview_threads(o); n++)
		stats_sum_add(&sum, &o->stats[n]);
	return sum;
}

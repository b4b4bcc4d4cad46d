/* SPDX-License-Identifier: ISC */
#include "cathedral/state/stats.h"

void
stats_sum_add(struct stats_sum *sum, const struct stats *s)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		sum->verdicts[v] += stats_get(&s->verdicts[v]);
#define STATS_ADD(name, help) sum->name += stats_get(&s->name);
	STATS(STATS_ADD)
#undef STATS_ADD
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/rank.h"

#include <stdbool.h>
#include <stdlib.h>

struct sample {
	uint64_t value;
	bool second; /* one of b */
};

static int
by_value(const void *one, const void *two)
{
	const struct sample *a = one, *b = two;

	return a->value < b->value ? -1 : a->value > b->value;
}

double
rank_advantage(const uint64_t *a, const uint64_t *b, size_t count)
{
	struct sample *all = calloc(2 * count, sizeof(*all));
	double sum = 0, n = (double)count;

	if (all == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		all[2 * i] = (struct sample){ a[i], false };
		all[2 * i + 1] = (struct sample){ b[i], true };
	}
	qsort(all, 2 * count, sizeof(*all), by_value);
	for (size_t i = 0, end; i < 2 * count; i = end) {
		for (end = i; end < 2 * count && all[end].value == all[i].value; end++)
			;
		/* Equal ones share the middle of their ranks, which count from 1. */
		for (size_t k = i; k < end; k++)
			sum += all[k].second ? (double)(i + 1 + end) / 2 : 0;
	}
	free(all);
	return (sum - n * (n + 1) / 2) / (n * n);
}

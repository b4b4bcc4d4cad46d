/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/flat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
by_value(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static double
middle(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct flat_result
flat_judge(const double *values, size_t count, const struct flat_rule *rule, double *scratch)
{
	struct flat_result ret = { .flat = true };
	size_t there = 0, quarter;

	for (size_t n = 0; n < count; n++) {
		if (!isnan(values[n]))
			scratch[there++] = values[n];
	}
	if (there < FLAT_SAMPLES_MIN)
		return ret;
	quarter = there / 4;
	ret.seen = true;
	ret.first = middle(scratch, quarter);
	ret.last = middle(scratch + there - quarter, quarter);
	ret.limit = ret.first * (1 + rule->percent / 100) + rule->more;
	ret.flat = ret.last <= ret.limit;
	return ret;
}

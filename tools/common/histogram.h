/* SPDX-License-Identifier: ISC */
/* How long things took: fixed memory, whatever comes. */
#ifndef TOOLS_COMMON_HISTOGRAM_H
#define TOOLS_COMMON_HISTOGRAM_H

#include <stdint.h>

/* Times in buckets whose width is a 32nd of what is in them, so quantiles are 3 % off at most. */
#define HISTOGRAM_FINE    32
#define HISTOGRAM_BUCKETS (60 * HISTOGRAM_FINE)

struct histogram {
	uint64_t count, min_ns, max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* All of them to those in to. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* What came since h was as before; of the longest of these only the bucket is known. */
void histogram_subtract(struct histogram *h, const struct histogram *before);

/* The time that a part (0 to 1) of all stay below or at; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *h, double part);

#endif

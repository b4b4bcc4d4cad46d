/* SPDX-License-Identifier: ISC */
#include "tools/common/histogram.h"

#include <stddef.h>

/* 0 .. 31 have a bucket each; from there on every power of two has 32. */
static size_t
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < HISTOGRAM_FINE)
		return (size_t)ns;
	shift = 63 - 5 - (unsigned)__builtin_clzll(ns);
	return (size_t)(shift + 1) * HISTOGRAM_FINE + (ns >> shift) % HISTOGRAM_FINE;
}

/* The largest time in a bucket. */
static uint64_t
bucket_end(size_t bucket)
{
	unsigned shift;

	if (bucket < HISTOGRAM_FINE)
		return bucket;
	shift = (unsigned)(bucket / HISTOGRAM_FINE) - 1;
	return ((HISTOGRAM_FINE + bucket % HISTOGRAM_FINE + 1) << shift) - 1;
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	if (h->count == 0 || ns < h->min_ns)
		h->min_ns = ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->count++;
	h->buckets[bucket_of(ns)]++;
}

uint64_t
histogram_quantile(const struct histogram *h, double part)
{
	uint64_t below = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t end = bucket_end(i);

		below += h->buckets[i];
		if (below > 0 && (double)below >= part * (double)h->count)
			return end < h->max_ns ? end : h->max_ns;
	}
	return h->max_ns;
}

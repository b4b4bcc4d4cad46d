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

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	if (from->count == 0)
		return;
	if (to->count == 0 || from->min_ns < to->min_ns)
		to->min_ns = from->min_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	to->count += from->count;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

void
histogram_subtract(struct histogram *h, const struct histogram *before)
{
	uint64_t max_ns = 0;

	h->count -= before->count;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		h->buckets[i] -= before->buckets[i];
		if (h->buckets[i] > 0)
			max_ns = bucket_end(i);
	}
	if (max_ns < h->max_ns)
		h->max_ns = max_ns;
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

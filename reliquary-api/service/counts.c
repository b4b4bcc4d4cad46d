/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/counts.h"

uint64_t
counts_bucket_us(unsigned bucket)
{
	static const uint64_t steps[] = { 100, 200, 500 };
	uint64_t us = steps[bucket % 3];

	for (unsigned n = 0; n < bucket / 3; n++)
		us *= 10;
	return us;
}

void
counts_duration(struct counts *c, uint64_t ns)
{
	unsigned bucket = 0;

	while (bucket < COUNTS_BUCKETS && ns > counts_bucket_us(bucket) * 1000)
		bucket++;
	counts_add(&c->duration[bucket], 1);
	counts_add(&c->duration_ns, ns);
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct random
seed_random(void)
{
	const char *given = getenv("SEED");
	struct random r;
	uint64_t seed;

	random_from_system(&r);
	seed = given != NULL ? strtoull(given, NULL, 10) : random_u64(&r);
	printf("# SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	random_from_seed(&r, seed);
	return r;
}

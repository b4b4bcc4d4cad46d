/* SPDX-License-Identifier: ISC */
#include "tests/support/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void
random_for_test(struct random *r)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed;

	random_from_system(r);
	seed = given != NULL ? strtoull(given, NULL, 0) : random_u64(r) >> 1;
	printf("# TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	random_from_seed(r, seed);
}

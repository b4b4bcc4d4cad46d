/* SPDX-License-Identifier: ISC */
#include "tests/support/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t
seed_for_test(void)
{
	const char *given = getenv("TEST_SEED");
	struct random r;
	uint64_t seed;

	if (given == NULL)
		given = getenv("SEED");
	random_from_system(&r);
	seed = given != NULL ? strtoull(given, NULL, 0) : random_u64(&r) >> 1;
	printf("# TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	return seed;
}

void
random_for_test(struct random *r)
{
	random_from_seed(r, seed_for_test());
}

/* SPDX-License-Identifier: ISC */
/*
 * A data folder for reliquary-api with many tenants in it: test-estate FOLDER FLOCKS.  The folder
 * must be there, and be empty.
 */
#include "tests/support/estate.h"
#include "base/hex.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOCKS_MAX 1000000

int
main(int argc, char **argv)
{
	static struct estate e;
	uint64_t flocks;

	if (argc != 3 || !decimal_u64(&flocks, argv[2], FLOCKS_MAX) || sodium_init() == -1) {
		fprintf(stderr, "usage: test-estate FOLDER FLOCKS\n");
		return EXIT_FAILURE;
	}
	estate_make(&e, argv[1], (uint32_t)flocks);
	estate_close(&e);
	printf("%u flocks of %d devices\n", e.flocks, ESTATE_DEVICES);
	return EXIT_SUCCESS;
}

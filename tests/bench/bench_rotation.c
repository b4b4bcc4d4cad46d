/* SPDX-License-Identifier: ISC */
/*
 * How often a new identity needs a search among all devices, when 100,000 draw one every 300 s and
 * stay where they are; in virtual time, with real offers, signed and verified.
 */
#include "protocol/crypto/aead.h"
#include "tests/support/figure.h"
#include "tests/support/rotors.h"

#include <stdio.h>
#include <stdlib.h>

#define DEVICES   100000
#define IN_SHORT  2000
#define SECONDS   950 /* three rotations of every device */
#define FEWER_PCT 1.0

static void
report(const char *name, double value, const char *unit, const char *goal)
{
	const struct figure f = { name, value, unit, 0, NULL, goal };

	figure_print(&f);
}

int
main(void)
{
	size_t devices = bench_is_short() ? IN_SHORT : DEVICES;
	struct rotors_count c;
	struct rotors *r;
	struct random seed;
	double searched;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&seed, 1);
	r = rotors_create(devices, true, &seed);
	rotors_run_s(r, SECONDS);
	c = rotors_count(r);
	searched = 100 * (double)c.searched / (double)c.rotations;
	report("devices", (double)devices, "", NULL);
	report("infos sent", (double)c.infos, "", NULL);
	report("of these accepted", 100 * (double)c.accepted / (double)c.infos, "%", NULL);
	report("identities drawn anew", (double)c.rotations, "", NULL);
	report("found by their source", 100 * (double)c.hinted / (double)c.rotations, "%", NULL);
	report("searched among all devices", searched, "%", "below 1");
	report("identities in the table at the end", (double)c.known, "", NULL);
	rotors_destroy(r);
	return searched < FEWER_PCT ? EXIT_SUCCESS : EXIT_FAILURE;
}

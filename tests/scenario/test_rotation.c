/* SPDX-License-Identifier: ISC */
/* Identities rotate: as long as devices stay where they are, nobody has to be searched for. */
#include "protocol/crypto/aead.h"
#include "tests/support/rotors.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define DEVICES 1200 /* three NATs of forty among them */

static void
addresses_that_stay_need_no_search(void **state)
{
	struct rotors_count c;
	struct rotors *r;
	struct random seed;

	(void)state;
	random_for_test(&seed);
	r = rotors_create(DEVICES, true, &seed);
	rotors_run_s(r, 950);
	c = rotors_count(r);
	print_message("# %lu rotations: %lu found by their source, %lu searched for\n",
	    (unsigned long)c.rotations, (unsigned long)c.hinted, (unsigned long)c.searched);
	assert_in_range(c.rotations, 3 * DEVICES / 2, 4 * DEVICES);
	assert_int_equal(c.accepted, c.infos);
	assert_in_range(c.searched, 0, c.rotations / 100);
	assert_int_equal(c.hinted + c.searched, c.rotations);
	rotors_destroy(r);
}

/* Who moves while its identity is known takes the hint along. */
static void
a_move_is_followed(void **state)
{
	struct rotors_count c;
	struct rotors *r;
	struct random seed;

	(void)state;
	random_for_test(&seed);
	r = rotors_create(DEVICES, true, &seed);
	rotors_run_s(r, 150);
	rotors_move_all(r);
	rotors_run_s(r, 251);
	c = rotors_count(r);
	assert_int_equal(c.rotations, DEVICES);
	assert_int_equal(c.accepted, c.infos);
	assert_int_equal(c.searched, 0);
	rotors_destroy(r);
}

/* A new identity at a new address: nothing but a search finds these. */
static void
a_move_at_the_rotation_needs_a_search(void **state)
{
	struct rotors_count c;
	struct rotors *r;
	struct random seed;

	(void)state;
	random_for_test(&seed);
	r = rotors_create(DEVICES, true, &seed);
	rotors_run_s(r, 301);
	rotors_move_all(r);
	rotors_run_s(r, 100);
	c = rotors_count(r);
	assert_int_equal(c.rotations, DEVICES);
	/* Of those behind a NAT who come at one moment only a few are searched for. */
	assert_in_range(c.searched, DEVICES * 8 / 10, DEVICES);
	/* Those of the first second were not gone yet. */
	assert_in_range(c.hinted, 0, DEVICES / 50);
	rotors_destroy(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_that_stay_need_no_search),
		cmocka_unit_test(a_move_is_followed),
		cmocka_unit_test(a_move_at_the_rotation_needs_a_search),
	};

	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}

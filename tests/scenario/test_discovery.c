/* SPDX-License-Identifier: ISC */
/* Devices find each other: tunnels and liturgies, in flocks and between them, on every listener. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
two_devices_talk(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);

		world_open(w);
		scene_run_s(w, 7);
		scene_expect_talk(w, a);
		scene_expect_secret(w, a);
		scene_end(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_devices_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* What verdicts are called in metrics and reports. */
#include "cathedral/state/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
names_can_be_told_apart(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *name = verdict_name((enum verdict)v);

		/* As metrics want them. */
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_true(strlen(verdict_help((enum verdict)v)) > 5);
		for (int w = 0; w < v; w++)
			assert_string_not_equal(name, verdict_name((enum verdict)w));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_can_be_told_apart),
	};

	return cmocka_run_group_tests_name("verdict names", tests, NULL, NULL);
}

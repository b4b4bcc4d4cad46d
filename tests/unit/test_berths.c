/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/berths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct account_id anna = { 1 }, bert = { 2 }, cora = { 3 }, dora = { 4 }, emil = { 5 };

static void
an_account_has_a_quarter(void **state)
{
	struct berths *b = berths_create(8);

	(void)state;
	assert_true(berths_take(b, anna));
	assert_true(berths_take(b, anna));
	assert_false(berths_take(b, anna));
	assert_true(berths_take(b, bert));
	berths_leave(b, anna);
	assert_true(berths_take(b, anna));
	assert_false(berths_take(b, anna));
	berths_destroy(b);
	berths_destroy(NULL);
}

static void
all_together_have_no_more_than_there_are(void **state)
{
	struct berths *b = berths_create(4);

	(void)state;
	assert_true(berths_take(b, anna));
	assert_true(berths_take(b, bert));
	assert_true(berths_take(b, cora));
	assert_true(berths_take(b, dora));
	assert_false(berths_take(b, emil));
	berths_leave(b, bert);
	assert_true(berths_take(b, emil));
	assert_false(berths_take(b, bert));
	berths_destroy(b);
}

/* However few there are, somebody can have one. */
static void
one_is_for_anybody(void **state)
{
	struct berths *b = berths_create(1);

	(void)state;
	for (int n = 0; n < 3; n++) {
		assert_true(berths_take(b, anna));
		assert_false(berths_take(b, bert));
		berths_leave(b, anna);
		assert_true(berths_take(b, bert));
		berths_leave(b, bert);
	}
	berths_destroy(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_has_a_quarter),
		cmocka_unit_test(all_together_have_no_more_than_there_are),
		cmocka_unit_test(one_is_for_anybody),
	};

	return cmocka_run_group_tests_name("berths", tests, NULL, NULL);
}

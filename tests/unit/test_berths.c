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

/* Half of them are for those who have none: two who want much do not keep ten others out. */
static void
the_second_half_is_one_for_each(void **state)
{
	struct berths *b = berths_create(12);
	struct account_id other = { 100 };

	(void)state;
	for (int n = 0; n < 3; n++) {
		assert_true(berths_take(b, anna));
		assert_true(berths_take(b, bert));
	}
	assert_true(berths_take(b, cora));
	assert_false(berths_take(b, cora));
	for (; other.value < 105; other.value++)
		assert_true(berths_take(b, other));
	assert_false(berths_take(b, dora));
	berths_leave(b, anna);
	assert_false(berths_take(b, bert));
	assert_true(berths_take(b, dora));
	berths_destroy(b);
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
		cmocka_unit_test(the_second_half_is_one_for_each),
		cmocka_unit_test(all_together_have_no_more_than_there_are),
		cmocka_unit_test(one_is_for_anybody),
	};

	return cmocka_run_group_tests_name("berths", tests, NULL, NULL);
}

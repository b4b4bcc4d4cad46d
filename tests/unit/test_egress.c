/* SPDX-License-Identifier: ISC */
#include "cathedral/state/egress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW_NS UINT64_C(1000000000000)

static void
bytes_are_time(void **state)
{
	static const struct {
		uint32_t mbit;
		uint64_t bytes, ns;
	} facts[] = {
		{ 1, 1, 8000 },
		{ 1, 125000, 1000000000 },
		{ 8, 1000, 1000000 },
		{ 1000, 1, 8 },
		{ 1000000, 1, 1 }, /* rounded up: never faster than allowed */
		{ 3, 1, 2667 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(facts) / sizeof(facts[0]); n++) {
		struct egress *e = egress_create(facts[n].mbit);

		assert_non_null(e);
		assert_int_equal(egress_mbit(e), facts[n].mbit);
		assert_int_equal(egress_time_ns(e, facts[n].bytes), facts[n].ns);
		assert_true(egress_bytes(e, (int64_t)facts[n].ns) >= (int64_t)facts[n].bytes);
		assert_true(egress_bytes(e, -(int64_t)facts[n].ns) <= -(int64_t)facts[n].bytes);
		egress_destroy(e);
	}
	egress_destroy(NULL);
}

static void
what_is_saved_and_owed_has_an_end(void **state)
{
	struct egress *e = egress_create(10);

	(void)state;
	assert_int_equal(egress_left_ns(e, NOW_NS), EGRESS_BURST_NS);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS), EGRESS_BURST_NS);
	egress_charge(e, EGRESS_BURST_NS);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS), 0);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS + 5), 5);
	egress_charge(e, 1000);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS + 5), -995);
	egress_charge(e, 2 * EGRESS_DEBT_NS);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS), -(int64_t)EGRESS_DEBT_NS);
	assert_int_equal(egress_left_ns(e, 2 * NOW_NS + EGRESS_DEBT_NS), 0);
	egress_destroy(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_time),
		cmocka_unit_test(what_is_saved_and_owed_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "tools/common/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
merging_is_adding_all(void **state)
{
	static struct histogram all, odd, even;

	(void)state;
	for (uint64_t n = 1; n <= 5000; n++) {
		histogram_add(&all, n * 1000);
		histogram_add(n % 2 == 1 ? &odd : &even, n * 1000);
	}
	histogram_merge(&odd, &(struct histogram){ 0 });
	histogram_merge(&odd, &even);
	assert_memory_equal(&odd, &all, sizeof(all));
	odd = (struct histogram){ 0 };
	histogram_merge(&odd, &all);
	assert_memory_equal(&odd, &all, sizeof(all));
}

static void
subtracting_leaves_what_came_since(void **state)
{
	static struct histogram h, before;

	(void)state;
	for (uint64_t n = 1; n <= 100; n++)
		histogram_add(&h, n * 1000000); /* slow ones, up to 100 ms */
	before = h;
	for (uint64_t n = 1; n <= 100; n++)
		histogram_add(&h, n * 1000);
	histogram_subtract(&h, &before);
	assert_int_equal(h.count, 100);
	assert_in_range(histogram_quantile(&h, 0.5), 50000, 51600);
	assert_in_range(histogram_quantile(&h, 1), 100000, 103200);
	before = h;
	histogram_subtract(&h, &before);
	assert_int_equal(h.count, 0);
	assert_int_equal(histogram_quantile(&h, 0.99), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging_is_adding_all),
		cmocka_unit_test(subtracting_leaves_what_came_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

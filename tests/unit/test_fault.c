/* SPDX-License-Identifier: ISC */
#include "base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
set_writes_the_sentence_and_returns_false(void **state)
{
	struct fault why;

	(void)state;
	assert_false(fault_set(&why, "port %d is taken", 4500));
	assert_string_equal(why.text, "port 4500 is taken");
}

static void
set_may_quote_what_it_overwrites(void **state)
{
	struct fault why;

	(void)state;
	fault_set(&why, "inner");
	fault_set(&why, "outer (%s)", why.text);
	assert_string_equal(why.text, "outer (inner)");
}

static void
prefix_stands_in_front(void **state)
{
	struct fault why;

	(void)state;
	fault_set(&why, "is not a number");
	assert_false(fault_prefix(&why, "%s:%d", "a.conf", 3));
	assert_string_equal(why.text, "a.conf:3: is not a number");
}

static void
long_texts_are_cut(void **state)
{
	char text[1000];
	struct fault why;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	fault_set(&why, "%s", text);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	fault_prefix(&why, "ab");
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_memory_equal(why.text, "ab: xx", 6);
	fault_prefix(&why, "%s", text);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_int_equal(why.text[sizeof(why.text) - 2], 'x');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_writes_the_sentence_and_returns_false),
		cmocka_unit_test(set_may_quote_what_it_overwrites),
		cmocka_unit_test(prefix_stands_in_front),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

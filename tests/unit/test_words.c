/* SPDX-License-Identifier: ISC */
#include "tests/support/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
what_is_there_is_seen(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool seen;
	} cases[] = {
		{ "..00112233445566778899aabbccddeeff..", 36, true },
		{ "00112233445566778899AABBCCDDEEFF", 32, true },
		{ "the first half: 0011223344556677", 32, true },
		{ "the last half: 8899aabbccddeeff", 31, true },
		{ "its bytes \x00\x11\x22\x33\x44\x55\x66\x77", 18, true },
		{ "\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 8, true },
		{ "0011223344556670", 16, false },
		{ "\x88\x99\xaa\xbb\xcc\xdd\xee", 7, false },
		{ "another-word", 12, false },
		{ "a-word", 6, true },
	};
	struct words *w = words_create();

	(void)state;
	words_add(w, "00112233445566778899aabbccddeeff");
	words_add(w, "a-word");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found = words_in(w, cases[i].data, cases[i].len);

		if ((found != NULL) != cases[i].seen)
			fail_msg("%s: %s", cases[i].data, found != NULL ? found : "not seen");
	}
	words_destroy(w);
}

static void
what_is_in_twice_counts_once(void **state)
{
	static const char data[] = "0badc0de-0badc0de 0BADC0DE and a-word";
	struct words *w = words_create();

	(void)state;
	words_add(w, "0badc0de");
	words_add(w, "a-word");
	words_add(w, "a-word");
	words_add(w, "another-word");
	assert_int_equal(words_count(w), 3);
	assert_int_equal(words_count_in(w, data, strlen(data)), 2);
	assert_string_equal(words_at(w, 2), "another-word");
	words_destroy(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_seen),
		cmocka_unit_test(what_is_in_twice_counts_once),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}

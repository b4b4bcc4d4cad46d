/* SPDX-License-Identifier: ISC */
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
decodes_exactly_the_length_asked_for(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} facts[] = {
		{ "00ffA5", true },
		{ "00FFa5", true },
		{ "", false },
		{ "00ff", false },
		{ "00ffa", false },
		{ "00ffa5f", false },
		{ "00ffa500", false },
		{ "00ffg5", false },
		{ " 0ffa5", false },
		{ "0x00ff", false },
		{ "00ff\n5", false },
		{ "00ff/5", false },
		{ "00ff:5", false },
		{ "00ff@5", false },
		{ "00ff`5", false },
		{ "00ff\xb5"
		  "5",
		    false },
	};
	const uint8_t want[3] = { 0x00, 0xff, 0xa5 }, before[3] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		char *text = strdup(facts[i].text); /* exactly sized */
		uint8_t out[3] = { 1, 2, 3 };

		assert_int_equal(hex_decode(out, sizeof(out), text), facts[i].good);
		assert_memory_equal(out, facts[i].good ? want : before, sizeof(out));
		free(text);
	}
	assert_true(hex_decode(NULL, 0, ""));
}

static void
encodes_in_lower_case(void **state)
{
	const uint8_t data[] = { 0x00, 0x0f, 0xf0, 0xab };
	char *text = malloc(9);

	(void)state;
	assert_ptr_equal(hex_encode(text, data, sizeof(data)), text);
	assert_string_equal(text, "000ff0ab");
	assert_string_equal(hex_encode(text, NULL, 0), "");
	free(text);
}

struct number {
	const char *text;
	uint64_t max;
	bool good;
	uint64_t value;
};

static void
check_numbers(const struct number *facts, size_t count,
    bool (*read)(uint64_t *ret, const char *text, uint64_t max))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 99;
		bool good = read(&value, facts[i].text, facts[i].max);

		if (good != facts[i].good || value != (good ? facts[i].value : 99))
			fail_msg("\"%s\": %s", facts[i].text, good ? "taken" : "refused");
	}
}

static void
reads_hex_numbers(void **state)
{
	static const struct number facts[] = {
		{ "0", 10, true, 0 },
		{ "a", 10, true, 10 },
		{ "b", 10, false, 0 },
		{ "0x0A", 10, true, 10 },
		{ "0Xff", 255, true, 255 },
		{ "ffffffffffffffff", UINT64_MAX, true, UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX, true, UINT64_MAX },
		{ "00000000000000001", UINT64_MAX, false, 0 },
		{ "10000000000000000", UINT64_MAX, false, 0 },
		{ "", UINT64_MAX, false, 0 },
		{ "0x", UINT64_MAX, false, 0 },
		{ "0x0x1", UINT64_MAX, false, 0 },
		{ "-1", UINT64_MAX, false, 0 },
		{ "+1", UINT64_MAX, false, 0 },
		{ " 1", UINT64_MAX, false, 0 },
		{ "1 ", UINT64_MAX, false, 0 },
		{ "1g", UINT64_MAX, false, 0 },
	};

	(void)state;
	check_numbers(facts, sizeof(facts) / sizeof(facts[0]), hex_u64);
}

static void
reads_decimal_numbers(void **state)
{
	static const struct number facts[] = {
		{ "0", 0, true, 0 },
		{ "007", 10, true, 7 },
		{ "10", 10, true, 10 },
		{ "11", 10, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "99999999999999999999", UINT64_MAX, false, 0 },
		{ "000000000000000000001", UINT64_MAX, false, 0 },
		{ "", UINT64_MAX, false, 0 },
		{ "-1", UINT64_MAX, false, 0 },
		{ "+1", UINT64_MAX, false, 0 },
		{ " 1", UINT64_MAX, false, 0 },
		{ "1 ", UINT64_MAX, false, 0 },
		{ "1.5", UINT64_MAX, false, 0 },
		{ "0x1", UINT64_MAX, false, 0 },
	};

	(void)state;
	check_numbers(facts, sizeof(facts) / sizeof(facts[0]), decimal_u64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_exactly_the_length_asked_for),
		cmocka_unit_test(encodes_in_lower_case),
		cmocka_unit_test(reads_hex_numbers),
		cmocka_unit_test(reads_decimal_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

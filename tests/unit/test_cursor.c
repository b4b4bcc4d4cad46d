/* SPDX-License-Identifier: ISC */
#include "protocol/wire/cursor.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
numbers_are_read_in_their_order(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0xf1, 0xf2, 0xf3, 0xf4, 0x80, 0x81, 0x82,
		0x83, 0x84, 0x85, 0x86, 0x87, 0xa0, 0xa1, 0xa2, 0xa3 };
	uint8_t *exact = exact_copy(bytes, sizeof(bytes));
	struct cursor c = cursor_over(exact, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_be16(&c), 0x0203);
	assert_int_equal(cursor_be32(&c), 0xf1f2f3f4);
	assert_true(cursor_be64(&c) == UINT64_C(0x8081828384858687));
	assert_false(cursor_done(&c));
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_le32(&c), 0xa3a2a1a0);
	assert_true(cursor_done(&c));
	free(exact);
}

static uint64_t
read_skip2(struct cursor *c)
{
	cursor_skip(c, 2);
	return 0;
}

static uint64_t
read_u8(struct cursor *c)
{
	return cursor_u8(c);
}

static uint64_t
read_be16(struct cursor *c)
{
	return cursor_be16(c);
}

static uint64_t
read_be32(struct cursor *c)
{
	return cursor_be32(c);
}

static uint64_t
read_be64(struct cursor *c)
{
	return cursor_be64(c);
}

static uint64_t
read_le32(struct cursor *c)
{
	return cursor_le32(c);
}

static uint64_t
read_take3(struct cursor *c)
{
	uint8_t b[3];

	cursor_take(c, b, sizeof(b));
	return (uint64_t)b[0] | b[1] | b[2];
}

static const struct reader {
	const char *what;
	uint64_t (*read)(struct cursor *c);
	size_t size;
} readers[] = {
	{ "u8", read_u8, 1 },
	{ "be16", read_be16, 2 },
	{ "be32", read_be32, 4 },
	{ "be64", read_be64, 8 },
	{ "le32", read_le32, 4 },
	{ "take", read_take3, 3 },
	{ "skip", read_skip2, 2 },
};

#define READERS (sizeof(readers) / sizeof(readers[0]))

static void
a_byte_too_few_fails_and_sticks(void **state)
{
	(void)state;
	for (size_t i = 0; i < READERS; i++) {
		size_t len = readers[i].size - 1;
		uint8_t *exact = malloc(len);
		struct cursor c = cursor_over(exact, len);

		memset(exact, 0xff, len);
		(void)readers[i].read(&c);
		if (cursor_ok(&c))
			fail_msg("%s read past the end", readers[i].what);
		/* What would fit is refused as well now, and reads as zero. */
		for (size_t j = 0; j < READERS; j++)
			assert_true(readers[j].read(&c) == 0);
		assert_false(cursor_ok(&c));
		assert_false(cursor_done(&c));
		free(exact);
	}
}

static void
exactly_enough_is_enough(void **state)
{
	(void)state;
	for (size_t i = 0; i < READERS; i++) {
		uint8_t *exact = malloc(readers[i].size);
		struct cursor c = cursor_over(exact, readers[i].size);

		memset(exact, 0xff, readers[i].size);
		(void)readers[i].read(&c);
		if (!cursor_done(&c))
			fail_msg("%s did not read its size", readers[i].what);
		free(exact);
	}
}

static void
lengths_near_the_largest_do_not_wrap(void **state)
{
	uint8_t *exact = malloc(4);
	struct cursor c = cursor_over(exact, 4);

	(void)state;
	memset(exact, 0, 4);
	(void)cursor_u8(&c);
	cursor_skip(&c, SIZE_MAX);
	assert_false(cursor_ok(&c));
	free(exact);
}

static void
writers_write_what_cursors_read(void **state)
{
	uint8_t *exact = malloc(24);
	struct writer w = writer_over(exact, 24);
	struct cursor c = cursor_over(exact, 24);

	(void)state;
	writer_u8(&w, 0x11);
	writer_be16(&w, 0x2233);
	writer_be32(&w, 0x44556677);
	writer_be64(&w, UINT64_C(0x8899aabbccddeeff));
	writer_le32(&w, 0x01020304);
	assert_int_equal(exact[1], 0x22);
	assert_int_equal(exact[15], 0x04);
	writer_fill(&w);
	assert_false(w.failed);
	assert_int_equal(w.left, 0);

	assert_int_equal(cursor_u8(&c), 0x11);
	assert_int_equal(cursor_be16(&c), 0x2233);
	assert_int_equal(cursor_be32(&c), 0x44556677);
	assert_true(cursor_be64(&c) == UINT64_C(0x8899aabbccddeeff));
	assert_int_equal(cursor_le32(&c), 0x01020304);
	assert_int_equal(cursor_be32(&c) | cursor_u8(&c), 0);
	assert_true(cursor_done(&c));
	free(exact);
}

static void
a_writer_stops_at_its_end(void **state)
{
	uint8_t *exact = malloc(3);
	struct writer w = writer_over(exact, 3);

	(void)state;
	memset(exact, 0xee, 3);
	writer_put(&w, "abcd", 4);
	assert_true(w.failed);
	writer_u8(&w, 1); /* would fit, but the failure sticks */
	assert_int_equal(exact[0], 0xee);
	assert_int_equal(w.left, 3);
	free(exact);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_their_order),
		cmocka_unit_test(a_byte_too_few_fails_and_sticks),
		cmocka_unit_test(exactly_enough_is_enough),
		cmocka_unit_test(lengths_near_the_largest_do_not_wrap),
		cmocka_unit_test(writers_write_what_cursors_read),
		cmocka_unit_test(a_writer_stops_at_its_end),
	};

	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}

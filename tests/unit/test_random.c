/* SPDX-License-Identifier: ISC */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/*
 * ChaCha20 with a key and nonce of zeros (RFC 8439, A.1, test vector 1, and its block 1): bytes 32
 * to 63 are the first that seed 0 hands out, since the first 32 become the next key.
 */
static const uint8_t zero_key_32_to_63[32] = { 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77,
	0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c,
	0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86 };
static const uint8_t zero_key_64_to_71[8] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a };

static void
seed_zero_gives_the_published_stream(void **state)
{
	uint8_t out[40];
	struct random r;

	(void)state;
	random_from_seed(&r, 0);
	random_bytes(&r, out, sizeof(out));
	assert_memory_equal(out, zero_key_32_to_63, 32);
	assert_memory_equal(out + 32, zero_key_64_to_71, 8);
}

static void
u64_is_little_endian_on_every_machine(void **state)
{
	struct random r;

	(void)state;
	random_from_seed(&r, 0);
	assert_true(random_u64(&r) == UINT64_C(0x8d4857517c5941da));
}

static void
pieces_add_up_to_the_same_stream(void **state)
{
	static const size_t steps[] = { 1, 7, 0, 1024, 3, 500, 2000, 33 };
	uint8_t whole[4000], pieces[4000];
	struct random a, b;
	size_t at = 0;

	(void)state;
	random_from_seed(&a, 42);
	random_from_seed(&b, 42);
	random_bytes(&a, whole, sizeof(whole));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		random_bytes(&b, pieces + at, steps[i]);
		at += steps[i];
	}
	assert_memory_equal(whole, pieces, at);
}

static void
seeds_differ(void **state)
{
	struct random a, b;

	(void)state;
	random_from_seed(&a, 1);
	random_from_seed(&b, UINT64_C(1) << 63 | 1);
	assert_true(random_u64(&a) != random_u64(&b));
	random_from_system(&a);
	random_from_system(&b);
	assert_true(random_u64(&a) != random_u64(&b));
}

/* Whoever reads the memory later must not find what was drawn before. */
static void
what_was_drawn_is_erased(void **state)
{
	uint8_t drawn[64];
	struct random r;

	(void)state;
	random_from_system(&r);
	random_bytes(&r, drawn, sizeof(drawn));
	assert_null(memmem(&r, sizeof(r), drawn, 16));
	assert_null(memmem(&r, sizeof(r), drawn + 48, 16));
}

static void
below_reaches_every_value_about_as_often(void **state)
{
	enum { LIMIT = 10, DRAWS = 100000 };
	size_t counts[LIMIT] = { 0 };
	struct random r;

	(void)state;
	random_from_seed(&r, 7);
	for (size_t i = 0; i < DRAWS; i++) {
		uint32_t value = random_below(&r, LIMIT);

		assert_in_range(value, 0, LIMIT - 1);
		counts[value]++;
	}
	for (size_t i = 0; i < LIMIT; i++) /* five standard deviations are 474 */
		assert_in_range(counts[i], DRAWS / LIMIT - 474, DRAWS / LIMIT + 474);
}

/* With a plain modulo the lower third would come up twice as often as each other third. */
static void
below_has_no_modulo_bias(void **state)
{
	enum { DRAWS = 30000 };
	const uint32_t limit = UINT32_C(0xc0000000);
	size_t lower = 0;
	struct random r;

	(void)state;
	random_from_seed(&r, 9);
	for (size_t i = 0; i < DRAWS; i++)
		lower += random_below(&r, limit) < limit / 3;
	assert_in_range(lower, DRAWS / 3 - 410, DRAWS / 3 + 410);
}

static void
below_knows_its_edges(void **state)
{
	struct random r;

	(void)state;
	random_from_seed(&r, 3);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(random_below(&r, 0), 0);
		assert_int_equal(random_below(&r, 1), 0);
		assert_true(random_below(&r, UINT32_MAX) < UINT32_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_zero_gives_the_published_stream),
		cmocka_unit_test(u64_is_little_endian_on_every_machine),
		cmocka_unit_test(pieces_add_up_to_the_same_stream),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(what_was_drawn_is_erased),
		cmocka_unit_test(below_reaches_every_value_about_as_often),
		cmocka_unit_test(below_has_no_modulo_bias),
		cmocka_unit_test(below_knows_its_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "base/seeded_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The published vectors of SipHash-2-4: key 00..0f, data 00, 01, 02 ... of the length given. */
static const struct {
	size_t len;
	uint64_t hash;
} vectors_64[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) },
	{ 1, UINT64_C(0x74f839c593dc67fd) },
	{ 8, UINT64_C(0x93f5f5799a932462) },
	{ 15, UINT64_C(0xa129ca6149be45e5) },
	{ 63, UINT64_C(0x958a324ceb064572) },
};

static const struct {
	size_t len;
	uint8_t hash[16];
} vectors_128[] = {
	{ 0, { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55,
		 0x02, 0x93 } },
	{ 1, { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22,
		 0xfc, 0x45 } },
};

static struct hash_key
counting_key(void)
{
	struct hash_key key;

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	return key;
}

static void
hashes_64_bit_as_published(void **state)
{
	struct hash_key key = counting_key();
	uint8_t data[64];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors_64) / sizeof(vectors_64[0]); i++)
		assert_true(seeded_hash(&key, data, vectors_64[i].len) == vectors_64[i].hash);
}

static void
hashes_128_bit_as_published(void **state)
{
	struct hash_key key = counting_key();
	const uint8_t data[1] = { 0 };
	uint8_t hash[16];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors_128) / sizeof(vectors_128[0]); i++) {
		seeded_hash_128(&key, data, vectors_128[i].len, hash);
		assert_memory_equal(hash, vectors_128[i].hash, sizeof(hash));
	}
}

static void
new_keys_come_from_the_generator(void **state)
{
	struct hash_key a, b, again;
	struct random r;

	(void)state;
	random_from_seed(&r, 5);
	a = hash_key_new(&r);
	b = hash_key_new(&r);
	random_from_seed(&r, 5);
	again = hash_key_new(&r);

	assert_memory_not_equal(a.bytes, b.bytes, sizeof(a.bytes));
	assert_memory_equal(a.bytes, again.bytes, sizeof(a.bytes));
	assert_true(seeded_hash(&a, "x", 1) != seeded_hash(&b, "x", 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_64_bit_as_published),
		cmocka_unit_test(hashes_128_bit_as_published),
		cmocka_unit_test(new_keys_come_from_the_generator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "base/random.h"
#include "protocol/crypto/keccak.h"
#include "tests/support/seed.h"

#include <endian.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_OF_RANDOM 1000

/* The designers' known answers: the zero state after one and after two permutations. */
static const uint64_t once[KECCAK_LANES] = {
	0xf1258f7940e1dde7,
	0x84d5ccf933c0478a,
	0xd598261ea65aa9ee,
	0xbd1547306f80494d,
	0x8b284e056253d057,
	0xff97a42d7f8e6fd4,
	0x90fee5a0a44647c4,
	0x8c5bda0cd6192e76,
	0xad30a6f71b19059c,
	0x30935ab7d08ffc64,
	0xeb5aa93f2317d635,
	0xa9a6e6260d712103,
	0x81a57c16dbcf555f,
	0x43b831cd0347c826,
	0x01f22f1a11a5569f,
	0x05e5635a21d9ae61,
	0x64befef28cc970f2,
	0x613670957bc46611,
	0xb87c5a554fd00ecb,
	0x8c3ee88a1ccf32c8,
	0x940c7922ae3a2614,
	0x1841f924a2c509e4,
	0x16f53526e70465c2,
	0x75f644e97f30a13b,
	0xeaf1ff7b5ceca249,
};
static const uint64_t twice[KECCAK_LANES] = {
	0x2d5c954df96ecb3c,
	0x6a332cd07057b56d,
	0x093d8d1270d76b6c,
	0x8a20d9b25569d094,
	0x4f9c4f99e5e7f156,
	0xf957b9a2da65fb38,
	0x85773dae1275af0d,
	0xfaf4f247c3d810f7,
	0x1f1b9ee6f79a8759,
	0xe4fecc0fee98b425,
	0x68ce61b6b9ce68a1,
	0xdeea66c4ba8f974f,
	0x33c43d836eafb1f5,
	0xe00654042719dbd9,
	0x7cf8a9f009831265,
	0xfd5449a6bf174743,
	0x97ddad33d8994b40,
	0x48ead5fc5d0be774,
	0xe3b8c8ee55b7b03c,
	0x91a0226e649e42e9,
	0x900e3129e7badd7b,
	0x202a9ec5faa3cce8,
	0x5b3402464e1c3db6,
	0x609f4e62a44c1059,
	0x20d06cd26a8fbf5c,
};

static void
permutes_the_zero_state_as_known(void **state)
{
	uint64_t lanes[KECCAK_LANES] = { 0 };

	(void)state;
	keccak_permute(lanes);
	assert_memory_equal(lanes, once, sizeof(lanes));
	keccak_permute(lanes);
	assert_memory_equal(lanes, twice, sizeof(lanes));
}

/* One block of random bytes with SHAKE256's padding in it, squeezed for two blocks. */
static void
permutes_random_states_like_libcrypto(void **state)
{
	uint8_t block[KECCAK_RATE_256 - 2], want[2 * KECCAK_RATE_256], got[2 * KECCAK_RATE_256];
	EVP_MD_CTX *shake = EVP_MD_CTX_new();
	struct random r;

	(void)state;
	random_for_test(&r);
	assert_non_null(shake);
	for (int round = 0; round < ROUNDS_OF_RANDOM; round++) {
		uint64_t lanes[KECCAK_LANES] = { 0 };
		uint8_t bytes[sizeof(lanes)] = { 0 };

		random_bytes(&r, block, sizeof(block));
		assert_int_equal(EVP_DigestInit_ex(shake, EVP_shake256(), NULL), 1);
		assert_int_equal(EVP_DigestUpdate(shake, block, sizeof(block)), 1);
		assert_int_equal(EVP_DigestFinalXOF(shake, want, sizeof(want)), 1);

		memcpy(bytes, block, sizeof(block));
		bytes[sizeof(block)] = 0x1f;
		bytes[KECCAK_RATE_256 - 1] = 0x80;
		for (int n = 0; n < KECCAK_LANES; n++) {
			memcpy(&lanes[n], bytes + 8 * n, 8);
			lanes[n] = le64toh(lanes[n]);
		}
		for (size_t at = 0; at < sizeof(got); at += KECCAK_RATE_256) {
			keccak_permute(lanes);
			for (int n = 0; n < KECCAK_RATE_256 / 8; n++) {
				uint64_t lane = htole64(lanes[n]);

				memcpy(got + at + 8 * n, &lane, 8);
			}
		}
		assert_memory_equal(got, want, sizeof(got));
	}
	EVP_MD_CTX_free(shake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permutes_the_zero_state_as_known),
		cmocka_unit_test(permutes_random_states_like_libcrypto),
	};

	return cmocka_run_group_tests_name("keccak", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "base/random.h"
#include "protocol/crypto/kmac.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_CASES 1500
#define LONGEST      1500
#define BATCH        24

static void
agrees_with_the_vectors(void **state)
{
	json_t *list = vectors_load("kmac256.json"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 58);
	json_array_foreach(list, i, v)
	{
		size_t key_len, data_len, want_len;
		uint8_t *key = vector_alloc(v, "key", &key_len);
		uint8_t *data = vector_alloc(v, "data", &data_len);
		uint8_t *want = vector_alloc(v, "out", &want_len);
		uint8_t *got = malloc(want_len);

		assert_int_equal(want_len, vector_number(v, "out_bytes"));
		kmac256(got, want_len, key, key_len, data, data_len, vector_text(v, "custom"));
		if (memcmp(got, want, want_len) != 0)
			fail_msg("wrong output for \"%s\"", vector_text(v, "name"));
		free(key);
		free(data);
		free(want);
		free(got);
	}
	json_decref(list);
}

/* libcrypto's KMAC-256, the other opinion. */
static void
kmac_libcrypto(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
    const uint8_t *input, size_t input_len, char *label)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "KMAC-256", NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_CUSTOM, label, strlen(label)),
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &out_len),
		OSSL_PARAM_construct_end(),
	};
	size_t got;

	assert_non_null(c);
	assert_int_equal(EVP_MAC_init(c, key, key_len, params), 1);
	assert_int_equal(EVP_MAC_update(c, input, input_len), 1);
	assert_int_equal(EVP_MAC_final(c, out, &got, out_len), 1);
	assert_int_equal(got, out_len);
	EVP_MAC_CTX_free(c);
	EVP_MAC_free(mac);
}

/* Half of the lengths lie within 12 bytes of a block's end, where padding goes wrong. */
static size_t
random_length(struct random *r, size_t least, size_t most)
{
	size_t len = least + random_below(r, (uint32_t)(most - least + 1));

	if (random_below(r, 2) == 0)
		len = KECCAK_RATE_256 * (1 + random_below(r, 4)) - 12 + random_below(r, 25);
	return len < least ? least : len > most ? most : len;
}

static void
compare_with_libcrypto(struct random *r, size_t key_len, size_t input_len, size_t out_len)
{
	uint8_t *key = malloc(key_len), *input = malloc(input_len);
	uint8_t *got = malloc(out_len), *want = malloc(out_len);
	size_t label_len = random_below(r, 180);
	char *label = malloc(label_len + 1);

	for (size_t i = 0; i < label_len; i++)
		label[i] = (char)(' ' + random_below(r, 95));
	label[label_len] = '\0';
	random_bytes(r, key, key_len);
	random_bytes(r, input, input_len);

	kmac256(got, out_len, key, key_len, input, input_len, label);
	kmac_libcrypto(want, out_len, key, key_len, input, input_len, label);
	if (memcmp(got, want, out_len) != 0)
		fail_msg("differs from libcrypto: key %zu, input %zu, output %zu, label \"%s\"",
		    key_len, input_len, out_len, label);
	free(key);
	free(input);
	free(got);
	free(want);
	free(label);
}

static void
agrees_with_libcrypto_on_random_cases(void **state)
{
	struct random r;

	(void)state;
	random_for_test(&r);
	for (int n = 0; n < RANDOM_CASES; n++)
		compare_with_libcrypto(&r, random_length(&r, 4, 200), random_length(&r, 0, LONGEST),
		    random_length(&r, 1, LONGEST));
}

static void
agrees_with_libcrypto_on_every_length(void **state)
{
	struct random r;

	(void)state;
	random_for_test(&r);
	for (size_t len = 1; len <= 2 * KECCAK_RATE_256 + 9; len++) {
		compare_with_libcrypto(&r, 32, len, 32);
		compare_with_libcrypto(&r, 32, 48, len);
		if (len >= 4 && len < KECCAK_RATE_256 + 9)
			compare_with_libcrypto(&r, len, 48, 32);
	}
}

/* A length of 65536 bits and more takes a third byte to encode. */
static void
encodes_long_lengths(void **state)
{
	static const size_t lengths[] = { 31, 32, 8191, 8192, 8193, 70000 };
	struct random r;

	(void)state;
	random_for_test(&r);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		compare_with_libcrypto(&r, 32, lengths[i], lengths[i]);
}

static void
keeps_the_prefix_for_many_inputs(void **state)
{
	static const uint8_t key[32] = { 7 };
	struct kmac_prefix prefix, before;
	uint8_t input[48] = { 0 }, got[64], want[64];

	(void)state;
	kmac_prefix_init(&prefix, "SANCTUM.TEST", key, sizeof(key));
	before = prefix;
	for (int n = 0; n < 100; n++) {
		const struct kmac_job job = { &prefix, input, sizeof(input), got, sizeof(got) };

		input[n % 48]++;
		kmac_run(&job, 1);
		kmac256(want, sizeof(want), key, sizeof(key), input, sizeof(input), "SANCTUM.TEST");
		assert_memory_equal(got, want, sizeof(want));
	}
	assert_memory_equal(&prefix, &before, sizeof(prefix));
}

static void
makes_the_prefixes_of_many_keys(void **state)
{
	static const size_t lengths[] = { 0, 1, 16, 32, KMAC_KEYS_LEN_MAX };
	struct kmac_prefix got[BATCH], want, *at[BATCH];
	struct random r;

	(void)state;
	random_for_test(&r);
	for (size_t count = 0; count <= BATCH; count++) {
		size_t len = lengths[count % (sizeof(lengths) / sizeof(lengths[0]))];
		const uint8_t *keys[BATCH];
		uint8_t *room[BATCH];

		for (size_t n = 0; n < count; n++) {
			room[n] = malloc(len);
			random_bytes(&r, room[n], len);
			keys[n] = room[n];
			at[n] = &got[count - 1 - n];
		}
		kmac_prefixes_init(at, "SANCTUM.TEST", keys, len, count);
		for (size_t n = 0; n < count; n++) {
			kmac_prefix_init(&want, "SANCTUM.TEST", keys[n], len);
			assert_memory_equal(at[n], &want, sizeof(want));
			free(room[n]);
		}
	}
}

/* The output's length is part of what is authenticated: not a prefix of the longer one. */
static void
makes_other_output_for_other_lengths(void **state)
{
	uint8_t shorter[32], longer[33];

	(void)state;
	kmac256(shorter, sizeof(shorter), "key", 3, "input", 5, "");
	kmac256(longer, sizeof(longer), "key", 3, "input", 5, "");
	assert_memory_not_equal(shorter, longer, sizeof(shorter));
}

/* Masks at every alignment, with what lies around the data untouched, and back again. */
static void
masks_and_unmasks(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 135, 136, 137, 144, 272, 673, 1324 };
	struct kmac_prefix prefix;
	uint8_t header[48], mask[1324], before[1324];
	struct random r;

	(void)state;
	random_for_test(&r);
	random_bytes(&r, header, sizeof(header));
	kmac_prefix_init(&prefix, "SANCTUM.SHROUD.KDF", header, 32);
	for (size_t n = 0; n < 8 * sizeof(lengths) / sizeof(lengths[0]); n++) {
		size_t len = lengths[n / 8], offset = n % 8;
		uint8_t *buffer = malloc(offset + len), *data = buffer + offset;
		const struct kmac_job run = { &prefix, header, sizeof(header), mask, len };
		const struct kmac_job job = { &prefix, header, sizeof(header), data, len };

		memset(buffer, 0x5a, offset);
		random_bytes(&r, data, len);
		memcpy(before, data, len);
		kmac_run(&run, 1);
		kmac_mask(&job, 1);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(data[i], before[i] ^ mask[i]);
		kmac_mask(&job, 1);
		assert_memory_equal(data, before, len);
		for (size_t i = 0; i < offset; i++)
			assert_int_equal(buffer[i], 0x5a);
		free(buffer);
	}
}

static void
runs_batches_like_single_jobs(void **state)
{
	static uint8_t inputs[BATCH][400], got[BATCH][LONGEST], want[LONGEST];
	struct kmac_prefix prefixes[3];
	struct kmac_job jobs[BATCH];
	struct random r;

	(void)state;
	random_for_test(&r);
	for (uint8_t n = 0; n < 3; n++)
		kmac_prefix_init(&prefixes[n], "SANCTUM.TEST", &n, 1);
	for (size_t count = 0; count <= BATCH; count++) {
		memset(got, 0, sizeof(got));
		for (size_t n = 0; n < count; n++) {
			size_t in = random_length(&r, 0, sizeof(inputs[n]));
			size_t out = random_length(&r, 0, sizeof(got[n]));

			random_bytes(&r, inputs[n], in);
			jobs[n] = (struct kmac_job){ &prefixes[random_below(&r, 3)], inputs[n], in,
				got[n], out };
		}
		kmac_run(jobs, count);
		for (size_t n = 0; n < count; n++) {
			uint8_t key = (uint8_t)(jobs[n].prefix - prefixes);

			kmac256(want, jobs[n].out_len, &key, 1, inputs[n], jobs[n].input_len,
			    "SANCTUM.TEST");
			assert_memory_equal(got[n], want, jobs[n].out_len);
		}
		kmac_mask(jobs, count); /* output XOR itself */
		for (size_t n = 0; n < count; n++)
			for (size_t i = 0; i < sizeof(got[n]); i++)
				assert_int_equal(got[n][i], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_vectors),
		cmocka_unit_test(agrees_with_libcrypto_on_random_cases),
		cmocka_unit_test(agrees_with_libcrypto_on_every_length),
		cmocka_unit_test(encodes_long_lengths),
		cmocka_unit_test(keeps_the_prefix_for_many_inputs),
		cmocka_unit_test(makes_the_prefixes_of_many_keys),
		cmocka_unit_test(makes_other_output_for_other_lengths),
		cmocka_unit_test(masks_and_unmasks),
		cmocka_unit_test(runs_batches_like_single_jobs),
	};

	return cmocka_run_group_tests_name("kmac", tests, NULL, NULL);
}

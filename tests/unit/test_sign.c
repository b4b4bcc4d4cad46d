/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct {
	const char *seed, *public, *message, *signature;
} facts[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39"
	    "701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
	    "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7"
	    "60984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void
signs_as_rfc_8032_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		size_t seed_len, public_len, len, signature_len;
		uint8_t *seed = hex_alloc(facts[i].seed, &seed_len);
		uint8_t *want_public = hex_alloc(facts[i].public, &public_len);
		uint8_t *message = hex_alloc(facts[i].message, &len);
		uint8_t *want = hex_alloc(facts[i].signature, &signature_len);
		uint8_t signature[SIGNATURE_SIZE];
		struct cosk_secret secret;
		struct cosk_public public;

		assert_int_equal(seed_len, 32);
		assert_int_equal(public_len, sizeof(public));
		assert_int_equal(signature_len, SIGNATURE_SIZE);
		sign_key_pair(&secret, &public, seed);
		assert_memory_equal(public.bytes, want_public, sizeof(public));
		assert_memory_equal(secret.bytes, seed, 32);
		assert_memory_equal(secret.bytes + 32, want_public, 32);
		sign_make(signature, message, len, &secret);
		assert_memory_equal(signature, want, SIGNATURE_SIZE);
		assert_true(sign_verify(want, message, len, &public));
		free(seed);
		free(want_public);
		free(message);
		free(want);
	}
}

static void
verifies_the_offers_of_devices(void **state)
{
	json_t *offers = vectors_load("offers.json"), *v;
	unsigned signatures = 0;
	size_t i;

	(void)state;
	json_array_foreach(offers, i, v)
	{
		uint8_t seed[32], data[451], extra[SIGNATURE_SIZE], again[SIGNATURE_SIZE];
		struct cosk_secret secret;
		struct cosk_public public, made;

		vector_bytes(v, "cosk_seed", seed, sizeof(seed));
		vector_bytes(v, "cosk_public", public.bytes, sizeof(public.bytes));
		vector_bytes(v, "data", data, sizeof(data));
		vector_bytes(v, "extra", extra, sizeof(extra));
		sign_key_pair(&secret, &made, seed);
		assert_memory_equal(&made, &public, sizeof(public));
		assert_int_equal(
		    sign_verify(extra, data, sizeof(data), &public), vector_flag(v, "signed"));
		sign_make(again, data, sizeof(data), &secret);
		if (vector_flag(v, "signed")) {
			assert_memory_equal(again, extra, sizeof(extra));
			signatures++;
		}
	}
	assert_true(signatures > 0);
	json_decref(offers);
}

static void
refuses_what_was_changed(void **state)
{
	const uint8_t seed[32] = { 3 };
	uint8_t message[20] = "what was signed", signature[SIGNATURE_SIZE];
	struct cosk_public public, other;
	struct cosk_secret secret;

	(void)state;
	sign_key_pair(&secret, &public, seed);
	sign_make(signature, message, sizeof(message), &secret);
	assert_true(sign_verify(signature, message, sizeof(message), &public));
	assert_false(sign_verify(signature, message, sizeof(message) - 1, &public));
	for (size_t bit = 0; bit < 8 * sizeof(message); bit++) {
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(sign_verify(signature, message, sizeof(message), &public));
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(sign_verify(signature, message, sizeof(message), &public));
		signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(public); bit++) {
		other = public;
		other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(sign_verify(signature, message, sizeof(message), &other));
	}
	assert_true(sign_verify(signature, message, sizeof(message), &public));
}

/* A public key of small order would let one signature hold for many messages. */
static void
refuses_weak_public_keys(void **state)
{
	static const struct cosk_public weak[] = { { { 0 } }, { { 1 } } };
	static const uint8_t signature[SIGNATURE_SIZE] = { 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		assert_false(sign_verify(signature, "x", 1, &weak[i]));
}

static void
knows_its_public_half(void **state)
{
	const uint8_t seed[32] = { 9 };
	struct cosk_public public, got = { { 0x55 } }, before = got;
	struct cosk_secret secret;

	(void)state;
	sign_key_pair(&secret, &public, seed);
	for (size_t at = 0; at < sizeof(secret.bytes); at++) {
		secret.bytes[at] ^= 0x10;
		assert_false(sign_public_of(&got, &secret));
		assert_memory_equal(&got, &before, sizeof(got));
		secret.bytes[at] ^= 0x10;
	}
	assert_true(sign_public_of(&got, &secret));
	assert_memory_equal(&got, &public, sizeof(got));
}

static int
init(void **state)
{
	(void)state;
	return aead_init() ? 0 : -1; /* readies libsodium */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_as_rfc_8032_says),
		cmocka_unit_test(verifies_the_offers_of_devices),
		cmocka_unit_test(refuses_what_was_changed),
		cmocka_unit_test(refuses_weak_public_keys),
		cmocka_unit_test(knows_its_public_half),
	};

	return cmocka_run_group_tests_name("sign", tests, init, NULL);
}

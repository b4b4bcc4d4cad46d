/* SPDX-License-Identifier: ISC */
#include "base/random.h"
#include "protocol/crypto/aead.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OFFER_HEAD   92
#define OFFER_SEALED 515
#define RANDOM_CASES 1000
#define THREADS      4

static const enum aead_backend every[] = { AEAD_SODIUM, AEAD_LIBCRYPTO };

/* Both where the CPU allows it; says so where it does not. */
static unsigned
backends_here(enum aead_backend here[static 2])
{
	unsigned count = 0;

	for (unsigned n = 0; n < 2; n++)
		if (aead_force_backend(every[n]))
			here[count++] = every[n];
	if (count < 2)
		printf("# only one backend works on this CPU\n");
	return count;
}

static void
chooses_a_backend_that_works(void **state)
{
	(void)state;
	assert_true(aead_init());
	assert_true(aead_force_backend(aead_backend()));
	/* libcrypto is there on every machine. */
	assert_true(aead_force_backend(AEAD_LIBCRYPTO));
	assert_int_equal(aead_backend(), AEAD_LIBCRYPTO);
	assert_string_equal(aead_backend_name(), "libcrypto");
	if (aead_force_backend(AEAD_SODIUM))
		assert_string_equal(aead_backend_name(), "libsodium");
	else
		assert_int_equal(aead_backend(), AEAD_LIBCRYPTO); /* unchanged */
	assert_true(aead_init());
}

static void
check_wrap(const json_t *v)
{
	uint8_t key[32], secret[32], want[32], want_tag[16], data[32], tag[16], aad[88];

	vector_bytes(v, "k2", key, sizeof(key));
	vector_bytes(v, "aad", aad, sizeof(aad));
	vector_bytes(v, "secret", secret, sizeof(secret));
	vector_bytes(v, "key", want, sizeof(want));
	vector_bytes(v, "tag", want_tag, sizeof(want_tag));

	memcpy(data, secret, sizeof(data));
	aead_seal(data, sizeof(data), tag, aad, sizeof(aad), key);
	assert_memory_equal(data, want, sizeof(want));
	assert_memory_equal(tag, want_tag, sizeof(want_tag));
	assert_true(aead_open(data, sizeof(data), tag, aad, sizeof(aad), key));
	assert_memory_equal(data, secret, sizeof(secret));
}

static void
check_offer(const json_t *v)
{
	size_t len;
	uint8_t *packet = vector_alloc(v, "packet", &len);
	uint8_t key[32], want[OFFER_SEALED];

	assert_int_equal(len, OFFER_HEAD + OFFER_SEALED + AEAD_TAG_SIZE);
	vector_bytes(v, "offer_key", key, sizeof(key));
	vector_bytes(v, "data", want, 451);
	vector_bytes(v, "extra", want + 451, 64);
	assert_true(aead_open(packet + OFFER_HEAD, OFFER_SEALED, packet + OFFER_HEAD + OFFER_SEALED,
	    packet, OFFER_HEAD, key));
	assert_memory_equal(packet + OFFER_HEAD, want, sizeof(want));
	free(packet);
}

static void
agrees_with_the_vectors(void **state)
{
	json_t *ambries = vectors_load("ambry.json"), *offers = vectors_load("offers.json"), *v;
	enum aead_backend here[2];
	unsigned count = backends_here(here);
	size_t i;

	(void)state;
	for (unsigned n = 0; n < count; n++) {
		assert_true(aead_force_backend(here[n]));
		assert_true(json_array_size(vector_list(ambries, "wrap")) >= 5);
		json_array_foreach(vector_list(ambries, "wrap"), i, v) check_wrap(v);
		assert_true(json_array_size(offers) >= 14);
		json_array_foreach(offers, i, v) check_offer(v);
	}
	json_decref(ambries);
	json_decref(offers);
}

/* Sealed by one and opened by the other, with every length from none up. */
static void
backends_agree(void **state)
{
	enum aead_backend here[2];
	unsigned count = backends_here(here);
	struct random r;

	(void)state;
	random_for_test(&r);
	for (size_t n = 0; n < RANDOM_CASES; n++) {
		size_t len = n < 300 ? n : random_below(&r, 1500), aad_len = random_below(&r, 200);
		uint8_t key[32], tags[2][AEAD_TAG_SIZE];
		uint8_t *plain = malloc(len), *aad = malloc(aad_len), *sealed[2];

		random_bytes(&r, key, sizeof(key));
		random_bytes(&r, plain, len);
		random_bytes(&r, aad, aad_len);
		for (unsigned b = 0; b < count; b++) {
			assert_true(aead_force_backend(here[b]));
			sealed[b] = exact_copy(plain, len);
			aead_seal(sealed[b], len, tags[b], aad, aad_len, key);
			assert_memory_equal(sealed[b], sealed[0], len);
			assert_memory_equal(tags[b], tags[0], AEAD_TAG_SIZE);
		}
		for (unsigned b = 0; b < count; b++) {
			assert_true(aead_force_backend(here[b]));
			assert_true(
			    aead_open(sealed[count - 1 - b], len, tags[0], aad, aad_len, key));
			assert_memory_equal(sealed[count - 1 - b], plain, len);
		}
		for (unsigned b = 0; b < count; b++)
			free(sealed[b]);
		free(plain);
		free(aad);
	}
}

/* Whatever bit differs: refused, and nothing of the plaintext is left behind. */
static void
refuses_what_was_changed(void **state)
{
	uint8_t key[32] = { 1 }, sealed[40], tag[AEAD_TAG_SIZE], aad[20] = { 2 };
	const size_t places = sizeof(sealed) + sizeof(tag) + sizeof(aad) + sizeof(key);
	static const uint8_t wiped[sizeof(sealed)];
	enum aead_backend here[2];
	unsigned count = backends_here(here);

	(void)state;
	memset(sealed, 0x77, sizeof(sealed));
	aead_seal(sealed, sizeof(sealed), tag, aad, sizeof(aad), key);
	for (unsigned n = 0; n < count; n++) {
		uint8_t good[sizeof(sealed)];

		assert_true(aead_force_backend(here[n]));
		for (size_t bit = 0; bit < 8 * places; bit++) {
			uint8_t all[sizeof(sealed) + sizeof(tag) + sizeof(aad) + sizeof(key)];
			uint8_t *t = all + sizeof(sealed), *a = t + sizeof(tag),
				*k = a + sizeof(aad);

			memcpy(all, sealed, sizeof(sealed));
			memcpy(t, tag, sizeof(tag));
			memcpy(a, aad, sizeof(aad));
			memcpy(k, key, sizeof(key));
			all[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(aead_open(all, sizeof(sealed), t, a, sizeof(aad), k));
			assert_memory_equal(all, wiped, sizeof(wiped));
		}
		/* And with nothing changed it still opens: the failures left nothing behind. */
		memcpy(good, sealed, sizeof(good));
		assert_true(aead_open(good, sizeof(good), tag, aad, sizeof(aad), key));
		assert_int_equal(good[39], 0x77);
	}
}

static void *
seal_and_open(void *arg)
{
	uintptr_t wrong = 0;
	struct random r;

	random_from_seed(&r, (uintptr_t)arg);
	for (int n = 0; n < 500; n++) {
		uint8_t key[32], plain[515], data[515], tag[AEAD_TAG_SIZE];

		random_bytes(&r, key, sizeof(key));
		random_bytes(&r, plain, sizeof(plain));
		memcpy(data, plain, sizeof(data));
		aead_seal(data, sizeof(data), tag, key, sizeof(key), key);
		wrong += memcmp(data, plain, sizeof(data)) == 0;
		wrong += !aead_open(data, sizeof(data), tag, key, sizeof(key), key);
		wrong += memcmp(data, plain, sizeof(data)) != 0;
	}
	return (void *)wrong;
}

static void
works_in_several_threads(void **state)
{
	enum aead_backend here[2];
	unsigned count = backends_here(here);

	(void)state;
	for (unsigned n = 0; n < count; n++) {
		pthread_t threads[THREADS];

		assert_true(aead_force_backend(here[n]));
		for (uintptr_t t = 0; t < THREADS; t++)
			assert_int_equal(
			    pthread_create(&threads[t], NULL, seal_and_open, (void *)t), 0);
		for (unsigned t = 0; t < THREADS; t++) {
			void *wrong;

			assert_int_equal(pthread_join(threads[t], &wrong), 0);
			assert_null(wrong);
		}
	}
}

static int
init(void **state)
{
	(void)state;
	return aead_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_a_backend_that_works),
		cmocka_unit_test(agrees_with_the_vectors),
		cmocka_unit_test(backends_agree),
		cmocka_unit_test(refuses_what_was_changed),
		cmocka_unit_test(works_in_several_threads),
	};

	return cmocka_run_group_tests_name("aead", tests, init, NULL);
}

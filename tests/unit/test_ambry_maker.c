/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/maker.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "tests/support/vectors.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* How the vectors' keys and secrets were made: SHAKE256 of a prefix and a label. */
#define PREFIX_SIZE 18

static char prefix[PREFIX_SIZE];

static void __attribute__((format(printf, 2, 3)))
labelled(uint8_t out[static 32], const char *format, ...)
{
	char label[96];
	size_t begin = PREFIX_SIZE;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	va_list arguments;

	memcpy(label, prefix, begin);
	va_start(arguments, format);
	vsnprintf(label + begin, sizeof(label) - begin, format, arguments);
	va_end(arguments);
	assert_non_null(hash);
	assert_int_equal(EVP_DigestInit_ex(hash, EVP_shake256(), NULL), 1);
	assert_int_equal(EVP_DigestUpdate(hash, label, strlen(label)), 1);
	assert_int_equal(EVP_DigestFinalXOF(hash, out, 32), 1);
	EVP_MD_CTX_free(hash);
}

static void
ring_fill(struct key_ring *ring, struct flock_id flock, struct flock_id other)
{
	for (unsigned n = KEK_NUMBER_MIN; n <= KEK_NUMBER_MAX; n++) {
		struct kek kek;

		labelled(kek.bytes, "kek %" PRIx64 " %02x", flock.value, n);
		kek_unwrap_key_derive(&ring->k1[n], &kek, flock, other);
	}
}

static void
vector_secret(struct tunnel_secret *ret, uint8_t a, uint8_t b, void *context)
{
	labelled(ret->bytes, "secret %s %02x %02x", (const char *)context, a, b);
}

/* Makes the bundle of a vector and compares its length, some entries and the hash of all of it. */
static void
expect_bundle(const json_t *v, struct maker *k)
{
	uint8_t hash[32], want[32], entry[BUNDLE_ENTRY_SIZE];
	size_t size = maker_size(k);
	uint8_t *bytes = malloc(size);
	const json_t *first = vector_list(v, "first_entries");

	assert_non_null(bytes);
	k->head.expires = (uint16_t)vector_number(v, "expires");
	k->head.generation = (uint32_t)vector_hex(v, "generation");
	vector_bytes(v, "seed", k->head.seed, sizeof(k->head.seed));
	assert_int_equal(size, vector_number(v, "bytes"));
	maker_run(k, bytes);

	for (size_t i = 0; i < json_array_size(first); i++) {
		size_t len;
		uint8_t *wanted = hex_alloc(json_string_value(json_array_get(first, i)), &len);

		assert_int_equal(len, BUNDLE_ENTRY_SIZE);
		assert_memory_equal(bytes + BUNDLE_HEAD_SIZE + i * BUNDLE_ENTRY_SIZE, wanted, len);
		free(wanted);
	}
	vector_bytes(v, "last_entry", entry, sizeof(entry));
	assert_memory_equal(bytes + size - sizeof(entry), entry, sizeof(entry));
	vector_bytes(v, "sha256", want, sizeof(want));
	crypto_hash_sha256(hash, bytes, size);
	assert_memory_equal(hash, want, sizeof(want));
	free(bytes);
}

static void
one_flock_is_as_the_vector(void **state)
{
	static struct key_ring ring;
	static char name[] = "cafeba";
	json_t *file = vectors_load("ambry.json");
	const json_t *v = vector_object(file, "full_one_flock");
	struct maker k = { .secret = vector_secret, .context = name };

	(void)state;
	k.a.value = k.b.value = vector_hex(v, "flock");
	ring_fill(&ring, k.a, k.a);
	k.ring_a = k.ring_b = &ring;
	assert_int_equal(maker_tunnels(&k), 32385);
	expect_bundle(v, &k);
	json_decref(file);
}

static void
two_flocks_are_as_the_vector(void **state)
{
	static struct key_ring a, b;
	static char name[] = "aaaaaa-bbbbbb";
	json_t *file = vectors_load("ambry.json");
	const json_t *v = vector_object(file, "full_two_flocks");
	struct maker k = { .secret = vector_secret, .context = name };

	(void)state;
	k.a.value = vector_hex(v, "flock_a");
	k.b.value = vector_hex(v, "flock_b");
	ring_fill(&a, k.a, k.b);
	ring_fill(&b, k.b, k.a);
	k.ring_a = &a;
	k.ring_b = &b;
	assert_int_equal(maker_tunnels(&k), 65025);
	expect_bundle(v, &k);
	json_decref(file);
}

static void
expiry_counts_days(void **state)
{
	static const struct {
		uint64_t days;
		int64_t now_s;
		int want; /* -1: refused */
	} cases[] = {
		{ 1, AMBRY_EPOCH, 1 },
		{ 1, AMBRY_EPOCH + AMBRY_DAY - 1, 1 },
		{ 1, AMBRY_EPOCH + AMBRY_DAY, 2 },
		{ 30, AMBRY_EPOCH + 1127 * AMBRY_DAY + 5, 1157 },
		{ 0, AMBRY_EPOCH + AMBRY_DAY, -1 },
		{ 65534, AMBRY_EPOCH + AMBRY_DAY, 65535 },
		{ 65535, AMBRY_EPOCH + AMBRY_DAY, -1 },
		{ UINT64_MAX, AMBRY_EPOCH + AMBRY_DAY, -1 },
		{ 1, AMBRY_EPOCH - 1, -1 },
		{ 1, AMBRY_EPOCH + INT64_C(70000) * AMBRY_DAY, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault why;
		uint16_t got = 0;
		bool ok = maker_expires(&got, cases[i].days, cases[i].now_s, &why);

		assert_int_equal(ok, cases[i].want >= 0);
		if (ok)
			assert_int_equal(got, cases[i].want);
		/* A bundle for a day or more must not be expired when it is made. */
		assert_false(ok && bundle_expired(got, cases[i].now_s));
	}
}

static int
prepare(void **state)
{
	json_t *vectors = vectors_load("ambry.json");

	(void)state;
	vector_bytes(vectors, "label_prefix", prefix, sizeof(prefix));
	json_decref(vectors);
	return aead_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flock_is_as_the_vector),
		cmocka_unit_test(two_flocks_are_as_the_vector),
		cmocka_unit_test(expiry_counts_days),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}

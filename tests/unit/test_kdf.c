/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/kdf.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *keys;

static int
load(void **state)
{
	(void)state;
	keys = vectors_load("keys.json");
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(keys);
	return 0;
}

static struct flock_id
flock(const json_t *v, const char *key)
{
	return (struct flock_id){ vector_hex(v, key) };
}

static void
derives_base_keys(void **state)
{
	json_t *list = vector_list(keys, "base_key"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 20);
	json_array_foreach(list, i, v)
	{
		uint8_t secret[32], want[32];
		struct base_key got;

		vector_bytes(v, "secret", secret, sizeof(secret));
		vector_bytes(v, "key", want, sizeof(want));
		base_key_derive(&got, secret, vector_text(v, "label"), flock(v, "flock_a"),
		    flock(v, "flock_b"));
		assert_memory_equal(got.bytes, want, sizeof(want));
		base_key_derive(&got, secret, vector_text(v, "label"), flock(v, "flock_b"),
		    flock(v, "flock_a"));
		assert_memory_equal(got.bytes, want, sizeof(want));
	}
}

static void
derives_offer_keys(void **state)
{
	json_t *list = vector_list(keys, "offer_key"), *v;
	unsigned devices = 0, catacombs = 0;
	size_t i;

	(void)state;
	json_array_foreach(list, i, v)
	{
		uint8_t seed[OFFER_SEED_SIZE], want[32];
		struct offer_key got;

		vector_bytes(v, "seed", seed, sizeof(seed));
		vector_bytes(v, "key", want, sizeof(want));
		if (strcmp(vector_text(v, "use"), "device") == 0) {
			struct cathedral_secret cs;

			vector_bytes(v, "secret", cs.bytes, sizeof(cs.bytes));
			offer_key_device(&got, &cs, seed, flock(v, "flock_src"));
			devices++;
		} else {
			struct federation_secret federation;

			vector_bytes(v, "secret", federation.bytes, sizeof(federation.bytes));
			offer_key_catacomb(&got, &federation, seed, flock(v, "flock_src"));
			catacombs++;
		}
		assert_memory_equal(got.bytes, want, sizeof(want));
	}
	assert_true(devices > 0 && catacombs > 0);
}

static void
derives_shroud_keys(void **state)
{
	json_t *list = vector_list(keys, "shroud_key"), *v;
	unsigned devices = 0, federations = 0;
	size_t i;

	(void)state;
	json_array_foreach(list, i, v)
	{
		struct shroud_key got;
		uint8_t want[32];

		vector_bytes(v, "key", want, sizeof(want));
		if (strcmp(vector_text(v, "use"), "device") == 0) {
			struct cathedral_secret cs;

			vector_bytes(v, "cs", cs.bytes, sizeof(cs.bytes));
			shroud_key_device(&got, &cs, flock(v, "flock_src"), flock(v, "flock_dst"));
			devices++;
		} else {
			struct federation_secret federation;

			vector_bytes(v, "secret", federation.bytes, sizeof(federation.bytes));
			shroud_key_federation(&got, &federation);
			federations++;
		}
		assert_memory_equal(got.bytes, want, sizeof(want));
	}
	assert_true(devices > 0 && federations > 0);
}

static void
derives_shroud_identities(void **state)
{
	json_t *list = vector_list(keys, "identity"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 8);
	json_array_foreach(list, i, v)
	{
		struct device_id device = { (uint32_t)vector_hex(v, "id") };
		uint8_t seed_id[16], want[16], got[16];
		struct kmac_prefix prefix;

		vector_bytes(v, "seed_id", seed_id, sizeof(seed_id));
		vector_bytes(v, "identity", want, sizeof(want));
		shroud_identity_prefix(
		    &prefix, flock(v, "flock_src"), flock(v, "flock_dst"), device);
		shroud_identity(got, &prefix, seed_id);
		assert_memory_equal(got, want, sizeof(want));
	}
}

static void
derives_unwrap_keys(void **state)
{
	json_t *root = vectors_load("ambry.json"), *list = vector_list(root, "wrap"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 5);
	json_array_foreach(list, i, v)
	{
		struct flock_id src = flock(v, "flock_src"), dst = flock(v, "flock_dst");
		struct kek_unwrap_key got;
		uint8_t want[32];
		struct kek kek;

		vector_bytes(v, "kek", kek.bytes, sizeof(kek.bytes));
		vector_bytes(v, "k1", want, sizeof(want));
		kek_unwrap_key_derive(&got, &kek, src, dst);
		assert_memory_equal(got.bytes, want, sizeof(want));
		/* Whatever the order and the domains. */
		kek_unwrap_key_derive(
		    &got, &kek, flock_with_domain(dst, 5), flock_with_domain(src, 9));
		assert_memory_equal(got.bytes, want, sizeof(want));
	}
	json_decref(root);
}

/* Together they are what each of them is by itself. */
static void
derives_shrouds_of_many_devices(void **state)
{
	enum { MANY = 21 };
	struct cathedral_secret secrets[MANY];
	struct kmac_prefix masks[MANY], identities[MANY], want;
	struct shroud_order orders[MANY];
	struct shroud_key key;
	struct random r;

	(void)state;
	random_for_test(&r);
	random_bytes(&r, secrets, sizeof(secrets));
	for (size_t n = 0; n < MANY; n++)
		orders[n] =
		    (struct shroud_order){ &secrets[n], { random_u64(&r) }, { random_u64(&r) },
			    { (uint32_t)random_u64(&r) }, &masks[n], &identities[n] };
	for (size_t count = 0; count <= MANY; count++) {
		memset(masks, 0, sizeof(masks));
		memset(identities, 0, sizeof(identities));
		shroud_prefixes(orders, count);
		for (size_t n = 0; n < count; n++) {
			const struct shroud_order *o = &orders[n];

			shroud_key_device(&key, o->cs, o->own, o->other);
			shroud_mask_prefix(&want, &key);
			assert_memory_equal(&masks[n], &want, sizeof(want));
			shroud_identity_prefix(&want, o->own, o->other, o->device);
			assert_memory_equal(&identities[n], &want, sizeof(want));
		}
	}
}

/* Domains count in offer keys, and do not in shroud keys and identities. */
static void
minds_domains_only_where_it_should(void **state)
{
	const struct flock_id plain = { 0xcafeba00 }, domain = { 0xcafeba05 };
	const struct cathedral_secret cs = { { 1, 2, 3 } };
	const uint8_t seed[OFFER_SEED_SIZE] = { 4 };
	struct offer_key offer_a, offer_b;
	struct shroud_key shroud_a, shroud_b;
	struct kmac_prefix identity_a, identity_b;

	(void)state;
	offer_key_device(&offer_a, &cs, seed, plain);
	offer_key_device(&offer_b, &cs, seed, domain);
	assert_memory_not_equal(&offer_a, &offer_b, sizeof(offer_a));

	shroud_key_device(&shroud_a, &cs, plain, plain);
	shroud_key_device(&shroud_b, &cs, plain, domain);
	assert_memory_equal(&shroud_a, &shroud_b, sizeof(shroud_a));

	shroud_identity_prefix(&identity_a, plain, plain, (struct device_id){ 7 });
	shroud_identity_prefix(&identity_b, domain, plain, (struct device_id){ 7 });
	assert_memory_equal(&identity_a, &identity_b, sizeof(identity_a));
	shroud_identity_prefix(&identity_b, plain, plain, (struct device_id){ 8 });
	assert_memory_not_equal(&identity_a, &identity_b, sizeof(identity_a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_base_keys),
		cmocka_unit_test(derives_offer_keys),
		cmocka_unit_test(derives_shroud_keys),
		cmocka_unit_test(derives_shroud_identities),
		cmocka_unit_test(derives_shrouds_of_many_devices),
		cmocka_unit_test(derives_unwrap_keys),
		cmocka_unit_test(minds_domains_only_where_it_should),
	};

	return cmocka_run_group_tests_name("kdf", tests, load, unload);
}

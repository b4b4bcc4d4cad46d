/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/shroud.h"
#include "protocol/crypto/sign.h"
#include "protocol/envelope.h"
#include "protocol/wire/kind.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *offers, *catacomb;

static int
load(void **state)
{
	(void)state;
	offers = vectors_load("offers.json");
	catacomb = vectors_load("catacomb.json");
	return aead_init() ? 0 : -1;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(offers);
	json_decref(catacomb);
	return 0;
}

static struct flock_id
flock(const json_t *v, const char *key)
{
	return (struct flock_id){ vector_hex(v, key) };
}

/* The key as the receiver derives it: from the seed in the packet's own header. */
static struct offer_key
key_of(const json_t *v, const uint8_t *packet, size_t len)
{
	struct offer_header header;
	struct offer_key key, want;

	assert_true(offer_header_decode(&header, packet, len));
	if (vector_has(v, "federation_secret")) {
		struct federation_secret secret;

		vector_bytes(v, "federation_secret", secret.bytes, sizeof(secret.bytes));
		assert_true(header.magic == MAGIC_CATACOMB);
		offer_key_catacomb(&key, &secret, header.seed, header.flock_src);
	} else {
		struct cathedral_secret cs;

		vector_bytes(v, "cs", cs.bytes, sizeof(cs.bytes));
		offer_key_device(&key, &cs, header.seed, flock(v, "flock_src"));
	}
	vector_bytes(v, "offer_key", want.bytes, sizeof(want.bytes));
	assert_memory_equal(&key, &want, sizeof(key));
	return key;
}

static struct offer_header
header_of(const json_t *v)
{
	struct offer_header h = { .magic = MAGIC_CATACOMB };
	bool device = vector_has(v, "magic");

	if (device)
		h.magic = vector_hex(v, "magic");
	h.flock_src = flock(v, device ? "header_flock_src" : "flock_src");
	h.flock_dst = flock(v, device ? "header_flock_dst" : "flock_dst");
	h.spi = (uint32_t)vector_hex(v, "id");
	vector_bytes(v, "seed", h.seed, sizeof(h.seed));
	return h;
}

/* Opened, verified, and sealed again to the same bytes. */
static void
check_offer(const json_t *v)
{
	struct offer_header header = header_of(v);
	uint8_t want[OFFER_DATA_SIZE], again[OFFER_SIZE], seed[32];
	struct cosk_secret secret;
	struct cosk_public public;
	struct envelope e, remade;
	struct offer_key key;
	struct offer offer;
	size_t len;
	uint8_t *packet = vector_alloc(v, "packet", &len);

	assert_int_equal(len, OFFER_SIZE);
	key = key_of(v, packet, len);
	assert_true(envelope_open(&e, packet, len, &key));
	vector_bytes(v, "data", want, sizeof(want));
	assert_memory_equal(e.data, want, sizeof(want));
	vector_bytes(v, "extra", want, sizeof(e.extra));
	assert_memory_equal(e.extra, want, sizeof(e.extra));

	vector_bytes(v, "cosk_seed", seed, sizeof(seed));
	sign_key_pair(&secret, &public, seed);
	assert_int_equal(envelope_verify(&e, &public), vector_flag(v, "signed"));

	assert_true(offer_data_decode(&offer, e.data));
	assert_int_equal(offer.type, vector_number(v, "type"));
	assert_true(offer.timestamp == vector_number(v, "timestamp"));
	if (vector_flag(v, "signed")) {
		envelope_signed(&remade, &offer, &secret);
		assert_memory_equal(&remade, &e, sizeof(e));
	}
	envelope_seal(again, &header, &e, &key);
	assert_memory_equal(again, packet, OFFER_SIZE);
	free(packet);
}

static void
opens_and_seals_offers_of_devices_and_cathedrals(void **state)
{
	json_t *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(offers) >= 14);
	json_array_foreach(offers, i, v) check_offer(v);
}

static void
opens_and_seals_offers_between_cathedrals(void **state)
{
	json_t *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(catacomb) >= 4);
	json_array_foreach(catacomb, i, v) check_offer(v);
}

/* A liturgy has no other flock: it goes under the shroud of the own one. */
static struct flock_id
other_flock(const json_t *v)
{
	return flock(v, flock(v, "flock_dst").value == 0 ? "flock_src" : "flock_dst");
}

static struct kmac_prefix
shroud_of(const json_t *v)
{
	struct kmac_prefix prefix;
	struct shroud_key key, want;

	if (vector_has(v, "federation_secret")) {
		struct federation_secret secret;

		vector_bytes(v, "federation_secret", secret.bytes, sizeof(secret.bytes));
		shroud_key_federation(&key, &secret);
	} else {
		struct cathedral_secret cs;

		vector_bytes(v, "cs", cs.bytes, sizeof(cs.bytes));
		shroud_key_device(&key, &cs, flock(v, "flock_src"), other_flock(v));
	}
	vector_bytes(vector_object(v, "shroud"), "key", want.bytes, sizeof(want.bytes));
	assert_memory_equal(&key, &want, sizeof(key));
	shroud_mask_prefix(&prefix, &key);
	return prefix;
}

static void
check_shroud(const json_t *v)
{
	const json_t *s = vector_object(v, "shroud");
	struct kmac_prefix prefix = shroud_of(v), identity;
	size_t len, wire_len, zeros = vector_number(s, "zeros");
	uint8_t *packet = vector_alloc(v, "packet", &len);
	uint8_t *wire = vector_alloc(s, "wire", &wire_len), *got = calloc(1, wire_len);
	uint8_t *body = got + SHROUD_HEADER_SIZE, id[SHROUD_IDENTITY_SIZE];
	struct kmac_job job;

	assert_int_equal(wire_len, SHROUD_HEADER_SIZE + len + 1 + zeros);
	vector_bytes(s, "id", got, 16);
	vector_bytes(s, "seed_id", got + SHROUD_SEED_ID_AT, 16);
	vector_bytes(s, "seed_data", got + SHROUD_SEED_DATA_AT, 16);
	if (vector_has(v, "direction") &&
	    strcmp(vector_text(v, "direction"), "device to cathedral") == 0) {
		struct device_id device = { (uint32_t)vector_hex(v, "id") };

		shroud_identity_prefix(&identity, flock(v, "flock_src"), other_flock(v), device);
		shroud_identity(id, &identity, got + SHROUD_SEED_ID_AT);
		assert_memory_equal(id, got, sizeof(id));
	}

	memcpy(body, packet, len);
	body[len] = 0xff;
	job = shroud_job(&prefix, got, body, len + 1 + zeros);
	kmac_mask(&job, 1);
	assert_memory_equal(got, wire, wire_len);

	job = shroud_job(&prefix, wire, wire + SHROUD_HEADER_SIZE, wire_len - SHROUD_HEADER_SIZE);
	kmac_mask(&job, 1);
	assert_int_equal(
	    shroud_unpadded(wire + SHROUD_HEADER_SIZE, wire_len - SHROUD_HEADER_SIZE), len);
	assert_memory_equal(wire + SHROUD_HEADER_SIZE, packet, len);
	free(packet);
	free(wire);
	free(got);
}

static void
shrouds_offers_as_on_the_wire(void **state)
{
	json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(offers, i, v) check_shroud(v);
	json_array_foreach(catacomb, i, v) check_shroud(v);
}

/* An info, sealed under a key of its own, and what is needed to open it. */
struct sealed {
	uint8_t packet[OFFER_SIZE];
	struct offer_key key;
	struct envelope inside;
};

static void
seal_something(struct sealed *s, struct random *r)
{
	struct offer offer = { .type = OFFER_INFO, .timestamp = 1790000000 };
	struct offer_header header = { .magic = MAGIC_KATEDRAL };

	offer.info.tunnel.value = 0xcafe;
	random_bytes(r, header.seed, sizeof(header.seed));
	random_bytes(r, s->key.bytes, sizeof(s->key.bytes));
	envelope_unsigned(&s->inside, &offer, r);
	envelope_seal(s->packet, &header, &s->inside, &s->key);
}

static void
refuses_what_was_changed(void **state)
{
	struct envelope got, before;
	struct sealed s;
	struct random r;

	(void)state;
	random_for_test(&r);
	seal_something(&s, &r);
	memset(&got, 0x33, sizeof(got));
	before = got;
	for (size_t at = 0; at < OFFER_SIZE; at++) {
		s.packet[at] ^= 0x04;
		assert_false(envelope_open(&got, s.packet, OFFER_SIZE, &s.key));
		assert_memory_equal(&got, &before, sizeof(got));
		s.packet[at] ^= 0x04;
	}
	s.key.bytes[31] ^= 1;
	assert_false(envelope_open(&got, s.packet, OFFER_SIZE, &s.key));
	s.key.bytes[31] ^= 1;
	assert_true(envelope_open(&got, s.packet, OFFER_SIZE, &s.key));
	assert_memory_equal(&got, &s.inside, sizeof(got));
}

static void
takes_padding_but_nothing_short(void **state)
{
	struct envelope got;
	struct sealed s;
	struct random r;

	(void)state;
	random_for_test(&r);
	seal_something(&s, &r);
	for (size_t len = 0; len < OFFER_SIZE; len++) {
		uint8_t *shorter = exact_copy(s.packet, len);

		assert_false(envelope_open(&got, shorter, len, &s.key));
		free(shorter);
		/* Not even when the rest happens to lie behind it. */
		assert_false(envelope_open(&got, s.packet, len, &s.key));
	}
	for (size_t more = 0; more < 3; more++) {
		uint8_t longer[OFFER_SIZE + 2] = { 0 };
		uint8_t *packet;

		memcpy(longer, s.packet, OFFER_SIZE);
		longer[OFFER_SIZE] = 0xee;
		packet = exact_copy(longer, OFFER_SIZE + more);
		assert_true(envelope_open(&got, packet, OFFER_SIZE + more, &s.key));
		assert_memory_equal(&got, &s.inside, sizeof(got));
		free(packet);
	}
}

/* A cathedral's offers carry randomness where a signature would be: fresh every time. */
static void
fills_extra_with_randomness_or_a_signature(void **state)
{
	const struct offer offer = { .type = OFFER_INFO, .timestamp = 1 };
	const uint8_t seed[32] = { 8 };
	struct envelope a, b, sent;
	struct cosk_secret secret;
	struct cosk_public public;
	struct random r;

	(void)state;
	random_for_test(&r);
	sign_key_pair(&secret, &public, seed);
	envelope_unsigned(&a, &offer, &r);
	envelope_unsigned(&b, &offer, &r);
	assert_memory_equal(a.data, b.data, sizeof(a.data));
	assert_memory_not_equal(a.extra, b.extra, sizeof(a.extra));
	assert_false(envelope_verify(&a, &public));

	envelope_signed(&sent, &offer, &secret);
	assert_memory_equal(sent.data, a.data, sizeof(a.data));
	assert_true(envelope_verify(&sent, &public));
	for (size_t at = 0; at < sizeof(sent.data); at++) {
		sent.data[at] ^= 0x80;
		assert_false(envelope_verify(&sent, &public));
		sent.data[at] ^= 0x80;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_and_seals_offers_of_devices_and_cathedrals),
		cmocka_unit_test(opens_and_seals_offers_between_cathedrals),
		cmocka_unit_test(shrouds_offers_as_on_the_wire),
		cmocka_unit_test(refuses_what_was_changed),
		cmocka_unit_test(takes_padding_but_nothing_short),
		cmocka_unit_test(fills_extra_with_randomness_or_a_signature),
	};

	return cmocka_run_group_tests_name("envelope", tests, load, unload);
}

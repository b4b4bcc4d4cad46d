/* SPDX-License-Identifier: ISC */
#include "base/random.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/shroud.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *vectors;

static int
load(void **state)
{
	(void)state;
	vectors = vectors_load("shroud.json");
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static void
mask_prefix(struct kmac_prefix *prefix, const json_t *v)
{
	struct shroud_key key;

	vector_bytes(v, "key", key.bytes, sizeof(key.bytes));
	shroud_mask_prefix(prefix, &key);
}

static void
makes_masks(void **state)
{
	json_t *list = vector_list(vectors, "masks"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 13);
	json_array_foreach(list, i, v)
	{
		size_t len = vector_number(v, "length"), want_len;
		uint8_t *want = vector_alloc(v, "mask", &want_len), *body = calloc(1, len);
		uint8_t header[SHROUD_HEADER_SIZE];
		struct kmac_prefix prefix;
		struct kmac_job job;

		assert_int_equal(len, want_len);
		mask_prefix(&prefix, v);
		vector_bytes(v, "header", header, sizeof(header));
		job = shroud_job(&prefix, header, body, len);
		kmac_mask(&job, 1);
		assert_memory_equal(body, want, len);
		free(want);
		free(body);
	}
}

/* The unmasked bytes: packet, mark, zeros. */
static void
check_packet(const json_t *v)
{
	size_t len, wire_len, zeros = vector_number(v, "zeros"), body_len;
	uint8_t *packet = vector_alloc(v, "packet", &len);
	uint8_t *want = vector_alloc(v, "wire", &wire_len), *got = calloc(1, wire_len), *body;
	struct kmac_prefix prefix;
	struct kmac_job job;

	body_len = len + 1 + zeros;
	assert_int_equal(wire_len, SHROUD_HEADER_SIZE + body_len);
	body = got + SHROUD_HEADER_SIZE;
	mask_prefix(&prefix, v);
	vector_bytes(v, "id", got, 16);
	vector_bytes(v, "seed_id", got + SHROUD_SEED_ID_AT, 16);
	vector_bytes(v, "seed_data", got + SHROUD_SEED_DATA_AT, 16);
	memcpy(body, packet, len);
	body[len] = 0xff;

	job = shroud_job(&prefix, got, body, body_len);
	kmac_mask(&job, 1);
	if (memcmp(got, want, wire_len) != 0)
		fail_msg("shrouded otherwise: \"%s\"", vector_text(v, "name"));
	kmac_mask(&job, 1);
	if (shroud_unpadded(body, body_len) != len || memcmp(body, packet, len) != 0)
		fail_msg("unshrouded otherwise: \"%s\"", vector_text(v, "name"));
	free(packet);
	free(want);
	free(got);
}

static void
shrouds_and_unshrouds_packets(void **state)
{
	json_t *list = vector_list(vectors, "packets"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 10);
	json_array_foreach(list, i, v) check_packet(v);
}

static void
strips_padding(void **state)
{
	json_t *list = vector_list(vectors, "unpad"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 16);
	json_array_foreach(list, i, v)
	{
		size_t len, want_len, got;
		uint8_t *body = vector_alloc(v, "unmasked", &len);
		uint8_t *want = vector_alloc(v, "packet", &want_len);

		got = shroud_unpadded(body, len);
		if (got != want_len || memcmp(body, want, got) != 0)
			fail_msg("\"%s\" gives %zu bytes", vector_text(v, "unmasked"), got);
		free(body);
		free(want);
	}
}

/* Nothing that follows len bytes may count, and nothing in front of them. */
static void
reads_nothing_beyond(void **state)
{
	static const uint8_t surrounded[] = { 0xff, 0, 0, 0xff };

	(void)state;
	assert_int_equal(shroud_unpadded(surrounded + 1, 2), 2);
	assert_int_equal(shroud_unpadded(surrounded + 1, 0), 0);
	assert_int_equal(shroud_unpadded(surrounded, 3), 0);
	assert_int_equal(shroud_unpadded(surrounded, 4), 3);
}

static void
pads_within_the_limit(void **state)
{
	static const struct {
		size_t packet_len, limit;
		uint32_t most; /* zeros, at most */
	} facts[] = {
		{ 623, 1373, 700 },
		{ 623, 673, 0 }, /* one below the limit already */
		{ 623, 674, 1 },
		{ 623, 672, 0 }, /* at the limit */
		{ 623, 671, 0 },
		{ 623, 0, 0 },
		{ 1323, 1373, 0 },
		{ 1324, 1373, 0 },
		{ 1474, 1373, 0 },
		{ 0, 1472, 1422 },
		{ 50, 1472, 1372 },
	};
	struct random r;

	(void)state;
	random_from_seed(
	    &r, 2); /* one outcome for ever: both ends are hit, and no luck is needed */
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		size_t least = SIZE_MAX, most = 0;

		for (int n = 0; n < 20000; n++) {
			size_t zeros = shroud_padding(&r, facts[i].packet_len, facts[i].limit);

			least = zeros < least ? zeros : least;
			most = zeros > most ? zeros : most;
		}
		assert_int_equal(least, 0);
		assert_int_equal(most, facts[i].most);
	}
}

static void
pads_uniformly(void **state)
{
	enum { VALUES = 100, DRAWS = 1000 * VALUES };
	unsigned seen[VALUES] = { 0 };
	double chi = 0;
	struct random r;

	(void)state;
	random_from_seed(&r, 1);
	for (int n = 0; n < DRAWS; n++) {
		size_t zeros = shroud_padding(&r, 623, 623 + 49 + VALUES);

		assert_true(zeros < VALUES);
		seen[zeros]++;
	}
	for (int n = 0; n < VALUES; n++)
		chi += ((double)seen[n] - 1000) * ((double)seen[n] - 1000) / 1000;
	/* With 99 degrees of freedom 99 is expected, and all but 1 in 100,000 lie within these. */
	if (chi < 45 || chi > 175)
		fail_msg("padding is not uniform: chi-squared is %.1f", chi);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_masks),
		cmocka_unit_test(shrouds_and_unshrouds_packets),
		cmocka_unit_test(strips_padding),
		cmocka_unit_test(reads_nothing_beyond),
		cmocka_unit_test(pads_within_the_limit),
		cmocka_unit_test(pads_uniformly),
	};

	return cmocka_run_group_tests_name("shroud", tests, load, unload);
}

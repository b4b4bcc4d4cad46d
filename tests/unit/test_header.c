/* SPDX-License-Identifier: ISC */
#include "protocol/wire/header.h"
#include "protocol/wire/kind.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
data_headers_of_vectors_are_read_and_written(void **state)
{
	json_t *vectors = vectors_load("data.json"), *v;
	size_t i;

	(void)state;
	assert_int_not_equal(json_array_size(vectors), 0);
	json_array_foreach(vectors, i, v)
	{
		size_t len;
		uint8_t *packet = vector_alloc(v, "packet", &len);
		uint8_t again[DATA_HEADER_SIZE];
		struct data_header h;

		assert_int_equal(wire_kind(packet, len), WIRE_DATA);
		assert_true(data_header_decode(&h, packet, len));
		assert_true(h.spi == vector_hex(v, "spi"));
		assert_true(h.seq == vector_number(v, "seq"));
		assert_true(h.pn == vector_hex(v, "pn"));
		assert_true(h.flock_src.value == vector_hex(v, "flock_src"));
		assert_true(h.flock_dst.value == vector_hex(v, "flock_dst"));

		data_header_encode(&h, again);
		assert_memory_equal(again, packet, sizeof(again));
		free(packet);
	}
	json_decref(vectors);
}

static void
every_field_of_a_data_header_has_its_place(void **state)
{
	static const struct data_header h = { .spi = 0x01020304,
		.seq = 0x05060708,
		.pn = UINT64_C(0x090a0b0c0d0e0f10),
		.flock_src = { UINT64_C(0x1112131415161718) },
		.flock_dst = { UINT64_C(0x191a1b1c1d1e1f20) } };
	uint8_t *bytes = malloc(DATA_HEADER_SIZE);
	struct data_header got;

	(void)state;
	data_header_encode(&h, bytes);
	for (unsigned i = 0; i < DATA_HEADER_SIZE; i++)
		assert_int_equal(bytes[i], i + 1);

	assert_true(data_header_decode(&got, bytes, DATA_HEADER_SIZE));
	assert_memory_equal(&got, &h, sizeof(h));
	free(bytes);
}

static void
short_data_headers_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < DATA_HEADER_SIZE; len++) {
		uint8_t *bytes = malloc(len);
		struct data_header h = { .spi = 7 };

		memset(bytes, 0x5a, len);
		assert_false(data_header_decode(&h, bytes, len));
		assert_int_equal(h.spi, 7); /* untouched */
		free(bytes);
	}
}

static void
sacrament_headers_are_read_and_written(void **state)
{
	static const struct sacrament_header h = {
		.flock_src = { UINT64_C(0x1112131415161718) },
		.flock_dst = { UINT64_C(0x191a1b1c1d1e1f20) },
		.spi = 0x21222324,
	};
	uint8_t *bytes = malloc(SACRAMENT_HEADER_SIZE);
	struct sacrament_header got;

	(void)state;
	sacrament_header_encode(&h, bytes);
	assert_memory_equal(bytes, "SACRAMNT", 8);
	for (unsigned i = 8; i < SACRAMENT_HEADER_SIZE; i++)
		assert_int_equal(bytes[i], i + 9);

	assert_true(sacrament_header_decode(&got, bytes, SACRAMENT_HEADER_SIZE));
	assert_true(got.flock_src.value == h.flock_src.value);
	assert_true(got.flock_dst.value == h.flock_dst.value);
	assert_int_equal(got.spi, h.spi);

	bytes[7] ^= 1;
	assert_false(sacrament_header_decode(&got, bytes, SACRAMENT_HEADER_SIZE));
	free(bytes);
}

static void
short_sacrament_headers_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < SACRAMENT_HEADER_SIZE; len++) {
		uint8_t *bytes = malloc(len);
		struct sacrament_header h = { .spi = 7 };

		memset(bytes, 0x5a, len);
		memcpy(bytes, "SACRAMNT", len < 8 ? len : 8);
		assert_false(sacrament_header_decode(&h, bytes, len));
		assert_int_equal(h.spi, 7);
		free(bytes);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_headers_of_vectors_are_read_and_written),
		cmocka_unit_test(every_field_of_a_data_header_has_its_place),
		cmocka_unit_test(short_data_headers_are_refused),
		cmocka_unit_test(sacrament_headers_are_read_and_written),
		cmocka_unit_test(short_sacrament_headers_are_refused),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}

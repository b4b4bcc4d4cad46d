/* SPDX-License-Identifier: ISC */
#include "protocol/wire/offer.h"

#include "base/random.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Members that are left out of a vector are zero. */
static uint64_t
number(const json_t *fields, const char *key)
{
	return vector_has(fields, key) ? vector_number(fields, key) : 0;
}

static void
expect_ip(const uint8_t got[static 4], const json_t *fields, const char *key)
{
	uint8_t want[4] = { 0 };

	if (vector_has(fields, key))
		assert_int_equal(inet_pton(AF_INET, vector_text(fields, key), want), 1);
	assert_memory_equal(got, want, 4);
}

static void
expect_bytes(const uint8_t *got, size_t len, const json_t *fields, const char *key)
{
	size_t want_len;
	uint8_t *want = vector_alloc(fields, key, &want_len);

	assert_int_equal(want_len, len);
	assert_memory_equal(got, want, len);
	free(want);
}

static void
expect_ambry(const struct offer *o, const json_t *f)
{
	assert_int_equal(o->ambry.tunnel.value, number(f, "tunnel"));
	assert_int_equal(o->ambry.expires, number(f, "expires"));
	assert_int_equal(o->ambry.generation, number(f, "generation"));
	expect_bytes(o->ambry.seed, sizeof(o->ambry.seed), f, "seed");
	expect_bytes(o->ambry.key, sizeof(o->ambry.key), f, "key");
	expect_bytes(o->ambry.tag, sizeof(o->ambry.tag), f, "tag");
}

static void
expect_info(const struct offer *o, const json_t *f)
{
	const struct info *i = &o->info;

	assert_int_equal(i->flags, number(f, "flags"));
	expect_ip(i->peer_ip, f, "peer_ip");
	assert_int_equal(i->peer_port, number(f, "peer_port"));
	expect_ip(i->local_ip, f, "local_ip");
	assert_int_equal(i->local_port, number(f, "local_port"));
	assert_int_equal(i->tunnel.value, number(f, "tunnel"));
	assert_int_equal(i->ambry_generation, number(f, "ambry_generation"));
	assert_int_equal(i->rx_active, number(f, "rx_active"));
	assert_int_equal(i->rx_pending, number(f, "rx_pending"));
	assert_true(i->instance == (vector_has(f, "instance") ? vector_hex(f, "instance") : 0));
}

static void
expect_liturgy(const struct offer *o, const json_t *f)
{
	uint8_t peers[LITURGY_PEERS] = { 0 };
	json_t *peer;
	size_t i;

	json_array_foreach(vector_list(f, "peers"), i, peer)
	{
		peers[json_integer_value(peer)] = 1;
	}
	assert_int_equal(o->liturgy.id, number(f, "id"));
	assert_int_equal(o->liturgy.group, number(f, "group"));
	assert_memory_equal(o->liturgy.peers, peers, sizeof(peers));
	assert_int_equal(o->liturgy.hidden, number(f, "hidden"));
	assert_int_equal(o->liturgy.flags, number(f, "flags"));
}

static void
expect_remembrance(const struct offer *o, const json_t *f)
{
	json_t *list = vector_list(f, "cathedrals"), *one;
	size_t i;

	assert_int_equal(o->remembrance.count, json_array_size(list));
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(json_array_get(one, 0));
		uint8_t ip[4];

		assert_int_equal(inet_pton(AF_INET, text, ip), 1);
		assert_memory_equal(o->remembrance.cathedrals[i].ip, ip, 4);
		assert_int_equal(
		    o->remembrance.cathedrals[i].port, json_integer_value(json_array_get(one, 1)));
	}
}

static void
expect_exchange(const struct offer *o, const json_t *f)
{
	assert_true(o->exchange.id == number(f, "id"));
	assert_int_equal(o->exchange.spi, number(f, "spi"));
	assert_int_equal(o->exchange.salt, number(f, "salt"));
	assert_int_equal(o->exchange.state, number(f, "state"));
	assert_int_equal(o->exchange.fragment, number(f, "fragment"));
	expect_bytes(o->exchange.ecdh, sizeof(o->exchange.ecdh), f, "ecdh");
	expect_bytes(o->exchange.kem, sizeof(o->exchange.kem), f, "kem");
}

static void
expect_p2p_info(const struct offer *o, const json_t *f)
{
	expect_ip(o->p2p.ip, f, "ip");
	assert_int_equal(o->p2p.port, number(f, "port"));
	assert_int_equal(o->p2p.tunnel.value, number(f, "tunnel"));
	assert_int_equal(o->p2p.flags, number(f, "flags"));
}

static void (*const expect[])(const struct offer *o, const json_t *fields) = {
	[OFFER_AMBRY] = expect_ambry,
	[OFFER_INFO] = expect_info,
	[OFFER_LITURGY] = expect_liturgy,
	[OFFER_REMEMBRANCE] = expect_remembrance,
	[OFFER_EXCHANGE] = expect_exchange,
	[OFFER_P2P_INFO] = expect_p2p_info,
};

static void
expect_data(const json_t *vector)
{
	size_t len;
	uint8_t *data = vector_alloc(vector, "data", &len), *again = malloc(OFFER_DATA_SIZE);
	struct offer o;

	assert_int_equal(len, OFFER_DATA_SIZE);
	assert_true(offer_data_decode(&o, data));
	assert_int_equal(o.type, vector_number(vector, "type"));
	assert_true(o.timestamp == vector_number(vector, "timestamp"));
	expect[o.type](&o, vector_object(vector, "fields"));

	memset(again, 0xee, OFFER_DATA_SIZE);
	offer_data_encode(&o, again);
	assert_memory_equal(again, data, OFFER_DATA_SIZE);
	free(again);
	free(data);
}

static void
data_of_vectors_is_read_and_written(void **state)
{
	static const char *const files[] = { "offers.json", "catacomb.json", "layouts.json" };
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *vectors = vectors_load(files[i]), *v;
		size_t n;

		json_array_foreach(vectors, n, v)
		{
			expect_data(v);
			seen |= 1u << vector_number(v, "type");
		}
		json_decref(vectors);
	}
	/* Together they show every type. */
	assert_int_equal(seen, 1u << OFFER_AMBRY | 1u << OFFER_INFO | 1u << OFFER_LITURGY |
				   1u << OFFER_REMEMBRANCE | 1u << OFFER_EXCHANGE |
				   1u << OFFER_P2P_INFO);
}

static uint64_t
magic_of(const json_t *vector)
{
	return vector_has(vector, "magic") ? vector_hex(vector, "magic")
					   : UINT64_C(0x43415441434f4d42);
}

static uint64_t
header_flock(const json_t *vector, const char *in_header, const char *of_device)
{
	return vector_hex(vector, vector_has(vector, in_header) ? in_header : of_device);
}

static void
expect_header(const json_t *vector)
{
	size_t len;
	uint8_t *packet = vector_alloc(vector, "packet", &len);
	uint8_t *again = malloc(OFFER_HEADER_SIZE);
	struct offer_header h;

	assert_true(offer_header_decode(&h, packet, len));
	assert_true(h.magic == magic_of(vector));
	assert_true(h.flock_src.value == header_flock(vector, "header_flock_src", "flock_src"));
	assert_true(h.flock_dst.value == header_flock(vector, "header_flock_dst", "flock_dst"));
	assert_true(h.spi == vector_hex(vector, "id"));
	expect_bytes(h.seed, sizeof(h.seed), vector, "seed");

	offer_header_encode(&h, again);
	assert_memory_equal(again, packet, OFFER_HEADER_SIZE);
	free(again);
	free(packet);
}

static void
headers_of_vectors_are_read_and_written(void **state)
{
	static const char *const files[] = { "offers.json", "catacomb.json" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *vectors = vectors_load(files[i]), *v;
		size_t n;

		json_array_foreach(vectors, n, v)
		{
			expect_header(v);
		}
		json_decref(vectors);
	}
}

static void
short_headers_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < OFFER_HEADER_SIZE; len++) {
		uint8_t *bytes = malloc(len);
		struct offer_header h = { .spi = 7 };

		memset(bytes, 0x5a, len);
		assert_false(offer_header_decode(&h, bytes, len));
		assert_int_equal(h.spi, 7);
		free(bytes);
	}
}

static void
exactly_six_types_exist(void **state)
{
	uint8_t *data = calloc(1, OFFER_DATA_SIZE);

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct offer o = { .timestamp = 7 };

		data[0] = (uint8_t)type;
		if (offer_data_decode(&o, data) != (type >= 2 && type <= 7))
			fail_msg("type %u", type);
		if (type < 2 || type > 7)
			assert_true(o.timestamp == 7);
	}
	free(data);
}

static void
put_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void
little_endian_fields_are_just_these(void **state)
{
	uint8_t data[OFFER_DATA_SIZE] = { 0 };
	struct offer o = { .type = OFFER_INFO };

	(void)state;
	o.info.flags = 0x01020304;
	o.info.rx_active = 0x05060708;
	o.info.rx_pending = 0x090a0b0c;
	o.info.ambry_generation = 0x0d0e0f10;
	offer_data_encode(&o, data);
	assert_memory_equal(data + 9, "\x04\x03\x02\x01", 4);
	assert_memory_equal(data + 27, "\x0d\x0e\x0f\x10", 4);
	assert_memory_equal(data + 31, "\x08\x07\x06\x05", 4);
	assert_memory_equal(data + 35, "\x0c\x0b\x0a\x09", 4);

	o = (struct offer){ .type = OFFER_LITURGY };
	o.liturgy.flags = 0x01020304;
	offer_data_encode(&o, data);
	assert_memory_equal(data + 9 + 1 + 2 + 255 + 1, "\x04\x03\x02\x01", 4);

	o = (struct offer){ .type = OFFER_P2P_INFO };
	o.p2p.flags = 0x01020304;
	offer_data_encode(&o, data);
	assert_memory_equal(data + 9 + 4 + 2 + 2, "\x01\x02\x03\x04", 4);
}

/* 32 addresses and ports, all set; entry which has its address or its port zeroed. */
static size_t
remembered(size_t which, bool zero_address)
{
	uint8_t *data = calloc(1, OFFER_DATA_SIZE);
	struct offer o;

	data[0] = OFFER_REMEMBRANCE;
	for (size_t i = 0; i < REMEMBRANCE_MAX; i++) {
		data[9 + 4 * i] = (uint8_t)(i != which || !zero_address);
		put_be16(data + 9 + 4 * 32 + 2 * i, i != which || zero_address ? 4500 : 0);
	}
	assert_true(offer_data_decode(&o, data));
	free(data);
	return o.remembrance.count;
}

static void
remembrance_ends_at_the_first_zero(void **state)
{
	(void)state;
	for (size_t i = 0; i <= REMEMBRANCE_MAX; i++) {
		assert_int_equal(remembered(i, true), i);
		assert_int_equal(remembered(i, false), i);
	}
}

/* How much of the union a type fills with values of which each is a meaning of its own. */
static const size_t union_used[] = {
	[OFFER_AMBRY] = 120,
	[OFFER_INFO] = 38,
	[OFFER_LITURGY] = 263,
	[OFFER_REMEMBRANCE] = 0, /* what stands behind its end is dropped */
	[OFFER_EXCHANGE] = 442,
	[OFFER_P2P_INFO] = 12,
};

/* Whatever stands in the union is read, and what was read is written and read the same. */
static void
random_unions_settle(void **state)
{
	uint8_t *data = malloc(OFFER_DATA_SIZE), *again = malloc(OFFER_DATA_SIZE);
	uint8_t third[OFFER_DATA_SIZE];
	struct random r;

	(void)state;
	random_for_test(&r);
	for (unsigned i = 0; i < 20000; i++) {
		struct offer o, o2;

		random_bytes(&r, data, OFFER_DATA_SIZE);
		data[0] = (uint8_t)(2 + random_below(&r, 6));
		assert_true(offer_data_decode(&o, data));
		offer_data_encode(&o, again);
		assert_true(offer_data_decode(&o2, again));
		offer_data_encode(&o2, third);
		assert_memory_equal(again, third, sizeof(third));
		assert_memory_equal(data, again, 9 + union_used[o.type]);
	}
	free(again);
	free(data);
}

static void
freshness_is_ten_seconds_either_way(void **state)
{
	static const struct {
		uint64_t timestamp;
		int64_t now;
		bool want;
	} cases[] = {
		{ 1790000000, 1790000000, true },
		{ 1789999990, 1790000000, true },
		{ 1789999989, 1790000000, false },
		{ 1790000010, 1790000000, true },
		{ 1790000011, 1790000000, false },
		{ 0, 0, true },
		{ 0, 10, true },
		{ 0, 11, false },
		{ 10, 0, true },
		{ 11, 0, false },
		{ UINT64_MAX, 0, false },
		{ UINT64_MAX, 1790000000, false },
		{ UINT64_MAX, INT64_MAX, false },
		{ UINT64_MAX, -1, false },
		{ UINT64_MAX - 5, -1, false },
		{ 0, -1, false },
		{ 0, INT64_MIN, false },
		{ UINT64_C(1) << 63, INT64_MAX, true },
		{ (UINT64_C(1) << 63) + 9, INT64_MAX, true },
		{ (UINT64_C(1) << 63) + 10, INT64_MAX, false },
		{ INT64_MAX - 10, INT64_MAX, true },
		{ INT64_MAX - 11, INT64_MAX, false },
		{ 0, INT64_MAX, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (offer_fresh(cases[i].timestamp, cases[i].now) != cases[i].want)
			fail_msg("%" PRIu64 " at %" PRId64, cases[i].timestamp, cases[i].now);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_of_vectors_is_read_and_written),
		cmocka_unit_test(headers_of_vectors_are_read_and_written),
		cmocka_unit_test(short_headers_are_refused),
		cmocka_unit_test(exactly_six_types_exist),
		cmocka_unit_test(little_endian_fields_are_just_these),
		cmocka_unit_test(remembrance_ends_at_the_first_zero),
		cmocka_unit_test(random_unions_settle),
		cmocka_unit_test(freshness_is_ten_seconds_either_way),
	};

	return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}

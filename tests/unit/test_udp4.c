/* SPDX-License-Identifier: ISC */
#include "tests/support/udp4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 10.1.0.2:4500 -> 192.0.2.1:53, "abc", TTL 64; the sums were computed elsewhere. */
static const uint8_t packet[] = { 0x45, 0x00, 0x00, 0x1f, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x5c,
	0x96, 10, 1, 0, 2, 192, 0, 2, 1, 0x11, 0x94, 0x00, 0x35, 0x00, 0x0b, 0x5d, 0xa8, 'a', 'b',
	'c' };

/* An exactly sized copy, so that a read past its end is seen. */
static uint8_t *
copy_of(const uint8_t *from, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, from, len);
	return copy;
}

static bool
reads(const uint8_t *from, size_t len)
{
	uint8_t *copy = copy_of(from, len);
	struct udp4 u;
	bool result = udp4_read(&u, copy, len);

	free(copy);
	return result;
}

static void
test_read(void **state)
{
	struct udp4 u;

	(void)state;
	assert_true(udp4_read(&u, packet, sizeof(packet)));
	assert_int_equal(u.from.ip, 0x0a010002);
	assert_int_equal(u.from.port, 4500);
	assert_int_equal(u.to.ip, 0xc0000201);
	assert_int_equal(u.to.port, 53);
	assert_int_equal(u.ttl, 64);
}

static void
test_every_cut_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(packet); len++)
		assert_false(reads(packet, len));
}

/* One's complement sums see every single wrong bit. */
static void
test_every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(packet); bit++) {
		uint8_t bad[sizeof(packet)];

		memcpy(bad, packet, sizeof(bad));
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (reads(bad, sizeof(bad)))
			fail_msg("bit %zu", bit);
	}
}

static void
test_readdressed(void **state)
{
	static const struct {
		uint32_t ip;
		uint16_t port;
	} ends[] = { { 0xcb007101, 20000 }, { 0, 1 }, { 0xffffffff, 0xffff },
		{ 0x0a010002, 4500 } };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint8_t *p = copy_of(packet, sizeof(packet));
		struct udp4 as = { .from = { ends[i].ip, ends[i].port }, .ttl = 63 }, got;

		as.to = (struct udp4_end){ 0xc6336401, (uint16_t)(ends[i].port ^ 0x5555) };
		udp4_write(p, sizeof(packet), &as);
		assert_true(udp4_read(&got, p, sizeof(packet)));
		assert_true(udp4_same_end(got.from, as.from));
		assert_true(udp4_same_end(got.to, as.to));
		assert_int_equal(got.ttl, 63);
		assert_memory_equal(p + 28, "abc", 3);
		free(p);
	}
}

/* A sum that comes out as zero is sent as 0xffff: zero would say that there is none. */
static void
test_no_sum_of_zero(void **state)
{
	uint8_t *p = copy_of(packet, sizeof(packet));
	struct udp4 as = { .from = { 0x0a010002, 0 }, .to = { 0xc0000201, 53 }, .ttl = 64 };

	(void)state;
	as.from.port = 0x1194 + 0x5da8; /* its sum takes up what the checksum was */
	udp4_write(p, sizeof(packet), &as);
	assert_int_equal(p[26], 0xff);
	assert_int_equal(p[27], 0xff);
	assert_true(reads(p, sizeof(packet)));
	p[26] = p[27] = 0;
	assert_true(reads(p, sizeof(packet)));
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_every_flipped_bit_is_refused),
		cmocka_unit_test(test_readdressed),
		cmocka_unit_test(test_no_sum_of_zero),
	};

	return cmocka_run_group_tests_name("udp4", tests, NULL, NULL);
}

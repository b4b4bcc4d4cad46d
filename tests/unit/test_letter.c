/* SPDX-License-Identifier: ISC */
#include "protocol/wire/letter.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/sealed_letter.h"
#include "protocol/wire/header.h"
#include "protocol/wire/kind.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static const struct federation_secret secret = { "a federation of several cathedr" };
static const struct letter_header page = { LETTER_VERSION, LETTER_PAGE, "a seed" };

static void
a_header_has_its_places(void **state)
{
	static const uint8_t want[LETTER_HEADER_SIZE] = "EPISTLES"
							"\x01\x02"
							"\0\0\0\0\0\0"
							"\0\0\0\0\0\0\0\0"
							"\0\0\0\0\0\0\0\0"
							"a seed";
	struct letter_header h;
	uint8_t got[LETTER_HEADER_SIZE];

	(void)state;
	letter_header_encode(&page, got);
	assert_memory_equal(got, want, sizeof(want));
	for (size_t len = 0; len <= LETTER_HEADER_SIZE; len++) {
		uint8_t *exact = malloc(len);

		memcpy(exact, want, len);
		assert_int_equal(letter_header_decode(&h, exact, len), len == LETTER_HEADER_SIZE);
		free(exact);
	}
	assert_int_equal(h.version, LETTER_VERSION);
	assert_int_equal(h.kind, LETTER_PAGE);
	assert_memory_equal(h.seed, page.seed, sizeof(h.seed));
	/* Whatever is not as it must be is no letter; version, kind and seed may be anything. */
	for (size_t n = 0; n < LETTER_HEADER_SIZE; n++) {
		got[n] ^= 0x80;
		assert_int_equal(
		    letter_header_decode(&h, got, sizeof(got)), n == 8 || n == 9 || n >= 32);
		got[n] ^= 0x80;
	}
}

/* To those who know no letters it is data between two flocks that nobody has. */
static void
a_letter_is_data_to_others(void **state)
{
	uint8_t bytes[LETTER_MIN] = { 0 };
	struct data_header d;

	(void)state;
	letter_header_encode(&page, bytes);
	assert_int_equal(wire_kind(bytes, sizeof(bytes)), WIRE_LETTER);
	assert_true(data_header_decode(&d, bytes, sizeof(bytes)));
	assert_true(d.flock_src.value == 0 && d.flock_dst.value == 0);
	/* And data that begins like one stays data: it says whose it is. */
	for (size_t n = 16; n < 32; n++) {
		bytes[n] = 1;
		assert_int_equal(wire_kind(bytes, sizeof(bytes)), WIRE_DATA);
		bytes[n] = 0;
	}
	assert_int_equal(wire_kind(bytes, 49), WIRE_UNKNOWN);
}

/* ---- leaves ---- */

static struct letter_leaf
leaf_of(const struct offer *o, bool is_signed)
{
	struct letter_leaf leaf = { .src.value = 0xcafeba01,
		.dst.value = 0xcafeba01,
		.device.value = 0x0badf00d,
		.is_signed = is_signed };

	offer_data_encode(o, leaf.data);
	if (is_signed)
		memset(leaf.extra, 0x5a, sizeof(leaf.extra));
	return leaf;
}

static size_t
write(uint8_t bytes[static LETTER_LEAF_MAX], const struct letter_leaf *leaf)
{
	struct writer w = writer_over(bytes, LETTER_LEAF_MAX);

	letter_leaf_write(&w, leaf);
	assert_false(w.failed);
	return LETTER_LEAF_MAX - w.left;
}

static void
expect_same(const struct letter_leaf *a, const struct letter_leaf *b)
{
	assert_true(a->src.value == b->src.value && a->dst.value == b->dst.value);
	assert_int_equal(a->device.value, b->device.value);
	assert_int_equal(a->is_signed, b->is_signed);
	assert_memory_equal(a->data, b->data, sizeof(a->data));
	assert_memory_equal(a->extra, b->extra, sizeof(a->extra));
}

/* Writes and reads it, from exactly as many bytes; one byte less is too few.  Returns its size. */
static size_t
expect_round(const struct letter_leaf *leaf)
{
	uint8_t bytes[LETTER_LEAF_MAX];
	size_t len = write(bytes, leaf);
	uint8_t *exact = malloc(len);
	struct cursor c = cursor_over(exact, len);
	struct letter_leaf got;

	memcpy(exact, bytes, len);
	letter_leaf_read(&c, &got);
	assert_true(cursor_done(&c));
	expect_same(leaf, &got);
	free(exact);

	exact = malloc(len - 1);
	memcpy(exact, bytes, len - 1);
	c = cursor_over(exact, len - 1);
	letter_leaf_read(&c, &got);
	assert_false(cursor_ok(&c));
	free(exact);
	return len;
}

/* What is announced most takes a fifth of what it takes as an offer. */
static void
announcements_are_small(void **state)
{
	struct offer info = { .type = OFFER_INFO,
		.timestamp = 1790000000,
		.info = { .flags = 1,
		    .tunnel = { 0x0102 },
		    .ambry_generation = 0x12345678,
		    .rx_active = 0x0102abcd,
		    .instance = UINT64_C(0x1122334455667788) } };
	struct offer p2p = { .type = OFFER_P2P_INFO,
		.timestamp = 1790000000,
		.p2p = { { 192, 0, 2, 1 }, 4500, { 0x0102 }, P2P_USABLE } };
	struct offer liturgy = {
		.type = OFFER_LITURGY, .timestamp = 1790000000, .liturgy = { .id = 1, .group = 7 }
	};
	struct letter_leaf leaf = leaf_of(&info, true);

	(void)state;
	assert_in_range(expect_round(&leaf), 100, 120);
	leaf.dst.value = 0xdecade01;
	assert_in_range(expect_round(&leaf), 108, 128);
	leaf = leaf_of(&p2p, false);
	assert_in_range(expect_round(&leaf), 30, 48);
	leaf = leaf_of(&liturgy, true);
	assert_in_range(expect_round(&leaf), 90, 120);
	memset(liturgy.liturgy.peers, 1, sizeof(liturgy.liturgy.peers));
	leaf = leaf_of(&liturgy, true);
	assert_in_range(expect_round(&leaf), 300, 400);
}

/* Signatures are over all bytes, so all bytes come back, whichever they are. */
static void
any_data_comes_back(void **state)
{
	struct letter_leaf leaf = { .src.value = 1, .dst.value = 2, .is_signed = true };

	(void)state;
	for (unsigned zeros = 0; zeros <= 256; zeros++) {
		for (int round = 0; round < 20; round++) {
			for (size_t n = 0; n < sizeof(leaf.data); n++) {
				uint8_t any = (uint8_t)random_below(&randomness, 256);

				leaf.data[n] = random_below(&randomness, 256) < zeros ? 0 : any;
			}
			assert_true(expect_round(&leaf) <= LETTER_LEAF_MAX);
		}
	}
	memset(leaf.data, 0xff, sizeof(leaf.data));
	assert_int_equal(expect_round(&leaf), LETTER_LEAF_MAX);
	/* Gaps of every length, at every place. */
	for (size_t gap = 1; gap <= sizeof(leaf.data); gap++) {
		for (size_t at = 0; at + gap <= sizeof(leaf.data); at += 17) {
			memset(leaf.data, 0xff, sizeof(leaf.data));
			memset(leaf.data + at, 0, gap);
			expect_round(&leaf);
		}
	}
}

static void
what_is_wrong_fails(void **state)
{
	static const struct {
		const char *why;
		size_t len;
		uint8_t bytes[40];
		bool good;
	} cases[] = {
		{ "nothing", 0, { 0 }, false },
		{ "half a length", 1, { 0 }, false },
		{ "an empty leaf", 2, { 0, 0 }, false },
		{ "the least", 15, { 0, 13 }, true },
		{ "unsigned, one byte", 18, { 0, 16, 0, [15] = 0, 1, 3 }, true },
		{ "no device", 14, { 0, 12 }, false },
		{ "a flag that is not known", 15, { 0, 13, 4 }, false },
		{ "another flock that is missing", 15, { 0, 13, 1 }, false },
		{ "a signature that is missing", 15, { 0, 13, 2 }, false },
		{ "half a run", 16, { 0, 14 }, false },
		{ "a run that is too short", 18, { 0, 16, [15] = 0, 2 }, false },
		{ "zeros up to the end", 19, { 0, 17, [15] = 255, 0, 196, 0 }, true },
		{ "one zero too many", 19, { 0, 17, [15] = 255, 0, 197, 0 }, false },
		{ "one byte too many", 20, { 0, 18, [15] = 255, 0, 196, 1, 9 }, false },
		{ "the last byte", 20, { 0, 18, [15] = 255, 0, 195, 1, 9 }, true },
		{ "a length beyond the end", 15, { 0, 14 }, false },
		{ "a length far beyond the end", 15, { 255, 255 }, false },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		uint8_t *exact = malloc(cases[n].len);
		struct cursor c = cursor_over(exact, cases[n].len);
		struct letter_leaf leaf;

		memcpy(exact, cases[n].bytes, cases[n].len);
		letter_leaf_read(&c, &leaf);
		if (cursor_done(&c) != cases[n].good)
			fail_msg("%s is %s", cases[n].why, cases[n].good ? "refused" : "taken");
		free(exact);
	}
}

/* A writer without room says so, and writes nothing. */
static void
a_full_page_stays_whole(void **state)
{
	struct offer o = { .type = OFFER_P2P_INFO };
	struct letter_leaf leaf = leaf_of(&o, false);
	uint8_t bytes[LETTER_LEAF_MAX];
	size_t len = write(bytes, &leaf);

	(void)state;
	for (size_t room = 0; room < len; room++) {
		uint8_t *exact = malloc(room);
		struct writer w = writer_over(exact, room);

		letter_leaf_write(&w, &leaf);
		assert_true(w.failed);
		assert_int_equal(w.left, room);
		free(exact);
	}
}

/* ---- sealing ---- */

static size_t
make(uint8_t out[static LETTER_MAX], size_t leaves)
{
	struct letter_head head = { 1790000000, 77 };
	struct offer o = { .type = OFFER_INFO, .info = { .instance = 5 } };
	struct letter_leaf leaf = leaf_of(&o, true);
	struct writer w = writer_over(out + LETTER_HEADER_SIZE, LETTER_BODY_MAX);

	letter_head_write(&w, &head);
	while (leaves-- > 0)
		letter_leaf_write(&w, &leaf);
	assert_false(w.failed);
	return sealed_letter_make(out, &page, LETTER_BODY_MAX - w.left, &secret);
}

static void
what_is_sealed_opens(void **state)
{
	uint8_t bytes[LETTER_MAX];
	size_t len = make(bytes, 9);
	uint8_t *exact = malloc(len);
	struct letter_head head;
	struct letter_leaf leaf;
	struct cursor body;

	(void)state;
	assert_in_range(len, 700, LETTER_MAX);
	memcpy(exact, bytes, len);
	assert_true(sealed_letter_open(exact, len, &secret, &body));
	letter_head_read(&body, &head);
	assert_true(head.timestamp == 1790000000 && head.instance == 77);
	for (int n = 0; n < 9; n++)
		letter_leaf_read(&body, &leaf);
	assert_true(cursor_done(&body));
	free(exact);

	/* Neither any other byte, nor any other length, nor another secret. */
	for (size_t n = 0; n < len; n++) {
		uint8_t copy[LETTER_MAX];

		memcpy(copy, bytes, len);
		copy[n] ^= 1;
		assert_false(sealed_letter_open(copy, len, &secret, &body));
	}
	for (size_t n = 0; n < len; n++) {
		exact = malloc(n);
		memcpy(exact, bytes, n);
		assert_false(sealed_letter_open(exact, n, &secret, &body));
		free(exact);
	}
	{
		struct federation_secret other = secret;

		other.bytes[0] ^= 1;
		assert_false(sealed_letter_open(bytes, len, &other, &body));
	}
}

/* As OpenSSL computes it: openssl mac -macopt custom:RELIQUARY.LETTER … KMAC256. */
static void
the_key_is_as_written(void **state)
{
	static const uint8_t want[32] = { 0x1b, 0xf8, 0x70, 0x87, 0xb5, 0xab, 0xe5, 0xc1, 0xc4,
		0x90, 0x1a, 0xea, 0x7b, 0x3a, 0x70, 0x2c, 0xfa, 0x4d, 0xb2, 0xa3, 0xe0, 0x00, 0xf5,
		0xcb, 0x92, 0x96, 0xf1, 0xb3, 0xe3, 0x43, 0xdc, 0x7b };
	struct letter_key key, again;
	uint8_t seed[LETTER_KEY_SEED_SIZE] = { 1 };

	(void)state;
	letter_key_derive(&key, &secret, seed);
	seed[31] = 1;
	letter_key_derive(&again, &secret, seed);
	assert_memory_not_equal(key.bytes, again.bytes, sizeof(key.bytes));
	assert_memory_equal(key.bytes, want, sizeof(key.bytes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_has_its_places),
		cmocka_unit_test(a_letter_is_data_to_others),
		cmocka_unit_test(announcements_are_small),
		cmocka_unit_test(any_data_comes_back),
		cmocka_unit_test(what_is_wrong_fails),
		cmocka_unit_test(a_full_page_stays_whole),
		cmocka_unit_test(what_is_sealed_opens),
		cmocka_unit_test(the_key_is_as_written),
	};

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, seed_for_test());
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/outbox.h"

#include "protocol/crypto/kdf.h"
#include "tests/support/seed.h"
#include "tests/support/tray.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MTU 1373

static struct random randomness;
static struct tray tray;
static struct stats stats;
static struct kmac_prefix mask;

static struct outbox *
make(void)
{
	struct outbox *o = outbox_create(&tray.sender, &randomness, &stats);
	struct shroud_key key;

	assert_non_null(o);
	tray_empty(&tray);
	random_bytes(&randomness, key.bytes, sizeof(key.bytes));
	shroud_mask_prefix(&mask, &key);
	return o;
}

static struct packet *
received(size_t len, uint8_t fill, uint16_t port)
{
	struct packet *pkt = aligned_alloc(16, sizeof(*pkt));

	memset(pkt, 0, sizeof(*pkt));
	packet_reset(pkt, len);
	memset(pkt->head, fill, len);
	pkt->to = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, 1 }, port);
	pkt->to_listener = 2;
	pkt->below = MTU;
	return pkt;
}

static bool
all_are(const uint8_t *bytes, size_t len, uint8_t fill)
{
	for (size_t n = 0; n < len; n++) {
		if (bytes[n] != fill)
			return false;
	}
	return true;
}

/* Takes the mask off what was sent; returns the length of what is inside, padding included. */
static size_t
unmask(struct sent *s)
{
	uint8_t *body = s->bytes + SHROUD_HEADER_SIZE;
	size_t len = s->len - SHROUD_HEADER_SIZE;
	struct kmac_job job = shroud_job(&mask, s->bytes, body, len);

	kmac_mask(&job, 1);
	return len;
}

static void
nothing_sends_nothing(void **state)
{
	struct outbox *o = make();

	(void)state;
	outbox_flush(o);
	assert_int_equal(tray.calls, 0);
	outbox_destroy(o);
	outbox_destroy(NULL);
}

static void
clear_packets_go_as_they_are(void **state)
{
	struct outbox *o = make();
	struct packet *a = received(100, 0xaa, 1), *b = received(1522, 0xbb, 2), *answer;

	(void)state;
	outbox_relay(o, a);
	answer = outbox_answer(o);
	answer->len = 3;
	memcpy(answer->head, "abc", 3);
	answer->to = a->to;
	answer->to_mask = NULL;
	outbox_relay(o, b);
	assert_int_equal(tray.count, 0); /* not before the flush */
	outbox_flush(o);
	assert_int_equal(tray.calls, 1);
	assert_int_equal(tray.count, 3);
	assert_int_equal(tray.sent[0].len, 100);
	assert_true(all_are(tray.sent[0].bytes, 100, 0xaa));
	assert_int_equal(tray.sent[0].listener, 2);
	assert_int_equal(tray.sent[0].to.port, 1);
	assert_memory_equal(tray.sent[1].bytes, "abc", 3);
	assert_int_equal(tray.sent[2].len, 1522);
	assert_int_equal(tray.sent[2].to.port, 2);

	outbox_flush(o); /* it is empty again */
	assert_int_equal(tray.count, 3);
	free(a);
	free(b);
	outbox_destroy(o);
}

static void
shrouded_packets_are_padded_and_masked(void **state)
{
	/* The lengths of a packet, and how long it is on the wire at least and at most. */
	static const struct {
		size_t len, least, most;
	} cases[] = {
		{ 50, 99, MTU - 1 },
		{ 623, 672, MTU - 1 },
		{ MTU - 51, MTU - 2, MTU - 1 },
		{ MTU - 50, MTU - 1, MTU - 1 },
		{ MTU - 49, MTU, MTU }, /* at the MTU already: no zeros */
		{ MTU - 48, MTU + 1, MTU + 1 },
		{ 1473, 1522, 1522 },
	};
	struct outbox *o = make();

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct sent *s = &tray.sent[0];
		struct packet *pkt = received(cases[n].len, 0xaa, 1);
		size_t inside;

		pkt->to_mask = &mask;
		tray_empty(&tray);
		outbox_relay(o, pkt);
		outbox_flush(o);
		assert_int_equal(tray.count, 1);
		assert_true(s->len >= cases[n].least && s->len <= cases[n].most);
		assert_false(all_are(s->bytes + SHROUD_HEADER_SIZE, cases[n].len, 0xaa));
		inside = unmask(s);
		assert_true(all_are(s->bytes + SHROUD_HEADER_SIZE, cases[n].len, 0xaa));
		assert_int_equal(s->bytes[SHROUD_HEADER_SIZE + cases[n].len], 0xff);
		assert_true(all_are(s->bytes + SHROUD_HEADER_SIZE + cases[n].len + 1,
		    inside - cases[n].len - 1, 0));
		free(pkt);
	}
	outbox_destroy(o);
}

/* Nobody may see from a length what is inside: all of them come up. */
static void
padding_uses_its_whole_range(void **state)
{
	struct outbox *o = make();
	bool seen[MTU] = { false };
	unsigned lengths = 0;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		struct packet *answer = outbox_answer(o);

		answer->len = MTU - 100;
		answer->to_mask = &mask;
		answer->below = MTU;
		tray_empty(&tray);
		outbox_flush(o);
		lengths += !seen[tray.sent[0].len];
		seen[tray.sent[0].len] = true;
	}
	assert_int_equal(lengths, 51); /* MTU - 51 .. MTU - 1 */
	outbox_destroy(o);
}

static void
every_shroud_has_a_header_of_its_own(void **state)
{
	struct outbox *o = make();

	(void)state;
	for (int n = 0; n < 2; n++) {
		struct packet *answer = outbox_answer(o);

		answer->len = 100;
		memset(answer->head, 0xaa, 100);
		answer->to_mask = &mask;
		answer->below = 0;
	}
	outbox_flush(o);
	assert_int_equal(tray.count, 2);
	for (size_t at = 0; at < SHROUD_HEADER_SIZE; at += 16)
		assert_memory_not_equal(tray.sent[0].bytes + at, tray.sent[1].bytes + at, 16);
	assert_memory_not_equal(
	    tray.sent[0].bytes + SHROUD_HEADER_SIZE, tray.sent[1].bytes + SHROUD_HEADER_SIZE, 100);
	outbox_destroy(o);
}

/* Clear and shrouded ones in one go, each with its own mask. */
static void
each_gets_its_own_mask(void **state)
{
	struct outbox *o = make();
	struct kmac_prefix other = mask;
	struct packet *pkts[3];

	(void)state;
	other.state[0] ^= 1;
	for (int n = 0; n < 3; n++) {
		pkts[n] = received(200, (uint8_t)(0xa0 + n), 1);
		pkts[n]->below = 0;
		outbox_relay(o, pkts[n]);
	}
	pkts[0]->to_mask = &mask;
	pkts[2]->to_mask = &other;
	outbox_flush(o);
	unmask(&tray.sent[0]);
	assert_true(all_are(tray.sent[0].bytes + SHROUD_HEADER_SIZE, 200, 0xa0));
	assert_true(all_are(tray.sent[1].bytes, 200, 0xa1));
	unmask(&tray.sent[2]);
	assert_false(all_are(tray.sent[2].bytes + SHROUD_HEADER_SIZE, 200, 0xa2));
	for (int n = 0; n < 3; n++)
		free(pkts[n]);
	outbox_destroy(o);
}

/*
 * Packets that came as one message lie side by side: what grows moves into its own room, and no
 * byte of its neighbours changes.
 */
static void
what_lies_between_others_grows_elsewhere(void **state)
{
	enum { LEN = 300, COUNT = 3 };
	struct outbox *o = make();
	struct packet *pkts[COUNT];
	uint8_t *message = malloc(COUNT * LEN), copy[COUNT * LEN];

	(void)state;
	assert_non_null(message);
	for (int n = 0; n < COUNT; n++) {
		uint8_t *at = message + n * LEN;

		memset(at, 0xa0 + n, LEN);
		pkts[n] = received(LEN, 0, 1);
		pkts[n]->head = pkts[n]->low = at;
		pkts[n]->high = at + LEN;
		outbox_relay(o, pkts[n]);
	}
	memcpy(copy, message, sizeof(copy));
	pkts[1]->to_mask = &mask;
	pkts[1]->below = 0;
	outbox_flush(o);
	assert_memory_equal(message, copy, sizeof(copy));
	assert_ptr_equal(pkts[0]->head, message);
	assert_ptr_equal(pkts[1]->low, pkts[1]->room);
	assert_int_equal(unmask(&tray.sent[1]), LEN + 1);
	assert_true(all_are(tray.sent[1].bytes + SHROUD_HEADER_SIZE, LEN, 0xa1));
	for (int n = 0; n < COUNT; n++)
		free(pkts[n]);
	free(message);
	outbox_destroy(o);
}

/* What came under a shroud of the same size has the room of that one: it is not copied. */
static void
a_shroud_fits_where_another_was(void **state)
{
	enum { INSIDE = 500, LEN = SHROUD_HEADER_SIZE + INSIDE + 1 };
	struct outbox *o = make();
	struct packet *pkt = received(LEN, 0, 1);
	uint8_t *message = malloc(LEN);

	(void)state;
	assert_non_null(message);
	memset(message, 0xaa, LEN);
	pkt->head = pkt->low = message;
	pkt->high = message + LEN;
	assert_true(packet_pull(pkt, SHROUD_HEADER_SIZE));
	pkt->len = INSIDE;
	pkt->to_mask = &mask;
	pkt->below = 0;
	outbox_relay(o, pkt);
	outbox_flush(o);
	assert_ptr_equal(pkt->head, message);
	assert_int_equal(pkt->len, LEN);
	assert_int_equal(unmask(&tray.sent[0]), INSIDE + 1);
	assert_true(all_are(tray.sent[0].bytes + SHROUD_HEADER_SIZE, INSIDE, 0xaa));
	free(message);
	free(pkt);
	outbox_destroy(o);
}

/* More answers than it has room for go out early, none is lost. */
static void
a_full_outbox_flushes_itself(void **state)
{
	struct outbox *o = make();
	struct packet *relayed = received(77, 0xcc, 9);

	(void)state;
	outbox_relay(o, relayed);
	for (int n = 0; n < 3 * OUTBOX_ANSWERS; n++) {
		struct packet *answer = outbox_answer(o);

		answer->len = (size_t)n + 1;
		answer->to_mask = NULL;
	}
	outbox_flush(o);
	assert_int_equal(tray.calls, 3);
	assert_int_equal(tray.count, 3 * OUTBOX_ANSWERS + 1);
	for (size_t n = 0; n < 3 * OUTBOX_ANSWERS; n++)
		assert_int_equal(tray.sent[n + 1].len, n + 1);
	assert_int_equal(tray.sent[0].len, 77);

	for (int n = 0; n < OUTBOX_MAX + 1; n++)
		outbox_relay(o, relayed);
	assert_int_equal(tray.calls, 4);
	outbox_flush(o);
	assert_int_equal(tray.calls, 5);
	assert_int_equal(tray.count, 3 * OUTBOX_ANSWERS + 1 + OUTBOX_MAX + 1);
	free(relayed);
	outbox_destroy(o);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_sends_nothing),
		cmocka_unit_test(clear_packets_go_as_they_are),
		cmocka_unit_test(shrouded_packets_are_padded_and_masked),
		cmocka_unit_test(padding_uses_its_whole_range),
		cmocka_unit_test(every_shroud_has_a_header_of_its_own),
		cmocka_unit_test(each_gets_its_own_mask),
		cmocka_unit_test(what_lies_between_others_grows_elsewhere),
		cmocka_unit_test(a_shroud_fits_where_another_was),
		cmocka_unit_test(a_full_outbox_flushes_itself),
	};

	random_for_test(&randomness);
	tray_init(&tray);
	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}

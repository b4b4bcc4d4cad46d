/* SPDX-License-Identifier: ISC */
/* Over real sockets on loopback addresses of this process's own. */
#include "cathedral/io/batch.h"

#include "cathedral/io/sockets.h"
#include "tests/support/loop_hosts.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 4500

/* The sockets of a listener, and a device. */
struct fixture {
	struct listener listener;
	struct sockets sockets;
	struct source main, nat;
	struct stats stats;
	struct batch *batch;
	struct endpoint device;
	int device_fd;
};

static int
setup_with(void **state, bool merge, int buffer)
{
	const struct sockets_options options = { .workers = 1, .buffer = buffer, .merge = merge };
	struct fixture *f = aligned_alloc(64, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	f->listener = (struct listener){ .main = loop_host(1, PORT), .nat_port = PORT + 1 };
	if (!sockets_open(&f->sockets, &f->listener, 1, &options, &why))
		fail_msg("%s", why.text);
	f->main = (struct source){ .fd = f->sockets.pairs[0].main, .listener = 3 };
	f->nat = (struct source){ .fd = f->sockets.pairs[0].nat, .nat_port = true };
	f->batch = batch_create();
	f->device = loop_host(2, 5000);
	f->device_fd = loop_udp(&f->device);
	assert_non_null(f->batch);
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, true, 1 << 20);
}

static int
setup_unmerged(void **state)
{
	return setup_with(state, false, 1 << 20);
}

static int
setup_tight(void **state)
{
	return setup_with(state, true, 65536);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close(f->device_fd);
	batch_destroy(f->batch);
	sockets_close(&f->sockets);
	free(f);
	return 0;
}

static void
test_nothing_comes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 0);
	assert_false(batch_has_left(f->batch));
	assert_int_equal(stats_get(&f->stats.rx_packets), 0);
}

static void
test_packets_come_in_order_with_all_about_them(void **state)
{
	struct fixture *f = *state;
	size_t n;

	for (uint8_t i = 0; i < 10; i++)
		loop_send(f->device_fd, &f->listener.main, (uint8_t[]){ i, 1, 2 }, 1 + i % 3u);
	n = batch_recv(f->batch, &f->main, &f->stats);
	assert_int_equal(n, 10);
	assert_false(batch_has_more(f->batch));
	for (uint8_t i = 0; i < 10; i++) {
		const struct packet *pkt = batch_packets(f->batch)[i];

		assert_int_equal(pkt->len, 1 + i % 3);
		assert_int_equal(pkt->head[0], i);
		assert_int_equal(pkt->head - pkt->low, PACKET_HEADROOM);
		assert_true(packet_tailroom(pkt) >= PACKET_ROOM);
		assert_true(endpoint_equal(&pkt->from, &f->device));
		assert_int_equal(pkt->listener, 3);
		assert_false(pkt->nat_port);
	}
	assert_int_equal(stats_get(&f->stats.rx_packets), 10);
	assert_int_equal(stats_get(&f->stats.rx_bytes), 19);
	assert_int_equal(stats_get(&f->stats.rx_merged), 0);
	assert_int_equal(stats_get(&f->stats.rx_overflow), 0);
}

static void
test_the_nat_port_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct endpoint nat = f->listener.main;

	nat.port = f->listener.nat_port;
	loop_send(f->device_fd, &nat, "x", 1);
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 0);
	assert_int_equal(batch_recv(f->batch, &f->nat, &f->stats), 1);
	assert_true(batch_packets(f->batch)[0]->nat_port);
}

static void
test_what_is_too_long_has_no_length(void **state)
{
	struct fixture *f = *state;
	static const size_t lengths[] = { PACKET_MAX, PACKET_MAX + 1, PACKET_MAX + 2, 9000, 65507,
		0, 1 };
	static const size_t expected[] = { PACKET_MAX, 0, 0, 0, 0, 0, 1 };
	static uint8_t data[65507];

	for (size_t i = 0; i < 7; i++)
		loop_send(f->device_fd, &f->listener.main, data, lengths[i]);
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(batch_packets(f->batch)[i]->len, expected[i]);
}

static void
test_a_batch_takes_so_many_and_leaves_the_rest(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < PIPELINE_BATCH + 5; i++)
		loop_send(f->device_fd, &f->listener.main, &i, sizeof(i));
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), PIPELINE_BATCH);
	assert_true(batch_has_more(f->batch));
	assert_false(batch_has_left(f->batch));
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 5);
	for (uint16_t i = 0; i < 5; i++) {
		uint16_t number;

		memcpy(&number, batch_packets(f->batch)[i]->head, sizeof(number));
		assert_int_equal(number, PIPELINE_BATCH + i);
	}
}

/* ---- messages of several packets ---- */

static void
number_packets(uint8_t *data, size_t len, size_t segment)
{
	memset(data, 0x5a, len);
	for (size_t at = 0; at < len; at += segment)
		data[at] = (uint8_t)(at / segment);
}

static void
test_a_merged_message_is_taken_apart(void **state)
{
	struct fixture *f = *state;
	static uint8_t data[10 * 100 + 7];

	number_packets(data, sizeof(data), 100);
	loop_send_run(f->device_fd, &f->listener.main, data, sizeof(data), 100);
	loop_send(f->device_fd, &f->listener.main, "after", 5);
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 12);
	assert_false(batch_has_left(f->batch));
	for (size_t i = 0; i < 11; i++) {
		const struct packet *pkt = batch_packets(f->batch)[i];

		assert_int_equal(pkt->len, i < 10 ? 100 : 7);
		assert_int_equal(pkt->head[0], i);
		assert_true(endpoint_equal(&pkt->from, &f->device));
		assert_int_equal(pkt->listener, 3);
		/* No packet may write where another one is. */
		assert_true(i == 0 || pkt->low == pkt->head);
		assert_true(i == 10 || pkt->high == pkt->head + pkt->len);
	}
	assert_memory_equal(batch_packets(f->batch)[11]->head, "after", 5);
	assert_int_equal(stats_get(&f->stats.rx_packets), 12);
	assert_int_equal(stats_get(&f->stats.rx_bytes), sizeof(data) + 5);
	assert_int_equal(stats_get(&f->stats.rx_merged), 1);
}

static void
test_unasked_nothing_comes_merged(void **state)
{
	struct fixture *f = *state;
	static uint8_t data[500];

	assert_false(f->sockets.merge);
	loop_send_run(f->device_fd, &f->listener.main, data, sizeof(data), 100);
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 5);
	assert_int_equal(stats_get(&f->stats.rx_merged), 0);
}

static void
test_packets_too_long_for_one_are_none_merged(void **state)
{
	struct fixture *f = *state;
	static uint8_t data[3 * (PACKET_MAX + 1) - 1];

	loop_send_run(f->device_fd, &f->listener.main, data, sizeof(data), PACKET_MAX + 1);
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(batch_packets(f->batch)[i]->len, i < 2 ? 0 : PACKET_MAX);
}

/* What is left over comes first, whatever is asked. */
static void
test_a_batch_may_end_within_a_message(void **state)
{
	struct fixture *f = *state;
	struct endpoint nat = f->listener.main;
	static uint8_t data[3 * 50 * 60];

	nat.port = f->listener.nat_port;
	number_packets(data, sizeof(data), 60);
	for (size_t i = 0; i < 3; i++)
		loop_send_run(f->device_fd, &f->listener.main, data + i * 50 * 60, 50 * 60, 60);
	loop_send(f->device_fd, &nat, "nat", 3);
	for (size_t i = 0; i < 150; i++) {
		const struct packet *pkt;
		size_t in_batch = i % PIPELINE_BATCH;

		if (in_batch == 0) {
			assert_int_equal(batch_has_left(f->batch), i > 0);
			assert_int_equal(
			    batch_recv(f->batch, i == 0 ? &f->main : &f->nat, &f->stats),
			    i < 128 ? PIPELINE_BATCH : 150 - 128);
		}
		pkt = batch_packets(f->batch)[in_batch];
		assert_int_equal(pkt->len, 60);
		assert_int_equal(pkt->head[0], i);
		assert_false(pkt->nat_port);
	}
	assert_false(batch_has_left(f->batch));
	assert_int_equal(batch_recv(f->batch, &f->nat, &f->stats), 1);
	assert_true(batch_packets(f->batch)[0]->nat_port);
}

/* Any runs and single packets: each packet comes once, whole, in order. */
static void
test_whatever_comes_is_taken_apart_right(void **state)
{
	struct fixture *f = *state;
	struct random r;
	static uint8_t data[64 * PACKET_MAX];
	static size_t lengths[200 * 64];
	size_t sent = 0, got = 0, n;
	uint64_t bytes = 0;

	random_for_test(&r);
	for (int i = 0; i < 200; i++) {
		size_t first = sent, count = 1 + random_below(&r, 40);
		size_t segment = 2 + random_below(&r, PACKET_MAX - 2), len = 0;

		while (count > 1 && count * segment > 65000)
			count--;
		for (size_t k = 0; k < count; k++) {
			lengths[sent] =
			    k + 1 < count ? segment : 2 + random_below(&r, (uint32_t)segment - 1);
			memcpy(data + len, (uint16_t[]){ (uint16_t)sent }, 2);
			len += lengths[sent++];
		}
		if (count == 1)
			loop_send(f->device_fd, &f->listener.main, data, len);
		else
			loop_send_run(f->device_fd, &f->listener.main, data, len, segment);
		bytes += len;
		if (random_below(&r, 4) > 0 && i < 199 && sent - first < 400 && sent - got < 300)
			continue;
		while ((n = batch_recv(f->batch, &f->main, &f->stats)) > 0) {
			for (size_t k = 0; k < n; k++, got++) {
				const struct packet *pkt = batch_packets(f->batch)[k];

				assert_int_equal(pkt->len, lengths[got]);
				assert_memory_equal(pkt->head, &(uint16_t){ (uint16_t)got }, 2);
			}
		}
	}
	assert_int_equal(got, sent);
	assert_int_equal(stats_get(&f->stats.rx_packets), sent);
	assert_int_equal(stats_get(&f->stats.rx_bytes), bytes);
}

/* ---- what the kernel loses ---- */

static void
test_what_a_full_buffer_loses_is_counted(void **state)
{
	struct fixture *f = *state;
	struct source heir = { .fd = f->main.fd };
	uint8_t data[1000] = { 0 };
	size_t came = 0, n;

	for (int i = 0; i < 2000; i++)
		loop_send(f->device_fd, &f->listener.main, data, sizeof(data));
	while ((n = batch_recv(f->batch, &f->main, &f->stats)) > 0)
		came += n;
	assert_true(came < 2000);
	loop_send(f->device_fd, &f->listener.main, data, sizeof(data));
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 1);
	assert_int_equal(stats_get(&f->stats.rx_overflow), 2000 - came);
	loop_send(f->device_fd, &f->listener.main, data, sizeof(data));
	assert_int_equal(batch_recv(f->batch, &f->main, &f->stats), 1);
	assert_int_equal(stats_get(&f->stats.rx_overflow), 2000 - came);

	/* Who takes the socket over from here does not count it once more. */
	assert_int_equal(sockets_lost(f->main.fd), 2000 - came);
	heir.lost = sockets_lost(f->main.fd);
	loop_send(f->device_fd, &f->listener.main, data, sizeof(data));
	assert_int_equal(batch_recv(f->batch, &heir, &f->stats), 1);
	assert_int_equal(stats_get(&f->stats.rx_overflow), 2000 - came);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_comes),
		TEST(test_packets_come_in_order_with_all_about_them),
		TEST(test_the_nat_port_is_told_apart),
		TEST(test_what_is_too_long_has_no_length),
		TEST(test_a_batch_takes_so_many_and_leaves_the_rest),
		TEST(test_a_merged_message_is_taken_apart),
		cmocka_unit_test_setup_teardown(
		    test_unasked_nothing_comes_merged, setup_unmerged, teardown),
		TEST(test_packets_too_long_for_one_are_none_merged),
		TEST(test_a_batch_may_end_within_a_message),
		TEST(test_whatever_comes_is_taken_apart_right),
		cmocka_unit_test_setup_teardown(
		    test_what_a_full_buffer_loses_is_counted, setup_tight, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

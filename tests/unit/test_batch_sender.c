/* SPDX-License-Identifier: ISC */
/* Over real sockets on loopback addresses of this process's own. */
#include "cathedral/io/batch_sender.h"

#include "cathedral/io/runs.h"
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

#define PORT    4500
#define DEVICES 5

/* Two listeners of a worker, and devices. */
struct fixture {
	struct listener listeners[2];
	struct sockets sockets;
	struct stats stats;
	struct batch_sender *batch_sender;
	struct sender *sender;
	struct endpoint devices[DEVICES];
	int fds[DEVICES];
	struct packet *pool;
	struct packet *packets[OUTBOX_MAX + 3];
	size_t count;
};

static int
setup_with(void **state, bool merge)
{
	const struct sockets_options options = { .workers = 1, .buffer = 1 << 20, .merge = merge };
	struct fixture *f = aligned_alloc(64, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	f->listeners[0].main = loop_host(1, PORT);
	f->listeners[1].main = loop_host(1, PORT + 2);
	if (!sockets_open(&f->sockets, f->listeners, 2, &options, &why))
		fail_msg("%s", why.text);
	f->batch_sender = batch_sender_create(&f->sockets, 0, &f->stats);
	assert_non_null(f->batch_sender);
	f->sender = batch_sender_of(f->batch_sender);
	for (uint8_t n = 0; n < DEVICES; n++) {
		f->devices[n] = loop_host(2, (uint16_t)(5000 + n));
		f->fds[n] = loop_udp(&f->devices[n]);
	}
	f->pool = calloc(OUTBOX_MAX + 3, sizeof(*f->pool));
	assert_non_null(f->pool);
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, true);
}

static int
setup_single(void **state)
{
	return setup_with(state, false);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (int n = 0; n < DEVICES; n++)
		close(f->fds[n]);
	batch_sender_destroy(f->batch_sender);
	sockets_close(&f->sockets);
	free(f->pool);
	free(f);
	return 0;
}

/* One more packet of at least two bytes, which are its number. */
static void
add(struct fixture *f, const struct endpoint *to, uint8_t listener, size_t len)
{
	struct packet *pkt = f->packets[f->count] = &f->pool[f->count];
	uint16_t number = (uint16_t)f->count++;

	packet_reset(pkt, len);
	memset(pkt->head, 0x5a, len);
	memcpy(pkt->head, &number, sizeof(number));
	pkt->to = *to;
	pkt->to_listener = listener;
}

static void
send_all(struct fixture *f)
{
	f->sender->send(f->sender, f->packets, f->count);
}

/* The next packet for a device is this one, whole, and from the listener that it is to come from.
 */
static void
expect(const struct fixture *f, int device, size_t number)
{
	uint8_t bytes[2 * PACKET_ROOM];
	struct sockaddr_storage address;
	socklen_t address_len = sizeof(address);
	const struct packet *pkt = f->packets[number];
	struct endpoint from;
	ssize_t len = recvfrom(
	    f->fds[device], bytes, sizeof(bytes), 0, (struct sockaddr *)&address, &address_len);

	assert_int_equal(len, pkt->len);
	assert_memory_equal(bytes, pkt->head, pkt->len);
	assert_true(endpoint_from_sockaddr(&from, &address));
	assert_true(endpoint_equal(&from, &f->listeners[pkt->to_listener].main));
}

static void
assert_counted(const struct fixture *f, size_t sent, size_t runs, size_t refused)
{
	assert_int_equal(stats_get(&f->stats.tx_packets), sent);
	assert_int_equal(stats_get(&f->stats.tx_runs), runs);
	assert_int_equal(stats_get(&f->stats.tx_refused), refused);
}

static void
test_packets_go_in_order_from_the_main_socket(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 200; i++)
		add(f, &f->devices[0], 0, 2);
	send_all(f);
	for (size_t i = 0; i < 200; i++)
		expect(f, 0, i);
	loop_assert_silent(f->fds[0]);
	assert_counted(f, 200, 4, 0);
	assert_int_equal(stats_get(&f->stats.tx_bytes), 400);
	assert_int_equal(stats_get(&f->stats.tx_runs_refused), 0);
}

/* Packets that fill runs to their limits, over IPv6; a host without it has nothing to show here. */
static void
test_ipv6_takes_runs_too(void **state)
{
	static const size_t lengths[] = { 100, 1022, 1300, 1522 };
	struct endpoint six = { .ip = { [15] = 1 }, .port = (uint16_t)(20000 + getpid() % 10000) };
	struct listener listener = { .main = { .ip = { [15] = 1 } } };
	const struct sockets_options options = { .workers = 1, .buffer = 1 << 20, .merge = true };
	struct fixture *f = *state;
	struct batch_sender *sender;
	struct sockets sockets;
	struct fault why;
	uint8_t bytes[PACKET_ROOM];
	int fd;

	listener.main.port = (uint16_t)(six.port + 10000);
	if (!sockets_open(&sockets, &listener, 1, &options, &why))
		return;
	sender = batch_sender_create(&sockets, 0, &f->stats);
	assert_non_null(sender);
	fd = loop_udp(&six);
	for (size_t k = 0; k < 4; k++) {
		for (int i = 0; i < 64; i++)
			add(f, &six, 0, lengths[k]);
	}
	batch_sender_of(sender)->send(batch_sender_of(sender), f->packets, f->count);
	for (size_t n = 0; n < f->count; n++) {
		assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), f->packets[n]->len);
		assert_memory_equal(bytes, f->packets[n]->head, f->packets[n]->len);
	}
	assert_counted(f, 4 * 64, 6, 0);
	close(fd);
	batch_sender_destroy(sender);
	sockets_close(&sockets);
}

static void
test_without_merging_each_goes_alone(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++)
		add(f, &f->devices[0], 0, 100);
	send_all(f);
	for (size_t i = 0; i < 20; i++)
		expect(f, 0, i);
	assert_counted(f, 20, 0, 0);
	assert_int_equal(stats_get(&f->stats.tx_bytes), 2000);
}

static void
test_more_than_an_outbox_goes_too(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < OUTBOX_MAX + 3; i++)
		add(f, &f->devices[i % 2], 0, 200);
	send_all(f);
	for (size_t i = 0; i < OUTBOX_MAX + 3; i++)
		expect(f, i % 2, i);
	assert_counted(f, OUTBOX_MAX + 3, 5, 0);
}

/* Port 0 is refused with EINVAL, an IPv6 address on an IPv4 socket with EAFNOSUPPORT. */
static void
test_a_refused_packet_is_lost_alone(void **state)
{
	static const char fate[] = "0..00.6.0"; /* '.': it arrives */
	struct fixture *f = *state;
	struct endpoint nowhere = f->devices[0], other = { .ip = { [15] = 1 }, .port = 5000 };

	nowhere.port = 0;
	for (size_t i = 0; i < 9; i++)
		add(f,
		    fate[i] == '0'   ? &nowhere
		    : fate[i] == '6' ? &other
				     : &f->devices[0],
		    0, i + 2);
	send_all(f);
	for (size_t i = 0; i < 9; i++) {
		if (fate[i] == '.')
			expect(f, 0, i);
	}
	loop_assert_silent(f->fds[0]);
	assert_counted(f, 4, 0, 5);
}

static void
test_each_listener_sends_by_its_own_socket(void **state)
{
	struct fixture *f = *state;

	for (uint8_t i = 0; i < 6; i++)
		add(f, &f->devices[0], i % 2, 100);
	add(f, &f->devices[0], 2, 100); /* a listener which is not there */
	send_all(f);
	for (size_t i = 0; i < 6; i += 2)
		expect(f, 0, i);
	for (size_t i = 1; i < 6; i += 2)
		expect(f, 0, i);
	loop_assert_silent(f->fds[0]);
	assert_counted(f, 6, 2, 1);
}

/* ---- runs that are refused ---- */

/* A socket that leaves out checksums sends no runs, says the kernel: with EINVAL. */
static void
refuse_runs(const struct fixture *f, int listener)
{
	int on = 1;

	assert_int_equal(
	    setsockopt(f->sockets.pairs[listener].main, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)),
	    0);
}

static void
test_a_refused_run_goes_one_by_one_and_is_remembered(void **state)
{
	struct fixture *f = *state;

	refuse_runs(f, 0);
	for (int i = 0; i < 20; i++)
		add(f, &f->devices[i % 2], 0, i < 18 ? 100 : 50);
	for (int round = 1; round <= 3; round++) {
		send_all(f);
		for (size_t i = 0; i < 20; i++)
			expect(f, i % 2, i);
		assert_counted(f, 20 * (size_t)round, 0, 0);
		assert_int_equal(stats_get(&f->stats.tx_runs_refused), 2);
	}
	assert_int_equal(stats_get(&f->stats.tx_bytes), 3 * (18 * 100 + 2 * 50));
}

/*
 * UDP-Lite has no runs, which the kernel says with EIO, as where nobody computes checksums: that is
 * the socket's, whoever it sends to.  A host without UDP-Lite has nothing to show here.
 */
static void
test_a_socket_that_sends_no_runs_is_remembered(void **state)
{
	struct fixture *f = *state;
	int udp = f->sockets.pairs[0].main, devices[2] = { f->fds[0], f->fds[1] };
	int lite = loop_udplite(&f->listeners[0].main);

	if (lite == -1)
		return;
	f->sockets.pairs[0].main = lite;
	for (int n = 0; n < 2; n++)
		f->fds[n] = loop_udplite(&f->devices[n]);
	for (int i = 0; i < 20; i++)
		add(f, &f->devices[i < 10 ? 0 : 1], 0, 100);
	send_all(f);
	assert_int_equal(stats_get(&f->stats.tx_runs_refused), 2); /* of one and the same call */
	send_all(f);
	assert_int_equal(stats_get(&f->stats.tx_runs_refused), 2);
	assert_counted(f, 40, 0, 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 20; i++)
			expect(f, i < 10 ? 0 : 1, i);
	}
	for (int n = 0; n < 2; n++) {
		close(f->fds[n]);
		f->fds[n] = devices[n];
	}
	close(lite);
	f->sockets.pairs[0].main = udp;
}

/* What none of the packets could do alone says nothing about runs. */
static void
test_a_destination_that_takes_nothing_is_not_remembered(void **state)
{
	struct fixture *f = *state;
	struct endpoint nowhere = f->devices[0];

	nowhere.port = 0;
	add(f, &f->devices[0], 0, 100);
	add(f, &nowhere, 0, 100);
	add(f, &nowhere, 0, 100);
	add(f, &f->devices[0], 0, 100);
	for (int round = 1; round <= 2; round++) {
		send_all(f);
		expect(f, 0, 0);
		expect(f, 0, 3);
		assert_counted(f, 2 * (size_t)round, (size_t)round, 2 * (size_t)round);
		assert_int_equal(stats_get(&f->stats.tx_runs_refused), round);
	}
}

/* ---- any packets ---- */

static void
draw(struct fixture *f, struct random *r)
{
	size_t sizes[3], wanted = 1 + random_below(r, OUTBOX_MAX);
	uint32_t devices = 1 + random_below(r, DEVICES);

	for (int k = 0; k < 3; k++)
		sizes[k] = 2 + random_below(r, PACKET_MAX - 1);
	f->count = 0;
	while (f->count < wanted)
		add(f, &f->devices[random_below(r, devices)], random_below(r, 4) == 0,
		    sizes[random_below(r, 3)]);
}

/* One behind the other in memory, as they are received, and here and there something between. */
static void
lay_together(struct fixture *f, struct random *r)
{
	static uint8_t room[(OUTBOX_MAX + 3) * (PACKET_MAX + 1)];
	uint8_t *at = room;

	for (size_t n = 0; n < f->count; n++) {
		struct packet *pkt = f->packets[n];

		at += random_below(r, 8) == 0;
		memcpy(at, pkt->head, pkt->len);
		pkt->head = at;
		at += pkt->len;
	}
}

/* Each comes once, whole, and those from one socket to one device in their order. */
static void
expect_drawn(const struct fixture *f)
{
	for (int device = 0; device < DEVICES; device++) {
		for (uint8_t listener = 0; listener < 2; listener++) {
			for (size_t n = 0; n < f->count; n++) {
				if (f->packets[n]->to_listener == listener &&
				    endpoint_equal(&f->packets[n]->to, &f->devices[device]))
					expect(f, device, n);
			}
		}
		loop_assert_silent(f->fds[device]);
	}
}

static void
test_any_packets_arrive_once_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct random r;
	size_t sent = 0;

	random_for_test(&r);
	for (int round = 0; round < 200; round++) {
		if (round == 100)
			refuse_runs(f, 1);
		draw(f, &r);
		if (round % 2 == 0)
			lay_together(f, &r);
		send_all(f);
		expect_drawn(f);
		sent += f->count;
	}
	assert_int_equal(stats_get(&f->stats.tx_packets), sent);
	assert_int_equal(stats_get(&f->stats.tx_refused), 0);
	assert_true(stats_get(&f->stats.tx_runs) > 0);
	assert_true(stats_get(&f->stats.tx_runs_refused) > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_packets_go_in_order_from_the_main_socket),
		cmocka_unit_test_setup_teardown(
		    test_without_merging_each_goes_alone, setup_single, teardown),
		TEST(test_ipv6_takes_runs_too),
		TEST(test_more_than_an_outbox_goes_too),
		TEST(test_a_refused_packet_is_lost_alone),
		TEST(test_each_listener_sends_by_its_own_socket),
		TEST(test_a_refused_run_goes_one_by_one_and_is_remembered),
		TEST(test_a_socket_that_sends_no_runs_is_remembered),
		TEST(test_a_destination_that_takes_nothing_is_not_remembered),
		TEST(test_any_packets_arrive_once_whole_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

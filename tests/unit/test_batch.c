/* SPDX-License-Identifier: ISC */
/* Over real sockets on loopback addresses of this process's own. */
#include "cathedral/io/batch.h"

#include <arpa/inet.h>
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

/* host 1, 2, ...: an address that no other process of these tests uses. */
static struct endpoint
host(uint8_t n, uint16_t port)
{
	uint32_t pid = (uint32_t)getpid();
	const uint8_t ip[4] = { 127, (uint8_t)(64 + 8 * n + (pid >> 16) % 8), (uint8_t)(pid >> 8),
		(uint8_t)pid };

	return endpoint_from_ipv4(ip, port);
}

static int
udp_at(const struct endpoint *at)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(at, &address);
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 1 << 22;

	assert_int_not_equal(fd, -1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	/* All that the system gives, so that nothing is lost before it is read. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	return fd;
}

static void
send_to(int fd, const struct endpoint *to, const void *data, size_t len)
{
	struct sockaddr_storage address;
	socklen_t address_len = endpoint_to_sockaddr(to, &address);

	assert_int_equal(
	    sendto(fd, data, len, 0, (const struct sockaddr *)&address, address_len), len);
}

/* One listener of a worker, a device, and what is between them. */
struct fixture {
	struct listener listener;
	struct sockets sockets;
	struct stats stats;
	struct batch *batch;
	struct batch_sender *sender;
	struct endpoint device;
	int device_fd;
};

static int
setup(void **state)
{
	struct fixture *f = aligned_alloc(64, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	memset(f, 0, sizeof(*f));
	f->listener = (struct listener){ .main = host(1, PORT), .nat_port = PORT + 1 };
	if (!sockets_open(&f->sockets, &f->listener, 1, 1, 1 << 20, &why))
		fail_msg("%s", why.text);
	f->batch = batch_create();
	f->sender = batch_sender_create(sockets_of(&f->sockets, 0), 1, &f->stats);
	f->device = host(2, 5000);
	f->device_fd = udp_at(&f->device);
	assert_non_null(f->batch);
	assert_non_null(f->sender);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close(f->device_fd);
	batch_sender_destroy(f->sender);
	batch_destroy(f->batch);
	sockets_close(&f->sockets);
	free(f);
	return 0;
}

static void
test_nothing_comes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(batch_recv(f->batch, f->sockets.pairs[0].main, 0, false, &f->stats), 0);
	assert_int_equal(stats_get(&f->stats.rx_packets), 0);
}

static void
test_packets_come_in_order_with_all_about_them(void **state)
{
	struct fixture *f = *state;
	size_t n;

	for (uint8_t i = 0; i < 10; i++)
		send_to(f->device_fd, &f->listener.main, (uint8_t[]){ i, 1, 2 }, 1 + i % 3u);
	n = batch_recv(f->batch, f->sockets.pairs[0].main, 3, false, &f->stats);
	assert_int_equal(n, 10);
	for (uint8_t i = 0; i < 10; i++) {
		const struct packet *pkt = batch_packets(f->batch)[i];

		assert_int_equal(pkt->len, 1 + i % 3);
		assert_int_equal(pkt->head[0], i);
		assert_ptr_equal(pkt->head, pkt->room + PACKET_HEADROOM);
		assert_true(endpoint_equal(&pkt->from, &f->device));
		assert_int_equal(pkt->listener, 3);
		assert_false(pkt->nat_port);
	}
	assert_int_equal(stats_get(&f->stats.rx_packets), 10);
	assert_int_equal(stats_get(&f->stats.rx_bytes), 19);
}

static void
test_the_nat_port_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct endpoint nat = f->listener.main;

	nat.port = f->listener.nat_port;
	send_to(f->device_fd, &nat, "x", 1);
	assert_int_equal(batch_recv(f->batch, f->sockets.pairs[0].main, 0, false, &f->stats), 0);
	assert_int_equal(batch_recv(f->batch, f->sockets.pairs[0].nat, 0, true, &f->stats), 1);
	assert_true(batch_packets(f->batch)[0]->nat_port);
}

static void
test_what_is_too_long_has_no_length(void **state)
{
	struct fixture *f = *state;
	static const size_t lengths[] = { PACKET_MAX, PACKET_MAX + 1, PACKET_MAX + 2, 9000, 60000,
		0, 1 };
	static const size_t expected[] = { PACKET_MAX, 0, 0, 0, 0, 0, 1 };
	static uint8_t data[60000];

	for (size_t i = 0; i < 7; i++)
		send_to(f->device_fd, &f->listener.main, data, lengths[i]);
	assert_int_equal(batch_recv(f->batch, f->sockets.pairs[0].main, 0, false, &f->stats), 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(batch_packets(f->batch)[i]->len, expected[i]);
}

static void
test_a_batch_takes_so_many_and_leaves_the_rest(void **state)
{
	struct fixture *f = *state;
	int fd = f->sockets.pairs[0].main;

	for (uint16_t i = 0; i < PIPELINE_BATCH + 5; i++)
		send_to(f->device_fd, &f->listener.main, &i, sizeof(i));
	assert_int_equal(batch_recv(f->batch, fd, 0, false, &f->stats), PIPELINE_BATCH);
	assert_int_equal(batch_recv(f->batch, fd, 0, false, &f->stats), 5);
	for (uint16_t i = 0; i < 5; i++) {
		uint16_t number;

		memcpy(&number, batch_packets(f->batch)[i]->head, sizeof(number));
		assert_int_equal(number, PIPELINE_BATCH + i);
	}
}

/* ---- sending ---- */

static struct packet *
packet_new(uint16_t number, const struct endpoint *to, uint8_t listener)
{
	struct packet *pkt = calloc(1, sizeof(*pkt));

	assert_non_null(pkt);
	packet_reset(pkt, sizeof(number));
	memcpy(pkt->head, &number, sizeof(number));
	pkt->to = *to;
	pkt->to_listener = listener;
	return pkt;
}

static uint16_t
receive_number(int fd, struct endpoint *from)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	uint16_t number = 0xffff;

	assert_int_equal(
	    recvfrom(fd, &number, sizeof(number), 0, (struct sockaddr *)&address, &len), 2);
	assert_true(endpoint_from_sockaddr(from, &address));
	return number;
}

static void
assert_silent(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

static void
test_packets_go_in_order_from_the_main_socket(void **state)
{
	struct fixture *f = *state;
	struct sender *s = batch_sender_of(f->sender);
	struct packet *packets[200];
	struct endpoint from;

	for (uint16_t i = 0; i < 200; i++)
		packets[i] = packet_new(i, &f->device, 0);
	s->send(s, packets, 200);
	for (uint16_t i = 0; i < 200; i++) {
		assert_int_equal(receive_number(f->device_fd, &from), i);
		assert_true(endpoint_equal(&from, &f->listener.main));
		free(packets[i]);
	}
	assert_int_equal(stats_get(&f->stats.tx_packets), 200);
	assert_int_equal(stats_get(&f->stats.tx_bytes), 400);
	assert_int_equal(stats_get(&f->stats.tx_refused), 0);
}

static void
test_more_than_an_outbox_goes_too(void **state)
{
	struct fixture *f = *state;
	struct sender *s = batch_sender_of(f->sender);
	struct packet *one = packet_new(7, &f->device, 0), *packets[OUTBOX_MAX + 3];
	struct endpoint from;

	for (size_t i = 0; i < OUTBOX_MAX + 3; i++)
		packets[i] = one;
	s->send(s, packets, OUTBOX_MAX + 3);
	for (size_t i = 0; i < OUTBOX_MAX + 3; i++)
		assert_int_equal(receive_number(f->device_fd, &from), 7);
	assert_silent(f->device_fd);
	free(one);
}

/* Port 0 is refused with EINVAL, an IPv6 address on an IPv4 socket with EAFNOSUPPORT. */
static void
test_a_refused_packet_is_lost_alone(void **state)
{
	struct fixture *f = *state;
	struct sender *s = batch_sender_of(f->sender);
	struct endpoint nowhere = f->device, other = { .ip = { [15] = 1 }, .port = 5000 }, from;
	struct packet *packets[9];

	nowhere.port = 0;
	for (uint16_t i = 0; i < 9; i++)
		packets[i] = packet_new(i,
		    i == 0 || i == 3 || i == 4 || i == 8 ? &nowhere
		    : i == 6                             ? &other
							 : &f->device,
		    0);
	s->send(s, packets, 9);
	assert_int_equal(receive_number(f->device_fd, &from), 1);
	assert_int_equal(receive_number(f->device_fd, &from), 2);
	assert_int_equal(receive_number(f->device_fd, &from), 5);
	assert_int_equal(receive_number(f->device_fd, &from), 7);
	assert_silent(f->device_fd);
	assert_int_equal(stats_get(&f->stats.tx_packets), 4);
	assert_int_equal(stats_get(&f->stats.tx_refused), 5);
	for (int i = 0; i < 9; i++)
		free(packets[i]);
}

static void
test_each_listener_sends_by_its_own_socket(void **state)
{
	struct fixture *f = *state;
	struct listener listeners[2] = { { .main = host(3, PORT) }, { .main = host(4, PORT) } };
	struct sockets sockets;
	struct batch_sender *sender;
	struct fault why;
	struct endpoint from;
	struct packet *packets[6];
	unsigned next[2] = { 0, 1 };

	assert_true(sockets_open(&sockets, listeners, 2, 1, 65536, &why));
	sender = batch_sender_create(sockets_of(&sockets, 0), 2, &f->stats);
	assert_non_null(sender);
	for (uint16_t i = 0; i < 6; i++)
		packets[i] = packet_new(i, &f->device, (uint8_t)(i % 2));
	packets[5]->to_listener = 2; /* which is not there */
	batch_sender_of(sender)->send(batch_sender_of(sender), packets, 6);

	for (int i = 0; i < 5; i++) {
		uint16_t number = receive_number(f->device_fd, &from);
		unsigned l = number % 2;

		assert_true(endpoint_equal(&from, &listeners[l].main));
		assert_int_equal(number, next[l]); /* in order for each */
		next[l] += 2;
	}
	assert_silent(f->device_fd);
	assert_int_equal(stats_get(&f->stats.tx_refused), 1);
	for (int i = 0; i < 6; i++)
		free(packets[i]);
	batch_sender_destroy(sender);
	sockets_close(&sockets);
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
		TEST(test_packets_go_in_order_from_the_main_socket),
		TEST(test_more_than_an_outbox_goes_too),
		TEST(test_a_refused_packet_is_lost_alone),
		TEST(test_each_listener_sends_by_its_own_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

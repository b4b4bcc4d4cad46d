/* SPDX-License-Identifier: ISC */
#include "tests/support/loop_hosts.h"

#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct endpoint
loop_host(uint8_t n, uint16_t port)
{
	uint32_t pid = (uint32_t)getpid();
	const uint8_t ip[4] = { 127, (uint8_t)(64 + 8 * n + (pid >> 16) % 8), (uint8_t)(pid >> 8),
		(uint8_t)pid };

	return endpoint_from_ipv4(ip, port);
}

static int
open_at(const struct endpoint *at, int protocol)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(at, &address);
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, protocol), room = 1 << 22;

	if (fd == -1)
		return -1;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	/* All that the system gives, so that nothing is lost before it is read. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	return fd;
}

int
loop_udp(const struct endpoint *at)
{
	int fd = open_at(at, 0);

	assert_int_not_equal(fd, -1);
	return fd;
}

int
loop_udplite(const struct endpoint *at)
{
	return open_at(at, IPPROTO_UDPLITE);
}

void
loop_send(int fd, const struct endpoint *to, const void *data, size_t len)
{
	struct sockaddr_storage address;
	socklen_t address_len = endpoint_to_sockaddr(to, &address);

	assert_int_equal(
	    sendto(fd, data, len, 0, (const struct sockaddr *)&address, address_len), len);
}

void
loop_send_run(int fd, const struct endpoint *to, const void *data, size_t len, size_t segment)
{
	int bytes = (int)segment, none = 0;

	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &bytes, sizeof(bytes)), 0);
	loop_send(fd, to, data, len);
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)), 0);
}

void
loop_assert_silent(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

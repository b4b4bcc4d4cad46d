/* SPDX-License-Identifier: ISC */
#include "cathedral/io/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define OPTIONS(count)                                                                             \
	(&(const struct sockets_options){ .workers = (count), .buffer = 65536, .merge = true })

#define IN_USE "address in use: another process, or a listener above, has it"

static struct endpoint
own_address(uint16_t port)
{
	uint32_t pid = (uint32_t)getpid();
	const uint8_t ip[4] = { 127, (uint8_t)(128 + (pid >> 16) % 64), (uint8_t)(pid >> 8),
		(uint8_t)pid };

	return endpoint_from_ipv4(ip, port);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
assert_bound(int fd, const struct endpoint *expected)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct endpoint at;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_true(endpoint_from_sockaddr(&at, &address));
	assert_true(endpoint_equal(&at, expected));
}

static void
test_every_worker_has_its_own_of_each(void **state)
{
	const struct listener listeners[] = {
		{ .main = own_address(4500), .nat_port = 4501 },
		{ .main = own_address(4600) },
	};
	struct endpoint nat = own_address(4501);
	struct sockets s;
	struct fault why;

	(void)state;
	assert_true(sockets_open(&s, listeners, 2, OPTIONS(3), &why));
	for (unsigned w = 0; w < 3; w++) {
		const struct socket_pair *pairs = sockets_of(&s, w);

		assert_bound(pairs[0].main, &listeners[0].main);
		assert_bound(pairs[0].nat, &nat);
		assert_bound(pairs[1].main, &listeners[1].main);
		assert_int_equal(pairs[1].nat, -1);
		for (unsigned v = 0; v < w; v++)
			assert_int_not_equal(pairs[0].main, sockets_of(&s, v)[0].main);
	}
	assert_true(s.buffer >= 65536);
	assert_int_equal(option(s.pairs[0].main, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
	assert_int_equal(option(s.pairs[0].main, SOL_SOCKET, SO_REUSEPORT), 1);
	sockets_close(&s);
	assert_null(s.pairs);
	sockets_close(&s); /* twice is fine */
}

static void
test_ipv6_is_only_ipv6(void **state)
{
	const struct listener l = { .main = { .ip = { [15] = 1 }, .port = 14500 } };
	struct sockets s;
	struct fault why = { "" };

	(void)state;
	if (!sockets_open(&s, &l, 1, OPTIONS(1), &why)) {
		/* A host without IPv6: then that is what it says. */
		assert_non_null(strstr(why.text, "listen [::1]:14500: address"));
		return;
	}
	assert_int_equal(option(s.pairs[0].main, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	assert_bound(s.pairs[0].main, &l.main);
	sockets_close(&s);
}

static void
assert_refused(const struct listener *l, size_t count, const char *reason)
{
	char text[ENDPOINT_TEXT], full[256];
	struct sockets s;
	struct fault why = { "" };

	assert_false(sockets_open(&s, l, count, OPTIONS(2), &why));
	snprintf(
	    full, sizeof(full), "listen %s: %s", endpoint_format(&l[count - 1].main, text), reason);
	assert_string_equal(why.text, full);
	assert_null(s.pairs);
}

static void
test_a_second_daemon_is_refused(void **state)
{
	const struct listener first = { .main = own_address(4500), .nat_port = 4501 };
	struct listener second = { .main = own_address(4500) };
	struct sockets s;
	struct fault why;

	(void)state;
	assert_true(sockets_open(&s, &first, 1, OPTIONS(1), &why));
	assert_refused(&second, 1, IN_USE);
	second.main.port = 4501; /* its NAT port */
	assert_refused(&second, 1, IN_USE);
	sockets_close(&s);
	assert_true(sockets_open(&s, &second, 1, OPTIONS(1), &why));
	sockets_close(&s);
}

static void
test_listeners_may_not_overlap(void **state)
{
	const struct listener listeners[] = {
		{ .main = own_address(4700) },
		{ .main = { .ip = { [10] = 0xff, [11] = 0xff }, .port = 4700 } }, /* 0.0.0.0 */
	};

	(void)state;
	assert_refused(listeners, 2, IN_USE);
}

static void
test_an_address_of_another_host_is_refused(void **state)
{
	static const uint8_t ip[4] = { 192, 0, 2, 1 }; /* a documentation address */
	const struct listener l = { .main = endpoint_from_ipv4(ip, 4500) };

	(void)state;
	assert_refused(&l, 1, "address not available: no interface of this host has it");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_worker_has_its_own_of_each),
		cmocka_unit_test(test_ipv6_is_only_ipv6),
		cmocka_unit_test(test_a_second_daemon_is_refused),
		cmocka_unit_test(test_listeners_may_not_overlap),
		cmocka_unit_test(test_an_address_of_another_host_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

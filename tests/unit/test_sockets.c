/* SPDX-License-Identifier: ISC */
#include "cathedral/io/sockets.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Whether it is granted depends on who runs this; the socket must be as it is said to be. */
static void
test_busy_poll_is_as_granted(void **state)
{
	const struct listener l = { .main = own_address(4500), .nat_port = 4501 };
	struct sockets_options options = *OPTIONS(2);
	struct sockets s;
	struct fault why;
	int usual;

	(void)state;
	assert_true(sockets_open(&s, &l, 1, &options, &why));
	assert_int_equal(s.busy_poll, 0);
	usual = option(s.pairs[0].main, SOL_SOCKET, SO_BUSY_POLL);
	sockets_close(&s);

	options.busy_poll = usual + 70;
	assert_true(sockets_open(&s, &l, 1, &options, &why));
	if (s.busy_poll > 0)
		usual = options.busy_poll;
	assert_int_equal(option(s.pairs[0].main, SOL_SOCKET, SO_BUSY_POLL), usual);
	assert_int_equal(option(s.pairs[1].nat, SOL_SOCKET, SO_BUSY_POLL), usual);
	sockets_close(&s);
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

/* What the sockets of a cathedral are to the one that takes over. */
static struct sockets_taken
hand_on(const struct sockets *s)
{
	struct sockets_taken taken = { .rows = s->rows };

	taken.list = calloc(2 * s->rows * s->listener_count + 1, sizeof(*taken.list));
	assert_non_null(taken.list);
	for (unsigned row = 0; row < s->rows; row++) {
		for (size_t i = 0; i < s->listener_count; i++) {
			const struct socket_pair *pair = &sockets_of(s, row)[i];

			taken.list[taken.count++] = (struct taken_socket){ dup(pair->main), row };
			if (pair->nat != -1)
				taken.list[taken.count++] =
				    (struct taken_socket){ dup(pair->nat), row };
		}
	}
	return taken;
}

static void
test_sockets_are_taken_over(void **state)
{
	const struct listener before[] = {
		{ .main = own_address(4500), .nat_port = 4501 },
		{ .main = own_address(4600) },
	};
	const struct listener after[] = {
		{ .main = own_address(4700) },
		{ .main = own_address(4500), .nat_port = 4502 },
	};
	struct endpoint nat = own_address(4502);
	struct sockets_taken taken;
	struct sockets s, next;
	struct fault why = { "" };

	(void)state;
	assert_true(sockets_open(
	    &s, before, 2, &(struct sockets_options){ .workers = 2, .buffer = 65536 }, &why));
	taken = hand_on(&s);
	/* No socket of ours, and no socket at all. */
	taken.list[taken.count++] = (struct taken_socket){ dup(STDERR_FILENO), 1 };
	assert_true(sockets_take(
	    &next, after, 2, &taken, &(struct sockets_options){ .buffer = 65536 }, &why));
	assert_int_equal(next.rows, 2);
	for (unsigned row = 0; row < 2; row++) {
		const struct socket_pair *pairs = sockets_of(&next, row);

		assert_bound(pairs[0].main, &after[0].main);
		assert_int_equal(pairs[0].nat, -1);
		assert_bound(pairs[1].main, &after[1].main);
		assert_bound(pairs[1].nat, &nat);
	}
	/* 4501 and 4600, twice, and what is none. */
	for (size_t n = 0; n < taken.count; n++)
		assert_int_equal(taken.list[n].fd == -1, n == 0 || n == 3);
	sockets_taken_close(&taken);
	sockets_close(&s);
	sockets_close(&next);
}

static void
test_what_is_missing_must_be_free(void **state)
{
	const struct listener before = { .main = own_address(4500) };
	const struct listener others = { .main = own_address(4600) };
	const struct listener after[] = { before, others };
	struct sockets_taken taken;
	struct sockets s, other, next;
	struct fault why = { "" };

	(void)state;
	assert_true(sockets_open(
	    &s, &before, 1, &(struct sockets_options){ .workers = 2, .buffer = 65536 }, &why));
	assert_true(sockets_open(
	    &other, &others, 1, &(struct sockets_options){ .workers = 1, .buffer = 65536 }, &why));
	taken = hand_on(&s);
	assert_false(sockets_take(
	    &next, after, 2, &taken, &(struct sockets_options){ .buffer = 65536 }, &why));
	assert_non_null(strstr(why.text, IN_USE));
	assert_null(next.pairs);
	sockets_taken_close(&taken);
	sockets_close(&s);
	sockets_close(&other);
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

/* ---- packets that come while they are opened ---- */

#define FLOWS   32
#define READERS 8

struct senders {
	struct endpoint to;
	int fds[FLOWS];
	_Atomic bool enough;
};

static void *
send_all_the_time(void *arg)
{
	struct senders *s = arg;
	uint8_t flow = 0;

	for (; !atomic_load(&s->enough); flow = (uint8_t)((flow + 1) % FLOWS))
		(void)!send(s->fds[flow], &flow, 1, MSG_DONTWAIT); /* mostly nobody is there */
	return NULL;
}

static void
senders_open(struct senders *s)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&s->to, &address);

	for (unsigned n = 0; n < FLOWS; n++) {
		s->fds[n] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(s->fds[n], (struct sockaddr *)&address, len), 0);
	}
}

/* In how many sockets something of a flow waits. */
static void
count_readers(const struct sockets *s, unsigned readers[static FLOWS])
{
	memset(readers, 0, FLOWS * sizeof(readers[0]));
	for (unsigned row = 0; row < READERS; row++) {
		bool here[FLOWS] = { false };
		uint8_t flow;

		while (recv(sockets_of(s, row)[0].main, &flow, 1, MSG_DONTWAIT) == 1) {
			readers[flow] += !here[flow];
			here[flow] = true;
		}
	}
}

/* What came before all of them were bound would wait elsewhere than what came after it. */
static void
test_nothing_is_overtaken_while_they_are_opened(void **state)
{
	const struct listener listener = { .main = own_address(4900) };
	struct sockets_options options = *OPTIONS(READERS);
	struct senders s = { .to = listener.main };
	unsigned readers[FLOWS], heard = 0;
	pthread_t thread;

	(void)state;
	options.merge = false; /* one packet a message */
	senders_open(&s);
	assert_int_equal(pthread_create(&thread, NULL, send_all_the_time, &s), 0);
	for (unsigned round = 0; round < 100; round++) {
		struct sockets opened;
		struct fault why;

		assert_true(sockets_open(&opened, &listener, 1, &options, &why));
		usleep(2000);
		count_readers(&opened, readers);
		sockets_close(&opened);
		for (unsigned n = 0; n < FLOWS; n++) {
			assert_in_range(readers[n], 0, 1);
			heard += readers[n];
		}
	}
	atomic_store(&s.enough, true);
	pthread_join(thread, NULL);
	for (unsigned n = 0; n < FLOWS; n++)
		close(s.fds[n]);
	assert_true(heard >= FLOWS); /* and they can hear */
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
		cmocka_unit_test(test_busy_poll_is_as_granted),
		cmocka_unit_test(test_ipv6_is_only_ipv6),
		cmocka_unit_test(test_a_second_daemon_is_refused),
		cmocka_unit_test(test_sockets_are_taken_over),
		cmocka_unit_test(test_what_is_missing_must_be_free),
		cmocka_unit_test(test_listeners_may_not_overlap),
		cmocka_unit_test(test_nothing_is_overtaken_while_they_are_opened),
		cmocka_unit_test(test_an_address_of_another_host_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

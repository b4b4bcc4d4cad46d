/* SPDX-License-Identifier: ISC */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint
parsed(const char *text)
{
	struct endpoint e;

	if (!endpoint_parse(&e, text))
		fail_msg("%s: refused", text);
	return e;
}

static void
what_it_writes_it_reads(void **state)
{
	static const struct {
		const char *text, *written;
	} facts[] = {
		{ "192.0.2.1:4500", "192.0.2.1:4500" },
		{ "0.0.0.0:0", "0.0.0.0:0" },
		{ "255.255.255.255:65535", "255.255.255.255:65535" },
		{ "[2001:db8::1]:4500", "[2001:db8::1]:4500" },
		{ "[2001:DB8:0:0:0:0:0:1]:0080", "[2001:db8::1]:80" },
		{ "[::]:1", "[::]:1" },
		{ "[::ffff:192.0.2.1]:7", "192.0.2.1:7" },
		{ "[fe80:1111:2222:3333:4444:5555:6666:7777]:65535",
		    "[fe80:1111:2222:3333:4444:5555:6666:7777]:65535" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct endpoint e = parsed(facts[i].text);
		char text[ENDPOINT_TEXT];

		assert_ptr_equal(endpoint_format(&e, text), text);
		assert_string_equal(text, facts[i].written);
	}
}

static void
refuses_what_is_no_address_and_port(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":4500",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1: 1",
		" 192.0.2.1:1",
		"192.0.2:1",
		"192.0.2.256:1",
		"192.0.2.1:1:2",
		"2001:db8::1",
		"2001:db8::1:4500",
		"[2001:db8::1]",
		"[2001:db8::1]:",
		"[2001:db8::1]4500",
		"[2001:db8::1:4500",
		"2001:db8::1]:4500",
		"[]:1",
		"[:1",
		"[192.0.2.1]:1",
		"[fe80::1%lo]:1",
		"localhost:1",
		"[2001:db8::11111]:1",
		"[0000000000000000000000000000000000000000000000000000000000000000001::]:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = strdup(bad[i]); /* exactly sized */
		struct endpoint e = { .port = 7 };

		if (endpoint_parse(&e, text))
			fail_msg("\"%s\": taken", text);
		assert_int_equal(e.port, 7);
		free(text);
	}
}

static void
reads_addresses_without_port(void **state)
{
	struct endpoint e, v4 = parsed("192.0.2.1:0"), v6 = parsed("[2001:db8::1]:0");

	(void)state;
	assert_true(endpoint_parse_ip(&e, "192.0.2.1"));
	assert_true(endpoint_equal(&e, &v4));
	assert_true(endpoint_parse_ip(&e, "2001:db8::1"));
	assert_true(endpoint_equal(&e, &v6));

	assert_false(endpoint_parse_ip(&e, "[2001:db8::1]"));
	assert_false(endpoint_parse_ip(&e, "192.0.2.1:1"));
	assert_false(endpoint_parse_ip(&e, ""));
	assert_true(endpoint_equal(&e, &v6)); /* untouched */
}

static void
compares_address_and_port(void **state)
{
	struct endpoint a = parsed("192.0.2.1:1"), other_port = parsed("192.0.2.1:2");
	struct endpoint other_ip = parsed("192.0.2.2:1"), v6 = parsed("[::192.0.2.1]:1");

	(void)state;
	assert_true(endpoint_equal(&a, &a));
	assert_false(endpoint_equal(&a, &other_port));
	assert_true(endpoint_same_ip(&a, &other_port));
	assert_false(endpoint_equal(&a, &other_ip));
	assert_false(endpoint_same_ip(&a, &other_ip));
	assert_false(endpoint_same_ip(&a, &v6));
}

static void
tells_the_families_apart(void **state)
{
	const uint8_t ip[4] = { 192, 0, 2, 1 }, zero[4] = { 0 };
	struct endpoint v4 = endpoint_from_ipv4(ip, 4500), v6 = parsed("[2001:db8::1]:1");
	struct endpoint same = parsed("192.0.2.1:4500");
	uint8_t got[4];

	(void)state;
	assert_true(endpoint_equal(&v4, &same));
	assert_true(endpoint_is_ipv4(&v4));
	assert_false(endpoint_is_ipv4(&v6));
	endpoint_ipv4(&v4, got);
	assert_memory_equal(got, ip, 4);
	endpoint_ipv4(&v6, got);
	assert_memory_equal(got, zero, 4);
}

static void
knows_any_and_loopback_addresses(void **state)
{
	static const struct {
		const char *text;
		bool any, loopback;
	} facts[] = {
		{ "0.0.0.0:1", true, false },
		{ "[::]:1", true, false },
		{ "0.0.0.1:1", false, false },
		{ "[::1]:1", false, true },
		{ "[::2]:1", false, false },
		{ "[::ffff:127.0.0.1]:1", false, true },
		{ "[::7f00:1]:1", false, false },
		{ "127.255.0.3:1", false, true },
		{ "126.0.0.1:1", false, false },
		{ "192.0.2.127:1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct endpoint e = parsed(facts[i].text);

		assert_int_equal(endpoint_is_any(&e), facts[i].any);
		assert_int_equal(endpoint_is_loopback(&e), facts[i].loopback);
	}
}

static void
a_source_is_a_host_or_a_64(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} facts[] = {
		{ "192.0.2.1:1", "192.0.2.1:2", true },
		{ "192.0.2.1:1", "192.0.2.2:1", false },
		{ "[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:5", true },
		{ "[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:1", true },
		{ "[::192.0.2.1]:1", "192.0.2.1:1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct endpoint a = parsed(facts[i].a), b = parsed(facts[i].b);
		uint8_t from_a[16], from_b[16];

		endpoint_source(&a, from_a);
		endpoint_source(&b, from_b);
		assert_int_equal(memcmp(from_a, from_b, 16) == 0, facts[i].same);
	}
}

static void
converts_to_what_the_kernel_takes(void **state)
{
	struct endpoint v4 = parsed("192.0.2.1:4500"), v6 = parsed("[2001:db8::1]:4501"), back;
	struct sockaddr_storage to;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	(void)state;
	assert_int_equal(endpoint_to_sockaddr(&v4, &to), sizeof(in));
	memcpy(&in, &to, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(in.sin_port, htons(4500));
	assert_int_equal(in.sin_addr.s_addr, htonl(0xc0000201));
	assert_true(endpoint_from_sockaddr(&back, &to));
	assert_true(endpoint_equal(&back, &v4));

	assert_int_equal(endpoint_to_sockaddr(&v6, &to), sizeof(in6));
	memcpy(&in6, &to, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_int_equal(in6.sin6_port, htons(4501));
	assert_memory_equal(&in6.sin6_addr, v6.ip, 16);
	assert_true(endpoint_from_sockaddr(&back, &to));
	assert_true(endpoint_equal(&back, &v6));
}

static void
takes_mapped_addresses_and_no_other_family(void **state)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	struct endpoint e, v4 = parsed("192.0.2.1:9");

	(void)state;
	assert_false(endpoint_from_sockaddr(&e, &from));

	inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
	memcpy(&from, &in6, sizeof(in6));
	assert_true(endpoint_from_sockaddr(&e, &from));
	assert_true(endpoint_equal(&e, &v4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_writes_it_reads),
		cmocka_unit_test(refuses_what_is_no_address_and_port),
		cmocka_unit_test(reads_addresses_without_port),
		cmocka_unit_test(compares_address_and_port),
		cmocka_unit_test(tells_the_families_apart),
		cmocka_unit_test(knows_any_and_loopback_addresses),
		cmocka_unit_test(a_source_is_a_host_or_a_64),
		cmocka_unit_test(converts_to_what_the_kernel_takes),
		cmocka_unit_test(takes_mapped_addresses_and_no_other_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/sources.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct random randomness;

static struct endpoint
at(const char *ip)
{
	struct endpoint e;

	assert_true(endpoint_parse_ip(&e, ip));
	return e;
}

static bool
enter(struct sources *s, const char *ip)
{
	struct endpoint e = at(ip);

	return sources_enter(s, &e);
}

static void
leave(struct sources *s, const char *ip)
{
	struct endpoint e = at(ip);

	sources_leave(s, &e);
}

static void
so_many_of_a_source_and_no_more(void **state)
{
	struct sources *s = sources_create(1000, 3, &randomness);

	(void)state;
	assert_non_null(s);
	for (int n = 0; n < 3; n++)
		assert_true(enter(s, "192.0.2.1"));
	assert_false(enter(s, "192.0.2.1"));
	leave(s, "192.0.2.1");
	assert_true(enter(s, "192.0.2.1"));
	assert_false(enter(s, "192.0.2.1"));
	sources_destroy(s);
	sources_destroy(NULL);
}

/* Whoever has one IPv6 address has a whole /64 of them. */
static void
an_ipv6_network_is_one_source(void **state)
{
	struct sources *s = sources_create(1000, 2, &randomness);

	(void)state;
	assert_non_null(s);
	assert_true(enter(s, "2001:db8:1:2::1"));
	assert_true(enter(s, "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	assert_false(enter(s, "2001:db8:1:2::3"));
	assert_true(enter(s, "2001:db8:1:3::1"));
	sources_destroy(s);
}

static void
zero_is_no_limit(void **state)
{
	struct sources *s = sources_create(1000, 0, &randomness);

	(void)state;
	assert_non_null(s);
	for (int n = 0; n < 5000; n++)
		assert_true(enter(s, "192.0.2.1"));
	sources_destroy(s);
}

/* With all connections taken by others, hardly any source is shut out. */
static void
a_crowd_shuts_hardly_anybody_out(void **state)
{
	struct sources *s = sources_create(1000, 1, &randomness);
	unsigned in = 0;

	(void)state;
	assert_non_null(s);
	for (unsigned n = 0; n < 1000; n++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "10.0.%u.%u", n / 256, n % 256);
		in += enter(s, ip);
	}
	/* 1000 in 4096 places: the expectation is 888. */
	assert_true(in > 830);
	sources_destroy(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_of_a_source_and_no_more),
		cmocka_unit_test(an_ipv6_network_is_one_source),
		cmocka_unit_test(zero_is_no_limit),
		cmocka_unit_test(a_crowd_shuts_hardly_anybody_out),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TWO_PROXIES "10.0.0.1 2001:db8::99"

static struct proxies
proxies_of(const char *text, struct endpoint list[4])
{
	struct proxies p = { list, 0 };
	char *copy = strdup(text), *rest = copy, *word;

	assert_non_null(copy);
	while ((word = strsep(&rest, " ")) != NULL)
		assert_true(endpoint_parse_ip(&list[p.count++], word));
	free(copy);
	return p;
}

static const struct {
	const char *why, *peer, *fields[3], *from;
} cases[] = {
	{ "no field", "10.0.0.1:9", { NULL }, "10.0.0.1:9" },
	{ "a proxy names a client", "10.0.0.1:9", { "192.0.2.7" }, "192.0.2.7:0" },
	{ "the proxy's port does not count", "10.0.0.1:65535", { "192.0.2.7" }, "192.0.2.7:0" },
	{ "nobody believes a stranger", "192.0.2.66:9", { "192.0.2.7" }, "192.0.2.66:9" },
	{ "a proxy by IPv6", "[2001:db8::99]:9", { "2001:db8::1" }, "[2001:db8::1]:0" },
	{ "what the client wrote itself stands left", "10.0.0.1:9", { "1.2.3.4, 192.0.2.7" },
	    "192.0.2.7:0" },
	{ "nonsense that the client wrote does not matter", "10.0.0.1:9", { "<b>, 192.0.2.7" },
	    "192.0.2.7:0" },
	{ "a chain of proxies", "10.0.0.1:9", { "192.0.2.7, 2001:db8::99" }, "192.0.2.7:0" },
	{ "a chain, and a client that lies", "10.0.0.1:9",
	    { "8.8.8.8, 192.0.2.7, 2001:db8::99, 10.0.0.1" }, "192.0.2.7:0" },
	{ "nothing but proxies", "10.0.0.1:9", { "2001:db8::99, 10.0.0.1" }, "10.0.0.1:9" },
	{ "several fields are one list", "10.0.0.1:9", { "1.2.3.4", "192.0.2.7" }, "192.0.2.7:0" },
	{ "the last of several is a proxy", "10.0.0.1:9", { "192.0.2.7", "2001:db8::99" },
	    "192.0.2.7:0" },
	{ "blanks and empty elements", "10.0.0.1:9", { " ,192.0.2.7\t, ," }, "192.0.2.7:0" },
	{ "an empty field", "10.0.0.1:9", { "" }, "10.0.0.1:9" },
	{ "with a port", "10.0.0.1:9", { "192.0.2.7:4711" }, "192.0.2.7:4711" },
	{ "in brackets", "10.0.0.1:9", { "[2001:db8::1]" }, "[2001:db8::1]:0" },
	{ "in brackets with a port", "10.0.0.1:9", { "[2001:db8::1]:80" }, "[2001:db8::1]:80" },
	{ "IPv4 written as IPv6", "10.0.0.1:9", { "::ffff:192.0.2.7" }, "192.0.2.7:0" },
	{ "a proxy written as IPv6", "10.0.0.1:9", { "192.0.2.7, ::ffff:10.0.0.1" },
	    "192.0.2.7:0" },
	{ "malformed: a name", "10.0.0.1:9", { "example" }, "10.0.0.1:9" },
	{ "malformed: unknown", "10.0.0.1:9", { "unknown" }, "10.0.0.1:9" },
	{ "malformed at the right end", "10.0.0.1:9", { "192.0.2.7, 1.2.3" }, "10.0.0.1:9" },
	{ "malformed, then a proxy", "10.0.0.1:9", { "192.0.2.7, x, 10.0.0.1" }, "10.0.0.1:9" },
	{ "malformed: half a bracket", "10.0.0.1:9", { "[2001:db8::1" }, "10.0.0.1:9" },
	{ "malformed: IPv4 in brackets", "10.0.0.1:9", { "[192.0.2.7]" }, "10.0.0.1:9" },
	{ "malformed: nothing in brackets", "10.0.0.1:9", { "[]" }, "10.0.0.1:9" },
	{ "malformed: two words", "10.0.0.1:9", { "192.0.2.7 192.0.2.8" }, "10.0.0.1:9" },
	{ "longer than any address", "10.0.0.1:9",
	    { "1111111111111111111111111111111111111111111111111111111111111111111" },
	    "10.0.0.1:9" },
	{ "longer, in brackets", "10.0.0.1:9",
	    { "[2001:db8:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:111]" }, "10.0.0.1:9" },
};

static void
who_asks(void **state)
{
	struct endpoint list[4];
	struct proxies p = proxies_of(TWO_PROXIES, list);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct forwarded f = { 0 };
		struct endpoint peer, from;
		char text[ENDPOINT_TEXT];

		assert_true(endpoint_parse(&peer, cases[i].peer));
		for (size_t n = 0; n < 3 && cases[i].fields[n] != NULL; n++) {
			char *field = strdup(cases[i].fields[n]); /* just as long */

			assert_non_null(field);
			forwarded_read(&f, &p, field);
			free(field);
		}
		from = forwarded_from(&f, &p, &peer);
		if (strcmp(endpoint_format(&from, text), cases[i].from) != 0)
			fail_msg("%s: %s, not %s", cases[i].why, text, cases[i].from);
	}
}

static void
without_proxies_nobody_is_believed(void **state)
{
	const struct proxies none = { NULL, 0 };
	struct forwarded f = { 0 };
	struct endpoint peer, from;

	(void)state;
	assert_true(endpoint_parse(&peer, "127.0.0.1:9"));
	assert_false(proxy_trusted(&none, &peer));
	forwarded_read(&f, &none, "192.0.2.7");
	from = forwarded_from(&f, &none, &peer);
	assert_true(endpoint_equal(&from, &peer));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks),
		cmocka_unit_test(without_proxies_nobody_is_believed),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}

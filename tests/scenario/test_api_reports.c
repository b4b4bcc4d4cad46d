/* SPDX-License-Identifier: ISC */
/* What the service says about itself: a line for each request, and what the loopback listener
 * answers.
 */
#include "base/log.h"
#include "tests/support/api.h"
#include "tests/support/captured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Is it "request method=WORD route=WORD status=NUMBER ms=NUMBER.NUMBER in=NUMBER out=NUMBER"? */
static bool
is_request_line(const char *line, char route[static 128])
{
	char method[16];
	unsigned status;
	unsigned long long ms, us, in, out;
	int end = 0;

	return sscanf(line,
		   "<6>request method=%15[A-Z] route=%127s status=%u ms=%llu.%3llu in=%llu "
		   "out=%llu%n",
		   method, route, &status, &ms, &us, &in, &out, &end) == 7 &&
	       line[end] == '\n';
}

#define ROUTES 5

static void
a_line_is_logged_for_each_request_and_tells_nothing(void **state)
{
	static const char *const routes[ROUTES] = { "/v1/register", "/v1/flocks",
		"/v1/flocks/{flock}/devices", "/v1/flocks/{flock}/devices/{id}/approve", "-" };
	bool seen[ROUTES] = { false };
	struct captured c;
	struct test_api t;
	struct tenant anna;
	char flock[17], device[9], route[128], *text;
	size_t lines = 0;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	captured_begin(&c);
	log_set_level(LOG_LEVEL_INFO);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	tenant_join(&t, flock, device);
	tenant_approve(&t, &anna, flock, device);
	got_free(expect(&t, 404, "GET", path_of("/%s", anna.account), NULL, NULL));
	test_api_stop(&t); /* the last line comes after its answer */
	log_set_level(0);
	text = captured_text(&c);
	captured_end(&c);

	/* A line comes after its answer, so that of the next request may be there before it. */
	for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		size_t n = 0;

		if (strncmp(line, "<6>request", 10) != 0)
			continue;
		assert_true(is_request_line(line, route));
		while (n < ROUTES && (seen[n] || strcmp(route, routes[n]) != 0))
			n++;
		assert_true(n < ROUTES);
		seen[n] = true;
		lines++;
	}
	assert_int_equal(lines, ROUTES);
	assert_null(strstr(text, anna.account));
	assert_null(strstr(text, anna.token));
	assert_null(strstr(text, anna.share_id));
	assert_null(strstr(text, flock));
	assert_null(strstr(text, device));
	assert_null(strstr(text, "127.0.0.1"));
	free(text);
	test_api_end(&t);
}

static struct http_answer
admin_ask(const struct test_api *t, const char *method, const char *path)
{
	return http_ask(&t->admin_at, &(struct http_request){ .method = method, .path = path });
}

/* A comment, or a name of ours, perhaps labels, and a number. */
static bool
is_metrics_line(const char *line)
{
	size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
	const char *at = line + name;
	char *end;

	if (strncmp(line, "# HELP reliquary_api_", 21) == 0 ||
	    strncmp(line, "# TYPE reliquary_api_", 21) == 0)
		return true;
	if (strncmp(line, "reliquary_api_", 14) != 0)
		return false;
	if (*at == '{')
		at = strchr(at, '}') + 1;
	if (*at++ != ' ')
		return false;
	strtod(at, &end);
	return end > at && *end == '\n';
}

static void
the_loopback_listener_says_how_it_is(void **state)
{
	struct http_answer a;
	struct test_api t;
	struct tenant anna;
	char flock[17];

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	a = admin_ask(&t, "GET", "/healthz");
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	a = admin_ask(&t, "GET", "/readyz");
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "ready\n");
	http_answer_free(&a);
	a = admin_ask(&t, "GET", "/metrics");
	assert_int_equal(a.status, 200);
	assert_string_equal(
	    http_field(&a, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
	for (const char *line = a.body; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (!is_metrics_line(line))
			fail_msg("%.60s", line);
	}
	assert_non_null(strstr(a.body, "\nreliquary_api_registrations_total 1\n"));
	assert_non_null(strstr(a.body, "\nreliquary_api_accounts 1\n"));
	assert_non_null(strstr(a.body, "\nreliquary_api_flocks 1\n"));
	assert_non_null(strstr(a.body, "\nreliquary_api_requests_total{status=\"2xx\"} 2\n"));
	http_answer_free(&a);

	/* Nothing else is there, and nothing of the other listener. */
	a = admin_ask(&t, "GET", "/v1/account");
	assert_int_equal(a.status, 404);
	http_answer_free(&a);
	a = admin_ask(&t, "POST", "/metrics");
	assert_int_equal(a.status, 405);
	assert_string_equal(http_field(&a, "Allow"), "GET, HEAD");
	http_answer_free(&a);
	got_free(expect(&t, 404, "GET", "/metrics", NULL, NULL));

	api_drain(t.api);
	a = admin_ask(&t, "GET", "/readyz");
	assert_int_equal(a.status, 503);
	assert_string_equal(a.body, "not ready: draining\n");
	http_answer_free(&a);
	a = admin_ask(&t, "GET", "/healthz");
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	test_api_end(&t);
}

static void
the_loopback_listener_is_nowhere_else(void **state)
{
	struct fault why = { "" };
	struct endpoint at;
	struct test_api t;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	endpoint_parse(&at, "192.0.2.1:9080");
	assert_null(admin_create(&at, t.api, t.server, test_api_clock, &why));
	assert_string_equal(why.text, "admin 192.0.2.1:9080: not a loopback address");
	test_api_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_logged_for_each_request_and_tells_nothing),
		cmocka_unit_test(the_loopback_listener_says_how_it_is),
		cmocka_unit_test(the_loopback_listener_is_nowhere_else),
	};

	log_set_level(0); /* what fails here is meant to */
	return cmocka_run_group_tests_name("api_reports", tests, NULL, NULL);
}

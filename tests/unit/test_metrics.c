/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/metrics.h"

#include "tests/support/client.h"
#include "tests/support/small_site.h"

#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct small_site small;
	struct event_base *base;
	struct metrics *metrics;
	uint16_t port;
};

static int
setup(void **state)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	small_site_open(&f->small);
	f->base = event_base_new();
	/* The first port that nobody has. */
	for (f->port = 29464; f->metrics == NULL && f->port < 29564; f->port++) {
		struct metrics_options options = { .at = endpoint_from_ipv4(loopback, f->port),
			.overview = &f->small.overview };

		f->metrics = metrics_create(f->base, &options, &why);
	}
	if (f->metrics == NULL)
		fail_msg("%s", why.text);
	f->port--;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	metrics_destroy(f->metrics);
	small_site_close(&f->small);
	event_base_free(f->base);
	free(f);
	return 0;
}

static char *
get(struct fixture *f, const char *request)
{
	int fd = client_tcp(f->port);
	char *text;

	client_send(fd, request);
	text = client_read(f->base, fd, 5000);
	assert_non_null(text);
	return text;
}

static void
assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("without \"%s\": %s", part, text);
}

static void
test_http(void **state)
{
	static const struct {
		const char *request, *status;
	} cases[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /metrics?a=b HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" },
		{ "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" },
		{ "GET /metrics\r\nA: /metrics x\r\n\r\n", "HTTP/1.1 200 OK\r\n" },
		{ "GET /metric\r\nA: s\r\n\r\n", "HTTP/1.1 404 Not Found\r\n" },
		{ "GET /me", NULL },
		{ "POST /metrics HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n" },
		{ "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
		{ "\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text;

		if (cases[i].status == NULL) { /* half a request, then gone */
			int fd = client_tcp(f->port);

			client_send(fd, cases[i].request);
			client_wait(f->base, 20);
			close(fd);
			continue;
		}
		text = get(f, cases[i].request);
		if (strncmp(text, cases[i].status, strlen(cases[i].status)) != 0)
			fail_msg("%s gave %s", cases[i].request, text);
		free(text);
	}
}

static void
test_length_and_type(void **state)
{
	struct fixture *f = *state;
	char *text = get(f, "GET /metrics HTTP/1.1\r\n\r\n"), *body = strstr(text, "\r\n\r\n") + 4;
	char *head = get(f, "HEAD /metrics HTTP/1.1\r\n\r\n");
	char expected[64];

	snprintf(expected, sizeof(expected), "\r\nContent-Length: %zu\r\n", strlen(body));
	assert_holds(text, expected);
	assert_holds(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_holds(text, "\r\nConnection: close\r\n");
	assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
	free(text);
	free(head);
}

static void
test_an_endless_request_is_cut_off(void **state)
{
	struct fixture *f = *state;
	char *request = malloc(9000), *text;
	int fd = client_tcp(f->port);

	memset(request, 'a', 8999);
	request[8999] = '\0';
	client_send(fd, request);
	text = client_read(f->base, fd, 2000);
	assert_string_equal(text, "");
	free(text);
	free(request);
}

/* "name" or "name{labels}", a blank, a number: and name has been introduced. */
static void
assert_sample(const char *line, const char *type_name)
{
	size_t name = strcspn(line, "{ ");
	const char *at = line + name;
	char *end;

	if (strncmp(line, type_name, name) != 0 || type_name[name] != '\0')
		fail_msg("%s is not introduced (%s is)", line, type_name);
	if (*at == '{') {
		at = strchr(at, '}');
		assert_non_null(at);
		at++;
	}
	assert_int_equal(*at, ' ');
	strtod(at + 1, &end);
	if (end == at + 1 || *end != '\0')
		fail_msg("%s has no number", line);
}

/* HELP, TYPE and samples of one name after the other, each name once. */
static void
assert_exposition(char *body)
{
	char help[128] = "", type[128] = "", *line, kind[16];
	size_t families = 0;

	while ((line = strsep(&body, "\n")) != NULL && *line != '\0') {
		if (sscanf(line, "# HELP %127s", help) == 1) {
			families++;
			assert_non_null(strchr(line + strlen("# HELP "), ' '));
		} else if (sscanf(line, "# TYPE %127s %15s", type, kind) == 2) {
			size_t len = strlen(type);
			bool total = len > 6 && strcmp(type + len - 6, "_total") == 0;

			assert_string_equal(type, help);
			assert_string_equal(kind, total ? "counter" : "gauge");
		} else {
			assert_sample(line, type);
		}
	}
	assert_true(families > 40);
}

static void
test_the_text_is_well_formed(void **state)
{
	struct fixture *f = *state;
	char *text = get(f, "GET /metrics HTTP/1.1\r\n\r\n");

	assert_null(strstr(text, "cathedral_budget")); /* there is none */
	assert_exposition(strstr(text, "\r\n\r\n") + 4);
	free(text);
}

static void
test_every_counter_is_there_and_sums_up(void **state)
{
	struct fixture *f = *state;
	char *text;

	stats_add(&f->small.stats[0].rx_bytes, 10);
	stats_add(&f->small.stats[2].rx_bytes, 5);
	stats_add(&f->small.stats[1].verdicts[VERDICT_DROP_REPLAY], 3);
	stats_add(&f->small.stats[3].verdicts[VERDICT_DROP_REPLAY], 4);
	text = get(f, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_holds(text, "\ncathedral_rx_bytes_total 15\n");
	assert_holds(text, "\ncathedral_worker_rx_bytes_total{worker=\"0\"} 10\n");
	assert_holds(text, "\ncathedral_worker_rx_bytes_total{worker=\"1\"} 0\n");
	assert_holds(text, "\ncathedral_worker_rx_bytes_total{worker=\"scanner\"} 5\n");
	assert_holds(text, "\ncathedral_worker_rx_bytes_total{worker=\"main\"} 0\n");
	assert_holds(text, "\ncathedral_packets_total{verdict=\"replay\"} 7\n");
	assert_holds(text, "\ncathedral_worker_packets_total{worker=\"1\",verdict=\"replay\"} 3\n");
	for (int v = 0; v < VERDICT_COUNT; v++) {
		char line[128];

		snprintf(line, sizeof(line), "\ncathedral_packets_total{verdict=\"%s\"} ",
		    verdict_name((enum verdict)v));
		assert_holds(text, line);
	}
#define STATS_THERE(name, help) assert_holds(text, "\ncathedral_" #name "_total ");
	STATS(STATS_THERE)
#undef STATS_THERE
	free(text);
}

static void
test_budgets(void **state)
{
	struct fixture *f = *state;
	char *text;

	small_site_add_budget(&f->small, 1000, 200, 980);
	text = get(f, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_holds(text, "\ncathedral_budget_used_bytes 980\n");
	assert_holds(text, "\ncathedral_budget_limit_bytes 1000\n");
	assert_holds(text, "\ncathedral_budget_stage 2\n");
	assert_holds(text, "\ncathedral_flock_budget_limit_bytes 200\n");
	assert_holds(text, "\ncathedral_flocks_budget_warned 0\n");
	assert_holds(text, "\ncathedral_flocks_budget_slowed 0\n");
	assert_holds(text, "\ncathedral_flocks_budget_stopped 1\n");
	assert_holds(text, "\ncathedral_budget_file_ok 1\n");
	assert_exposition(strstr(text, "\r\n\r\n") + 4);
	free(text);
}

static void
test_gauges(void **state)
{
	struct fixture *f = *state;
	char *text;
	size_t count;
	const struct registry_peer *peers =
	    registry_peers(publish_current(f->small.site->publish), &count);

	small_site_add_tunnel(&f->small, 0, 1);
	small_site_add_liturgy(&f->small);
	text = get(f, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_holds(text, "\ncathedral_info{version=\"1.2.3\"} 1\n");
	assert_holds(text, "\ncathedral_tunnels 1\n");
	assert_holds(text, "\ncathedral_draining 0\n");
	assert_holds(text, "\ncathedral_liturgies 1\n");
	assert_holds(text, "\ncathedral_identities 0\n");
	assert_holds(text, "\ncathedral_identities_capacity 1024\n");
	assert_holds(text, "\ncathedral_registry_flocks 2\n");
	assert_holds(text, "\ncathedral_registry_devices 3\n");
	assert_holds(text, "\ncathedral_registry_peers 1\n");
	assert_holds(text, "\ncathedral_reload_ok 1\n");
	assert_holds(text, "\ncathedral_reload_timestamp_seconds 1700000000\n");
	assert_holds(text, "\ncathedral_reloads_total 1\n");
	assert_holds(text, "\ncathedral_peer_offers_total{peer=\"198.51.100.7:4500\"} 0\n");
	assert_holds(text, "\ncathedral_peer_letters{peer=\"198.51.100.7:4500\"} 0\n");
	assert_null(strstr(text, "cathedral_peer_heard_age_seconds{")); /* never heard */
	free(text);

	atomic_store(&f->small.site->draining, true);
	f->small.reload.ok = false;
	peer_heard_letter(peers[0].stats, 7, clock_now().mono_ns - 5 * NS_PER_S);
	text = get(f, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_holds(text, "\ncathedral_reload_ok 0\n");
	assert_holds(text, "\ncathedral_draining 1\n");
	assert_holds(text, "\ncathedral_handovers_total 7\n");
	assert_holds(text, "\ncathedral_handovers_failed_total 2\n");
	assert_holds(text, "\ncathedral_handover_timestamp_seconds 1700000001\n");
	assert_holds(text, "\ncathedral_handover_gap_seconds 0.002500\n");
	assert_holds(text, "\ncathedral_state_ok 1\n");
	assert_holds(text, "\ncathedral_state_timestamp_seconds 1700000002\n");
	assert_holds(text, "\ncathedral_state_write_seconds 0.001500\n");
	assert_holds(text, "\ncathedral_peer_heard_age_seconds{peer=\"198.51.100.7:4500\"} 5.0");
	assert_holds(text, "\ncathedral_peer_letters{peer=\"198.51.100.7:4500\"} 1\n");
	free(text);
}

static void
test_only_loopback_addresses_are_served(void **state)
{
	struct fixture *f = *state;
	struct metrics_options options = { .overview = &f->small.overview };
	struct fault why;

	assert_true(endpoint_parse(&options.at, "192.0.2.1:9464"));
	assert_null(metrics_create(f->base, &options, &why));
	assert_string_equal(why.text, "metrics 192.0.2.1:9464: not a loopback address");
	assert_true(endpoint_parse(&options.at, "0.0.0.0:9464"));
	assert_null(metrics_create(f->base, &options, &why));
	assert_true(endpoint_parse(&options.at, "[::]:9464"));
	assert_null(metrics_create(f->base, &options, &why));
}

static void
test_a_taken_address_is_refused(void **state)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct fixture *f = *state;
	struct metrics_options options = { .at = endpoint_from_ipv4(loopback, f->port),
		.overview = &f->small.overview };
	struct fault why;
	char expected[128];

	assert_null(metrics_create(f->base, &options, &why));
	snprintf(
	    expected, sizeof(expected), "metrics 127.0.0.1:%u: Address already in use", f->port);
	assert_string_equal(why.text, expected);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_http),
		TEST(test_length_and_type),
		TEST(test_an_endless_request_is_cut_off),
		TEST(test_the_text_is_well_formed),
		TEST(test_every_counter_is_there_and_sums_up),
		TEST(test_gauges),
		TEST(test_budgets),
		TEST(test_only_loopback_addresses_are_served),
		TEST(test_a_taken_address_is_refused),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

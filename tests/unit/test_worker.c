/* SPDX-License-Identifier: ISC */
/* Threads with real sockets around a site: what comes in is counted, by the thread that it met. */
#include "cathedral/io/worker.h"

#include "base/clock.h"
#include "cathedral/io/scanner.h"
#include "tests/support/small_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 4500

struct fixture {
	struct small_site small;
	struct listener listeners[2];
	struct sockets sockets;
	struct worker *workers[SMALL_SITE_WORKERS];
	struct scanner *scanner;
};

static struct endpoint
own_address(uint16_t port)
{
	uint32_t pid = (uint32_t)getpid();
	const uint8_t ip[4] = { 127, (uint8_t)(192 + (pid >> 16) % 32), (uint8_t)(pid >> 8),
		(uint8_t)pid };

	return endpoint_from_ipv4(ip, port);
}

static int
setup_with(void **state, uint64_t spin_ns)
{
	const struct sockets_options options = {
		.workers = SMALL_SITE_WORKERS, .buffer = 1 << 20, .merge = true
	};
	const struct scanner_options scanner = { .slot = SMALL_SITE_WORKERS, .percent = 10 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct fault why = { "" };

	assert_non_null(f);
	small_site_open(&f->small);
	f->listeners[0] = (struct listener){ .main = own_address(PORT), .nat_port = PORT + 1 };
	f->listeners[1] = (struct listener){ .main = own_address(PORT + 2), .shrouded = true };
	memcpy(f->small.site->options.listeners, f->listeners, sizeof(f->listeners));
	f->small.site->options.listener_count = 2;
	if (!sockets_open(&f->sockets, f->listeners, 2, &options, &why))
		fail_msg("%s", why.text);
	for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++) {
		const struct worker_options worker = { .number = n, .spin_ns = spin_ns };

		f->workers[n] = worker_start(f->small.site, &f->sockets, &worker,
		    &f->small.stats[n], &f->small.random, &why);
		if (f->workers[n] == NULL)
			fail_msg("%s", why.text);
		worker_call(f->workers[n]);
		worker_await(f->workers[n]);
	}
	f->scanner = scanner_start(f->small.site, &f->sockets, &scanner,
	    &f->small.stats[SMALL_SITE_WORKERS], &f->small.random, &why);
	if (f->scanner == NULL)
		fail_msg("%s", why.text);
	scanner_resume(f->scanner);
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, 0);
}

static int
setup_spinning(void **state)
{
	return setup_with(state, 20 * NS_PER_MS);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	scanner_stop(f->scanner);
	for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
		worker_stop(f->workers[n]);
	sockets_close(&f->sockets);
	small_site_close(&f->small);
	free(f);
	return 0;
}

/* From a new port each time, so that the kernel spreads them over the workers. */
static void
send_from_anywhere(const struct endpoint *to, const void *data, size_t len)
{
	struct sockaddr_storage address;
	socklen_t address_len = endpoint_to_sockaddr(to, &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(
	    sendto(fd, data, len, 0, (const struct sockaddr *)&address, address_len), len);
	close(fd);
}

/* Waits until so many packets ended in this verdict, over all threads. */
static void
expect_verdicts(const struct fixture *f, enum verdict v, uint64_t count)
{
	uint64_t end = clock_now().mono_ns + 5 * NS_PER_S;
	struct stats_sum sum;

	do {
		sum = overview_sum(&f->small.overview);
		usleep(1000);
	} while (sum.verdicts[v] < count && clock_now().mono_ns < end);
	assert_int_equal(sum.verdicts[v], count);
}

static void
test_both_ports_and_all_workers_take_packets(void **state)
{
	struct fixture *f = *state;
	struct endpoint nat = own_address(PORT + 1);
	uint8_t small[10] = { 0 };

	for (int i = 0; i < 200; i++)
		send_from_anywhere(i % 2 == 0 ? &f->listeners[0].main : &nat, small, sizeof(small));
	expect_verdicts(f, VERDICT_DROP_SIZE, 200);
	/* All 200 with one of two workers happens once in 2^199 runs. */
	for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
		assert_int_not_equal(stats_get(&f->small.stats[n].rx_packets), 0);
	assert_int_equal(overview_sum(&f->small.overview).rx_packets, 200);
	assert_int_equal(overview_sum(&f->small.overview).tx_packets, 0);
}

static void
test_unknown_identities_meet_the_scanner(void **state)
{
	struct fixture *f = *state;
	uint64_t end = clock_now().mono_ns + 5 * NS_PER_S;
	uint8_t shrouded[200];

	memset(shrouded, 0x5a, sizeof(shrouded));
	send_from_anywhere(&f->listeners[1].main, shrouded, sizeof(shrouded));
	expect_verdicts(f, VERDICT_DROP_UNKNOWN_IDENTITY, 1);
	while (stats_get(&f->small.stats[SMALL_SITE_WORKERS].identity_scans) == 0 &&
	       clock_now().mono_ns < end)
		usleep(1000);
	assert_int_equal(stats_get(&f->small.stats[SMALL_SITE_WORKERS].identity_scans), 1);
	assert_int_equal(stats_get(&f->small.stats[SMALL_SITE_WORKERS].identity_found), 0);
}

static void
test_idle_workers_show_that_they_live(void **state)
{
	struct fixture *f = *state;
	uint64_t first = worker_beat_ns(f->workers[0]), end = clock_now().mono_ns + 5 * NS_PER_S;

	while (worker_beat_ns(f->workers[0]) == first && clock_now().mono_ns < end)
		usleep(10000);
	assert_true(worker_beat_ns(f->workers[0]) > first);
}

/* While they rest packets wait, and none is lost. */
static void
test_they_rest_and_go_on(void **state)
{
	struct fixture *f = *state;
	uint8_t garbage[100] = { 0 };

	for (int round = 0; round < 3; round++) {
		scanner_pause(f->scanner);
		for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
			worker_ask(f->workers[n]);
		for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
			worker_pause(f->workers[n]);
		for (int n = 0; n < 20; n++)
			send_from_anywhere(&f->listeners[0].main, garbage, 10);
		usleep(20000);
		assert_int_equal(overview_sum(&f->small.overview).rx_packets, 20 * round);
		for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
			worker_call(f->workers[n]);
		for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++)
			worker_await(f->workers[n]);
		scanner_resume(f->scanner);
		expect_verdicts(f, VERDICT_DROP_SIZE, 20 * ((uint64_t)round + 1));
	}
	worker_pause(f->workers[0]);
	worker_pause(f->workers[0]); /* twice is fine */
	scanner_pause(f->scanner);
	scanner_pause(f->scanner);
}

/* Once begun, a worker would serve for ever: stopping must not wait for a packet. */
static void
test_stopping_is_prompt(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = clock_now().mono_ns;

	scanner_stop(f->scanner);
	f->scanner = NULL;
	for (unsigned n = 0; n < SMALL_SITE_WORKERS; n++) {
		worker_stop(f->workers[n]);
		f->workers[n] = NULL;
	}
	assert_true(clock_now().mono_ns - begin < NS_PER_S);
	worker_stop(NULL);
	scanner_stop(NULL);
}

static uint64_t
cpu_ns(void)
{
	struct rusage used;

	assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

/* Who looks again and again finds every packet, goes to sleep after the last, and can be stopped.
 */
static void
test_spinning_ends_in_sleep(void **state)
{
	struct fixture *f = *state;
	uint64_t before = cpu_ns(), spun, asleep;
	uint8_t small[10] = { 0 };

	for (int i = 0; i < 50; i++) {
		send_from_anywhere(&f->listeners[0].main, small, sizeof(small));
		usleep(2000);
	}
	expect_verdicts(f, VERDICT_DROP_SIZE, 50);
	spun = cpu_ns() - before;
	usleep(100000); /* five times as long as they spin */
	before = cpu_ns();
	usleep(300000);
	asleep = cpu_ns() - before;
	assert_true(spun > 20 * NS_PER_MS);
	assert_true(asleep < 20 * NS_PER_MS);
	test_stopping_is_prompt(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ports_and_all_workers_take_packets),
		TEST(test_unknown_identities_meet_the_scanner),
		TEST(test_idle_workers_show_that_they_live),
		TEST(test_they_rest_and_go_on),
		TEST(test_stopping_is_prompt),
		cmocka_unit_test_setup_teardown(
		    test_spinning_ends_in_sleep, setup_spinning, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

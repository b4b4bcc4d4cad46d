/* SPDX-License-Identifier: ISC */
/*
 * What sleeping costs: a real worker and its sockets relay single packets, one after the other, at
 * rates at which it sleeps between them, without and with spinning.  How long a packet takes, from
 * before it is sent until it is read, and the worker's CPU for it.
 */
#include "base/clock.h"
#include "cathedral/io/worker.h"
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"
#include "tests/support/pinned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS 2000
#define ROUNDS  5
#define LEN     512
#define PORT    14500

static const uint64_t spins_us[] = { 0, 20, 50, 100 };
static const unsigned rates[] = { 1000, 10000, 20000 };

#define SPINS (sizeof(spins_us) / sizeof(spins_us[0]))
#define RATES (sizeof(rates) / sizeof(rates[0]))

struct times {
	double p50[ROUNDS], p99[ROUNDS], cpu[ROUNDS];
};

static struct random randomness;
static struct endpoint first_at, second_at, cathedral_at;
static int first, second;

static void
give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int
udp_open(struct endpoint *at)
{
	struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&any, &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1)
		give_up("socket");
	len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1 ||
	    !endpoint_from_sockaddr(at, &address))
		give_up("getsockname");
	return fd;
}

/* Of all threads, less this one's: that is the worker's. */
static uint64_t
worker_cpu_ns(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000 -
	       clock_thread_cpu_ns();
}

/* This thread never sleeps: it is not what is measured. */
static double
packet_us(const uint8_t *packet, size_t len, uint64_t due_ns)
{
	struct sockaddr_storage to;
	socklen_t to_len = endpoint_to_sockaddr(&cathedral_at, &to);
	uint8_t back[2 * LEN];
	uint64_t sent;

	while (clock_now().mono_ns < due_ns)
		;
	sent = clock_now().mono_ns;
	if (sendto(first, packet, len, 0, (struct sockaddr *)&to, to_len) != (ssize_t)len)
		give_up("sendto");
	while (recv(second, back, sizeof(back), MSG_DONTWAIT) == -1) {
		if (clock_now().mono_ns > sent + NS_PER_S)
			give_up("a packet was lost");
	}
	return (double)(clock_now().mono_ns - sent) / 1000;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
measure(const uint8_t *packet, size_t len, unsigned rate, struct times *t, size_t round)
{
	static double took[PACKETS];
	uint64_t cpu = worker_cpu_ns(), due = clock_now().mono_ns;
	size_t count = rate < 2000 ? PACKETS / 4 : PACKETS;

	for (size_t n = 0; n < count; n++) {
		took[n] = packet_us(packet, len, due);
		due += NS_PER_S / rate;
		if (due < clock_now().mono_ns) /* late: no burst to make up for it */
			due = clock_now().mono_ns;
	}
	t->cpu[round] = (double)(worker_cpu_ns() - cpu) / 1000 / (double)count;
	qsort(took, count, sizeof(took[0]), compare);
	t->p50[round] = took[count / 2];
	t->p99[round] = took[count * 99 / 100];
}

static void
run(size_t spin, struct site *site, const struct sockets *sockets, const uint8_t *packet,
    struct times (*times)[RATES], size_t round)
{
	const struct worker_options options = { .spin_ns = spins_us[spin] * 1000 };
	static struct stats stats;
	struct fault why;
	struct worker *w;

	stay_on(1); /* what is started here stays there */
	w = worker_start(site, sockets, &options, &stats, &randomness, &why);
	if (w == NULL)
		give_up(why.text);
	worker_call(w);
	stay_on(0);
	for (size_t r = 0; r < RATES; r++)
		measure(packet, LEN, rates[r], &times[spin][r], round);
	worker_stop(w);
}

static void
report(struct times *t, const struct times *without, uint64_t spin_us, unsigned rate, size_t rounds)
{
	char name[96];
	double p50 = median(t->p50, rounds), cpu = median(t->cpu, rounds);
	struct figure f = { name, p50, "us",
		p50 / median((double *)(uintptr_t)without->p50, rounds), "no spinning", NULL };

	snprintf(name, sizeof(name), "spin %u us, %u packets/s: p50", (unsigned)spin_us, rate);
	figure_print(&f);
	f = (struct figure){ name, median(t->p99, rounds), "us", 0, NULL, NULL };
	snprintf(name, sizeof(name), "... p99");
	figure_print(&f);
	f = (struct figure){ name, cpu, "us/packet",
		cpu / median((double *)(uintptr_t)without->cpu, rounds), "no spinning", NULL };
	snprintf(name, sizeof(name), "... CPU of the worker");
	figure_print(&f);
}

int
main(void)
{
	static struct times times[SPINS][RATES];
	struct site_options site_options = SITE_OPTIONS_DEFAULT;
	struct sockets_options options = { .workers = 1, .buffer = 1 << 20, .merge = true };
	struct crowd_packet what = { .len = LEN };
	struct crowd_places places = { .apart = false };
	struct sockets sockets;
	struct fault why;
	struct site *site;
	uint8_t packet[2 * LEN];
	size_t rounds = bench_is_short() ? 1 : ROUNDS;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	first = udp_open(&first_at);
	second = udp_open(&second_at);
	cathedral_at = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, PORT);
	site_options.listener_count = 1;
	site_options.listeners[0].main = cathedral_at;
	site = site_create(&site_options, crowd_registry(1, 2, &randomness), 1, &randomness);
	if (site == NULL || !sockets_open(&sockets, site_options.listeners, 1, &options, &why))
		give_up("cathedral");
	places.first = first_at;
	places.second = second_at;
	crowd_meet(site, 1, &places, clock_now().mono_ns);
	crowd_packet(packet, &what, site, clock_now(), &randomness);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t spin = 0; spin < SPINS; spin++)
			run(spin, site, &sockets, packet, times, round);
	}
	for (size_t r = 0; r < RATES; r++) {
		for (size_t spin = 0; spin < SPINS; spin++)
			report(&times[spin][r], &times[0][r], spins_us[spin], rates[r], rounds);
	}
	sockets_close(&sockets);
	return EXIT_SUCCESS;
}

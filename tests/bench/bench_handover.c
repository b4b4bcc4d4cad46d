/* SPDX-License-Identifier: ISC */
/*
 * How long nobody serves when one process takes over from another, and how long the whole takes:
 * two real processes with two workers each, and a fifth of the tunnels changing each second, as
 * infos every 5 s do, until the workers stop.
 */
#include "cathedral/io/crew.h"
#include "cathedral/io/taker.h"
#include "tests/support/figure.h"
#include "tests/support/heritage.h"
#include "tests/support/predecessor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 11

static void
give_up(const char *what, const struct fault *why)
{
	fprintf(stderr, "%s: %s\n", what, why->text);
	exit(1);
}

struct took {
	double gap_ms, all_ms;
};

static struct took
take_over(unsigned tunnels)
{
	const struct predecessor_options options = { .tunnels = tunnels, .stirred = tunnels / 5 };
	struct predecessor p;
	struct small_site s;
	struct sockets sockets;
	struct overview_succession report = { 0 };
	struct fault why;
	struct taker *t;
	struct crew *crew;
	uint64_t begin_ns;
	struct took took;

	predecessor_start(&p, &options);
	small_site_open(&s);
	heritage_listen(s.site, 1);
	s.site->options.listeners[0] = p.listener;
	t = taker_knock(p.door, "2.0.0", &why);
	if (t == NULL || !sockets_take(&sockets, &p.listener, 1, taker_sockets(t),
			     &(struct sockets_options){ .buffer = 65536 }, &why))
		give_up("sockets", &why);
	crew = crew_start(&(struct crew_options){ .site = s.site,
			      .sockets = &sockets,
			      .workers = SMALL_SITE_WORKERS,
			      .lookup_percent = 10,
			      .stats = s.stats,
			      .seed = &s.random },
	    &why);
	if (crew == NULL)
		give_up("workers", &why);
	begin_ns = clock_now().mono_ns;
	if (taker_take(t, s.site, &why) != TAKER_GO)
		give_up("taking over", &why);
	taker_serves(t, crew_resume(crew));
	took.all_ms = (double)(clock_now().mono_ns - begin_ns) / 1e6;
	taker_report(t, &report);
	took.gap_ms = (double)report.gap_ns / 1e6;
	if (tunnels_count(s.site->tunnels) != tunnels) {
		fprintf(stderr, "only %zu tunnels came\n", tunnels_count(s.site->tunnels));
		exit(1);
	}
	taker_destroy(t);
	crew_stop(crew);
	sockets_close(&sockets);
	small_site_close(&s);
	predecessor_end(&p);
	return took;
}

static void
measure(unsigned tunnels, size_t rounds)
{
	double gaps[ROUNDS], alls[ROUNDS], worst = 0;
	char name[64];

	for (size_t n = 0; n < rounds; n++) {
		struct took took = take_over(tunnels);

		gaps[n] = took.gap_ms;
		alls[n] = took.all_ms;
		worst = took.gap_ms > worst ? took.gap_ms : worst;
	}
	snprintf(name, sizeof(name), "nobody serves, %u tunnels", tunnels);
	figure_print(&(struct figure){
	    .name = name, .value = median(gaps, rounds), .unit = "ms", .goal = "below 1" });
	snprintf(name, sizeof(name), "the longest of %zu", rounds);
	figure_print(&(struct figure){ .name = name, .value = worst, .unit = "ms" });
	snprintf(name, sizeof(name), "all of it, %u tunnels", tunnels);
	figure_print(&(struct figure){ .name = name, .value = median(alls, rounds), .unit = "ms" });
}

int
main(void)
{
	size_t rounds = bench_is_short() ? 1 : ROUNDS;

	signal(SIGPIPE, SIG_IGN);
	measure(1000, rounds);
	measure(10000, rounds);
	measure(100000, rounds);
	return 0;
}

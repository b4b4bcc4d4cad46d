/* SPDX-License-Identifier: ISC */
/*
 * What a device list costs the API with few flocks and with many: the real program, kept-alive
 * connections, a database on a real disk.  Compared with the HTTP library that answers the same
 * bytes to everybody; both have one thread on a CPU of its own, and so has the client, which never
 * sleeps.  They take turns.
 */
#include "base/clock.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/load.h"
#include "tests/support/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MOST   7
#define READERS       16 /* connections */
#define ASKED         4096
#define REQUEST_ROOM  320
#define MEMORY_FLOCKS 100000

static unsigned rounds = ROUNDS_MOST;
static uint64_t run_ns = NS_PER_S;

/* Of one size. */
struct place {
	struct estate estate;
	struct served served;
	struct load_request requests[ASKED];
	char texts[ASKED][REQUEST_ROOM];
	size_t count;
};

/* Each round's values. */
struct cost {
	double rate[ROUNDS_MOST], cpu_us[ROUNDS_MOST], client_us[ROUNDS_MOST];
	double p99_full_us[ROUNDS_MOST], p99_half_us[ROUNDS_MOST];
};

static void
write_requests(struct place *p)
{
	char token[TOKEN_TEXT];

	p->count = p->estate.flocks < ASKED ? p->estate.flocks : ASKED;
	for (size_t i = 0; i < p->count; i++) {
		uint32_t n = estate_nth(&p->estate, i);

		estate_token(n, token);
		p->requests[i].bytes = p->texts[i];
		p->requests[i].len = (size_t)snprintf(p->texts[i], REQUEST_ROOM,
		    "GET /v1/flocks/%016" PRIx64 "/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		    "User-Agent: bench\r\nAccept: */*\r\nx-token: %s\r\n\r\n",
		    estate_flock(n).value, token);
	}
}

/* As many as it answers; then half as many, at their times. */
static void
ask(const struct place *p, const struct child *c, struct cost *cost, unsigned round)
{
	struct load l = { .at = c->at,
		.connections = READERS,
		.requests = p->requests,
		.count = p->count,
		.run_ns = run_ns,
		.status = 200,
		.spins = true };
	uint64_t before = child_cpu_ns(c);
	struct load_result full, half;

	load_run_well(&l, &full);
	cost->rate[round] = (double)full.answers / full.seconds;
	cost->cpu_us[round] = (double)(child_cpu_ns(c) - before) / 1e3 / (double)full.answers;
	cost->client_us[round] = full.cpu_us;
	cost->p99_full_us[round] = full.p99_us;
	l.every_ns = (uint64_t)(2 * READERS * 1e9 / cost->rate[round]);
	load_run_well(&l, &half);
	cost->p99_half_us[round] = half.p99_us;
}

static void
print(const struct place *p, const char *name, struct figure f)
{
	figure_print_of(f, name, p->estate.flocks, "flocks");
}

/* Ratio and goal: as f has them. */
static void
print_middle(const struct place *p, const char *name, double *values, struct figure f)
{
	f.value = median(values, rounds);
	print(p, name, f);
}

static void
report(const struct place *p, struct cost *ours, struct cost *bare)
{
	double rate[ROUNDS_MOST], full[ROUNDS_MOST], half[ROUNDS_MOST];
	const struct figure a_second = { .unit = "a second" }, us = { .unit = "us" };

	for (unsigned i = 0; i < rounds; i++) {
		rate[i] = ours->rate[i] / bare->rate[i];
		full[i] = ours->p99_full_us[i] / bare->p99_full_us[i];
		half[i] = ours->p99_half_us[i] / bare->p99_half_us[i];
	}
	print_middle(p, "fixed answer", bare->rate, a_second);
	print_middle(p, "fixed answer, CPU", bare->cpu_us, us);
	print_middle(p, "the client's CPU for it, waiting too", bare->client_us, us);
	print_middle(p, "device list", ours->rate,
	    (struct figure){ .unit = "a second",
		.ratio = median(rate, rounds),
		.ratio_to = "fixed answers",
		.goal = "0.25" });
	print_middle(p, "device list, CPU", ours->cpu_us,
	    (struct figure){ .unit = "us", .goal = "below 40" });
	print_middle(p, "device list, p99 with 16 waiting", ours->p99_full_us,
	    (struct figure){
		.unit = "us", .ratio = median(full, rounds), .ratio_to = "fixed answers" });
	print_middle(p, "device list, p99 at half the rate", ours->p99_half_us,
	    (struct figure){
		.unit = "us", .ratio = median(half, rounds), .ratio_to = "fixed answers" });
}

static void
measure(struct place *p)
{
	const struct served_options o = {
		.folder = p->estate.folder, .place = CHILD_APART, .threads = 1
	};
	struct child bare = child_function(bare_answer, child_free_port(), CHILD_APART);
	struct cost ours, theirs;

	p->served = served_start(&o);
	bench_stay_apart();
	for (unsigned i = 0; i < rounds; i++) {
		ask(p, &bare, &theirs, i);
		ask(p, &p->served.child, &ours, i);
	}
	bench_go_anywhere();
	report(p, &ours, &theirs);
	print(p, "memory, at its most",
	    (struct figure){ .value = (double)child_memory_kib(&p->served.child, "VmHWM") / 1024,
		.unit = "MiB",
		.goal = p->estate.flocks == MEMORY_FLOCKS ? "below 64" : NULL });
	child_end(&bare);
	served_end(&p->served);
}

int
main(void)
{
	const uint32_t sizes[] = { 10, 1000, 100000 };
	struct place *p = calloc(1, sizeof(*p));
	size_t count = bench_is_short() ? 2 : 3;

	if (p == NULL)
		bench_give_up("memory");
	if (bench_is_short()) {
		rounds = 1;
		run_ns = NS_PER_S / 4;
	}
	for (size_t i = 0; i < count; i++) {
		char folder[BENCH_FOLDER];

		bench_folder_make(folder);
		estate_make(&p->estate, folder, sizes[i]);
		estate_close(&p->estate);
		write_requests(p);
		measure(p);
		bench_folder_remove(folder);
	}
	free(p);
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: ISC */
/*
 * What others notice while many connections are held open, and while many bodies come in byte by
 * byte: device lists at a steady pace, with and without, in turns, each measured from the moment
 * when it was due.  The limits of the service are its usual ones but for connections of one source,
 * since all of this comes from one; bodies have three seconds instead of fifteen, so that it is
 * seen how they end.
 */
#include "base/clock.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/load.h"
#include "tests/support/served.h"
#include "tests/support/siege.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS_MOST  7
#define FLOCKS       1000
#define OTHERS       16              /* connections of those who are served */
#define EVERY_NS     (8 * NS_PER_MS) /* 2,000 requests a second in all */
#define IDLE         10000
#define SLOW         1000
#define SLOW_RATE    2000 /* bytes a second, of all of them */
#define REQUEST_ROOM 320

static unsigned rounds = ROUNDS_MOST;
static uint64_t run_ns = 2 * NS_PER_S;
static struct load_request requests[FLOCKS];
static char texts[FLOCKS][REQUEST_ROOM];

static const char slow_head[] = "POST /v1/flocks/6442a01510d91a00/devices HTTP/1.1\r\n"
				"Host: 127.0.0.1\r\nContent-Length: 4000\r\n\r\n";

static void
write_requests(void)
{
	char token[TOKEN_TEXT];

	for (uint32_t n = 0; n < FLOCKS; n++) {
		estate_token(n, token);
		requests[n].bytes = texts[n];
		requests[n].len = (size_t)snprintf(texts[n], REQUEST_ROOM,
		    "GET /v1/flocks/%016" PRIx64 "/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		    "x-token: %s\r\n\r\n",
		    estate_flock(n).value, token);
	}
}

static double
p99_us(const struct served *s)
{
	const struct load l = { .at = s->child.at,
		.connections = OTHERS,
		.requests = requests,
		.count = FLOCKS,
		.run_ns = run_ns,
		.every_ns = EVERY_NS,
		.status = 200 };
	struct load_result result;

	load_run_well(&l, &result);
	return result.p99_us;
}

/* Time for what came before to be gone. */
static void
settle(const struct served *s)
{
	const struct timespec step = { .tv_nsec = 20 * NS_PER_MS };

	while (served_metric(s, "reliquary_api_connections") > 0)
		nanosleep(&step, NULL);
}

static void
print(const char *name, double value, const char *unit)
{
	struct figure f = { .name = name, .value = value, .unit = unit };

	figure_print(&f);
}

static void
compare(const char *name, double *before, double *during)
{
	double ratio[ROUNDS_MOST];
	struct figure f = { .name = name, .unit = "us", .ratio_to = "that alone", .goal = "2.00" };

	for (unsigned i = 0; i < rounds; i++)
		ratio[i] = during[i] / before[i];
	print("device list, 99 of 100 within, alone", median(before, rounds), "us");
	f.value = median(during, rounds);
	f.ratio = median(ratio, rounds);
	figure_print(&f);
}

/* asked: what each of them asks once, when it comes; NULL: nothing. */
static void
hold_idle(const struct served *s, const char *name, const char *asked)
{
	double before[ROUNDS_MOST], during[ROUNDS_MOST], held = IDLE, memory = 0;

	for (unsigned i = 0; i < rounds; i++) {
		struct siege *idle;

		before[i] = p99_us(s);
		idle = siege_idle(&s->child.at, IDLE, asked);
		during[i] = p99_us(s);
		held = (double)siege_standing(idle) < held ? (double)siege_standing(idle) : held;
		memory = (double)child_memory_kib(&s->child, "VmRSS") / 1024;
		siege_end(idle);
		settle(s);
	}
	compare(name, before, during);
	figure_print(&(struct figure){
	    .name = "... of which are held", .value = held, .unit = "", .goal = "10000" });
	print("... memory", memory, "MiB");
}

static void
drip_slowly(const struct served *s)
{
	double before[ROUNDS_MOST], during[ROUNDS_MOST], out = 0;

	for (unsigned i = 0; i < rounds; i++) {
		struct siege *slow;

		before[i] = p99_us(s);
		slow = siege_drip(&s->child.at, SLOW, slow_head, SLOW_RATE);
		during[i] = p99_us(s);
		during[i] = run_ns < 2 * NS_PER_S ? during[i] : p99_us(s);
		out += (double)siege_thrown_out(slow);
		siege_end(slow);
		settle(s);
	}
	compare("... with 1,000 bodies that come byte by byte", before, during);
	print("... of which thrown out", out, "");
}

static void
besiege(const char *folder)
{
	const struct served_options o = {
		.folder = folder, .idle_timeout = "10m", .body_timeout = "3s"
	};
	struct served s;

	s = served_start(&o);
	hold_idle(&s, "... with 10,000 connections that say nothing", NULL);
	served_end(&s);
	s = served_start(&o);
	hold_idle(&s, "... with 10,000 that have asked, and idle", texts[0]);
	drip_slowly(&s);
	served_end(&s);
}

static void
allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		bench_give_up("RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		bench_give_up("RLIMIT_NOFILE");
}

int
main(void)
{
	char folder[BENCH_FOLDER];
	struct estate e;

	if (bench_is_short()) {
		rounds = 1;
		run_ns = NS_PER_S / 2;
	}
	allow_files();
	bench_folder_make(folder);
	estate_make(&e, folder, FLOCKS);
	estate_close(&e);
	write_requests();
	besiege(folder);
	bench_folder_remove(folder);
	return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/io/crew.h"

#include "base/clock.h"
#include "cathedral/io/scanner.h"
#include "cathedral/io/worker.h"

#include <sched.h>
#include <stdlib.h>

struct crew {
	struct scanner *scanner;
	unsigned count;
	struct worker *workers[];
};

unsigned
crew_size(unsigned wanted, unsigned most)
{
	cpu_set_t cpus;
	int count;

	if (wanted != 0)
		return wanted;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == -1)
		return 1;
	count = CPU_COUNT(&cpus);
	return count < 1 ? 1 : (unsigned)count > most ? most : (unsigned)count;
}

static bool
start(struct crew *c, const struct crew_options *o, struct fault *why)
{
	const struct scanner_options scanner = {
		.slot = o->workers,
		.percent = o->lookup_percent,
	};

	while (c->count < o->workers) {
		unsigned n = c->count;
		const struct worker_options worker = { n, o->spin_ns };

		c->workers[n] =
		    worker_start(o->site, o->sockets, &worker, &o->stats[n], o->seed, why);
		if (c->workers[n] == NULL)
			return false;
		c->count++;
	}
	c->scanner =
	    scanner_start(o->site, o->sockets, &scanner, &o->stats[o->workers], o->seed, why);
	return c->scanner != NULL;
}

struct crew *
crew_start(const struct crew_options *options, struct fault *why)
{
	struct crew *c = calloc(1, sizeof(*c) + options->workers * sizeof(c->workers[0]));

	if (c == NULL) {
		fault_set(why, "workers: out of memory");
		return NULL;
	}
	if (start(c, options, why))
		return c;
	crew_stop(c);
	return NULL;
}

/* The scanner first: it may be in the middle of a long search, and the packets need the workers. */
uint64_t
crew_pause(struct crew *c)
{
	uint64_t since_ns;

	scanner_pause(c->scanner);
	since_ns = clock_now().mono_ns;
	for (unsigned n = 0; n < c->count; n++)
		worker_ask(c->workers[n]);
	for (unsigned n = 0; n < c->count; n++)
		worker_pause(c->workers[n]);
	return since_ns;
}

uint64_t
crew_resume(struct crew *c)
{
	uint64_t since_ns;

	for (unsigned n = 0; n < c->count; n++)
		worker_call(c->workers[n]);
	for (unsigned n = 0; n < c->count; n++)
		worker_await(c->workers[n]);
	since_ns = clock_now().mono_ns;
	scanner_resume(c->scanner);
	return since_ns;
}

int
crew_hanging(const struct crew *c, uint64_t now_ns, uint64_t for_ns)
{
	for (unsigned n = 0; n < c->count; n++) {
		if (worker_beat_ns(c->workers[n]) + for_ns < now_ns)
			return (int)n;
	}
	return -1;
}

void
crew_stop(struct crew *c)
{
	if (c == NULL)
		return;
	scanner_stop(c->scanner);
	for (unsigned n = 0; n < c->count; n++)
		worker_ask(c->workers[n]);
	for (unsigned n = 0; n < c->count; n++)
		worker_stop(c->workers[n]);
	free(c);
}

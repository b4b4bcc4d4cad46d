/* SPDX-License-Identifier: ISC */
/* The threads that serve, workers and scanner, as one: all of them run, or rest, or are gone. */
#ifndef CATHEDRAL_IO_CREW_H
#define CATHEDRAL_IO_CREW_H

#include "base/fault.h"
#include "base/random.h"
#include "cathedral/io/sockets.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/stats.h"

#include <stdbool.h>
#include <stdint.h>

struct crew;

/* All borrowed; slot n of publish.h and of stats is worker n's, the one behind them the scanner's.
 */
struct crew_options {
	struct site *site;
	const struct sockets *sockets;
	unsigned workers;
	unsigned lookup_percent; /* of one CPU, for the scanner */
	uint64_t spin_ns;        /* as worker.h has it */
	struct stats *stats;
	struct random *seed;
};

/* How many workers: as many as wanted or, for 0, one for each CPU that we may use; most at most. */
unsigned crew_size(unsigned wanted, unsigned most);

/* All of them are there, and rest; NULL with the reason when one of them cannot be. */
struct crew *crew_start(const struct crew_options *options, struct fault *why);

/*
 * Nothing is received, sent or changed from when the first returns until the second is called, and
 * all that was received before has been dealt with.  They return the moments, monotonic, from which
 * on not everybody served, and everybody did.
 */
uint64_t crew_pause(struct crew *c);
uint64_t crew_resume(struct crew *c);

/* A worker that did not go round for so long, or -1. */
int crew_hanging(const struct crew *c, uint64_t now_ns, uint64_t for_ns);

/* Waits for them, running or not; NULL is fine. */
void crew_stop(struct crew *c);

#endif

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
	bool resting;            /* no packet is read before crew_resume() */
	struct stats *stats;
	struct random *seed;
};

/* How many workers: as many as wanted or, for 0, one for each CPU that we may use; most at most. */
unsigned crew_size(unsigned wanted, unsigned most);

/* They run when it returns, unless they are to rest first; NULL with the reason when one of them
 * cannot. */
struct crew *crew_start(const struct crew_options *options, struct fault *why);

/*
 * Nothing is received, sent or changed from when it returns until crew_resume(), and all that was
 * received before has been dealt with.  Returns the moment from which on not everybody served.
 */
uint64_t crew_pause(struct crew *c);
bool crew_resume(struct crew *c, struct fault *why);

/* A worker that did not go round for so long, or -1. */
int crew_hanging(const struct crew *c, uint64_t now_ns, uint64_t for_ns);

/* Waits for them, running or not; NULL is fine. */
void crew_stop(struct crew *c);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * A thread that only moves packets: its own sockets -> its own pipeline -> its own sockets.  What
 * it does with them is relay/pipeline.h.
 */
#ifndef CATHEDRAL_IO_WORKER_H
#define CATHEDRAL_IO_WORKER_H

#include "base/fault.h"
#include "base/random.h"
#include "cathedral/io/sockets.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/stats.h"

#include <stdint.h>

struct worker;

struct worker_options {
	unsigned number;  /* also its slot of publish.h */
	uint64_t spin_ns; /* how long it looks for more packets before it sleeps */
};

/*
 * It rests until worker_call().  site, sockets and stats are borrowed.  NULL with the reason when
 * it cannot.
 */
struct worker *worker_start(struct site *site, const struct sockets *sockets,
    const struct worker_options *options, struct stats *stats, struct random *seed,
    struct fault *why);

/* When it last went round, monotonic: at least once a second unless it hangs. */
uint64_t worker_beat_ns(const struct worker *w);

/* It serves from when the second returns; the first only calls, so that several begin together. */
void worker_call(struct worker *w);
void worker_await(struct worker *w);

/*
 * It rests from when the second returns, in the same way: all that it had received is dealt with,
 * and nothing is read until worker_call().
 */
void worker_ask(struct worker *w);
void worker_pause(struct worker *w);

/* Asks it to end, waits for that and frees it; NULL is fine. */
void worker_stop(struct worker *w);

#endif

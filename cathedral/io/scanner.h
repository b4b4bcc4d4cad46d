/* SPDX-License-Identifier: ISC */
/*
 * The thread that searches unknown shroud identities among all devices.  Strangers can make it
 * work, so it may use only a share of one CPU for what is in vain.  What finds a device that is
 * then believed is not counted: when a whole fleet comes back it may use all that is left of a CPU.
 */
#ifndef CATHEDRAL_IO_SCANNER_H
#define CATHEDRAL_IO_SCANNER_H

#include "base/fault.h"
#include "base/random.h"
#include "cathedral/io/sockets.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/stats.h"

#include <stdint.h>

struct scanner;

struct scanner_options {
	unsigned slot;    /* of publish.h */
	unsigned percent; /* of one CPU, for what is in vain */
};

/* It rests.  site, sockets and stats are borrowed; NULL with the reason when it cannot. */
struct scanner *scanner_start(struct site *site, const struct sockets *sockets,
    const struct scanner_options *options, struct stats *stats, struct random *seed,
    struct fault *why);

/* While it rests what waits for it waits longer. */
void scanner_pause(struct scanner *s);
void scanner_resume(struct scanner *s);

/* Ends it for good (also the site's lookups), waits and frees; NULL is fine. */
void scanner_stop(struct scanner *s);

/* CPU time that may be used: a share of the time that passes, and a little saved up. */
struct budget {
	unsigned percent;
	uint64_t seen_ns;  /* monotonic */
	int64_t credit_ns; /* below 0: overdrawn by the last piece of work */
};

#define BUDGET_BURST_NS (100 * INT64_C(1000000))

/* Starts full. */
struct budget budget_new(unsigned percent, uint64_t now_ns);

/* Adds what the time since the last call earned; returns how many ms to wait, 0 for none. */
unsigned budget_wait_ms(struct budget *b, uint64_t now_ns);

void budget_spend(struct budget *b, uint64_t cpu_ns);

/* What of a piece of work was in vain: count things were looked up, some of them accepted. */
uint64_t budget_in_vain(uint64_t cpu_ns, size_t count, size_t accepted);

#endif

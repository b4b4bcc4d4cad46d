/* SPDX-License-Identifier: ISC */
/* What comes in, counted: losses, duplicates, order, latency, silences.  Fixed memory. */
#ifndef TOOLS_CATHEDRAL_PROBE_METER_H
#define TOOLS_CATHEDRAL_PROBE_METER_H

#include "tools/cathedral-probe/stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_WINDOW (1u << 17) /* packets within which duplicates are told apart */

/* Times in buckets whose width is a 32nd of what is in them, so quantiles are 3 % off at most. */
#define HISTOGRAM_FINE    32
#define HISTOGRAM_BUCKETS (60 * HISTOGRAM_FINE)

struct histogram {
	uint64_t count, min_ns, max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The time that a part (0 to 1) of all stay below or at; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *h, double part);

struct meter {
	uint64_t run; /* of the sender; 0: none heard of yet */
	uint64_t first, highest;
	uint64_t received, run_received; /* without duplicates; of this run alone */
	uint64_t duplicates, reordered;
	uint64_t missed; /* in earlier runs */
	uint64_t bytes;
	uint64_t heard_ns, silence_ns; /* last packet, longest time without one */
	struct histogram latency;
	uint64_t seen[METER_WINDOW / 64];
};

/* Silence counts from now on. */
void meter_start(struct meter *m, uint64_t now_ns);

/* A packet that came in; a sender with another run began anew.  False for a duplicate. */
bool meter_take(struct meter *m, const struct stamp *s, size_t bytes, uint64_t now_ns);

/* Counts the silence up to now. */
void meter_silence(struct meter *m, uint64_t now_ns);

/* How many of those between the first and the last that came did not, as far as is known. */
uint64_t meter_lost(const struct meter *m);

#endif

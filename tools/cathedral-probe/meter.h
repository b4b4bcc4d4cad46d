/* SPDX-License-Identifier: ISC */
/* What comes in, counted: losses, duplicates, order, latency, silences.  Fixed memory. */
#ifndef TOOLS_CATHEDRAL_PROBE_METER_H
#define TOOLS_CATHEDRAL_PROBE_METER_H

#include "tools/cathedral-probe/stamp.h"
#include "tools/common/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_WINDOW (1u << 17) /* packets within which duplicates are told apart */

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

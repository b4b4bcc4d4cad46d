/* SPDX-License-Identifier: ISC */
/* A process from outside: what it has used, and, of a cathedral, what it has counted. */
#ifndef TOOLS_CATHEDRAL_LOAD_GAUGE_H
#define TOOLS_CATHEDRAL_LOAD_GAUGE_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct gauge {
	int64_t pid;         /* 0: not known */
	const char *control; /* its control socket, or NULL */
	/* Between gauge_begin() and gauge_end(): */
	uint64_t cpu_ns;
	json_t *before;
};

/* CPU time of all its threads. */
bool process_cpu_ns(int64_t pid, uint64_t *ret, struct fault *why);

/* What of it is in memory, in bytes. */
bool process_memory(int64_t pid, uint64_t *ret, struct fault *why);

/* How many files and sockets it has open; false when this is not for us to see. */
bool process_descriptors(int64_t pid, uint64_t *ret);

/* The packets of all threads of a cathedral since its start, by what became of them. */
json_t *gauge_counters(const char *control, struct fault *why);

bool gauge_begin(struct gauge *g, struct fault *why);

/*
 * What was used and counted since gauge_begin(): *cpu_ns is 0 when the process is not known;
 * *counted an object of those packet counters that grew, NULL without a control socket.
 */
bool gauge_end(struct gauge *g, uint64_t *cpu_ns, json_t **counted, struct fault *why);

#endif

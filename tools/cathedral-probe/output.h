/* SPDX-License-Identifier: ISC */
/* Events for people ("  5.012 a  info  relayed=yes ...") or for programs (a line of JSON). */
#ifndef TOOLS_CATHEDRAL_PROBE_OUTPUT_H
#define TOOLS_CATHEDRAL_PROBE_OUTPUT_H

#include "tools/cathedral-probe/probe.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct output {
	bool json, quiet; /* quiet: summaries only */
	uint64_t start_ns;
};

/* An event with further members, which it frees; they are printed in their order. */
void output_event(const struct output *o, const struct probe *p, const char *event, json_t *members,
    const struct device_moment *m);

/* What a device received, or refused. */
void output_received(const struct output *o, const struct probe *p, const struct device_event *ev,
    const struct device_moment *m);

/* That it gave up a cathedral for another. */
void output_moved(const struct output *o, const struct probe *p, const struct device_moment *m);

/* Where it is and what it is, before it begins. */
void output_start(const struct output *o, const struct probe *p, const struct device_moment *m);

/* A summary: the same form, but never kept quiet. */
void output_summary(
    const struct output *o, const char *who, json_t *members, const struct device_moment *m);

/* False when standard output could not take all of it. */
bool output_flush(void);

#endif

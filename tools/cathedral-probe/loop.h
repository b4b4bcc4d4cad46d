/* SPDX-License-Identifier: ISC */
/* Waits for packets and for time to pass; the only place where the clock is read, once a turn. */
#ifndef TOOLS_CATHEDRAL_PROBE_LOOP_H
#define TOOLS_CATHEDRAL_PROBE_LOOP_H

#include "tools/cathedral-probe/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_DONE  UINT64_C(0)
#define LOOP_SLEEP UINT64_MAX

/* What a command does in the loop. */
struct loop_user {
	void *context;
	void (*event)(void *context, struct probe *p, const struct device_event *ev,
	    const struct device_moment *m);
	void (*moved)(void *context, struct probe *p, const struct device_moment *m);
	/* Called every turn; the monotonic time at which it wants to be called again, or LOOP_. */
	uint64_t (*turn)(void *context, const struct device_moment *m);
};

/* From here on SIGINT and SIGTERM end probes_run() instead of the program. */
void loop_catch_signals(void);
bool loop_stopped(void);

/* Runs until turn() says LOOP_DONE or a signal came.  Moment: the last turn's, for what follows. */
void probes_run(
    struct probe *probes, size_t count, const struct loop_user *user, struct device_moment *m);

#endif

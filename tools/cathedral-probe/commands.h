/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_CATHEDRAL_PROBE_COMMANDS_H
#define TOOLS_CATHEDRAL_PROBE_COMMANDS_H

#include "base/fault.h"
#include "tools/cathedral-probe/options.h"
#include "tools/device/device.h"

/* The exit status of the program. */
enum outcome {
	OUTCOME_WORKS = 0,
	OUTCOME_BROKEN = 1, /* what was checked does not work as it should */
	OUTCOME_USAGE = 2,  /* wrong options, or files that cannot be used */
};

/*
 * What a command does with its options.  Not OUTCOME_WORKS: why says why.  The moment's time is
 * the loop's to set, its randomness the caller's.
 */
typedef enum outcome command_run(
    const struct options *o, struct device_moment *m, struct fault *why);

command_run run_register, run_pair, run_end;

#endif

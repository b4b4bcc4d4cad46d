/* SPDX-License-Identifier: ISC */
/* The command line: one table of options for all commands. */
#ifndef TOOLS_CATHEDRAL_LOAD_LOAD_OPTIONS_H
#define TOOLS_CATHEDRAL_LOAD_LOAD_OPTIONS_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "tools/cathedral-load/traffic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STEPS_MAX 16

struct number_list {
	uint64_t at[STEPS_MAX];
	size_t count;
};

struct load_options {
	const char *folder; /* of the fleet */

	/* make */
	uint64_t flocks, devices, mbit, workers;
	const char *seed, *user;
	struct endpoint shroud_at, clear_at, far_at; /* port 0: none */

	/* who and where */
	struct endpoint at, others_at;
	const char *from;
	bool shroud;
	uint64_t first, tunnels, others, patience_ns;

	/* what */
	struct number_list sizes, steps;
	uint64_t burst, window, run_ns, offers, rounds, strangers, sources, percent;
	double rate, over;

	/* soak */
	uint64_t every_ns, reload_ns, takeover_ns;
	double loss; /* percent */

	/* whom it measures */
	uint64_t pid, far_pid;
	const char *control, *far_control, *program;
	bool pin, merge, half, json;
};

enum load_command {
	LOAD_MAKE = 1,
	LOAD_REGISTER = 2,
	LOAD_RELAY = 4,
	LOAD_STRANGERS = 8,
	LOAD_FEDERATE = 16,
	LOAD_CAP = 32,
	LOAD_RELOAD = 64,
	LOAD_MEMORY = 128,
	LOAD_COMPARE = 256,
	LOAD_ECHO = 512,
	LOAD_SOAK = 1024
};

/*
 * Reads the words behind the command.  False with a sentence in why, or with an empty one when
 * getopt_long() has said it already.  *help is set when help is wanted.
 */
bool load_options_parse(struct load_options *ret, int argc, char **argv, enum load_command command,
    bool *help, struct fault *why);

/* How many packets are under way at rate 0, unless it is told. */
static inline uint64_t
load_window(const struct load_options *o)
{
	return o->merge ? 1024 : 192;
}

void load_options_help(FILE *to, enum load_command command);

#endif

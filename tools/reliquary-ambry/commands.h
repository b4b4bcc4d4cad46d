/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_RELIQUARY_AMBRY_COMMANDS_H
#define TOOLS_RELIQUARY_AMBRY_COMMANDS_H

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"

#include <stdbool.h>

/* What commands work with beside their words. */
struct call {
	char *const *words; /* as many as the command's row says */
	bool force;
	struct instant now;
	struct random *random;
};

enum outcome {
	OUTCOME_DONE = 0,
	OUTCOME_FAILED, /* the exit status of the program, too */
	OUTCOME_USAGE,
};

struct command {
	const char *name;
	const char *arguments;
	int words;
	enum outcome (*run)(const struct call *c, struct fault *why);
	const char *help;
};

/* Ended by a row without name. */
extern const struct command commands[];

#endif

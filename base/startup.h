/* SPDX-License-Identifier: ISC */
/* The command line of a program that does what its configuration file says. */
#ifndef BASE_STARTUP_H
#define BASE_STARTUP_H

#include "base/conf.h"

#include <stdbool.h>

struct startup_program {
	const char *name, *version;
	const char *conf; /* the file that is read when no other is named */
	const struct conf_option *table;
	bool replaces; /* it knows --replace and --background */
};

struct startup {
	const char *conf;
	bool check;      /* only look at the configuration */
	bool replace;    /* take over from the one that runs */
	bool background; /* return once it serves */
	bool done;       /* nothing is left to do, but to exit with status */
	int status;
};

/* Prints what was asked for, or how it is used. */
struct startup startup_read(int argc, char **argv, const struct startup_program *p);

#endif

/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_FORWARDER_OPTIONS_H
#define TESTS_SUPPORT_FORWARDER_OPTIONS_H

#include "base/endpoint.h"
#include "tests/support/nat.h"

#include <stdint.h>

enum side { INSIDE, OUTSIDE };

#define FORWARDER_FAULTS 16

struct forwarder_options {
	const char *tuns[2]; /* "namespace:name" of each side */
	const char *control; /* path of a pipe, or NULL */
	enum nat_kind nat;
	struct endpoint public;
	uint64_t first_port, seed;
	size_t fault_count;
	struct {
		const char *name, *value;
	} faults[FORWARDER_FAULTS]; /* unchecked: "loss", "out:0.1" */
};

/* From the command line; ends the program with a sentence when that is wrong. */
void forwarder_options_read(struct forwarder_options *o, int argc, char **argv);

/* Says what is wrong with which word, and ends the program. */
_Noreturn void forwarder_refuse(const char *what, const char *text);

#endif

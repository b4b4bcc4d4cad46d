/* SPDX-License-Identifier: ISC */
/* The command line, taken apart: what command, on what, with which options. */
#ifndef RELIQUARY_API_COMMANDS_INVOCATION_H
#define RELIQUARY_API_COMMANDS_INVOCATION_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

#define INVOCATION_WORDS_MAX 8
#define INVOCATION_GIVEN_MAX 64
#define INVOCATION_OWN_MAX   8
#define INVOCATION_NAME_MAX  64

struct invocation {
	bool help, help_conf, version;
	const char *conf; /* the file named with -c; NULL: none */
	/* Options of the configuration: keyword, value, ..., NULL (api_conf_read()). */
	const char *given[2 * INVOCATION_GIVEN_MAX + 1];
	size_t given_count;
	/* Those of a command. */
	struct {
		const char *name;
		const char *value; /* NULL: takes none */
	} own[INVOCATION_OWN_MAX];
	size_t own_count;
	const char *words[INVOCATION_WORDS_MAX + 1]; /* ended by NULL */
	size_t word_count;
};

/*
 * Options may stand anywhere; "--" ends them.  --name is an option of a command or, with - for _, a
 * keyword of the configuration.  What is pointed to is argv's, or lives for ever.
 */
bool invocation_read(struct invocation *ret, int argc, char **argv, struct fault *why);

/* Takes the first words away: they were the command's name. */
void invocation_shift(struct invocation *in, size_t count);

bool invocation_has(const struct invocation *in, const char *own);

/* The value of a command's option; NULL without. */
const char *invocation_value(const struct invocation *in, const char *own);

#endif

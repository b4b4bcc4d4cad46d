/* SPDX-License-Identifier: ISC */
/* What commands say to people and scripts. */
#ifndef RELIQUARY_API_COMMANDS_OUTPUT_H
#define RELIQUARY_API_COMMANDS_OUTPUT_H

#include "base/fault.h"
#include "reliquary-api/commands/invocation.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One line of JSON on standard output; takes object over, NULL (no memory) too, and wipes what was
 * in it.
 */
bool output_json(json_t *object, struct fault *why);

/* What is gone now: {"deleted": name}, or "name: word" for people. */
bool output_deleted(
    const struct invocation *in, const char *name, const char *word, struct fault *why);

/*
 * Asks a person on the terminal; true when the answer is yes, or with --yes.  Without a terminal
 * nobody can say so: refused.
 */
bool output_confirm(const struct invocation *in, struct fault *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A time in a table: RFC 3339, "-" for 0. */
#define OUTPUT_TIME 21
const char *output_time(int64_t unix_s, char out[static OUTPUT_TIME]);

/* A number from the command line; false with the option's name in the fault. */
bool output_number(const struct invocation *in, const char *own, uint64_t least, uint64_t most,
    uint64_t *ret, struct fault *why);

/* Seconds from "90s", "15m", "24h" or "30d". */
bool output_seconds(
    const struct invocation *in, const char *own, uint64_t most, uint64_t *ret, struct fault *why);

#endif

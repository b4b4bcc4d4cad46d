/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_CATHEDRAL_LOAD_LOAD_COMMANDS_H
#define TOOLS_CATHEDRAL_LOAD_LOAD_COMMANDS_H

#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/load_options.h"

#include <stdbool.h>

/* Does what the options say and prints figures; false with the reason. */
typedef bool load_command_run(
    const struct load_options *o, struct random *random, struct fault *why);

load_command_run run_make, run_offers, run_relay, run_strangers, run_federate, run_cap, run_reload,
    run_memory, run_compare, run_echo, run_soak;

#endif

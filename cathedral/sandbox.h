/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SANDBOX_H
#define CATHEDRAL_SANDBOX_H

#include "base/fault.h"
#include "cathedral/conf.h"

#include <stdbool.h>

/*
 * sandbox_enter() with the system calls that serving takes; with those of the reader of
 * registry.db, which writes the index of its log, and at the end what of the log is left; and with
 * those of the writers of the state file and of the budgets' file, as the configuration has them.
 */
bool cathedral_sandbox(const struct conf *conf, struct fault *why);

#endif

/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SANDBOX_H
#define CATHEDRAL_SANDBOX_H

#include "base/fault.h"

#include <stdbool.h>

/*
 * sandbox_enter() with the system calls that serving takes; with those of the reader of
 * registry.db, which writes the index of its log, and at the end what of the log is left; and with
 * those of the writer of the state file.
 */
bool cathedral_sandbox(bool registry, bool state_file, struct fault *why);

#endif

/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SANDBOX_H
#define CATHEDRAL_SANDBOX_H

#include "base/fault.h"

#include <stdbool.h>

/*
 * From here on only the system calls that serving takes, and, with database, those of the reader of
 * registry.db (it writes the index of its log, and at the end what of the log is left).  Builds
 * with a sanitizer stay without, and say so: it uses others.
 */
bool sandbox_enter(bool database, struct fault *why);

/* Before the process ends: lets a leak checker, where one is built in, look at it again. */
void sandbox_leave(void);

#endif

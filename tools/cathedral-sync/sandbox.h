/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SYNC_SANDBOX_H
#define CATHEDRAL_SYNC_SANDBOX_H

#include "base/fault.h"

#include <stdbool.h>

/*
 * From here on only the system calls that following takes.  Builds with a sanitizer stay without,
 * and say so: it uses others.
 */
bool sync_sandbox_enter(struct fault *why);

/* Before the process ends: lets a leak checker, where one is built in, look at it again. */
void sync_sandbox_leave(void);

#endif

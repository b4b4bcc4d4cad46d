/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_COMMANDS_SANDBOX_H
#define RELIQUARY_API_COMMANDS_SANDBOX_H

#include "base/fault.h"

#include <stdbool.h>

/*
 * From here on only the system calls that serving takes.  Builds with a sanitizer stay without,
 * and say so: it uses others.
 */
bool api_sandbox_enter(struct fault *why);

/* Before the process ends: lets a leak checker, where one is built in, look at it again. */
void api_sandbox_leave(void);

#endif

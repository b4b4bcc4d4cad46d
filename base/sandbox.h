/* SPDX-License-Identifier: ISC */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/fault.h"

#include <stdbool.h>

/*
 * From here on only the system calls that any of our programs needs (memory, threads, signals,
 * time), and those of the lists: what the program does, and lists of what it does as it was
 * configured (NULL: nothing).  All of them end with NULL.  Builds with a sanitizer stay without,
 * and say so: it uses others.
 */
bool sandbox_enter(
    const char *const *program, const char *const *const *configured, struct fault *why);

/* Before the process ends: lets a leak checker, where one is built in, look at it again. */
void sandbox_leave(void);

#endif

/* SPDX-License-Identifier: ISC */
/* Processes of its own: a cathedral to be measured, an echo, somebody who writes the registry. */
#ifndef TOOLS_CATHEDRAL_LOAD_CHILD_H
#define TOOLS_CATHEDRAL_LOAD_CHILD_H

#include "base/fault.h"

#include <stdbool.h>
#include <sys/types.h>

enum child_where { CHILD_ANY_CPU, CHILD_LAST_CPU };

/*
 * PROGRAM -c FOLDER/NAME.conf, its words in FOLDER/NAME.log.  Returns when it is ready; 0 with the
 * reason.  These processes end with this one at the latest.
 */
pid_t child_cathedral(const char *program, const char *folder, const char *name,
    enum child_where where, struct fault *why);

/* A function in a process of its own, which ends when it returns; 0 with the reason. */
pid_t child_work(void (*run)(void *arg), void *arg, enum child_where where, struct fault *why);

/* Asks it to end, and waits until it did; 0 is fine. */
void child_finish(pid_t pid);

/* Keeps this process to the last CPU, or to all others, when there is more than one. */
void child_keep_to(bool last);

#endif

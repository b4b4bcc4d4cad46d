/* SPDX-License-Identifier: ISC */
/* Processes of its own: a cathedral to be measured, an echo, somebody who writes the registry. */
#ifndef TOOLS_CATHEDRAL_LOAD_CHILD_H
#define TOOLS_CATHEDRAL_LOAD_CHILD_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum child_where { CHILD_ANY_CPU, CHILD_LAST_CPU };

struct child_wish {
	const char *program, *folder, *name;
	enum child_where where;
	bool takes_over; /* from the one that serves with this configuration */
};

/*
 * PROGRAM -c FOLDER/NAME.conf, its words in FOLDER/NAME.log, those of the one before it in
 * FOLDER/NAME.log.before.  Returns when it is ready; 0 with the reason.  These processes end with
 * this one at the latest, unless they have become somebody else.
 */
pid_t child_cathedral(const struct child_wish *wish, struct fault *why);

/* A function in a process of its own, which ends when it returns; 0 with the reason. */
pid_t child_work(void (*run)(void *arg), void *arg, enum child_where where, struct fault *why);

/* Whether it has ended, of itself or not; it is still to be waited for. */
bool child_is_gone(pid_t pid);

/* Asks it to end, and waits until it did; 0 is fine.  True when it ended as it should. */
bool child_finish(pid_t pid);

/* Waits for one that ends by itself, but not for ever: then it is ended, and false. */
bool child_await(pid_t pid, uint64_t patience_ns);

/* Keeps this process to the last CPU, or to all others, when there is more than one. */
void child_keep_to(bool last);

#endif

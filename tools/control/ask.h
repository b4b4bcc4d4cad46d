/* SPDX-License-Identifier: ISC */
/* The client's side of a cathedral's control socket (cathedral/ops/control.h). */
#ifndef TOOLS_CONTROL_ASK_H
#define TOOLS_CONTROL_ASK_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_DEFAULT  "/run/cathedral/control"
#define CONTROL_LINE_MAX 256

/* One question, step by step, for who has other things to do meanwhile. */
struct control_call {
	int fd; /* -1: none is under way */
	char path[108], line[CONTROL_LINE_MAX + 2];
	size_t sent;
	char *text; /* what was answered so far */
	size_t len, room, most;
};

#define CONTROL_IDLE                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

enum control_progress { CONTROL_UNDER_WAY, CONTROL_ANSWERED, CONTROL_FAILED };

/*
 * Connects and asks; never waits.  An answer of more than most bytes is refused.  False with the
 * reason when the cathedral is away, denies, or (errno is EAGAIN) has no room for a call just now.
 */
bool control_begin(
    struct control_call *c, const char *path, const char *line, size_t most, struct fault *why);

/* What to poll fd for. */
short control_events(const struct control_call *c);

/* To be called when poll says so.  Once answered, text and len hold it, with a NUL behind. */
enum control_progress control_step(struct control_call *c, struct fault *why);

/* Ends the call, however far it has come; fine when there is none. */
void control_end(struct control_call *c);

/*
 * Asks and waits.  Returns all that is answered, NUL-terminated, to be freed; NULL with the reason
 * when the cathedral is away, denies or is silent.
 */
char *control_ask(const char *socket_path, const char *line, size_t *len, struct fault *why);

#endif

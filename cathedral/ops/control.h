/* SPDX-License-Identifier: ISC */
/*
 * The control socket, a UNIX stream: a client writes a line of a verb and its arguments, gets one
 * JSON document and is closed.  A document {"error": "..."} says why there is no other.
 *
 *     status | federation | counters | tunnels [FLOCK] | liturgies [FLOCK]
 *     flocks [AFTER] | flock FLOCK | reload | loglevel LEVEL | drain | undrain
 *     drained
 */
#ifndef CATHEDRAL_OPS_CONTROL_H
#define CATHEDRAL_OPS_CONTROL_H

#include "base/fault.h"
#include "cathedral/ops/overview.h"

#include <event2/event.h>
#include <stdbool.h>

struct control;

struct control_options {
	const char *path;
	const char *user;  /* who may use it, with its group; empty: owner only */
	const char *owner; /* the user that the daemon will be; empty: the one it is */
	int inherited;     /* its socket, from the cathedral before; 0: it opens its own */
	const struct overview *overview;
	/* Reads the files again, at once; false with the reason when they are refused. */
	bool (*reload)(void *arg, struct fault *why);
	void *reload_arg;
};

/*
 * Binds at once: a dead socket at the path is replaced, one that answers is an error.  Pointers
 * are borrowed, and used only from the base's loop.
 */
struct control *control_create(
    struct event_base *base, const struct control_options *options, struct fault *why);

/* The listening socket, borrowed. */
int control_fd(const struct control *c);

/* Whether it is this process's to remove at the end: an inherited one is so only once it serves,
 * and any only until another process has it. */
void control_own(struct control *c, bool own);

/* Removes the socket; NULL is fine. */
void control_destroy(struct control *c);

#endif

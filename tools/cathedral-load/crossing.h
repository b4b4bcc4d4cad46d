/* SPDX-License-Identifier: ISC */
/*
 * A bad line between two cathedrals: each finds the other at one of its two sockets, and a part of
 * what they send is lost on the way.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_CROSSING_H
#define TOOLS_CATHEDRAL_LOAD_CROSSING_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/volley.h"

#include <stdbool.h>
#include <stdint.h>

struct crossing {
	int fd[2], epoll;
	struct endpoint at[2]; /* at[0]: where the first finds the second */
	struct volley *volley;
	struct random random;
	double loss;              /* 0 to 1 */
	uint64_t passed, dropped; /* packets */
	uint64_t refused;         /* there was no room, or nobody */
};

/* Opens its sockets, at addresses of the host's loopback. */
bool crossing_open(struct crossing *c, double loss, struct random *random, struct fault *why);
void crossing_close(struct crossing *c);

/* Where the two cathedrals are: nobody else is heard or told. */
bool crossing_join(struct crossing *c, const struct endpoint ends[static 2], struct fault *why);

/* Passes on what has come; waits for nothing.  For struct party. */
uint64_t crossing_turn(void *crossing, uint64_t now_ns);

#endif

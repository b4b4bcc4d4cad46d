/* SPDX-License-Identifier: ISC */
/*
 * The reference loop: what a relay would cost that does nothing but receive a batch and send it on
 * to where a cathedral would.  It knows the way by the port that a packet comes from.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_ECHO_H
#define TOOLS_CATHEDRAL_LOAD_ECHO_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/volley.h"

#include <stdbool.h>

struct echo_wish {
	struct endpoint at;   /* where it listens */
	struct endpoint from; /* the one address that it serves; port 0 */
	bool merge;           /* takes and sends runs of packets as one, as a cathedral does */
};

/* A socket that listens there; -1 with the reason. */
int echo_open(const struct echo_wish *wish, struct fault *why);

/* Serves it until a signal; false with the reason. */
bool echo_serve(int fd, const struct echo_wish *wish, struct fault *why);

/* Tells an echo which receiving socket belongs to which sending one; false when it is silent. */
bool echo_introduce(const struct lanes *l, struct volley *v, struct fault *why);

#endif

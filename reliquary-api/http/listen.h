/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_HTTP_LISTEN_H
#define RELIQUARY_API_HTTP_LISTEN_H

#include "base/endpoint.h"
#include "base/fault.h"

#include <stdbool.h>

/*
 * A listening TCP socket at an address, or inherited (not -1) taken over; -1 with the reason, and
 * then inherited is still the caller's.  *where is the address that it has.
 */
int listen_open(
    const struct endpoint *at, int inherited, struct endpoint *where, struct fault *why);

/* Lets this process have so many files open; returns how many it may have, which may be fewer. */
unsigned listen_allow_files(unsigned count);

#endif

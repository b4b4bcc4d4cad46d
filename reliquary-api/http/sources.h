/* SPDX-License-Identifier: ISC */
/*
 * How many connections each source has, in memory that does not grow: sources that share a slot
 * share its limit.  A stranger cannot choose whom he shares with, and with so many slots as there
 * are he meets hardly anybody.  The caller locks.
 */
#ifndef RELIQUARY_API_HTTP_SOURCES_H
#define RELIQUARY_API_HTTP_SOURCES_H

#include "base/endpoint.h"
#include "base/random.h"

#include <stdbool.h>

struct sources;

/* For so many connections in all, and at most most of each source (0: no limit).  NULL: no memory.
 */
struct sources *sources_create(unsigned connections, unsigned most, struct random *random);
void sources_destroy(struct sources *s);

/* One more connection of who; false when it has most of them. */
bool sources_enter(struct sources *s, const struct endpoint *who);

/* One less: for every sources_enter() that said true. */
void sources_leave(struct sources *s, const struct endpoint *who);

#endif

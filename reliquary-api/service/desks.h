/* SPDX-License-Identifier: ISC */
/*
 * Where reads are done: a reader's session and a generator, lent to one thread at a time.  There
 * are as many as threads that may want one, so nobody waits for one.
 */
#ifndef RELIQUARY_API_SERVICE_DESKS_H
#define RELIQUARY_API_SERVICE_DESKS_H

#include "base/fault.h"
#include "base/random.h"
#include "reliquary-api/store/store.h"

struct desk {
	struct desk *next; /* the desks' */
	struct session *session;
	struct random random;
};

struct desks;

struct desks *desks_create(
    struct store *store, unsigned count, struct random *random, struct fault *why);

/* After all were given back; NULL is fine. */
void desks_destroy(struct desks *d);

/* NULL when all are lent.  Any thread. */
struct desk *desks_take(struct desks *d);
void desks_return(struct desks *d, struct desk *desk);

#endif

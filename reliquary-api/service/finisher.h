/* SPDX-License-Identifier: ISC */
/* A thread for what waits for the disk, so that neither connections nor writes do. */
#ifndef RELIQUARY_API_SERVICE_FINISHER_H
#define RELIQUARY_API_SERVICE_FINISHER_H

#include "base/fault.h"
#include "reliquary-api/service/lane.h"

#include <stdbool.h>

struct finisher;

/* Lives in what the caller owns, until run() was called. */
struct chore {
	struct lane_item wait; /* first, and the finisher's */
	void (*run)(struct chore *chore);
};

struct finisher *finisher_create(unsigned queue_max, struct fault *why);

/* False when too many wait or it is ending: nothing will be called. */
bool finisher_submit(struct finisher *f, struct chore *chore);

/* Finishes what was submitted, then ends the thread; NULL is fine. */
void finisher_destroy(struct finisher *f);

#endif

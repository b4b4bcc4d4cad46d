/* SPDX-License-Identifier: ISC */
/*
 * Which flocks wait for their turn, and at which workers: the kernel spreads a flock's devices over
 * them, and who waits at two of them is to have half a part at each.  Changed only when a flock
 * begins or ceases to wait at a worker; any thread may call any of these.
 */
#ifndef CATHEDRAL_STATE_WAITERS_H
#define CATHEDRAL_STATE_WAITERS_H

#include "base/ids.h"
#include "base/random.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WAITERS_WORKERS 64
#define WAITERS_WHOLE   (UINT64_C(1) << 20) /* the weight of a flock, over all workers together */

struct waiters;

struct waiters *waiters_create(size_t flocks_max, struct random *r); /* or NULL */
void waiters_destroy(struct waiters *c);

/*
 * A flock (any domain) begins to wait at this worker, where it did not.  Returns its workers, a bit
 * for each, which may be looked at until waiters_leave(); NULL when there is no room: then it has a
 * whole part for itself there.
 */
const _Atomic uint64_t *waiters_join(struct waiters *c, unsigned worker, struct flock_id flock);
void waiters_leave(struct waiters *c, unsigned worker, struct flock_id flock);

/* Of all flocks that wait at this worker, and of all that wait. */
uint64_t waiters_weight(const struct waiters *c, unsigned worker);
uint64_t waiters_total(const struct waiters *c);

/* How many different ones. */
size_t waiters_flocks(struct waiters *c);

#endif

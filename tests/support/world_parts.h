/* SPDX-License-Identifier: ISC */
/* What the files of a world share among themselves. */
#ifndef TESTS_SUPPORT_WORLD_PARTS_H
#define TESTS_SUPPORT_WORLD_PARTS_H

#include "tests/support/world.h"

/* For what only our own mistakes can break. */
void world_must(bool holds, const char *what);

/* ---- world_registry.c ---- */

/* A registry of all flocks and pairs as they are now, as this cathedral reads it. */
struct registry *world_registry(struct world *w, unsigned cathedral, const struct registry *old);
void world_registry_free(struct world *w);

/* Flocks and pairs that changed are built anew. */
void world_build(struct world *w);

/* ---- world_feed.c ---- */

/* Tells registry.db what there is. */
void world_feed_tell(struct world *w);

/* What the cathedral reads there, from old (NULL: it has just been started). */
struct registry *world_feed_registry(struct world *w, unsigned cathedral,
    const struct registry *old, struct registry_touched *touched);
void world_feed_end(struct world *w);

/* ---- world_cathedral.c, world_device.c ---- */

/* Which of its workers a datagram from there goes to, as the kernel would have it. */
unsigned world_worker_of(const struct world *w, unsigned cathedral, const struct endpoint *from);

/* Runs the packets in w->room. */
void world_cathedral_takes(struct world *w, unsigned cathedral, unsigned worker, size_t count);
void world_cathedral_timers(struct world *w, unsigned cathedral);
uint64_t world_cathedral_due(const struct world *w, unsigned cathedral);
void world_cathedral_end(struct world *w, unsigned cathedral);

/* Where packets of the device to or from the remote end seem to come from or have to go. */
struct endpoint world_outside(const struct world_device *dev, const struct endpoint *remote);
void world_device_takes(struct world *w, unsigned device, struct world_datagram *d);
void world_device_steps(struct world *w, unsigned device);

#endif

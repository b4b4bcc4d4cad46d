/* SPDX-License-Identifier: ISC */
/*
 * How the current registry reaches its readers without a lock.  A reader (worker, scanner) owns a
 * slot and takes the snapshot for one batch at a time; the main thread swaps the pointer and frees
 * an old snapshot once every reader has finished a batch begun after the swap.
 */
#ifndef CATHEDRAL_STATE_PUBLISH_H
#define CATHEDRAL_STATE_PUBLISH_H

#include "cathedral/state/registry.h"

#include <stdbool.h>

#define PUBLISH_SLOTS_MAX 72

struct publish;

struct publish *publish_create(struct registry *first, unsigned slots);
void publish_destroy(struct publish *p); /* no reader may be left; frees all snapshots */

/* Readers, each in its slot: between the two calls the snapshot stays. */
const struct registry *publish_enter(struct publish *p, unsigned slot);
void publish_leave(struct publish *p, unsigned slot);

/* The main thread: its own view needs no slot, since only it swaps. */
const struct registry *publish_current(const struct publish *p);
bool publish_swap(struct publish *p, struct registry *next); /* false: no memory, nothing changed */

/* Frees what no reader can hold any more; true when nothing is waiting. */
bool publish_reclaim(struct publish *p);

#endif

/* SPDX-License-Identifier: ISC */
/* What waits for the one thread that does it: first come, first served, and not without end. */
#ifndef RELIQUARY_API_SERVICE_LANE_H
#define RELIQUARY_API_SERVICE_LANE_H

#include <pthread.h>
#include <stdbool.h>

/* The first member of whatever waits. */
struct lane_item {
	struct lane_item *next; /* NULL for the last one taken */
};

struct lane {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct lane_item *first, **end; /* where the next one is hung up */
	unsigned waiting, most;
	bool ending;
};

void lane_open(struct lane *l, unsigned most);
void lane_close(struct lane *l); /* nobody uses it, nothing waits */

/* Any thread; false when most wait already, or the lane is ending. */
bool lane_put(struct lane *l, struct lane_item *item);

/*
 * Waits until something is there, and takes up to most of it, in order; *count says how many.
 * NULL: the lane has ended, and all that waited was taken.
 */
struct lane_item *lane_take(struct lane *l, unsigned most, unsigned *count);

/* Nothing more is put in. */
void lane_end(struct lane *l);

#endif

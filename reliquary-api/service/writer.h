/* SPDX-License-Identifier: ISC */
/*
 * The one thread that writes.  Takes all jobs that wait (up to group_max), runs each in a step of
 * one transaction, commits once, and only then says so: what a job answers is on disk.  When the
 * transaction fails, each of its jobs gets one try alone, so that one cannot spoil the others.
 */
#ifndef RELIQUARY_API_SERVICE_WRITER_H
#define RELIQUARY_API_SERVICE_WRITER_H

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"
#include "reliquary-api/service/counts.h"
#include "reliquary-api/service/lane.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>

struct writer;

/* Lives in what the caller owns, from writer_submit() until done() was called. */
struct job {
	struct lane_item wait; /* first, and the writer's */
	/*
	 * In the step: true to keep what it did, false to undo it.  May be called twice; forgets
	 * what came of the first time.
	 */
	bool (*work)(struct job *job, struct session *store, struct random *random);
	/* result: STORE_OK when what work() kept is on disk, and for work() that kept nothing. */
	void (*done)(struct job *job, enum store_result result);
	/* The writer's to set, done()'s to read: */
	bool ok;       /* what work() said */
	bool doubtful; /* a commit that held what it did failed, and may be on disk all the same */
};

struct writer_options {
	struct store *store;
	unsigned queue_max; /* jobs that may wait */
	unsigned group_max; /* jobs in one transaction */
	struct counts *counts;
	struct instant (*clock)(void);
	/* After transactions and what their jobs do then, on the writer's thread: the last change
	 * that was noted, kept or not (group_noted()). */
	void (*committed)(void *arg, uint64_t change);
	void *arg;
};

struct writer *writer_create(
    const struct writer_options *o, struct random *random, struct fault *why);

/* False when the queue is full or the writer is ending: nothing will be called.  Any thread; done()
 * is called on the writer's, in the order in which jobs came. */
bool writer_submit(struct writer *w, struct job *job);

/* Finishes what was submitted, then ends the thread; NULL is fine. */
void writer_destroy(struct writer *w);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Requests that wait for a change.  A commit of our writer wakes them at once; one of another
 * process (a command of the operator's) within a quarter of a second; and if nothing comes, their
 * time is over.  Who waits costs some hundred bytes, and no thread.
 *
 * Whether a client is still there is not seen while it waits: so of each owner only some wait, and
 * who asks once more has given up what it asked first.
 */
#ifndef RELIQUARY_API_SERVICE_WAITING_H
#define RELIQUARY_API_SERVICE_WAITING_H

#include "base/clock.h"
#include "base/fault.h"
#include "reliquary-api/service/counts.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define WAITING_EACH 4 /* requests of one owner */

struct waiting;

/* Lives in what the caller owns, from waiting_add() until wake() is called. */
struct waiter {
	struct waiter *next, **link; /* the waiting's */
	uint64_t until_ns;           /* monotonic */
	const char *owner;           /* whoever asks: a name that stays as long as this */
	/* over: the time is over, or the service ends; otherwise something has changed. */
	void (*wake)(struct waiter *w, bool over);
};

struct waiting_options {
	struct store *store;
	struct counts *counts;
	struct instant (*clock)(void);
};

struct waiting *waiting_create(const struct waiting_options *o, struct fault *why);

/* The number of the last change that is known here: ask before you look, and say it below. */
uint64_t waiting_seen(struct waiting *w);

enum waiting_answer {
	WAITING_YES = 0, /* wake() will be called, perhaps already has been */
	WAITING_NEWS,    /* something has changed since seen: look again */
	WAITING_OVER,    /* the service ends: nobody waits any more */
};

/* Any thread. */
enum waiting_answer waiting_add(struct waiting *w, struct waiter *waiter, uint64_t seen);

/*
 * Something was committed: the number of the last change that was noted, which need not have been
 * kept; what is true is read from the database.  Any thread; costs next to nothing.
 */
void waiting_news(struct waiting *w, uint64_t number);

/* Wakes all, and lets nobody wait from now on. */
void waiting_end(struct waiting *w);

void waiting_destroy(struct waiting *w); /* ends it first; NULL is fine */

#endif

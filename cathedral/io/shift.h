/* SPDX-License-Identifier: ISC */
/*
 * A thread that works, rests and works again.  It is there from the beginning, so that between the
 * two nothing can fail and nothing has to be made: only woken.  All calls are one thread's, which
 * is another.
 */
#ifndef CATHEDRAL_IO_SHIFT_H
#define CATHEDRAL_IO_SHIFT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct shift {
	pthread_t thread;
	bool started, working;
	bool awaited; /* it was seen to work since it was called */
	bool over;    /* it ends instead of working again */
	sem_t call, began, rests;
	const char *name;
	void (*work)(void *arg); /* until the caller has asked it, in its own way, to return */
	void *arg;
};

/* It rests.  name, of at most 15 characters, and arg are borrowed; false: there is no thread. */
bool shift_start(struct shift *s, const char *name, void (*work)(void *arg), void *arg);

/* Calls it to work; the second returns when it does. */
void shift_call(struct shift *s);
void shift_await(struct shift *s);

/* Waits until it rests, which it must have been asked for; fine if it does already. */
void shift_rest(struct shift *s);

/* Ends the thread, which rests; fine for one that was not started and is all zero. */
void shift_end(struct shift *s);

#endif

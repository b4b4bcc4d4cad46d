/* SPDX-License-Identifier: ISC */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread that no signal is handed to: signals are the main thread's. */
bool thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

/* A condition that can be waited for by the monotonic clock, which no date that is set moves. */
void condition_open(pthread_cond_t *ret);

/* Waits at most so long, with the lock held as for pthread_cond_wait(); true when the time is over.
 */
bool condition_wait_ns(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t ns);

/*
 * Names the calling thread for top(1), at most 15 characters.  Only a thread itself may: others'
 * names are files in /proc, which are closed to a process that dumps no core.
 */
void thread_name(const char *name);

/* From now on the calling thread gets what others leave of a CPU: a tenth where they want all of
 * it. */
void thread_yields(void);

#endif

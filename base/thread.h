/* SPDX-License-Identifier: ISC */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that no signal is handed to: signals are the main thread's. */
bool thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

/*
 * Names the calling thread for top(1), at most 15 characters.  Only a thread itself may: others'
 * names are files in /proc, which are closed to a process that dumps no core.
 */
void thread_name(const char *name);

#endif

/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_IO_THREAD_H
#define CATHEDRAL_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that no signal is handed to: signals are the main thread's. */
bool thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg);

#endif

/* SPDX-License-Identifier: ISC */
#include "cathedral/io/thread.h"

#include <signal.h>

bool
thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	error = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return false;
	pthread_setname_np(*ret, name); /* for top(1); names are cut at 15 characters */
	return true;
}

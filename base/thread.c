/* SPDX-License-Identifier: ISC */
#include "base/thread.h"

#include <signal.h>

bool
thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return false;
	error = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0;
}

void
thread_name(const char *name)
{
	pthread_setname_np(pthread_self(), name);
}

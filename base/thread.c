/* SPDX-License-Identifier: ISC */
#include "base/thread.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

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
condition_open(pthread_cond_t *ret)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(ret, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

bool
condition_wait_ns(pthread_cond_t *c, pthread_mutex_t *lock, uint64_t ns)
{
	uint64_t until_ns = clock_now().mono_ns + ns;
	struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	return pthread_cond_timedwait(c, lock, &until) == ETIMEDOUT;
}

void
thread_name(const char *name)
{
	pthread_setname_np(pthread_self(), name);
}

/* Linux keeps it by thread; there is nothing to be done where it is refused. */
void
thread_yields(void)
{
	(void)setpriority(PRIO_PROCESS, 0, 10);
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/spent.h"

#include "base/clock.h"

#include <sys/resource.h>

static uint64_t
in_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_usec * 1000;
}

struct spent
spent_now(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) == -1)
		return (struct spent){ clock_thread_cpu_ns(), 0 };
	return (struct spent){ in_ns(&usage.ru_utime), in_ns(&usage.ru_stime) };
}

struct spent
spent_since(const struct spent *before)
{
	struct spent now = spent_now();

	return (struct spent){ now.user_ns - before->user_ns, now.kernel_ns - before->kernel_ns };
}

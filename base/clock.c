/* SPDX-License-Identifier: ISC */
#include "base/clock.h"

#include <time.h>

static uint64_t
read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t); /* cannot fail for the clocks asked for here */
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

struct instant
clock_now(void)
{
	struct instant now = { 0 };
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	now.wall_s = wall.tv_sec;
	now.mono_ns = read_ns(CLOCK_MONOTONIC);
	return now;
}

uint64_t
clock_thread_cpu_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* SPDX-License-Identifier: ISC */
/* Time as an argument: only clock.c asks the kernel, callers ask it once per batch. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct instant {
	uint64_t mono_ns; /* never runs backwards; ages and rates */
	int64_t wall_s;   /* Unix time; only to compare with what others wrote */
};

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct instant clock_now(void);

/* CPU time of the calling thread, for budgets. */
uint64_t clock_thread_cpu_ns(void);

#endif

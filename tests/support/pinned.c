/* SPDX-License-Identifier: ISC */
#include "tests/support/pinned.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

void
stay_on(unsigned cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) == 0)
		return;
	perror("CPU");
	exit(EXIT_FAILURE);
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/stop.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* Several threads look at it. */
static atomic_int asked;

static void
on_signal(int number)
{
	(void)number;
	atomic_store_explicit(&asked, 1, memory_order_relaxed);
}

void
stop_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
stop_asked(void)
{
	return atomic_load_explicit(&asked, memory_order_relaxed) != 0;
}

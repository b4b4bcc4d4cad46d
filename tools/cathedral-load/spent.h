/* SPDX-License-Identifier: ISC */
/*
 * CPU time of this thread, by whom it was spent.  On loopback the kernel does for a sender what it
 * does for a receiver elsewhere: a packet is in the receiver's queue when sending returns.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_SPENT_H
#define TOOLS_CATHEDRAL_LOAD_SPENT_H

#include <stdint.h>

/* The sum is exact; the kernel looks only now and then whose it is, so that takes a while. */
struct spent {
	uint64_t user_ns, kernel_ns;
};

/* Since the thread began. */
struct spent spent_now(void);

struct spent spent_since(const struct spent *before);

static inline uint64_t
spent_all(const struct spent *s)
{
	return s->user_ns + s->kernel_ns;
}

#endif

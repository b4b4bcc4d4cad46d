/* SPDX-License-Identifier: ISC */
/* The search for a nonce, by as many threads as there are CPUs. */
#ifndef TOOLS_RELIQUARY_POW_SEARCH_H
#define TOOLS_RELIQUARY_POW_SEARCH_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEARCH_THREADS_MAX 256
#define SEARCH_NONCE       17 /* 16 hex digits and a NUL */

struct search {
	const char *challenge;
	unsigned bits;
	unsigned threads;
	/* Called about twice a second until it is found; may be NULL. */
	void (*progress)(const struct search *s, uint64_t tries, double seconds);
};

/* Finds a nonce that gives the challenge at least that many leading zero bits. */
bool search_run(const struct search *s, char nonce[static SEARCH_NONCE], struct fault *why);

#endif

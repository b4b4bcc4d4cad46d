/* SPDX-License-Identifier: ISC */
/*
 * A cathedral that serves, as far as who takes over from it can tell: a process of its own with a
 * door, sockets, threads and a filled site, that reports what it was made to do.
 */
#ifndef TESTS_SUPPORT_PREDECESSOR_H
#define TESTS_SUPPORT_PREDECESSOR_H

#include "base/endpoint.h"
#include "cathedral/relay/site.h"
#include "tests/support/scratch.h"

#include <stdbool.h>
#include <sys/types.h>

struct predecessor {
	struct scratch scratch;
	char door[128];
	struct listener listener;
	pid_t pid;
	int reports;
	char seen[16]; /* what it reported so far */
};

struct predecessor_options {
	unsigned tunnels;
	bool dies;        /* when its workers are to stop */
	unsigned stirred; /* so many of its tunnels change each second, as long as it serves */
	/* Instead of all that: what it does with who knocks. */
	void (*lie)(int fd);
};

void predecessor_start(struct predecessor *p, const struct predecessor_options *options);
void predecessor_end(struct predecessor *p);

/*
 * Waits until it reported exactly this since it began: p for its workers stopped, r for resumed, g
 * for given, k for each keepsake that is kept.
 */
void predecessor_expect(struct predecessor *p, const char *reports);

#endif

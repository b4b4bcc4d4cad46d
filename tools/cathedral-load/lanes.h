/* SPDX-License-Identifier: ISC */
/*
 * Sockets in pairs: over one a device sends, over the other its peer receives.  Both are connected:
 * the kernel lets them send to nobody but the cathedral, and hear nobody else.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_LANES_H
#define TOOLS_CATHEDRAL_LOAD_LANES_H

#include "base/endpoint.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES_MAX 256 /* within what a process may open without asking */

struct lane {
	int fd[2];             /* of the first device, of the second */
	struct endpoint at[2]; /* where they are */
};

struct lanes {
	struct lane list[LANES_MAX];
	size_t count;
	int epoll; /* tells when anything has come; for others to wait for, too */
};

struct lanes_where {
	struct endpoint first, second; /* the cathedrals of either end */
	bool merge;                    /* packets may come merged */
	bool has_from;
	struct endpoint from; /* an address of this host, port 0 */
};

bool lanes_open(struct lanes *l, size_t count, const struct lanes_where *where, struct fault *why);
void lanes_close(struct lanes *l);

/* As much room as the kernel gives a socket, for packets that come together; how many bytes. */
size_t lanes_grow(int fd);

/* Waits for a moment, so that more can gather meanwhile. */
void lanes_pause(uint64_t ns);

/*
 * Waits until a socket has something, or the time has come (a moment past is fine).  Fills
 * ready[0 .. return value - 1] with 2 * lane + end, at most max.
 */
size_t lanes_wait(struct lanes *l, uint32_t *ready, size_t max, uint64_t now_ns, uint64_t until_ns);

#endif

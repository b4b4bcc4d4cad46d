/* SPDX-License-Identifier: ISC */
/*
 * The UDP sockets of all workers: for each worker and listener one on the main port and, where
 * there is a NAT port, one on that.  The kernel spreads devices over the workers' sockets.
 */
#ifndef CATHEDRAL_IO_SOCKETS_H
#define CATHEDRAL_IO_SOCKETS_H

#include "base/fault.h"
#include "cathedral/relay/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct socket_pair {
	int main, nat; /* nat is -1 where the listener has no NAT port */
};

struct sockets {
	unsigned workers;
	size_t listener_count;
	struct socket_pair *pairs; /* workers times listener_count */
	int buffer;                /* bytes that the kernel granted for the least of them */
	bool merge;                /* many packets may go in and out as one message */
};

struct sockets_options {
	unsigned workers;
	int buffer; /* bytes, each way */
	bool merge; /* where the kernel can */
};

/*
 * Opens and binds all of them, which may need root.  Refused when another process, or a listener
 * before, has one of the addresses.  False leaves nothing open.
 */
bool sockets_open(struct sockets *s, const struct listener *listeners, size_t count,
    const struct sockets_options *options, struct fault *why);

/*
 * How many packets a socket has had no room for since it was opened, by whomever: what SO_RXQ_OVFL
 * goes on counting from.  0 where the kernel does not say.
 */
uint32_t sockets_lost(int fd);

/* Fine for a zeroed struct, too. */
void sockets_close(struct sockets *s);

/* The pairs of one worker, a pair for each listener. */
static inline const struct socket_pair *
sockets_of(const struct sockets *s, unsigned worker)
{
	return &s->pairs[worker * s->listener_count];
}

#endif

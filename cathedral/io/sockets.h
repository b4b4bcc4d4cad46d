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
	unsigned workers; /* so many read them */
	unsigned rows;    /* as many, or more when they were taken over from more */
	size_t listener_count;
	struct socket_pair *pairs; /* rows times listener_count */
	int buffer;                /* bytes that the kernel granted for the least of them */
	bool merge;                /* many packets may go in and out as one message */
	int busy_poll;             /* microseconds that the kernel granted for all that asked */
};

struct sockets_options {
	unsigned workers;
	int buffer; /* bytes, each way */
	bool merge; /* where the kernel can */
	/* Microseconds of SO_BUSY_POLL, which takes CAP_NET_ADMIN; 0: as the system says, or as it
	 * is with sockets that are taken. */
	int busy_poll;
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

/* Sockets of a cathedral that runs, on their way to the one that takes over. */
struct sockets_taken {
	unsigned rows;
	size_t count;
	struct taken_socket {
		int fd;       /* -1 once somebody has it */
		unsigned row; /* below rows */
	} * list;
};

/*
 * The same with sockets that are bound already: those that listeners want are theirs from then on,
 * with the packets that wait in them, the others stay in the list, and what is missing is opened as
 * above.  Rows stay as they are: were there more of them, packets of one device would go to another
 * socket than those that still wait.  So no more workers than rows read them.
 */
bool sockets_take(struct sockets *s, const struct listener *listeners, size_t count,
    struct sockets_taken *taken, const struct sockets_options *options, struct fault *why);

/* Closes those that nobody wanted. */
void sockets_taken_close(struct sockets_taken *taken);

/* Fine for a zeroed struct, too. */
void sockets_close(struct sockets *s);

/* The pairs of one row, a pair for each listener: worker n has row n, and may have others. */
static inline const struct socket_pair *
sockets_of(const struct sockets *s, unsigned row)
{
	return &s->pairs[row * s->listener_count];
}

#endif

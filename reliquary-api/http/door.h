/* SPDX-License-Identifier: ISC */
/*
 * The thread at the door: takes connections in, shows those out that are late, and holds the door
 * for those that were answered while they were still talking.
 */
#ifndef RELIQUARY_API_HTTP_DOOR_H
#define RELIQUARY_API_HTTP_DOOR_H

#include "base/clock.h"
#include "base/fault.h"
#include "reliquary-api/http/connections.h"
#include "reliquary-api/http/proxy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct door;

struct door_options {
	int fd; /* listens; the door closes it */
	struct connections *connections;
	const struct proxies *proxies; /* not limited as sources */
	unsigned threads;              /* that serve */
	uint64_t idle_ns;              /* for the first head */
	uint64_t least_ns;             /* nobody is ever given less time than this */
	struct instant (*clock)(void);
	/* Serves the socket from now on; false when it cannot, and then it has closed it. */
	bool (*serve)(void *arg, int fd, const struct sockaddr *from, socklen_t len);
	void *arg;
};

struct door_counts {
	uint64_t accepted, refused_full, refused_source, late_head, late_body;
};

/* NULL with the reason; then fd is still the caller's. */
struct door *door_open(const struct door_options *o, struct fault *why);

/*
 * A copy of a socket whose last words are on their way to a client that is still sending.  To close
 * it would throw them away, so what comes is read and dropped for a while first.  Takes fd over.
 */
void door_linger(struct door *d, int fd);

/* Nobody is let in any more, and who waits to be asked for a request is shown out. */
void door_drain(struct door *d);

/* Ends the thread: nobody is served any more.  door_linger() may still be called, to no effect. */
void door_stop(struct door *d);
void door_destroy(struct door *d); /* after door_stop() */

void door_counts(const struct door *d, struct door_counts *ret);

#endif

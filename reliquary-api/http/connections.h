/* SPDX-License-Identifier: ISC */
/*
 * Who is connected, and until when what is waited for has to be there.  The HTTP library owns the
 * sockets; here stands only what ends a connection that is late.  Any thread.
 */
#ifndef RELIQUARY_API_HTTP_CONNECTIONS_H
#define RELIQUARY_API_HTTP_CONNECTIONS_H

#include "base/endpoint.h"
#include "base/random.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct connections;
struct tls_pair;

enum wait {
	WAIT_HEAD = 0, /* for a whole head; the handshake of TLS counts as part of the first */
	WAIT_BODY,
	WAIT_US,     /* we are at work: never late */
	WAIT_ANSWER, /* for the client to take the answer */
};

struct connection {
	struct connection *next, *prev; /* connections.c's, under its lock, as are the next four */
	int fd;
	bool counted; /* for its source */
	bool shut;    /* nothing is read from it any more */
	struct endpoint peer;
	_Atomic int wait;        /* enum wait */
	_Atomic uint64_t due_ns; /* when it is late */
	_Atomic bool late;       /* it was, or talked too much: it is being closed */
	bool unread;             /* its own thread's: it was answered before all of it was read */
	struct tls_pair *tls;    /* what it showed in the handshake; NULL without TLS */
};

struct connections_options {
	unsigned most;
	unsigned most_per_source; /* 0: no limit */
};

/* NULL: no memory. */
struct connections *connections_create(const struct connections_options *o, struct random *random);

/* Frees the ones that never began; those that did must have ended. */
void connections_destroy(struct connections *c);

enum admission {
	ADMISSION_GRANTED = 0,
	ADMISSION_FULL,
	ADMISSION_SOURCE, /* this source has enough */
	ADMISSION_NO_MEMORY,
};

/*
 * A socket was accepted; exempt ones do not count for their source.  Granted, it waits for
 * connections_begin(), or connections_forget() when nothing comes of it.
 */
enum admission connections_admit(
    struct connections *c, int fd, const struct endpoint *peer, bool exempt, uint64_t due_ns);
void connections_forget(struct connections *c, int fd);

/* The library serves the socket from now on; NULL when it was not admitted. */
struct connection *connections_begin(struct connections *c, int fd);

/* Before the socket is closed: from now on it is not touched, and k is freed. */
void connections_end(struct connections *c, struct connection *k);

/* The connection's own thread: what it waits for now, and until when. */
void connection_wait(struct connection *k, enum wait wait, uint64_t due_ns);

struct connections_late {
	uint64_t head, body; /* answers that nobody takes count as bodies */
	uint64_t next_ns;    /* when the next one of those waited for now is late */
};

/* Ends what is late at now; with draining also what waits for a head. */
struct connections_late connections_reap(struct connections *c, uint64_t now_ns, bool draining);

/* Have all that were handed to the library begun? */
bool connections_settled(struct connections *c);

uint64_t connections_count(struct connections *c);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The main thread: signals, expiry, reloading, reports.  Packets are none of its business, except
 * for the ambries that it sends when bundles change.
 */
#ifndef CATHEDRAL_IO_LOOP_H
#define CATHEDRAL_IO_LOOP_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "cathedral/io/crew.h"
#include "cathedral/io/handover.h"
#include "cathedral/io/sockets.h"
#include "cathedral/io/succession.h"
#include "cathedral/io/taker.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/follow.h"
#include "cathedral/state/registry.h"
#include "cathedral/state/stats.h"

#include <stdbool.h>

struct loop;

/* Strings are borrowed. */
struct loop_options {
	const char *instance, *version;
	const char *control;      /* path of the socket; empty: none */
	const char *control_user; /* who may use it; empty: only owner */
	const char *owner;        /* the user that the daemon will be; empty: the one it is */
	struct endpoint metrics;  /* port 0: none */
	struct taker *taker;      /* from whom sockets may be taken over; or NULL */
};

/* What runs by the time of loop_attach(); all borrowed. */
struct loop_world {
	const struct registry_source *source;
	struct follow *follow; /* registry.db; NULL: source names files */
	struct site *site;
	const struct sockets *sockets;
	struct succession *succession;
	unsigned workers;
	struct stats *stats; /* the workers', the scanner's, the main thread's */
	struct random *seed;
	const struct keepsake *pidfile; /* for who takes over */
	void (*reclaim)(void *arg);     /* somebody had begun to take over, and this one goes on */
	void *reclaim_arg;
};

/* Opens what may need root: the control socket and the metrics' address. */
struct loop *loop_create(const struct loop_options *options, struct fault *why);

bool loop_attach(struct loop *l, const struct loop_world *world, struct fault *why);

enum loop_end {
	LOOP_STOPPED, /* SIGTERM or SIGINT */
	LOOP_GIVEN,   /* another process serves; kept[] says what it has of ours */
};

/* Runs while the crew, which is borrowed, serves. */
enum loop_end loop_run(struct loop *l, struct crew *crew, bool kept[static KEEPSAKES]);

/*
 * arg: the loop.  For what keeps the main thread for long: tells whoever watches us that we live,
 * if it is time to.
 */
void loop_alive(void *arg);

void loop_destroy(struct loop *l); /* NULL is fine */

#endif

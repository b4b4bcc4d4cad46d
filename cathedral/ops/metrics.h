/* SPDX-License-Identifier: ISC */
/* The counters as Prometheus text over HTTP: GET /metrics on a loopback address. */
#ifndef CATHEDRAL_OPS_METRICS_H
#define CATHEDRAL_OPS_METRICS_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fault.h"
#include "cathedral/ops/overview.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>

struct metrics;

struct metrics_options {
	struct endpoint at;
	int inherited; /* listening there already, from the cathedral before; 0: none */
	const struct overview *overview;
};

/*
 * Binds at once; NULL with the reason when it cannot, or when it is no loopback address.  The
 * overview is borrowed, and read only from the base's loop.
 */
struct metrics *metrics_create(
    struct event_base *base, const struct metrics_options *options, struct fault *why);
int metrics_fd(const struct metrics *m); /* the listening socket, borrowed */
void metrics_destroy(struct metrics *m); /* NULL is fine */

/* Appends the whole text. */
void metrics_write(struct evbuffer *to, const struct overview *o, struct instant now);

#endif

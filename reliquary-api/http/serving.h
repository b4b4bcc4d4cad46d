/* SPDX-License-Identifier: ISC */
/* The way of one request through the HTTP library's callbacks: head, body, run, answer, over. */
#ifndef RELIQUARY_API_HTTP_SERVING_H
#define RELIQUARY_API_HTTP_SERVING_H

#include "reliquary-api/http/door.h"
#include "reliquary-api/http/server.h"

#include <microhttpd.h>
#include <stdatomic.h>

/* What the requests of one server share. */
struct serving {
	const struct server_calls *calls;
	void *arg;
	struct instant (*clock)(void);
	uint64_t idle_ns, body_ns, body_rate;
	size_t header_max;
	struct proxies proxies;
	_Atomic bool draining;    /* each answer is its connection's last */
	_Atomic bool ending;      /* nothing is run any more */
	_Atomic unsigned running; /* run() called, and what came of it not given back yet */
	_Atomic uint64_t aborted, malformed;
};

/* The line of the request is there: what comes of it is handed to the others as *passage. */
void *serving_line(void *serving, const char *target, struct MHD_Connection *from);

/* Called again and again by the library: with the head, pieces of the body, and at its end. */
enum MHD_Result serving_step(void *serving, struct MHD_Connection *from, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **passage);

/* The answer is out, or never will be. */
void serving_over(void *serving, struct MHD_Connection *from, void **passage,
    enum MHD_RequestTerminationCode how);

/* From now on nothing is run; returns when nothing is running. */
void serving_end(struct serving *s);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Answers short questions on a listening socket, in the main thread's event loop: a client sends
 * one request, gets one answer and is closed.  Slow clients are cut off, long requests refused,
 * and only so many are served at a time, so that none can keep the loop from its work.
 */
#ifndef CATHEDRAL_OPS_SERVICE_H
#define CATHEDRAL_OPS_SERVICE_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct service;

struct service_options {
	const char *end;    /* what a request ends with: it is cut off */
	size_t request_max; /* bytes, with the end */
	/* Appends the answer; request is text without NUL inside. */
	void (*answer)(const char *request, struct evbuffer *to, void *arg);
	void *arg;
};

#define SERVICE_CLIENTS_MAX 16
#define SERVICE_REQUEST_S   5  /* until the request must be there */
#define SERVICE_ANSWER_S    30 /* until the answer must have been taken */

/* Takes over the listening socket fd, also when it fails; NULL when out of memory. */
struct service *service_create(
    struct event_base *base, int fd, const struct service_options *options);

/* The listening socket, borrowed. */
int service_fd(const struct service *s);

/* Cuts off all clients; NULL is fine. */
void service_destroy(struct service *s);

#endif

/* SPDX-License-Identifier: ISC */
/* A reply value on its way out through the HTTP library. */
#ifndef RELIQUARY_API_HTTP_ANSWER_H
#define RELIQUARY_API_HTTP_ANSWER_H

#include "reliquary-api/http/reply.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct answer {
	const char *body;
	size_t len;
	bool owned;
	bool secret;
};

/*
 * Queues r on a connection; close: it is the connection's last.  False when there is no memory for
 * it.  r and *a must live until the library says that the request is over: nothing is copied.
 */
bool answer_queue(struct answer *a, struct MHD_Connection *to, struct reply *r, bool close);

/* Wipes the body if it is a secret, and frees it. */
void answer_free(struct answer *a);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The fields of a request's head, as the HTTP library hands them over one by one, become values of
 * a struct request.  A head that two readers could understand in two ways is refused: where the
 * body ends must be as clear to a proxy in front of us as it is to us.
 */
#ifndef RELIQUARY_API_HTTP_HEAD_H
#define RELIQUARY_API_HTTP_HEAD_H

#include "reliquary-api/http/proxy.h"
#include "reliquary-api/http/request.h"

#include <stdbool.h>

struct head {
	struct request *rq;
	const struct proxies *proxies;
	struct forwarded forwarded;
	char wrong[64]; /* a sentence about the first thing that is; "" */
	unsigned seen;  /* a bit for each field that was there (head.c's readers) */
	bool chunked, expects_continue;
	unsigned text_q, json_q, any_q; /* Accept, in thousandths */
};

/* proxies must live as long; rq->length is -1 from here on. */
void head_begin(struct head *h, struct request *rq, const struct proxies *proxies);

/* The next field. */
void head_field(struct head *h, const char *name, const char *value);

/* After the last field; false when the head is not to be trusted: h->wrong says why. */
bool head_end(struct head *h, const char *version, const struct endpoint *peer);

/* Is there a body, or is it said that one comes? */
bool head_has_body(const struct head *h);

#endif

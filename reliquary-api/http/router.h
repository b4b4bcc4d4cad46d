/* SPDX-License-Identifier: ISC */
/* Which row of the route table a method and a path name. */
#ifndef RELIQUARY_API_HTTP_ROUTER_H
#define RELIQUARY_API_HTTP_ROUTER_H

#include "reliquary-api/http/request.h"

#include <stdbool.h>
#include <stddef.h>

/* "/v1/flocks/{flock}/devices/{id}": a segment in braces matches any one that is not empty. */
struct pattern {
	enum method method;
	const char *path;
};

struct router;

/* Copies nothing: the patterns (ended by a row without path) must outlive it.  NULL: no memory. */
struct router *router_create(const struct pattern *patterns, size_t stride);
void router_destroy(struct router *r);

enum route_found {
	ROUTE_FOUND = 0,
	ROUTE_UNKNOWN,      /* no such path: 404 */
	ROUTE_WRONG_METHOD, /* 405; allow lists the methods that there are */
};

/*
 * Finds the row for rq->method and rq->path and fills rq->param.  Paths are taken as they are: no
 * decoding (a percent sign names nothing), no "." or "..", no empty segment, no trailing slash, no
 * segment of REQUEST_WORD_MAX bytes or more; "/" alone is the root.  A literal segment goes before
 * one in braces, the front one first.  HEAD finds GET's row.  allow is "" but for
 * ROUTE_WRONG_METHOD, then the Allow header's value.
 */
enum route_found router_find(
    const struct router *r, struct request *rq, size_t *row, char allow[static 64]);

#endif

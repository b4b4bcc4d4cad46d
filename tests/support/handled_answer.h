/* SPDX-License-Identifier: ISC */
/* Answers of handlers against what docs/openapi.json says of their routes. */
#ifndef TESTS_SUPPORT_HANDLED_ANSWER_H
#define TESTS_SUPPORT_HANDLED_ANSWER_H

#include "reliquary-api/handlers/handler.h"

/* What the document says of a route, borrowed; fails the test when it says nothing. */
json_t *operation_of(json_t *document, const char *path, enum method method);

/* The status is one of the document's for the route, the body as its schema says; one with secrets
 * is marked so.  Problems are about nothing but themselves. */
void handled_check(json_t *document, const struct route *route, const struct request *rq,
    const struct reply *reply);

#endif

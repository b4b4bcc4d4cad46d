/* SPDX-License-Identifier: ISC */
/*
 * A tenant who has one of everything, made over HTTP, and the paths that lead to it: what others
 * must neither see nor touch.  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_HOUSEHOLD_H
#define TESTS_SUPPORT_HOUSEHOLD_H

#include "reliquary-api/handlers/handler.h"
#include "tests/support/api.h"
#include "tests/support/bundles.h"

/* What a path may name. */
struct things {
	char flock[17], other[17]; /* an xflock is between them */
	char pending[9], device[9];
	char enrolment[17], token[17];
};

#define MARKS_MOST 32

struct household {
	struct tenant who;
	char reads[33], approves[33]; /* tokens */
	struct things has;
	/* Whatever nobody else may be told: ids, labels, secrets. */
	char marks[MARKS_MOST][80];
	size_t marks_count;
};

void household_make(const struct test_api *t, struct household *ret);

/* A bundle of the flock itself, and one of the pair. */
void household_upload(const struct test_api *t, const struct household *h);
struct made_bundle household_bundle(const struct things *x, bool pair, uint32_t generation);

/* Of the same form, but nobody's. */
struct things things_nowhere(struct random *random);

/* One of these is in the answer, the head or the body, that is not in named (NULL: nothing was
 * named).  NULL: none. */
const char *household_betrayed(const struct household *h, const struct got *a, const char *named);

#define ROUTE_PATH_MAX 8192

/* The route's path to things; parameter n (from 0) becomes this text instead, unless it is NULL. */
void route_path(const struct route *r, const struct things *x, size_t n, const char *text,
    char path[static ROUTE_PATH_MAX]);
size_t route_params(const struct route *r);

/* What parameter n would be. */
const char *route_thing(const struct route *r, const struct things *x, size_t n);

/* A body of JSON that the route takes, for those that take JSON; NULL for others. */
const char *route_json(const struct route *r);

#endif

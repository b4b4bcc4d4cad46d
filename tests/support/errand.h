/* SPDX-License-Identifier: ISC */
/*
 * A route's request as it is right, with the body that it wants: for tests that go through the
 * whole table.  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_ERRAND_H
#define TESTS_SUPPORT_ERRAND_H

#include "tests/support/trial.h"

struct errand {
	struct route_ask q;
	struct made_bundle bundle;
};

/* For the things of h, on its behalf or on a cathedral's, whose token this is. */
void errand_make(
    struct errand *ret, const struct route *r, const struct household *h, const char *cathedral);
void errand_free(struct errand *e);

/* A cathedral that the service knows, and its token. */
void errand_cathedral(struct test_api *t, char token[static 33]);

#endif

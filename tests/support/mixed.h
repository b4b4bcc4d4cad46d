/* SPDX-License-Identifier: ISC */
/*
 * Some of everything that tenants do, in a fixed order, for tests in which something fails on the
 * way: each request is answered with success, or with a problem document of 5xx; then it is sent
 * once more, and must succeed as if it came for the first time.  What fails here fails the test.
 */
#ifndef TESTS_SUPPORT_MIXED_H
#define TESTS_SUPPORT_MIXED_H

#include "tests/support/api.h"
#include "tests/support/bundles.h"

struct mixed {
	const struct test_api *t;
	/* Called after each answer, before anything else is sent; NULL: nobody wants to know. */
	void (*answered)(void *arg, const struct ask *a, const struct got *got);
	void *arg;
	struct made_bundle bundle;
	/* Problems so far, by kind. */
	unsigned failed, busy, no_space;
};

/* What a run leaves behind. */
struct mixed_life {
	struct tenant who;
	char flock[17];              /* of two devices, approved; without a bundle */
	char device[9], enrolled[9]; /* with the KEK numbers 1 and 2 */
	char token[33], revoked[33];
};

void mixed_begin(struct mixed *m, const struct test_api *t);
void mixed_end(struct mixed *m);

void mixed_run(struct mixed *m, struct mixed_life *ret);

/* All that was answered is there, and nothing else. */
void mixed_verify(const struct test_api *t, const struct mixed_life *life);

#endif

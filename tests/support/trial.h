/* SPDX-License-Identifier: ISC */
/*
 * A whole service with a victim in it, and requests that are held against what the route table
 * says of them.  What fails here fails the running test, with the request.
 */
#ifndef TESTS_SUPPORT_TRIAL_H
#define TESTS_SUPPORT_TRIAL_H

#include "tests/support/household.h"
#include "tests/support/onlooker.h"

struct trial {
	struct test_api t;
	struct onlooker o;
	struct random random;
	struct household victim;
	struct things nowhere; /* of the same form as the victim's, and nobody's */
	char cathedral[33];    /* the token of one */
	unsigned asked;        /* requests that were held against a rule */
};

/* Between the two calls a test may change settings. */
void trial_prepare(struct trial *m);
void trial_start(struct trial *m);
void trial_end(struct trial *m);

/* What is to come of a request. */
struct verdict {
	const char *why;
	unsigned status;  /* 0: any success, or none (see trial_refused()) */
	const char *kind; /* of the problem; NULL: any */
	bool handled;     /* may the handler have begun? */
};

/*
 * The request fails as the verdict says, has changed nothing in the database, and the answer holds
 * nothing of the victim's.  With status 0: 4xx, or the connection ended without a word.
 */
struct got trial_refused(struct trial *m, const struct ask *a, const struct verdict *v);

/* The same, for a request that goes out as these bytes; a only names it. */
void trial_refused_bytes(
    struct trial *m, const struct ask *a, const struct verdict *v, const void *bytes, size_t len);

/* The request succeeds.  The answer holds nothing of owner's (NULL: it is the one who asks). */
void trial_granted(
    struct trial *m, const struct ask *a, const char *why, const struct household *owner);

/* The same answer, byte for byte, but for Date. */
bool trial_same(const struct got *a, const struct got *b);

/* The route as a request to these things, with a right body (uploads: with none, but its length);
 * path and fields are what it is written to. */
struct route_ask {
	char path[ROUTE_PATH_MAX], fields[256];
	struct ask ask;
};

void trial_ask(
    struct route_ask *ret, const struct route *r, const struct things *x, const char *token);
/* One parameter is another text. */
void trial_ask_with(struct route_ask *ret, const struct route *r, const struct things *x,
    const char *token, size_t n, const char *text);

#endif

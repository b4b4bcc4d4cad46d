/* SPDX-License-Identifier: ISC */
/* Many clients at once, each a thread with a connection that it keeps. */
#ifndef TESTS_SUPPORT_THRONG_H
#define TESTS_SUPPORT_THRONG_H

#include "tests/support/api.h"

/*
 * Runs act() for n = 0 .. clients - 1, all of them from the same moment on, when each has been
 * answered once on its connection; returns when all have.  act() must not fail a test.  False when
 * a client found no connection (then its c->fd is -1).
 */
bool throng(const struct test_api *t, unsigned clients,
    void (*act)(void *arg, struct http_client *c, unsigned n), void *arg);

/* One request and what came of it. */
struct deed {
	const char *method, *token, *repeat;
	char path[128], json[192]; /* json: "" without */
	const void *body;          /* instead of json */
	size_t body_len;
	struct got got; /* filled; status 0 without an answer */
};

struct deed *deeds_make(size_t count); /* all zero */

/* Does all of them: client n the deeds n, n + clients, ... */
void deeds_do(const struct test_api *t, struct deed *deeds, size_t count, unsigned clients);
void deeds_free(struct deed *deeds, size_t count);

/* How many have this status. */
size_t deeds_with(const struct deed *deeds, size_t count, unsigned status);

/* Each has one of these (0: none); the first one that has not fails the test. */
void deeds_have(const struct deed *deeds, size_t count, const unsigned statuses[static 3]);

#endif

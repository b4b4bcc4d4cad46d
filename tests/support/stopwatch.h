/* SPDX-License-Identifier: ISC */
/* How long a request takes, from its first byte out to the answer's last byte in, with as little of
 * our own work in between as can be.  What fails here fails the running test. */
#ifndef TESTS_SUPPORT_STOPWATCH_H
#define TESTS_SUPPORT_STOPWATCH_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

struct stopwatch {
	struct endpoint at;
	int fd; /* kept between requests, for as long as the server keeps it */
	char in[65536];
};

void stopwatch_open(struct stopwatch *w, const struct endpoint *at);
void stopwatch_close(struct stopwatch *w);

/* The status; the answer's head and body are in w->in until the next one. */
unsigned stopwatch_ask(struct stopwatch *w, const char *bytes, size_t len, uint64_t *ns);

#endif

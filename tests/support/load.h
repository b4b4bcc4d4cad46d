/* SPDX-License-Identifier: ISC */
/*
 * Requests on kept-alive connections, as many as are answered, by one thread that does little more
 * than send, receive and look at the clock.  For benches: what goes wrong is counted.
 */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole request, head and body. */
struct load_request {
	const void *bytes;
	size_t len;
};

struct load {
	struct endpoint at;
	unsigned connections;
	const struct load_request *requests; /* taken in turn, round and round */
	size_t count;
	uint64_t most;     /* requests in all; 0: no end but that of time */
	uint64_t run_ns;   /* 0: no end but that of the requests */
	uint64_t pause_ns; /* of a connection, between an answer and its next request */
	unsigned status;   /* of a right answer */
	bool spins; /* never sleeps, so that who answers need not wake it: on a CPU of its own */
};

struct load_result {
	uint64_t answers;                  /* right ones */
	uint64_t wrong;                    /* with another status */
	uint64_t lost;                     /* connections that ended too early */
	double seconds;                    /* from the first request to the last answer */
	double p50_us, p99_us, longest_us; /* from a request's first byte to its answer's last */
};

/* False when the connections cannot be opened. */
bool load_run(const struct load *l, struct load_result *ret);

/* A connection that is open, and blocks; -1 with errno. */
int load_connect(const struct endpoint *at);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Requests on kept-alive connections by one thread that does little more than send, receive and
 * look at the clock: as many as are answered, or so many a second, whether they are answered or
 * not.  For benches: what goes wrong is counted.
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
	uint64_t most;   /* requests in all; 0: no end but that of time */
	uint64_t run_ns; /* 0: no end but that of the requests */
	/* A connection has a request to ask each so often; 0: once the one before is answered. */
	uint64_t every_ns;
	unsigned status; /* of a right answer */
	bool spins; /* never sleeps, so that who answers need not wake it: on a CPU of its own */
};

struct load_result {
	uint64_t answers; /* right ones */
	uint64_t wrong;   /* with another status */
	uint64_t lost;    /* connections that ended too early */
	double seconds;   /* from the first request to the last answer */
	/*
	 * From a request's first byte to its answer's last; with every_ns from the moment when it
	 * was due, so that a request counts that had to wait for the answer to the one before.
	 */
	double p50_us, p99_us, longest_us;
	double cpu_us; /* of this thread, for each right answer */
};

/* False when the connections cannot be opened. */
bool load_run(const struct load *l, struct load_result *ret);

/* The same, but anything that goes wrong ends the bench. */
void load_run_well(const struct load *l, struct load_result *ret);

/* A connection that is open, and blocks; -1 with errno. */
int load_connect(const struct endpoint *at);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Requests to the service, as many at a time as there are fetches in one hub; nothing here waits
 * but hub_wait().  The only part that knows libcurl.  What an answer says is for others to judge;
 * that it is one, in time and of a bearable size, is seen to here.
 */
#ifndef CATHEDRAL_SYNC_FETCH_H
#define CATHEDRAL_SYNC_FETCH_H

#include "base/fault.h"
#include "tools/cathedral-sync/credentials.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* http or https, a host, perhaps a port and a path, and nothing else. */
bool fetch_url_check(const char *url, struct fault *why);

/* Does it name this very host? */
bool fetch_url_is_here(const char *url);

struct fetch_hub;
struct fetch;

/* The credentials are borrowed; pin may be "".  NULL with the reason. */
struct fetch_hub *fetch_hub_create(
    const struct credentials *credentials, const char *pin, struct fault *why);
void fetch_hub_destroy(struct fetch_hub *hub); /* after its fetches; NULL is fine */

/* Until something came for a fetch, or for one of these descriptors, or the time is over. */
void fetch_hub_wait(struct fetch_hub *hub, struct pollfd *also, size_t count, int timeout_ms);

struct fetch *fetch_create(struct fetch_hub *hub); /* NULL: out of memory */
void fetch_destroy(struct fetch *f);               /* NULL is fine */

struct fetch_request {
	const char *url;
	const char *body; /* JSON to POST, borrowed until it is over; NULL: GET */
	unsigned quiet_s; /* how long it may take until the answer begins to come */
	unsigned whole_s; /* and until all of it came */
	size_t most;      /* bytes of the answer */
};

/* Ends what was under way, and begins anew.  False with the reason. */
bool fetch_begin(struct fetch *f, const struct fetch_request *rq, struct fault *why);
void fetch_cancel(struct fetch *f);
bool fetch_is_under_way(const struct fetch *f);

struct fetch_answer {
	unsigned status; /* of HTTP; 0: there is no answer, for this reason: */
	struct fault why;
	uint64_t retry_after_s; /* 0: nothing was said */
	const char *body;       /* the fetch's, until the next begins; with a NUL behind */
	size_t len;
};

/* True, once for each request, when it is over. */
bool fetch_take(struct fetch *f, struct fetch_answer *ret);

/* Whether nobody answered, or only somebody who stands before the service and misses it. */
bool fetch_is_away(const struct fetch_answer *a);

/* The same body, to be changed. */
char *fetch_body(struct fetch *f);

/* Wipes the body: as soon as it is of no use any more. */
void fetch_forget(struct fetch *f);

#endif

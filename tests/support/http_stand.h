/* SPDX-License-Identifier: ISC */
/*
 * A service behind a server, for tests of the server: what it does stands in the path.  It counts
 * what it is asked, and its time runs as the test wants.
 *
 *	/echo          200, the method, a blank and the body
 *	/asked         200, how the request was understood, a line
 *	/refuse        401 at once
 *	/hold          the answer comes when the test releases it
 *	/later         the answer comes from another thread, at once
 *	/again         so does the wish to be asked once more, AGAIN times
 *	/upload        the body goes to a file of the folder given
 *	/json /secret /text /empty /busy /method /replayed /page   an answer of that kind
 *	/large         200 and LARGE_ANSWER bytes
 */
#ifndef TESTS_SUPPORT_HTTP_STAND_H
#define TESTS_SUPPORT_HTTP_STAND_H

#include "reliquary-api/http/server.h"
#include "tests/support/http_client.h"

#include <pthread.h>
#include <stdatomic.h>

#define STAND_BODY_MAX 1000
#define AGAIN          3
#define LARGE_ANSWER   (8u << 20)

struct http_stand {
	struct server_options o; /* to be changed before stand_open() */
	struct server *server;
	struct endpoint at;
	const char *folder; /* of uploads */
	_Atomic unsigned begun, run, done;
	pthread_mutex_t lock;
	struct exchange *held[64];
	unsigned held_count;
	pthread_t resumer;
	bool ending;
	pthread_cond_t more;
	struct exchange *queue[1024];
	unsigned queue_count;
};

struct stand_tally {
	unsigned begun, run, done;
};

/* Options that suit most tests: one thread, an hour for everything. */
struct http_stand *stand_new(void);

/* Failing fails the test. */
void stand_open(struct http_stand *s);
/* Also frees it; what it was asked in all. */
struct stand_tally stand_close(struct http_stand *s);

/* Answers what /hold left open; false when so many have not come in within seconds. */
bool stand_wait_held(struct http_stand *s, unsigned count);
void stand_release(struct http_stand *s);

/* Waits until all that was begun is done. */
bool stand_quiet(struct http_stand *s);

/* Waits until so many connections are open. */
bool stand_wait_connections(struct http_stand *s, unsigned count);

/* The stand's clock: what time it is, and later from now on. */
struct instant stand_clock(void);
void stand_pass(unsigned seconds);

/* One request on a connection of its own. */
struct http_answer stand_get(const struct http_stand *s, const char *path);

#endif

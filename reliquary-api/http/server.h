/* SPDX-License-Identifier: ISC */
/*
 * Turns connections into exchanges, hands each to the calls below, and sends the reply that they
 * leave in it.  Behind this header is the HTTP library, and whoever includes it needs not know.
 */
#ifndef RELIQUARY_API_HTTP_SERVER_H
#define RELIQUARY_API_HTTP_SERVER_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fault.h"
#include "reliquary-api/http/reply.h"
#include "reliquary-api/http/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_PROXIES_MAX 16

/* One request and its answer.  The server owns it; in between whoever serves it has it alone. */
struct exchange {
	struct request rq;
	struct reply reply;
	size_t body_max; /* of a body kept in memory: set by begin(); more is a 413 */
	void *state;     /* the calls' own; done() frees it */
	uint64_t begun_ns;
	uint64_t bytes_in, bytes_out; /* bodies */
};

enum server_next {
	SERVER_REPLY = 0, /* the reply is there */
	SERVER_LATER,     /* somebody calls server_resume() when it is, or server_run_again() */
};

struct server_calls {
	/*
	 * The head is there, nothing of the body: true to have it (into memory up to body_max, or
	 * into rq.upload when that was set), false to send the reply at once.  Must not wait.
	 */
	bool (*begin)(struct exchange *x, void *arg);
	/* The body is there whole, or server_run_again() was called.  Must not wait. */
	enum server_next (*run)(struct exchange *x, void *arg);
	/* The answer went out, or the client went away; called once for every begin(). */
	void (*done)(struct exchange *x, uint64_t now_ns, void *arg);
};

struct server_options {
	struct endpoint listen;
	int listen_fd; /* -1; or a listening socket that is taken over (systemd) */
	unsigned threads;
	unsigned connections_max;
	unsigned connections_per_source; /* 0: no limit; trusted proxies have none */
	unsigned idle_s; /* until a whole head is there, from accept or the last answer */
	unsigned body_s; /* between two pieces of a body, and until the first byte of an answer */
	unsigned body_rate; /* bytes a second that a body must keep up on average, after body_s */
	size_t header_max;
	char tls_cert[256], tls_key[256];            /* files (PEM); "" for plain HTTP */
	struct endpoint proxies[SERVER_PROXIES_MAX]; /* whose X-Forwarded-For is believed */
	size_t proxy_count;
	struct instant (*clock)(void);
};

struct server_counts {
	uint64_t connections; /* open now */
	uint64_t accepted, refused_full, refused_source;
	uint64_t timed_out_idle, timed_out_body;
	uint64_t aborted;   /* the client went in the midst of a request */
	uint64_t malformed; /* heads that were answered without begin(), by us */
};

struct server;

/* Listens at once; NULL with the reason. */
struct server *server_create(
    const struct server_options *o, const struct server_calls *calls, void *arg, struct fault *why);

/* Where it listens: the port that the kernel chose when 0 was asked for. */
struct endpoint server_where(const struct server *s);

/* Sends x->reply; any thread, once after SERVER_LATER. */
void server_resume(struct exchange *x);

/* Instead of that: what was waited for has come, and run() is called once more. */
void server_run_again(struct exchange *x);

/* Reads the certificate files again, for handshakes from now on; the old ones stay on failure. */
bool server_reload_tls(struct server *s, struct fault *why);

/* No new connections; what is being served is finished. */
void server_drain(struct server *s);

/* After everything handed out with SERVER_LATER was resumed or run again. */
void server_destroy(struct server *s);

void server_counts(const struct server *s, struct server_counts *ret);

#endif

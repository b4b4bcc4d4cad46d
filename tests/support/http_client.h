/* SPDX-License-Identifier: ISC */
/*
 * A small HTTP client that does what it is told, also what no proper client would: any bytes, in
 * any pieces, many requests on one connection.  Blocking, each wait with an end.  Nothing here
 * fails a test by itself but http_ask(), so threads may use the rest.
 */
#ifndef TESTS_SUPPORT_HTTP_CLIENT_H
#define TESTS_SUPPORT_HTTP_CLIENT_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_PATIENCE_MS 5000

struct http_client {
	int fd;
	char *in; /* what came and was not read yet */
	size_t len, size;
};

struct http_answer {
	unsigned status;
	char *head; /* status line and fields, each ended by a NUL; an empty one is the last */
	char *body; /* with a NUL behind it */
	size_t body_len;
};

bool http_open(struct http_client *c, const struct endpoint *at);
/* From an address of this host, such as 127.0.0.2. */
bool http_open_from(struct http_client *c, const struct endpoint *at, const char *ip);
void http_close(struct http_client *c);

bool http_send(struct http_client *c, const void *data, size_t len);
bool http_print(struct http_client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A whole request with Host, and Content-Length when there is a body; fields: "A: b\r\n…", or NULL.
 */
struct http_request {
	const char *method, *path, *fields;
	const void *body; /* NULL: none */
	size_t body_len;
};

bool http_send_request(struct http_client *c, const struct http_request *rq);

/*
 * The next answer; to HEAD there is no body.  False when none came whole in time; *ret is to be
 * freed in any case.  An interim answer ("100 Continue") is one of its own, without body.
 */
bool http_read(struct http_client *c, struct http_answer *ret, unsigned patience_ms);
bool http_read_head(struct http_client *c, struct http_answer *ret, unsigned patience_ms);
void http_answer_free(struct http_answer *a);

/* The value of a field, NULL without. */
const char *http_field(const struct http_answer *a, const char *name);

/* Does the other side close within that time, without having said more? */
bool http_ended(struct http_client *c, unsigned patience_ms);

/* Reads and drops all that still comes: is there an end to it within that time? */
bool http_drop_rest(struct http_client *c, unsigned patience_ms);

/* Does nothing come, no end either, in that time? */
bool http_silent(struct http_client *c, unsigned patience_ms);

/* One request on a connection of its own; without an answer the test fails. */
struct http_answer http_ask(const struct endpoint *at, const struct http_request *rq);

#endif

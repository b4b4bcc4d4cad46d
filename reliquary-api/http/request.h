/* SPDX-License-Identifier: ISC */
/*
 * One request as handlers see it: plain values, taken out of the HTTP library's hands by
 * http/serving.c, so that tests fill one in by hand.
 */
#ifndef RELIQUARY_API_HTTP_REQUEST_H
#define RELIQUARY_API_HTTP_REQUEST_H

#include "base/endpoint.h"
#include "base/ids.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_PARAMS_MAX 2
#define REQUEST_QUERY_MAX  8
#define REQUEST_WORD_MAX   64  /* a path parameter, a query value; with its NUL */
#define REQUEST_PATH_MAX   256 /* longer paths are nobody's */
#define REQUEST_TOKEN_MAX  128
#define REQUEST_REPEAT_MAX 256 /* Idempotency-Key */

enum method {
	METHOD_GET = 0,
	METHOD_HEAD, /* routed as GET; the server leaves the body out */
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OTHER, /* always last */
};

enum content_type {
	CONTENT_NONE = 0,
	CONTENT_JSON,
	CONTENT_FORM, /* what curl says of --data and --data-binary */
	CONTENT_OTHER,
};

struct query {
	char name[REQUEST_WORD_MAX];
	char value[REQUEST_WORD_MAX];
};

struct upload;

struct request {
	enum method method;
	char path[REQUEST_PATH_MAX]; /* without the query; "" when it was too long */
	char param[REQUEST_PARAMS_MAX][REQUEST_WORD_MAX]; /* {flock}, {id}: filled by the router */
	struct query query[REQUEST_QUERY_MAX];
	size_t query_count;
	bool query_overflow;                 /* more of it, or longer than there is room for */
	char token[REQUEST_TOKEN_MAX];       /* x-token or Authorization: Bearer; "" without */
	char repeat_key[REQUEST_REPEAT_MAX]; /* Idempotency-Key; "" without */
	bool repeat_overflow;
	enum content_type type;
	bool wants_text;      /* Accept prefers text/plain */
	int64_t length;       /* Content-Length; -1 when it is not said */
	struct endpoint from; /* who asks: the peer, or whom a trusted proxy names */
	uint8_t *body;        /* what came, with a NUL behind it; NULL when nothing did */
	size_t body_len;
	json_t *json;          /* the body as a JSON object, where the route wants one */
	struct upload *upload; /* the body where it is a file (http/upload.h) */
};

enum method method_parse(const char *text);
const char *method_name(enum method method);

/*
 * What stands between method and version: "/path?query", or the same behind "http://host", which
 * does not count.  *rq is all zero before.
 */
void request_target_read(struct request *rq, const char *target);

/* Splits "a=1&b=2" (percent-decoded, '+' is a blank); what does not fit sets query_overflow. */
void request_query_read(struct request *rq, const char *text);

/* The value of the first of that name in the query, NULL without. */
const char *request_query(const struct request *rq, const char *name);

/* A page of a list: limit (1 .. max, fallback without) and after ("" without). False: malformed. */
struct page {
	uint32_t limit;
	char after[REQUEST_WORD_MAX];
};

bool request_page(const struct request *rq, struct page *ret, uint32_t fallback, uint32_t max);

/*
 * Path parameter n as a flock: 16 lower-case hex digits that end in 00, and not all zero; as a
 * device: 8 lower-case hex digits.  Whatever else it is names nothing: answer 404.
 * request_flock_domain() takes any last two digits, and *ret keeps them.
 */
bool request_flock(const struct request *rq, size_t n, struct flock_id *ret);
bool request_flock_domain(const struct request *rq, size_t n, struct flock_id *ret);
bool request_device(const struct request *rq, size_t n, struct device_id *ret);
bool request_id64(const struct request *rq, size_t n, uint64_t *ret); /* 16 lower-case digits */

/* Frees and wipes what the request owns; it is all zero afterwards. */
void request_free(struct request *rq);

#endif

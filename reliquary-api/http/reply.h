/* SPDX-License-Identifier: ISC */
/*
 * What a handler answers: a value.  Only http/answer.c talks to the client.  Errors are problem
 * documents (RFC 9457): type "urn:reliquary:problem:KIND", title, status, detail, field.
 */
#ifndef RELIQUARY_API_HTTP_REPLY_H
#define RELIQUARY_API_HTTP_REPLY_H

#include "reliquary-api/http/json_text.h"
#include "reliquary-api/http/shared_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define REPLY_DETAIL_MAX 256

struct reply {
	unsigned status;
	json_t *json;     /* owned; NULL: text or nothing */
	char *text;       /* owned (malloc'd); answered as text/plain unless type says otherwise */
	const char *type; /* content type of text; NULL: text/plain; static */
	struct shared_text *shared; /* held; instead of text */
	const char *fixed;          /* static bytes instead of text, never freed */
	size_t fixed_len;
	unsigned retry_after_s; /* Retry-After, 0 without */
	char allow[64];         /* Allow, "" without */
	unsigned wait_s;        /* reply_not_yet() */
	bool replayed;          /* Idempotency-Replayed: true */
	bool secret;            /* holds a secret: wiped when freed, Cache-Control: no-store */
};

/* Takes json over; NULL (out of memory) becomes a 500. */
struct reply reply_json(unsigned status, json_t *json);

/* The same, for answers that hold a secret. */
struct reply reply_secret(unsigned status, json_t *json);

/* What was written as JSON at once; takes t over and ends it. */
struct reply reply_written(unsigned status, struct json_text *t);

/* The same, where others hold it, too; takes over what the caller holds. */
struct reply reply_shared(unsigned status, struct shared_text *t);

/* One line for people, a line end is added. */
struct reply reply_text(unsigned status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes that live for ever (openapi.json). */
struct reply reply_fixed(const char *type, const char *bytes, size_t len);

struct reply reply_empty(void); /* 204 */

/*
 * No answer yet: the handler wants to be asked again when something has changed, or at the latest
 * after so many seconds.  Status is 0.
 */
struct reply reply_not_yet(unsigned wait_s);

/*
 * kind: a word of the list in docs/api.md; detail: a sentence for the person who reads it, cut at
 * REPLY_DETAIL_MAX - 1 bytes, with '?' for what would upset a terminal.
 */
struct reply reply_problem(unsigned status, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 400; the detail is field, a blank, and what follows: "label", "has at most 64 bytes". */
struct reply reply_bad_field(const char *field, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Another tenant's, and what is not there: one answer for both.  what: "flock", "device", … */
struct reply reply_unknown(const char *what);

/* These need no memory, and neither does reply_render() of them. */
struct reply reply_busy(unsigned retry_after_s);    /* 503 */
struct reply reply_failed(void);                    /* 500 */
struct reply reply_limited(unsigned retry_after_s); /* 429 */

/*
 * The body as it goes out; false when out of memory.  *ret points into the reply or to malloc'd
 * memory that *owned says the caller frees, and wipes before that when the reply is secret.
 */
bool reply_render(const struct reply *r, const char **ret, size_t *len, bool *owned);

/* "application/json", "application/problem+json", "text/plain; charset=utf-8", … */
const char *reply_content_type(const struct reply *r);

void reply_free(struct reply *r);

#endif

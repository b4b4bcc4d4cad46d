/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/reply.h"

#include "protocol/crypto/secret.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/http/json_text.h"
#include "reliquary-api/http/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TYPE    "application/json"
#define PROBLEM_TYPE "application/problem+json"
#define KIND_PREFIX  "urn:reliquary:problem:"

/* A character that is cut in two would be garbage: it needs room to be seen whole. */
#define CUT_ROOM    4
#define DETAIL_ROOM (REPLY_DETAIL_MAX + CUT_ROOM)
#define FIELD_MAX   64

/* Answers that must be there without memory, and those that a flood of requests gets. */
#define PROBLEM(kind, title, status, detail)                                                       \
	"{\"type\":\"" KIND_PREFIX kind "\",\"title\":\"" title "\",\"status\":" #status           \
	",\"detail\":\"" detail "\"}\n"

static const char failed[] = PROBLEM(
    "failed", "Internal Server Error", 500, "something went wrong on this side, try again later");
static const char busy[] =
    PROBLEM("busy", "Service Unavailable", 503, "too much to do just now, try again later");
static const char limited[] =
    PROBLEM("rate", "Too Many Requests", 429, "too many requests, try again later");

static const struct {
	unsigned status;
	const char *title;
} titles[] = {
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

static const char *
title_of(unsigned status)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (titles[i].status == status)
			return titles[i].title;
	}
	return "Error";
}

static struct reply
fixed_problem(unsigned status, const char *text, unsigned retry_after_s)
{
	return (struct reply){ .status = status,
		.type = PROBLEM_TYPE,
		.fixed = text,
		.fixed_len = strlen(text),
		.retry_after_s = retry_after_s };
}

struct reply
reply_failed(void)
{
	return fixed_problem(500, failed, 0);
}

struct reply
reply_busy(unsigned retry_after_s)
{
	return fixed_problem(503, busy, retry_after_s);
}

struct reply
reply_limited(unsigned retry_after_s)
{
	return fixed_problem(429, limited, retry_after_s);
}

struct reply
reply_json(unsigned status, json_t *json)
{
	if (json == NULL)
		return reply_failed();
	return (struct reply){ .status = status, .json = json };
}

struct reply
reply_written(unsigned status, struct json_text *t)
{
	if (!json_text_end(t))
		return reply_failed();
	return (struct reply){
		.status = status, .type = JSON_TYPE, .text = t->text, .secret = t->secret
	};
}

struct reply
reply_secret(unsigned status, json_t *json)
{
	struct reply r = reply_json(status, json);

	r.secret = json != NULL;
	return r;
}

struct reply
reply_text(unsigned status, const char *format, ...)
{
	va_list args;
	char *line = NULL, *text = NULL;
	size_t len;

	va_start(args, format);
	if (vasprintf(&line, format, args) == -1)
		line = NULL;
	va_end(args);
	if (line == NULL)
		return reply_failed();

	len = strlen(line);
	text = malloc(len + 2);
	if (text != NULL) {
		memcpy(text, line, len);
		memcpy(text + len, "\n", 2);
	}
	forget_text(line); /* it may be a secret: the caller marks the reply only afterwards */
	if (text == NULL)
		return reply_failed();
	return (struct reply){ .status = status, .text = text };
}

struct reply
reply_fixed(const char *type, const char *bytes, size_t len)
{
	return (struct reply){ .status = 200, .type = type, .fixed = bytes, .fixed_len = len };
}

struct reply
reply_not_yet(unsigned wait_s)
{
	return (struct reply){ .wait_s = wait_s };
}

struct reply
reply_empty(void)
{
	return (struct reply){ .status = 204 };
}

/* Fit to be shown; to has room for max + CUT_ROOM bytes. */
static void
text_bounded(char *to, const char *from, size_t max)
{
	snprintf(to, max + CUT_ROOM, "%s", from);
	plain_make(to);
	plain_cut(to, max);
}

/* field: NULL without. */
static struct reply
problem(unsigned status, const char *kind, const char *field, const char *detail)
{
	char text[DETAIL_ROOM], name[FIELD_MAX + CUT_ROOM];

	text_bounded(text, detail, REPLY_DETAIL_MAX - 1);
	if (field != NULL)
		text_bounded(name, field, FIELD_MAX - 1);
	return reply_json(status, json_pack("{s:s+, s:s, s:i, s:s, s:s*}", "type", KIND_PREFIX,
				      kind, "title", title_of(status), "status", (int)status,
				      "detail", text, "field", field != NULL ? name : NULL));
}

struct reply
reply_problem(unsigned status, const char *kind, const char *format, ...)
{
	char detail[DETAIL_ROOM];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return problem(status, kind, NULL, detail);
}

struct reply
reply_bad_field(const char *field, const char *format, ...)
{
	char detail[DETAIL_ROOM];
	va_list args;
	size_t used;

	text_bounded(detail, field, FIELD_MAX - 1);
	used = strlen(detail);
	detail[used++] = ' ';
	va_start(args, format);
	vsnprintf(detail + used, sizeof(detail) - used, format, args);
	va_end(args);
	return problem(400, "field", field, detail);
}

struct reply
reply_unknown(const char *what)
{
	return reply_problem(404, "not-found", "there is no such %s", what);
}

struct reply
reply_shared(unsigned status, struct shared_text *t)
{
	return (struct reply){
		.status = status, .type = JSON_TYPE, .shared = t, .secret = shared_text_secret(t)
	};
}

bool
reply_render(const struct reply *r, const char **ret, size_t *len, bool *owned)
{
	struct json_text t = { .secret = r->secret };

	*owned = r->json != NULL;
	if (r->shared != NULL) {
		*ret = shared_text_bytes(r->shared);
		*len = shared_text_len(r->shared);
		return true;
	}
	if (r->json == NULL) {
		const char *body = r->text != NULL ? r->text : r->fixed;

		*ret = body != NULL ? body : "";
		*len = r->text != NULL ? strlen(r->text) : r->fixed_len;
		return true;
	}
	json_text_value(&t, r->json);
	if (!json_text_end(&t))
		return false;
	*ret = t.text;
	*len = t.len;
	return true;
}

const char *
reply_content_type(const struct reply *r)
{
	if (r->json != NULL)
		return r->status >= 400 ? PROBLEM_TYPE : JSON_TYPE;
	if (r->type != NULL)
		return r->type;
	return "text/plain; charset=utf-8";
}

void
reply_free(struct reply *r)
{
	if (r->secret) {
		forget_json(r->json);
		forget_text(r->text);
	} else {
		json_decref(r->json);
		free(r->text);
	}
	shared_text_release(r->shared);
	*r = (struct reply){ 0 };
}

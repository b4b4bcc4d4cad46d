/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/request.h"

#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/http/upload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const methods[] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OTHER] = "OTHER",
};

enum method
method_parse(const char *text)
{
	for (enum method m = METHOD_GET; m < METHOD_OTHER; m++) {
		if (strcmp(text, methods[m]) == 0)
			return m;
	}
	return METHOD_OTHER;
}

const char *
method_name(enum method method)
{
	return methods[method];
}

/* The character of "%41" and the like; 0 when it is none (and none is NUL). */
static char
escaped_character(const char *text, size_t len)
{
	uint8_t byte;

	if (len < 3 || !hex_decode(&byte, 1, (char[]){ text[1], text[2], '\0' }))
		return '\0';
	return (char)byte;
}

/* False when it is malformed or does not fit. */
static bool
word_decode(char to[static REQUEST_WORD_MAX], const char *text, size_t len)
{
	size_t used = 0;

	while (len > 0) {
		char c = *text == '+' ? ' ' : *text;
		size_t n = 1;

		if (c == '%') {
			c = escaped_character(text, len);
			n = 3;
		}
		if (c == '\0' || used == REQUEST_WORD_MAX - 1)
			return false;
		to[used++] = c;
		text += n;
		len -= n;
	}
	to[used] = '\0';
	return true;
}

/* One "name=value"; a name alone has an empty value. */
static void
query_add(struct request *rq, const char *text, size_t len)
{
	const char *sign = memchr(text, '=', len);
	size_t name_len = sign != NULL ? (size_t)(sign - text) : len;
	size_t value_at = sign != NULL ? name_len + 1 : len;
	struct query q;

	if (rq->query_count == REQUEST_QUERY_MAX || !word_decode(q.name, text, name_len) ||
	    !word_decode(q.value, text + value_at, len - value_at)) {
		rq->query_overflow = true;
		return;
	}
	rq->query[rq->query_count++] = q;
}

void
request_query_read(struct request *rq, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "&");

		if (len > 0)
			query_add(rq, text, len);
		text += len;
		if (*text == '&')
			text++;
	}
}

/* Of "http://host/path" the path: there is one service here, whatever it is called. */
static const char *
path_of(const char *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (strncasecmp(target, schemes[i], len) == 0)
			return target + len + strcspn(target + len, "/?");
	}
	return target;
}

void
request_target_read(struct request *rq, const char *target)
{
	const char *path = path_of(target);
	size_t len = strcspn(path, "?");

	if (len < sizeof(rq->path)) {
		memcpy(rq->path, path, len);
		rq->path[len] = '\0';
	}
	if (path[len] == '?')
		request_query_read(rq, path + len + 1);
}

const char *
request_query(const struct request *rq, const char *name)
{
	for (size_t i = 0; i < rq->query_count; i++) {
		if (strcmp(rq->query[i].name, name) == 0)
			return rq->query[i].value;
	}
	return NULL;
}

bool
request_page(const struct request *rq, struct page *ret, uint32_t fallback, uint32_t max)
{
	const char *limit = request_query(rq, "limit"), *after = request_query(rq, "after");
	struct page p = { .limit = fallback };
	uint64_t value = fallback;

	if (rq->query_overflow)
		return false;
	if (limit != NULL && (!decimal_u64(&value, limit, max) || value == 0))
		return false;
	p.limit = (uint32_t)value;
	if (after != NULL)
		memcpy(p.after, after, strlen(after) + 1);
	*ret = p;
	return true;
}

/* Exactly so many lower-case hex digits, and nothing else. */
static bool
lower_hex(uint64_t *ret, const char *text, size_t digits)
{
	if (strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
		return false;
	return hex_u64(ret, text, UINT64_MAX);
}

static const char *
param(const struct request *rq, size_t n)
{
	assert(n < REQUEST_PARAMS_MAX);
	return rq->param[n];
}

bool
request_flock_domain(const struct request *rq, size_t n, struct flock_id *ret)
{
	struct flock_id flock;

	if (!lower_hex(&flock.value, param(rq, n), 16) || flock_base(flock).value == 0)
		return false;
	*ret = flock;
	return true;
}

bool
request_flock(const struct request *rq, size_t n, struct flock_id *ret)
{
	struct flock_id flock;

	if (!request_flock_domain(rq, n, &flock) || flock_domain(flock) != 0)
		return false;
	*ret = flock;
	return true;
}

bool
request_device(const struct request *rq, size_t n, struct device_id *ret)
{
	uint64_t value;

	if (!lower_hex(&value, param(rq, n), 8))
		return false;
	ret->value = (uint32_t)value;
	return true;
}

bool
request_id64(const struct request *rq, size_t n, uint64_t *ret)
{
	return lower_hex(ret, param(rq, n), 16);
}

void
request_free(struct request *rq)
{
	if (rq->body != NULL)
		secret_wipe(rq->body, rq->body_len);
	free(rq->body);
	forget_json(rq->json);
	upload_free(rq->upload);
	secret_wipe(rq, sizeof(*rq));
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/http_client.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

bool
http_open_from(struct http_client *c, const struct endpoint *at, const char *ip)
{
	struct sockaddr_storage to, from;
	socklen_t to_len = endpoint_to_sockaddr(at, &to), from_len;
	struct endpoint own;

	*c = (struct http_client){ .fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (c->fd == -1)
		return false;
	if (ip != NULL) {
		if (!endpoint_parse_ip(&own, ip))
			return false;
		from_len = endpoint_to_sockaddr(&own, &from);
		if (bind(c->fd, (const struct sockaddr *)&from, from_len) == -1)
			return false;
	}
	return connect(c->fd, (const struct sockaddr *)&to, to_len) == 0;
}

bool
http_open(struct http_client *c, const struct endpoint *at)
{
	return http_open_from(c, at, NULL);
}

void
http_close(struct http_client *c)
{
	if (c->fd != -1)
		close(c->fd);
	free(c->in);
	*c = (struct http_client){ .fd = -1 };
}

bool
http_send(struct http_client *c, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool
http_print(struct http_client *c, const char *format, ...)
{
	char *text;
	va_list args;
	bool sent;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len == -1)
		return false;
	sent = http_send(c, text, (size_t)len);
	free(text);
	return sent;
}

bool
http_send_request(struct http_client *c, const struct http_request *rq)
{
	char length[64] = "";

	if (rq->body != NULL)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", rq->body_len);
	return http_print(c, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", rq->method, rq->path,
		   rq->fields != NULL ? rq->fields : "", length) &&
	       (rq->body == NULL || http_send(c, rq->body, rq->body_len));
}

/* More bytes; false at the end, or when time is over. */
static bool
take_more(struct http_client *c, uint64_t end_ns)
{
	uint64_t now = clock_now().mono_ns;
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	if (now >= end_ns || poll(&p, 1, (int)((end_ns - now) / NS_PER_MS) + 1) != 1)
		return false;
	if (c->size - c->len < 4096) {
		size_t size = 2 * c->size + 65536;
		char *in = realloc(c->in, size);

		if (in == NULL)
			return false;
		c->in = in;
		c->size = size;
	}
	n = recv(c->fd, c->in + c->len, c->size - c->len, 0);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	return true;
}

static void
drop(struct http_client *c, size_t len)
{
	memmove(c->in, c->in + len, c->len - len);
	c->len -= len;
}

/* How long the head is, with its empty line; 0 when it is not there yet. */
static size_t
head_length(const struct http_client *c)
{
	const char *end = c->len == 0 ? NULL : memmem(c->in, c->len, "\r\n\r\n", 4);

	return end == NULL ? 0 : (size_t)(end - c->in) + 4;
}

static bool
read_fields(struct http_client *c, struct http_answer *a, uint64_t end_ns)
{
	size_t len, kept = 0;

	while ((len = head_length(c)) == 0) {
		if (!take_more(c, end_ns))
			return false;
	}
	a->head = calloc(1, len + 1);
	if (a->head == NULL)
		return false;
	for (size_t i = 0; i < len - 2; i++) {
		if (c->in[i] == '\r')
			continue;
		a->head[kept++] = c->in[i] == '\n' ? '\0' : c->in[i];
	}
	drop(c, len);
	return sscanf(a->head, "HTTP/1.1 %u", &a->status) == 1;
}

static bool
read_answer(struct http_client *c, struct http_answer *a, unsigned patience_ms, bool bodiless)
{
	uint64_t end_ns = clock_now().mono_ns + patience_ms * NS_PER_MS;
	const char *length;

	*a = (struct http_answer){ 0 };
	if (!read_fields(c, a, end_ns))
		return false;
	length = http_field(a, "Content-Length");
	if (length != NULL && !bodiless)
		a->body_len = strtoul(length, NULL, 10);
	while (c->len < a->body_len) {
		if (!take_more(c, end_ns))
			return false;
	}
	a->body = calloc(1, a->body_len + 1);
	if (a->body == NULL)
		return false;
	if (a->body_len > 0) {
		memcpy(a->body, c->in, a->body_len);
		drop(c, a->body_len);
	}
	return true;
}

bool
http_read(struct http_client *c, struct http_answer *ret, unsigned patience_ms)
{
	return read_answer(c, ret, patience_ms, false);
}

bool
http_read_head(struct http_client *c, struct http_answer *ret, unsigned patience_ms)
{
	return read_answer(c, ret, patience_ms, true);
}

void
http_answer_free(struct http_answer *a)
{
	free(a->head);
	free(a->body);
	*a = (struct http_answer){ 0 };
}

const char *
http_field(const struct http_answer *a, const char *name)
{
	size_t len = strlen(name);

	if (a->head == NULL)
		return NULL;
	for (const char *line = a->head; *line != '\0'; line += strlen(line) + 1) {
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

bool
http_ended(struct http_client *c, unsigned patience_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char byte;

	if (c->len > 0 || poll(&p, 1, (int)patience_ms) != 1)
		return false;
	return recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}

bool
http_drop_rest(struct http_client *c, unsigned patience_ms)
{
	uint64_t end_ns = clock_now().mono_ns + patience_ms * NS_PER_MS;

	do {
		c->len = 0;
	} while (take_more(c, end_ns));
	return clock_now().mono_ns < end_ns;
}

bool
http_silent(struct http_client *c, unsigned patience_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return c->len == 0 && poll(&p, 1, (int)patience_ms) == 0;
}

struct http_answer
http_ask(const struct endpoint *at, const struct http_request *rq)
{
	bool bodiless = strcmp(rq->method, "HEAD") == 0;
	struct http_client c;
	struct http_answer a;

	if (!http_open(&c, at) || !http_send_request(&c, rq))
		fail_msg("%s %s: no connection", rq->method, rq->path);
	if (!read_answer(&c, &a, HTTP_PATIENCE_MS, bodiless))
		fail_msg("%s %s: no answer", rq->method, rq->path);
	http_close(&c);
	return a;
}

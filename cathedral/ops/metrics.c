/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/metrics.h"

#include "cathedral/ops/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 4096
#define BACKLOG     16

struct metrics {
	struct service *service;
	const struct overview *overview;
};

static void
respond(struct evbuffer *to, const char *status, const char *type, struct evbuffer *body, bool send)
{
	evbuffer_add_printf(to,
	    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n",
	    status, type, evbuffer_get_length(body));
	if (send)
		evbuffer_add_buffer(to, body);
}

/* request: everything up to the blank line.  All that matters stands on its first line. */
static void
answer(const char *request, struct evbuffer *to, void *arg)
{
	struct metrics *m = arg;
	struct evbuffer *body = evbuffer_new();
	bool head = strncmp(request, "HEAD ", 5) == 0;
	const char *path = strchr(request, ' ');
	const char *status = NULL;

	if (body == NULL)
		return;
	if (path == NULL)
		status = "400 Bad Request";
	else if (!head && strncmp(request, "GET ", 4) != 0)
		status = "405 Method Not Allowed\r\nAllow: GET, HEAD";
	else if (strcspn(path + 1, " ?\r") != 8 || strncmp(path + 1, "/metrics", 8) != 0)
		status = "404 Not Found";

	if (status != NULL) {
		evbuffer_add_printf(body, "%.3s\n", status);
		respond(to, status, "text/plain", body, !head);
	} else {
		metrics_write(body, m->overview, clock_now());
		respond(to, "200 OK", "text/plain; version=0.0.4; charset=utf-8", body, !head);
	}
	evbuffer_free(body);
}

static int
listen_at(const struct endpoint *at, struct fault *why)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(at, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	char text[ENDPOINT_TEXT];

	/* Connections of the daemon before this one may linger. */
	if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	fault_set(why, "metrics %s: %s", endpoint_format(at, text), strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static bool
open_service(
    struct metrics *m, struct event_base *base, const struct metrics_options *o, struct fault *why)
{
	const struct service_options options = {
		.end = "\r\n\r\n", .request_max = REQUEST_MAX, .answer = answer, .arg = m
	};
	const struct endpoint *at = &o->at;
	char text[ENDPOINT_TEXT];
	int fd = o->inherited;

	if (!endpoint_is_loopback(at))
		return fault_set(
		    why, "metrics %s: not a loopback address", endpoint_format(at, text));
	if (fd == 0)
		fd = listen_at(at, why);
	if (fd == -1)
		return false;
	m->service = service_create(base, fd, &options);
	return m->service != NULL || fault_set(why, "metrics: out of memory");
}

struct metrics *
metrics_create(struct event_base *base, const struct metrics_options *options, struct fault *why)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		fault_set(why, "metrics: out of memory");
		return NULL;
	}
	m->overview = options->overview;
	if (open_service(m, base, options, why))
		return m;
	metrics_destroy(m);
	return NULL;
}

int
metrics_fd(const struct metrics *m)
{
	return service_fd(m->service);
}

void
metrics_destroy(struct metrics *m)
{
	if (m == NULL)
		return;
	service_destroy(m->service);
	free(m);
}

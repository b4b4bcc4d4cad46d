/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/service.h"

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Out of file descriptors, say: accepting again at once would fail again at once. */
#define RETRY_S 1

struct client {
	struct service *service;
	struct client *next, **link;
	struct bufferevent *stream;
	struct event *deadline;
};

struct service {
	struct service_options options;
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *retry;
	struct client *clients;
	size_t client_count;
};

static void
client_end(struct client *c)
{
	struct service *s = c->service;

	if (c->next != NULL)
		c->next->link = c->link;
	*c->link = c->next;
	s->client_count--;
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->stream != NULL)
		bufferevent_free(c->stream);
	free(c);
	evconnlistener_enable(s->listener);
}

static void
client_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_end(arg);
}

/* Everything was sent, or the client went away. */
static void
client_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	client_end(arg);
}

static void
client_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	client_end(arg);
}

/* The request without its end, or NULL when it is not there whole; the caller frees it. */
static char *
take_request(struct client *c, struct evbuffer *in)
{
	const char *end = c->service->options.end;
	struct evbuffer_ptr at = evbuffer_search(in, end, strlen(end), NULL);
	char *request;

	if (at.pos == -1)
		return NULL;
	request = malloc((size_t)at.pos + 1);
	if (request == NULL)
		return NULL;
	evbuffer_remove(in, request, (size_t)at.pos);
	request[at.pos] = '\0';
	return request;
}

static void
client_read(struct bufferevent *stream, void *arg)
{
	const struct timeval patience = { .tv_sec = SERVICE_ANSWER_S };
	struct client *c = arg;
	struct service *s = c->service;
	struct evbuffer *in = bufferevent_get_input(stream);
	char *request = take_request(c, in);

	if (request == NULL) {
		if (evbuffer_get_length(in) >= s->options.request_max)
			client_end(c);
		return;
	}
	/* A client that closed its side of the stream still wants its answer. */
	bufferevent_disable(stream, EV_READ);
	bufferevent_setcb(stream, NULL, client_written, client_event, c);
	evtimer_add(c->deadline, &patience);
	s->options.answer(request, bufferevent_get_output(stream), s->options.arg);
	free(request);
}

/* Takes over fd, also when it fails. */
static bool
client_open(struct client *c, evutil_socket_t fd)
{
	const struct timeval patience = { .tv_sec = SERVICE_REQUEST_S };

	c->stream = bufferevent_socket_new(c->service->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->stream == NULL) {
		close(fd);
		return false;
	}
	c->deadline = evtimer_new(c->service->base, client_late, c);
	if (c->deadline == NULL || evtimer_add(c->deadline, &patience) == -1)
		return false;
	bufferevent_setwatermark(c->stream, EV_READ, 0, c->service->options.request_max);
	bufferevent_setcb(c->stream, client_read, NULL, client_event, c);
	return bufferevent_enable(c->stream, EV_READ | EV_WRITE) == 0;
}

static void
service_accept(
    struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct service *s = arg;
	struct client *c = calloc(1, sizeof(*c));

	(void)from;
	(void)len;
	if (c == NULL) {
		close(fd);
		return;
	}
	c->service = s;
	c->next = s->clients;
	c->link = &s->clients;
	if (s->clients != NULL)
		s->clients->link = &c->next;
	s->clients = c;
	s->client_count++;
	if (!client_open(c, fd))
		client_end(c);
	else if (s->client_count >= SERVICE_CLIENTS_MAX)
		evconnlistener_disable(listener); /* others wait in the backlog */
}

static void
service_error(struct evconnlistener *listener, void *arg)
{
	const struct timeval later = { .tv_sec = RETRY_S };
	struct service *s = arg;

	evconnlistener_disable(listener);
	evtimer_add(s->retry, &later);
}

static void
service_retry(evutil_socket_t fd, short what, void *arg)
{
	struct service *s = arg;

	(void)fd;
	(void)what;
	if (s->client_count < SERVICE_CLIENTS_MAX)
		evconnlistener_enable(s->listener);
}

struct service *
service_create(struct event_base *base, int fd, const struct service_options *options)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->options = *options;
	s->base = base;
	s->retry = evtimer_new(base, service_retry, s);
	/* A backlog of 0: the socket listens already. */
	s->listener = evconnlistener_new(
	    base, service_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (s->listener == NULL)
		close(fd);
	if (s->listener == NULL || s->retry == NULL) {
		service_destroy(s);
		return NULL;
	}
	evconnlistener_set_error_cb(s->listener, service_error);
	return s;
}

int
service_fd(const struct service *s)
{
	return evconnlistener_get_fd(s->listener);
}

void
service_destroy(struct service *s)
{
	if (s == NULL)
		return;
	while (s->clients != NULL)
		client_end(s->clients);
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	if (s->retry != NULL)
		event_free(s->retry);
	free(s);
}

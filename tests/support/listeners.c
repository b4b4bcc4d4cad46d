/* SPDX-License-Identifier: ISC */
#include "tests/support/listeners.h"

#include "base/clock.h"
#include "tests/support/children.h"
#include "tests/support/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_S     300
#define SILENCE_MS 30000
#define EVENTS     64
#define ROOM_FIRST 4096
#define TOKEN_ROOM 33

struct listener {
	int fd;
	char token[TOKEN_ROOM];
	uint64_t until, begun;
	bool more;
	char *in; /* with a NUL behind */
	size_t len, size;
};

struct listeners {
	unsigned count;
	int epoll;
	struct listener *all;
	double *times; /* microseconds */
	size_t time_count, time_size;
};

static void *
must(void *p)
{
	if (p == NULL)
		bench_give_up("memory");
	return p;
}

struct listeners *
listeners_open(const struct endpoint *at, unsigned count)
{
	struct listeners *l = must(calloc(1, sizeof(*l)));

	l->count = count;
	l->all = must(calloc(count + 1, sizeof(*l->all)));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned n = 0; n < count; n++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = n };

		l->all[n].fd = load_connect(at);
		if (l->all[n].fd == -1 ||
		    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->all[n].fd, &e) == -1)
			bench_give_up("a connection");
	}
	return l;
}

void
listeners_close(struct listeners *l)
{
	for (unsigned n = 0; n < l->count; n++) {
		close(l->all[n].fd);
		free(l->all[n].in);
	}
	close(l->epoll);
	free(l->all);
	free(l->times);
	free(l);
}

void
listeners_name(struct listeners *l, unsigned n, const char *token)
{
	snprintf(l->all[n].token, TOKEN_ROOM, "%s", token);
}

/* ---- asking ---- */

static void
ask(struct listener *one, unsigned wait_s)
{
	char text[320];
	int len = snprintf(text, sizeof(text),
	    "GET /v1/cathedral/feed?since=%" PRIu64 "&begun=%" PRIu64
	    "&wait=%u HTTP/1.1\r\nHost: 127.0.0.1\r\nx-token: %s\r\n\r\n",
	    one->until, one->begun, wait_s, one->token);

	one->len = 0;
	if (send(one->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		bench_give_up("a question");
}

/* ---- hearing ---- */

static void
take(struct listener *one)
{
	ssize_t n;

	if (one->size - one->len < ROOM_FIRST) {
		one->size = 2 * one->size + 2 * ROOM_FIRST;
		one->in = must(realloc(one->in, one->size));
	}
	n = recv(one->fd, one->in + one->len, one->size - one->len - 1, 0);
	if (n <= 0)
		bench_give_up("an answer");
	one->len += (size_t)n;
	one->in[one->len] = '\0';
}

/* The number behind a name. */
static uint64_t
number(const struct listener *one, const char *name)
{
	const char *at = strstr(one->in, name);

	if (at == NULL) {
		errno = EBADMSG;
		bench_give_up(name);
	}
	return strtoull(at + strlen(name), NULL, 10);
}

/* Is the answer there whole? */
static bool
is_whole(const struct listener *one)
{
	const char *body = strstr(one->in, "\r\n\r\n");

	return body != NULL &&
	       one->len == (size_t)(body + 4 - one->in) + number(one, "Content-Length: ");
}

static void
understand(struct listener *one)
{
	if (strncmp(one->in, "HTTP/1.1 200", 12) != 0) {
		errno = EBADMSG;
		bench_give_up("a page of the feed");
	}
	one->until = number(one, "\"until\":");
	one->more = strstr(one->in, "\"more\":true") != NULL;
	one->begun = one->more ? number(one, "\"begun\":") : 0;
}

static void
note_time(struct listeners *l, uint64_t since_ns)
{
	uint64_t now_ns = clock_now().mono_ns;

	if (l->time_count == l->time_size) {
		l->time_size = 2 * l->time_size + 1024;
		l->times = must(realloc(l->times, l->time_size * sizeof(l->times[0])));
	}
	l->times[l->time_count++] = now_ns > since_ns ? (double)(now_ns - since_ns) / 1e3 : 0;
}

double
listeners_hear(struct listeners *l, uint64_t since_ns)
{
	unsigned left = l->count;
	double bytes = 0;

	while (left > 0) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(l->epoll, events, EVENTS, SILENCE_MS);

		if (count <= 0)
			bench_give_up("answers");
		for (int i = 0; i < count; i++) {
			struct listener *one = &l->all[events[i].data.u32];

			take(one);
			if (!is_whole(one))
				continue;
			note_time(l, since_ns);
			understand(one);
			bytes += (double)one->len;
			left--;
		}
	}
	return l->count > 0 ? bytes / l->count : 0;
}

void
listeners_ask(struct listeners *l)
{
	for (unsigned n = 0; n < l->count; n++)
		ask(&l->all[n], WAIT_S);
}

void
listeners_go_on(struct listeners *l, uint64_t until)
{
	for (unsigned n = 0; n < l->count; n++) {
		l->all[n].until = until;
		ask(&l->all[n], 0);
	}
	listeners_hear(l, 0);
}

double
listeners_begin(struct listeners *l, uint64_t *until)
{
	struct listener *one = &l->all[0];
	double bytes = 0;

	do {
		ask(one, 0);
		bytes += listeners_hear(l, 0);
	} while (one->more);
	*until = one->until;
	return bytes;
}

/* ---- times ---- */

static int
by_value(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

double
listeners_quantile_us(struct listeners *l, double share)
{
	size_t place = (size_t)(share * (double)l->time_count);

	if (l->time_count == 0)
		return 0;
	qsort(l->times, l->time_count, sizeof(l->times[0]), by_value);
	return l->times[place < l->time_count ? place : l->time_count - 1];
}

void
listeners_forget_times(struct listeners *l)
{
	l->time_count = 0;
}

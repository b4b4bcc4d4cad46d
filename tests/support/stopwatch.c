/* SPDX-License-Identifier: ISC */
#include "tests/support/stopwatch.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 20

static void
connect_again(struct stopwatch *w)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_storage to;
	socklen_t len = endpoint_to_sockaddr(&w->at, &to);
	int one = 1;

	w->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd == -1 || connect(w->fd, (const struct sockaddr *)&to, len) == -1)
		fail_msg("no connection");
	setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void
stopwatch_open(struct stopwatch *w, const struct endpoint *at)
{
	w->at = *at;
	w->fd = -1;
}

void
stopwatch_close(struct stopwatch *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}

/* How long the answer will be in all; 0 when its head is not there yet. */
static size_t
whole_length(const char *in, size_t len)
{
	static const char field[] = "\r\nContent-Length: ";
	const char *end = memmem(in, len, "\r\n\r\n", 4), *length;

	if (end == NULL)
		return 0;
	length = memmem(in, (size_t)(end - in), field, sizeof(field) - 1);
	return (size_t)(end - in) + 4 +
	       (length != NULL ? strtoul(length + sizeof(field) - 1, NULL, 10) : 0);
}

unsigned
stopwatch_ask(struct stopwatch *w, const char *bytes, size_t len, uint64_t *ns)
{
	size_t have = 0, whole = 0;
	uint64_t begun_ns;
	unsigned status;

	if (w->fd == -1)
		connect_again(w);
	begun_ns = clock_now().mono_ns;
	if (send(w->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail_msg("the request did not go out");
	while (whole == 0 || have < whole) {
		ssize_t n = recv(w->fd, w->in + have, sizeof(w->in) - 1 - have, 0);

		if (n <= 0)
			fail_msg("no answer to %.*s", (int)strcspn(bytes, "\r"), bytes);
		have += (size_t)n;
		whole = whole_length(w->in, have);
	}
	*ns = clock_now().mono_ns - begun_ns;
	w->in[have] = '\0';
	if (sscanf(w->in, "HTTP/1.1 %u", &status) != 1)
		fail_msg("not HTTP: %s", w->in);
	if (strstr(w->in, "\r\nConnection: close\r\n") != NULL)
		stopwatch_close(w);
	return status;
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/echo.h"

#include "base/clock.h"
#include "protocol/wire/cursor.h"
#include "tools/cathedral-load/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC       UINT64_C(0x6c6f616420656368)
#define HELLO_SIZE  10 /* magic, the port of the sender: shorter than any packet to be sent on */
#define PORTS       65536
#define BUFFER      (4 << 20) /* as a cathedral's by default */
#define TRIES       50
#define PATIENCE_MS 100

struct way {
	socklen_t len; /* 0: none is known */
	struct sockaddr_storage to;
};

int
echo_open(const struct echo_wish *wish, struct fault *why)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&wish->at, &address);
	const struct timeval second = { .tv_usec = 200000 };
	int size = BUFFER;
	int fd =
	    socket(endpoint_is_ipv4(&wish->at) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1) {
		char text[ENDPOINT_TEXT];

		fault_set(why, "%s: %s", endpoint_format(&wish->at, text), strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (wish->merge)
		volley_let_merge(fd);
	/* So that it looks up now and then whether it is to end. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	return fd;
}

/* A receiver says for whom it receives; it is told that this is known by the same packet. */
static bool
is_hello(struct iovec packet, uint16_t *port)
{
	struct cursor c = cursor_over(packet.iov_base, packet.iov_len);
	uint64_t magic = cursor_be64(&c);

	*port = cursor_be16(&c);
	return cursor_done(&c) && magic == MAGIC;
}

static void
serve_batch(
    struct volley *v, size_t count, struct way ways[static PORTS], const struct endpoint *served)
{
	for (size_t n = 0; n < count; n++) {
		const struct sockaddr_storage *source = volley_source(v, n);
		struct endpoint from;
		const struct way *way;
		uint16_t port;

		if (!endpoint_from_sockaddr(&from, source) || !endpoint_same_ip(&from, served))
			continue;
		way = &ways[from.port];
		if (is_hello(volley_message(v, n), &port)) {
			ways[port].len = endpoint_to_sockaddr(&from, &ways[port].to);
			way = &ways[port];
		}
		if (way->len != 0)
			volley_forward(v, n, &way->to, way->len);
	}
}

bool
echo_serve(int fd, const struct echo_wish *wish, struct fault *why)
{
	struct volley *v = volley_create(wish->merge);
	struct way *ways = calloc(PORTS, sizeof(*ways));
	bool ok = v != NULL && ways != NULL;

	while (ok && !stop_asked()) {
		size_t count = volley_await(v, fd);

		serve_batch(v, count, ways, &wish->from);
		volley_flush(v, fd);
	}
	free(ways);
	volley_destroy(v);
	return ok || fault_set(why, "out of memory");
}

/* ---- who uses it ---- */

static bool
introduce_one(const struct lane *lane, struct volley *v)
{
	uint8_t hello[HELLO_SIZE];
	struct iovec packet = { hello, sizeof(hello) };
	struct writer w = writer_over(hello, sizeof(hello));
	uint64_t refused = 0;

	writer_be64(&w, MAGIC);
	writer_be16(&w, lane->at[0].port);
	for (int n = 0; n < TRIES && !stop_asked(); n++) {
		struct pollfd answer = { .fd = lane->fd[1], .events = POLLIN };
		uint16_t port;

		volley_send(v, lane->fd[1], &packet, 1, &refused);
		if (poll(&answer, 1, PATIENCE_MS) <= 0)
			continue;
		for (size_t i = volley_receive(v, lane->fd[1]); i > 0; i--) {
			if (is_hello(volley_packet(v, i - 1), &port) && port == lane->at[0].port)
				return true;
		}
	}
	return false;
}

bool
echo_introduce(const struct lanes *l, struct volley *v, struct fault *why)
{
	for (size_t n = 0; n < l->count; n++) {
		if (!introduce_one(&l->list[n], v))
			return fault_set(why, "no answer from the echo: is it there?");
	}
	return true;
}

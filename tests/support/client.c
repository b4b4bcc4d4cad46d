/* SPDX-License-Identifier: ISC */
#include "tests/support/client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM (16u << 20)

int
client_unix(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_true(strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

int
client_tcp(unsigned short port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void
client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
client_wait(struct event_base *base, unsigned ms)
{
	uint64_t end = clock_now().mono_ns + ms * NS_PER_MS;

	while (clock_now().mono_ns < end) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
}

char *
client_read(struct event_base *base, int fd, unsigned patience_ms)
{
	uint64_t end = clock_now().mono_ns + patience_ms * NS_PER_MS;
	char *text = malloc(ROOM);
	size_t len = 0;

	assert_non_null(text);
	while (clock_now().mono_ns < end && len < ROOM - 1) {
		ssize_t n = recv(fd, text + len, ROOM - 1 - len, MSG_DONTWAIT);

		if (n > 0)
			len += (size_t)n;
		if (n == 0 || (n == -1 && errno != EAGAIN)) {
			close(fd);
			text[len] = '\0';
			return text;
		}
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	close(fd);
	free(text);
	return NULL;
}

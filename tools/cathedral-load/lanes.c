/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/lanes.h"

#include "base/clock.h"
#include "tools/cathedral-load/volley.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER     (8 << 20)
#define EVENTS_MAX (2 * LANES_MAX)

size_t
lanes_grow(int fd)
{
	int size = BUFFER, granted = 0;
	socklen_t len = sizeof(granted);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len) == 0 ? (size_t)granted / 2 : 0;
}

static bool
open_one(int *fd, struct endpoint *at, const struct endpoint *to, const struct lanes_where *where)
{
	struct sockaddr_storage address;
	socklen_t len;
	int family = endpoint_is_ipv4(to) ? AF_INET : AF_INET6;

	*fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd == -1)
		return false;
	if (where->has_from) {
		len = endpoint_to_sockaddr(&where->from, &address);
		if (bind(*fd, (struct sockaddr *)&address, len) == -1)
			return false;
	}
	len = endpoint_to_sockaddr(to, &address);
	if (connect(*fd, (struct sockaddr *)&address, len) == -1)
		return false;
	len = sizeof(address);
	return getsockname(*fd, (struct sockaddr *)&address, &len) == 0 &&
	       endpoint_from_sockaddr(at, &address);
}

static bool
lane_open(struct lanes *l, size_t n, const struct lanes_where *where)
{
	struct lane *lane = &l->list[n];

	for (uint32_t end = 0; end < 2; end++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = 2 * (uint32_t)n + end };

		if (!open_one(&lane->fd[end], &lane->at[end],
			end == 0 ? &where->first : &where->second, where))
			return false;
		lanes_grow(lane->fd[end]);
		if (where->merge)
			volley_let_merge(lane->fd[end]);
		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, lane->fd[end], &e) == -1)
			return false;
	}
	return true;
}

bool
lanes_open(struct lanes *l, size_t count, const struct lanes_where *where, struct fault *why)
{
	int error;

	memset(l, 0, sizeof(*l));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t n = 0; n < count; n++)
		l->list[n].fd[0] = l->list[n].fd[1] = -1;
	for (l->count = 0; l->epoll != -1 && l->count < count; l->count++) {
		if (!lane_open(l, l->count, where))
			break;
	}
	if (l->epoll != -1 && l->count == count)
		return true;
	error = errno;
	l->count = count;
	lanes_close(l);
	return fault_set(why, "sockets: %s", strerror(error));
}

void
lanes_close(struct lanes *l)
{
	for (size_t n = 0; n < l->count; n++) {
		for (int end = 0; end < 2; end++) {
			if (l->list[n].fd[end] != -1)
				close(l->list[n].fd[end]);
		}
	}
	if (l->epoll != -1)
		close(l->epoll);
	l->count = 0;
	l->epoll = -1;
}

void
lanes_pause(uint64_t ns)
{
	const struct timespec time = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	nanosleep(&time, NULL);
}

size_t
lanes_wait(struct lanes *l, uint32_t *ready, size_t max, uint64_t now_ns, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec timeout = { (time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S) };
	int count = epoll_pwait2(
	    l->epoll, events, (int)(max < EVENTS_MAX ? max : EVENTS_MAX), &timeout, NULL);

	for (int n = 0; n < count; n++)
		ready[n] = events[n].data.u32;
	return count > 0 ? (size_t)count : 0;
}

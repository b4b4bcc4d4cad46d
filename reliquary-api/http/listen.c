/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static bool
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int
open_new(const struct endpoint *at, struct fault *why)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(at, &address);
	bool v4 = endpoint_is_ipv4(at);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[ENDPOINT_TEXT];

	/* [::] takes connections by IPv4, too: one line in the configuration is enough for both. */
	if (fd != -1 && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
	    (v4 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
	    bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	fault_set(why, "listen %s: %s", endpoint_format(at, text), strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static bool
takes_connections(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value != 0;
}

static bool
take_over(int fd, struct fault *why)
{
	int flags = fcntl(fd, F_GETFL);

	if (!takes_connections(fd))
		return fault_set(why, "the inherited descriptor %d is no listening socket", fd);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return fault_set(why, "the inherited socket %d: %s", fd, strerror(errno));
	return true;
}

int
listen_open(const struct endpoint *at, int inherited, struct endpoint *where, struct fault *why)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int fd = inherited;

	if (inherited != -1 && !take_over(inherited, why))
		return -1;
	if (inherited == -1)
		fd = open_new(at, why);
	if (fd == -1)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    endpoint_from_sockaddr(where, &address))
		return fd;
	fault_set(why, "listen: the socket is neither of IPv4 nor of IPv6");
	if (inherited == -1)
		close(fd);
	return -1;
}

unsigned
listen_allow_files(unsigned count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	if (limit.rlim_cur < count) {
		limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > UINT_MAX ? UINT_MAX : (unsigned)limit.rlim_cur;
}

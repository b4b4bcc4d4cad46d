/* SPDX-License-Identifier: ISC */
#include "cathedral/io/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union control {
	struct cmsghdr head; /* for its alignment */
	char bytes[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
};

void
channel_open(struct channel *c, int fd)
{
	c->fd = fd;
	c->fd_count = 0;
	c->frame = (struct frame){ 0 };
}

bool
channel_connect(struct channel *c, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = -1, error = ENAMETOOLONG;

	channel_open(c, -1);
	if (strlen(path) < sizeof(at.sun_path)) {
		strcpy(at.sun_path, path);
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (fd != -1 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
			channel_open(c, fd);
			return true;
		}
		error = errno;
	}
	if (fd != -1)
		close(fd);
	errno = error;
	return false;
}

static void
drop_fds(struct channel *c)
{
	for (size_t n = 0; n < c->fd_count; n++) {
		if (c->fds[n] != -1)
			close(c->fds[n]);
	}
	c->fd_count = 0;
}

void
channel_close(struct channel *c)
{
	drop_fds(c);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

static bool
wait_until(int fd, short events, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc;

	do
		rc = poll(&p, 1, wait_ms);
	while (rc == -1 && errno == EINTR);
	return rc == 1;
}

/* All of it, or nothing: that is how messages go. */
static bool
send_message(struct channel *c, const struct msghdr *m)
{
	for (;;) {
		if (sendmsg(c->fd, m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return true;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || !wait_until(c->fd, POLLOUT, CHANNEL_WAIT_MS))
			return false;
	}
}

bool
channel_put(struct channel *c, const uint8_t *frame, size_t len)
{
	/* It is only read. */
	struct iovec part = { .iov_base = (void *)(uintptr_t)frame, .iov_len = len };
	const struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	return send_message(c, &m);
}

static void
attach(struct msghdr *m, union control *room, const int *fds, size_t count)
{
	size_t bytes = count * sizeof(int);
	struct cmsghdr *head;

	memset(room, 0, sizeof(*room));
	m->msg_control = room->bytes;
	m->msg_controllen = CMSG_SPACE(bytes);
	head = CMSG_FIRSTHDR(m);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(head), fds, bytes);
}

bool
channel_send(struct channel *c, const struct frame *f, const int *fds, size_t fd_count)
{
	uint8_t head[FRAME_HEAD];
	struct iovec parts[2] = { { .iov_base = head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)f->body, .iov_len = f->len } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = f->len > 0 ? 2 : 1 };
	union control room;

	frame_head(head, f->kind, f->version, f->needed, f->len);
	if (fd_count > 0)
		attach(&m, &room, fds, fd_count);
	return send_message(c, &m);
}

/* Whatever came has to be closed one day, also when the rest of the message is wrong. */
static bool
collect_fds(struct channel *c, struct msghdr *m)
{
	bool ok = true;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
		    count > CHANNEL_FDS - c->fd_count) {
			ok = false;
			continue;
		}
		memcpy(c->fds + c->fd_count, CMSG_DATA(h), count * sizeof(int));
		c->fd_count += count;
	}
	return ok;
}

enum channel_got
channel_get(struct channel *c, int wait_ms)
{
	struct iovec part = { .iov_base = c->in, .iov_len = sizeof(c->in) };
	union control room;
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes) };
	struct cursor bytes;
	ssize_t n;

	drop_fds(c);
	if (!wait_until(c->fd, POLLIN, wait_ms))
		return CHANNEL_LATE;
	/* That our last words were not read is told once, before what the other side said last. */
	do
		n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == ECONNRESET);
	if (n == 0)
		return CHANNEL_END;
	if (n == -1)
		return CHANNEL_WRONG;
	bytes = cursor_over(c->in, (size_t)n);
	if (!collect_fds(c, &m) || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    !frame_take(&c->frame, &bytes) || !cursor_done(&bytes)) {
		drop_fds(c);
		return CHANNEL_WRONG;
	}
	return CHANNEL_FRAME;
}

int
channel_take_fd(struct channel *c, size_t n)
{
	int fd = -1;

	if (n < c->fd_count) {
		fd = c->fds[n];
		c->fds[n] = -1;
	}
	return fd;
}

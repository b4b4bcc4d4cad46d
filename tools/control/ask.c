/* SPDX-License-Identifier: ISC */
#include "tools/control/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX  (64u << 20)
#define PATIENCE_MS 60000 /* reading very many bundles takes a while */
#define RETRY_MS    20    /* while others fill the cathedral's queue */

static const char *
reason(int error)
{
	switch (error) {
	case ENOENT:
		return "no such socket: is the cathedral running, with a control line?";
	case ECONNREFUSED:
		return "the cathedral is not running";
	case EACCES:
	case EPERM:
		return "access denied: ask as root or as the user of the control line";
	case EAGAIN:
		return "the cathedral does not answer";
	default:
		return strerror(error);
	}
}

static bool
refuse(const struct control_call *c, int error, struct fault *why)
{
	return fault_set(why, "%s: %s", c->path, reason(error));
}

/* errno is EAGAIN when the cathedral's queue is full. */
static bool
connect_to(struct control_call *c, struct fault *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int error;

	_Static_assert(sizeof(at.sun_path) == sizeof(c->path), "what fits there fits here");
	memcpy(at.sun_path, c->path, sizeof(c->path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd != -1 && connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return true;
	error = errno;
	control_end(c);
	refuse(c, error, why);
	errno = error;
	return false;
}

bool
control_begin(
    struct control_call *c, const char *path, const char *line, size_t most, struct fault *why)
{
	*c = (struct control_call){ .fd = -1, .most = most };
	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof(c->path))
		return fault_set(why, "%s: longer than %zu bytes", path, sizeof(c->path) - 1);
	if (strlen(line) > CONTROL_LINE_MAX)
		return fault_set(why, "%s: a question that is too long", path);
	strcpy(c->path, path);
	strcpy(c->line, line);
	strcat(c->line, "\n");
	return connect_to(c, why);
}

short
control_events(const struct control_call *c)
{
	return c->line[c->sent] != '\0' ? POLLOUT : POLLIN;
}

/* Room for at least one more byte and a NUL; false, with errno, when there is none. */
static bool
make_room(struct control_call *c)
{
	size_t room = c->room == 0 ? 4096 : 2 * c->room;
	char *text;

	if (c->len + 1 < c->room)
		return true;
	errno = ENOMEM;
	text = c->len > c->most ? NULL : realloc(c->text, room);
	if (text == NULL)
		return false;
	c->text = text;
	c->room = room;
	return true;
}

/* 1: some came, 0: that was all, -1: none, with errno. */
static int
receive(struct control_call *c)
{
	ssize_t n;

	if (!make_room(c))
		return -1;
	n = recv(c->fd, c->text + c->len, c->room - c->len - 1, 0);
	if (n == -1)
		return -1;
	c->len += (size_t)n;
	c->text[c->len] = '\0';
	return n > 0;
}

static int
transmit(struct control_call *c)
{
	ssize_t n = send(c->fd, c->line + c->sent, strlen(c->line + c->sent), MSG_NOSIGNAL);

	if (n == -1)
		return -1;
	c->sent += (size_t)n;
	return 1;
}

enum control_progress
control_step(struct control_call *c, struct fault *why)
{
	for (;;) {
		int moved = control_events(c) == POLLOUT ? transmit(c) : receive(c);

		if (moved == 0)
			return CONTROL_ANSWERED;
		if (moved == -1 && errno == EAGAIN)
			return CONTROL_UNDER_WAY;
		if (moved == -1 && errno != EINTR) {
			refuse(c, errno, why);
			return CONTROL_FAILED;
		}
	}
}

void
control_end(struct control_call *c)
{
	if (c->fd != -1)
		close(c->fd);
	free(c->text);
	c->fd = -1;
	c->text = NULL;
	c->len = 0;
	c->room = 0;
}

/* ---- for who waits ---- */

static bool
begin_patiently(struct control_call *c, const char *path, const char *line, struct fault *why)
{
	for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += RETRY_MS) {
		if (control_begin(c, path, line, ANSWER_MAX, why))
			return true;
		if (errno != EAGAIN)
			break;
		poll(NULL, 0, RETRY_MS);
	}
	return false;
}

char *
control_ask(const char *socket_path, const char *line, size_t *len, struct fault *why)
{
	enum control_progress progress = CONTROL_UNDER_WAY;
	struct control_call c;
	char *text = NULL;

	if (!begin_patiently(&c, socket_path, line, why))
		return NULL;
	while (progress == CONTROL_UNDER_WAY) {
		struct pollfd at = { .fd = c.fd, .events = control_events(&c) };
		int ready = poll(&at, 1, PATIENCE_MS);

		if (ready > 0) {
			progress = control_step(&c, why);
		} else if (ready == 0 || errno != EINTR) {
			refuse(&c, ready == 0 ? EAGAIN : errno, why);
			progress = CONTROL_FAILED;
		}
	}
	if (progress == CONTROL_ANSWERED) {
		text = c.text;
		*len = c.len;
		c.text = NULL;
	}
	control_end(&c);
	return text;
}

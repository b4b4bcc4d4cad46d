/* SPDX-License-Identifier: ISC */
#include "tools/cathedralctl/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define PATIENCE_S 60 /* reading very many bundles takes a while */

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

static int
open_socket(const char *path, struct fault *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd;

	if (strlen(path) >= sizeof(at.sun_path)) {
		fault_set(why, "%s: longer than %zu bytes", path, sizeof(at.sun_path) - 1);
		return -1;
	}
	strcpy(at.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	fault_set(why, "%s: %s", path, reason(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

static bool
send_line(int fd, const char *line)
{
	size_t len = strlen(line);

	/* Lines are far shorter than a socket's buffer, so they go whole. */
	return send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len &&
	       send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

/* Until the cathedral closes; NULL, with errno, when that went wrong. */
static char *
read_all(int fd, size_t *len)
{
	size_t room = 4096;
	char *text = malloc(room);

	*len = 0;
	while (text != NULL) {
		ssize_t n = read(fd, text + *len, room - *len - 1);
		char *more;

		if (n == 0) {
			text[*len] = '\0';
			return text;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		*len += (size_t)n;
		if (*len + 1 < room)
			continue;
		room *= 2;
		errno = ENOMEM;
		more = room > ANSWER_MAX ? NULL : realloc(text, room);
		if (more == NULL)
			break;
		text = more;
	}
	free(text);
	return NULL;
}

char *
control_ask(const char *socket_path, const char *line, size_t *len, struct fault *why)
{
	int fd = open_socket(socket_path, why);
	char *text = NULL;

	if (fd == -1)
		return NULL;
	if (send_line(fd, line))
		text = read_all(fd, len);
	if (text == NULL)
		fault_set(why, "%s: %s", socket_path, reason(errno));
	close(fd);
	return text;
}

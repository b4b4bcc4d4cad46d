/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/control_socket.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static bool
refuse(const struct control_socket *s, struct fault *why)
{
	return fault_set(why, "%s %s: %s", s->name, s->path, strerror(errno));
}

static int
unix_socket(int type)
{
	return socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool
somebody_listens(const struct sockaddr_un *at, int type)
{
	int fd = unix_socket(type), rc;

	if (fd == -1)
		return true;
	rc = connect(fd, (const struct sockaddr *)at, sizeof(*at));
	if (rc == -1 && errno == ECONNREFUSED)
		rc = 1;
	close(fd);
	return rc != 1;
}

static bool
is_there(const struct control_socket *s)
{
	struct stat st;

	return lstat(s->path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What a daemon that was killed left behind. */
static bool
remove_stale(const struct control_socket *s, const struct sockaddr_un *at, struct fault *why)
{
	struct stat st;

	if (lstat(at->sun_path, &st) == -1)
		return errno == ENOENT || refuse(s, why);
	if (!S_ISSOCK(st.st_mode))
		return fault_set(why, "%s %s: is there already and no socket", s->name, s->path);
	if (somebody_listens(at, s->type))
		return fault_set(why, "%s %s: another process answers there", s->name, s->path);
	return unlink(at->sun_path) == 0 || refuse(s, why);
}

static bool
hand_over(const struct control_socket *s, struct fault *why)
{
	const char *name = s->user[0] != '\0' ? s->user : s->owner;
	const struct passwd *who = NULL;

	if (name[0] != '\0') {
		who = getpwnam(name);
		if (who == NULL)
			return fault_set(why, "%s: user %s does not exist", s->name, name);
	}
	/* Who is not root may still give it to a group that he is in. */
	if (who != NULL && chown(s->path, who->pw_uid, who->pw_gid) == -1 &&
	    (errno != EPERM || s->user[0] == '\0' || chown(s->path, (uid_t)-1, who->pw_gid) == -1))
		return fault_set(
		    why, "%s %s: giving it to %s: %s", s->name, s->path, name, strerror(errno));
	if (chmod(s->path, s->user[0] != '\0' ? 0660 : 0600) == -1)
		return refuse(s, why);
	return true;
}

static int
listen_at(const struct control_socket *s, const struct sockaddr_un *at, struct fault *why)
{
	int fd = unix_socket(s->type), rc = -1;
	mode_t before = umask(0177); /* nobody else may connect before it was handed over */

	if (fd != -1)
		rc = bind(fd, (const struct sockaddr *)at, sizeof(*at));
	umask(before);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	refuse(s, why);
	if (fd != -1)
		close(fd);
	return -1;
}

static int
open_new(const struct control_socket *s, struct fault *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(s->path) >= sizeof(at.sun_path)) {
		fault_set(
		    why, "%s %s: longer than %zu bytes", s->name, s->path, sizeof(at.sun_path) - 1);
		return -1;
	}
	strcpy(at.sun_path, s->path);
	if (!remove_stale(s, &at, why))
		return -1;
	fd = listen_at(s, &at, why);
	if (fd == -1)
		return -1;
	if (hand_over(s, why))
		return fd;
	unlink(s->path);
	close(fd);
	return -1;
}

int
control_socket_open(const struct control_socket *s, struct fault *why)
{
	if (s->inherited == 0)
		return open_new(s, why);
	/* Somebody may have removed its name meanwhile. */
	if (is_there(s) && hand_over(s, why))
		return s->inherited;
	close(s->inherited);
	return is_there(s) ? -1 : open_new(s, why);
}

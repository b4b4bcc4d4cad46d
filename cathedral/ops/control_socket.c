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

static int
refuse(struct fault *why, const char *path)
{
	fault_set(why, "control %s: %s", path, strerror(errno));
	return -1;
}

static int
unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool
somebody_listens(const struct sockaddr_un *at)
{
	int fd = unix_socket(), rc;

	if (fd == -1)
		return true;
	rc = connect(fd, (const struct sockaddr *)at, sizeof(*at));
	if (rc == -1 && errno == ECONNREFUSED)
		rc = 1;
	close(fd);
	return rc != 1;
}

/* What a daemon that was killed left behind. */
static bool
remove_stale(const struct sockaddr_un *at, struct fault *why)
{
	struct stat st;

	if (lstat(at->sun_path, &st) == -1) {
		if (errno == ENOENT)
			return true;
		refuse(why, at->sun_path);
		return false;
	}
	if (!S_ISSOCK(st.st_mode))
		return fault_set(why, "control %s: is there already and no socket", at->sun_path);
	if (somebody_listens(at))
		return fault_set(why, "control %s: another process answers there", at->sun_path);
	if (unlink(at->sun_path) == 0)
		return true;
	refuse(why, at->sun_path);
	return false;
}

static bool
hand_over(const char *path, const char *user, const char *owner, struct fault *why)
{
	const char *name = user[0] != '\0' ? user : owner;
	const struct passwd *who = NULL;

	if (name[0] != '\0') {
		who = getpwnam(name);
		if (who == NULL)
			return fault_set(why, "control: user %s does not exist", name);
	}
	/* Who is not root may still give it to a group that he is in. */
	if (who != NULL && chown(path, who->pw_uid, who->pw_gid) == -1 &&
	    (errno != EPERM || user[0] == '\0' || chown(path, (uid_t)-1, who->pw_gid) == -1))
		return fault_set(
		    why, "control %s: giving it to %s: %s", path, name, strerror(errno));
	if (chmod(path, user[0] != '\0' ? 0660 : 0600) == -1)
		return fault_set(why, "control %s: %s", path, strerror(errno));
	return true;
}

static int
listen_at(const struct sockaddr_un *at, struct fault *why)
{
	int fd = unix_socket(), rc = -1;
	mode_t before = umask(0177); /* nobody else may connect before it was handed over */

	if (fd != -1)
		rc = bind(fd, (const struct sockaddr *)at, sizeof(*at));
	umask(before);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	refuse(why, at->sun_path);
	if (fd != -1)
		close(fd);
	return -1;
}

int
control_socket_open(const char *path, const char *user, const char *owner, struct fault *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(at.sun_path)) {
		fault_set(why, "control %s: longer than %zu bytes", path, sizeof(at.sun_path) - 1);
		return -1;
	}
	strcpy(at.sun_path, path);
	if (!remove_stale(&at, why))
		return -1;
	fd = listen_at(&at, why);
	if (fd == -1)
		return -1;
	if (hand_over(path, user, owner, why))
		return fd;
	unlink(path);
	close(fd);
	return -1;
}

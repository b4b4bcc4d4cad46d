/* SPDX-License-Identifier: ISC */
#include "cathedral/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

bool
pidfile_open(struct pidfile *p, const char *path, struct fault *why)
{
	if (path[0] == '\0')
		return true;
	p->path = path;
	p->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (p->fd == -1)
		return fault_set(why, "pidfile %s: %s", path, strerror(errno));
	if (flock(p->fd, LOCK_EX | LOCK_NB) == -1) {
		close(p->fd);
		p->fd = -1;
		return fault_set(why, "pidfile %s: another process holds it", path);
	}
	if (ftruncate(p->fd, 0) == -1 || dprintf(p->fd, "%d\n", (int)getpid()) < 0)
		return fault_set(why, "pidfile %s: %s", path, strerror(errno));
	return true;
}

void
pidfile_close(struct pidfile *p)
{
	if (p->fd == -1)
		return;
	/* Its folder may be root's, who we are not any more: then at least it names nobody. */
	if (unlink(p->path) == -1 && ftruncate(p->fd, 0) == -1)
		(void)errno;
	close(p->fd);
	p->fd = -1;
}

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
	if (!pidfile_write(p))
		return fault_set(why, "pidfile %s: %s", path, strerror(errno));
	return true;
}

void
pidfile_take(struct pidfile *p, int fd, const char *path)
{
	p->fd = fd;
	p->path = path;
	p->others = true;
}

bool
pidfile_write(struct pidfile *p)
{
	p->others = false;
	return p->fd == -1 || (lseek(p->fd, 0, SEEK_SET) == 0 && ftruncate(p->fd, 0) == 0 &&
				  dprintf(p->fd, "%d\n", (int)getpid()) > 0);
}

void
pidfile_leave(struct pidfile *p)
{
	p->others = true;
}

void
pidfile_close(struct pidfile *p)
{
	if (p->fd == -1)
		return;
	/* Its folder may be root's, who we are not any more: then at least it names nobody. */
	if (!p->others && unlink(p->path) == -1 && ftruncate(p->fd, 0) == -1)
		(void)errno;
	close(p->fd);
	p->fd = -1;
}

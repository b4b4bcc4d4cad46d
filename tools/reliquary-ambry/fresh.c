/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/fresh.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
refuse(struct fault *why, const char *path)
{
	return fault_set(why, "%s: %s", path, strerror(errno));
}

bool
fresh_begin(struct fresh *f, const char *path, struct fault *why)
{
	struct stat st;
	int long_path = snprintf(f->path, sizeof(f->path), "%s", path);
	int long_name = snprintf(f->temporary, sizeof(f->temporary), "%s.XXXXXX", path);

	if (long_path >= (int)sizeof(f->path) || long_name >= (int)sizeof(f->temporary)) {
		errno = ENAMETOOLONG;
		return refuse(why, path);
	}
	/* Said early for the sake of people; fresh_commit() is what makes sure. */
	if (lstat(path, &st) == 0)
		return fault_set(why, "%s: is there already; keys are never overwritten", path);
	if (mkdtemp(f->temporary) == NULL)
		return refuse(why, path);
	return true;
}

static bool
join(char out[static 2 * TREE_PATH_MAX], const struct fresh *f, const char *name)
{
	return snprintf(out, (size_t)2 * TREE_PATH_MAX, "%s/%s", f->temporary, name) <
	       2 * TREE_PATH_MAX;
}

bool
fresh_folder(struct fresh *f, const char *name, struct fault *why)
{
	char path[2 * TREE_PATH_MAX];

	if (!join(path, f, name) || mkdir(path, 0700) == -1)
		return refuse(why, path);
	return true;
}

bool
fresh_file(struct fresh *f, const char *name, const void *data, size_t len, struct fault *why)
{
	char path[2 * TREE_PATH_MAX];
	ssize_t written = -1;
	int fd = -1;

	if (join(path, f, name))
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd == -1)
		return refuse(why, path);
	errno = 0;
	written = write(fd, data, len);
	if (written != (ssize_t)len && errno == 0)
		errno = ENOSPC;
	if (written != (ssize_t)len || fchmod(fd, 0400) == -1) {
		refuse(why, path);
		close(fd);
		return false;
	}
	return close(fd) == 0 || refuse(why, path);
}

/* All of the file system that it is in: one sync for 510 small files is quicker than one each. */
static bool
sync_all(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd != -1 && syncfs(fd) == 0;

	if (fd != -1)
		close(fd);
	return ok;
}

bool
fresh_commit(struct fresh *f, struct fault *why)
{
	if (!sync_all(f->temporary) ||
	    renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) == -1) {
		refuse(why, f->path);
		fresh_abandon(f);
		return false;
	}
	f->temporary[0] = '\0';
	return file_sync_name(f->path) || refuse(why, f->path);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
fresh_abandon(struct fresh *f)
{
	if (f->temporary[0] != '\0')
		nftw(f->temporary, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	f->temporary[0] = '\0';
}

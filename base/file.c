/* SPDX-License-Identifier: ISC */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names the file in the fault and leaves errno as it was. */
static bool
refuse(struct fault *why, const char *path)
{
	int saved = errno;

	fault_set(why, "%s: %s", path, strerror(saved));
	errno = saved;
	return false;
}

int
file_open_regular(struct stat *ret, const char *path, struct fault *why)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 || fstat(fd, ret) == -1)
		refuse(why, path);
	else if (!S_ISREG(ret->st_mode))
		fault_set(why, "%s: not a regular file", path);
	else
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}

ssize_t
file_read_up_to(int fd, void *to, size_t max)
{
	uint8_t *at = to;
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, at + len, max - len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool
file_write_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool
file_read(uint8_t **ret, size_t *len, const char *path, size_t max, struct fault *why)
{
	struct stat st;
	int fd = file_open_regular(&st, path, why);
	uint8_t *data = NULL;
	ssize_t got = -1;
	size_t want;

	if (fd == -1)
		return false;
	if ((uintmax_t)st.st_size > max) {
		close(fd);
		return fault_set(why, "%s: longer than %zu bytes", path, max);
	}

	/* One byte more than its size shows that the file grew meanwhile. */
	want = (size_t)st.st_size + 1;
	data = malloc(want);
	if (data != NULL)
		got = file_read_up_to(fd, data, want);
	if (got == -1)
		refuse(why, path);
	else if ((size_t)got == want)
		fault_set(why, "%s: grew while it was read", path);
	close(fd);

	if (got == -1 || (size_t)got == want) {
		free(data);
		return false;
	}
	data[got] = '\0';
	*ret = data;
	*len = (size_t)got;
	return true;
}

bool
file_read_exact(void *out, size_t len, const char *path, struct fault *why)
{
	struct stat st;
	int fd = file_open_regular(&st, path, why);
	ssize_t got = -1;

	if (fd == -1)
		return false;
	if (st.st_size < 0 || (uintmax_t)st.st_size != len) {
		close(fd);
		return fault_set(
		    why, "%s: %jd bytes long, expected %zu", path, (intmax_t)st.st_size, len);
	}

	got = file_read_up_to(fd, out, len);
	if (got == -1)
		refuse(why, path);
	else if ((size_t)got != len)
		fault_set(why, "%s: shrank while it was read", path);
	close(fd);
	if (got != -1 && (size_t)got == len)
		return true;
	sodium_memzero(out, len);
	return false;
}

/* Copies the folder part of path, "." when there is none. */
static bool
folder_of(char folder[static PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (slash == path)
		len = 1;
	memcpy(folder, path, len);
	folder[len] = '\0';
	if (slash == NULL)
		memcpy(folder, ".", 2);
	return true;
}

int
file_open_folder(const char *path)
{
	char folder[PATH_MAX];

	return folder_of(folder, path) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static bool
sync_and_close(int fd)
{
	int rc, saved;

	if (fd == -1)
		return false;
	rc = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc == 0;
}

bool
file_sync(const char *path)
{
	return sync_and_close(open(path, O_RDONLY | O_CLOEXEC));
}

bool
file_sync_name(const char *path)
{
	return sync_and_close(file_open_folder(path));
}

/* Writes a whole new file beside path; its name goes to temp. */
static bool
write_beside(
    char temp[static PATH_MAX], const char *path, mode_t mode, const void *data, size_t len)
{
	int fd, saved;
	bool ok;

	if (snprintf(temp, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = mkostemp(temp, O_CLOEXEC); /* 0600 until it holds what it should */
	if (fd == -1)
		return false;

	ok = file_write_all(fd, data, len) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
	saved = errno;
	if (close(fd) == -1 && ok) {
		saved = errno;
		ok = false;
	}
	if (!ok)
		unlink(temp);
	errno = saved;
	return ok;
}

/* Removes what did not get its name; the fault tells of errno as it was before. */
static bool
give_up(const char *temp, const char *path, struct fault *why)
{
	int saved = errno;

	unlink(temp);
	errno = saved;
	return refuse(why, path);
}

bool
file_replace(const char *path, mode_t mode, const void *data, size_t len, struct fault *why)
{
	char temp[PATH_MAX];

	if (!write_beside(temp, path, mode, data, len))
		return refuse(why, path);
	if (rename(temp, path) == -1)
		return give_up(temp, path, why);
	if (!file_sync_name(path))
		return refuse(why, path);
	return true;
}

bool
file_create(const char *path, mode_t mode, const void *data, size_t len, struct fault *why)
{
	char temp[PATH_MAX];

	if (!write_beside(temp, path, mode, data, len))
		return refuse(why, path);
	/* Unlike rename(), link() refuses a name that is taken. */
	if (link(temp, path) == -1)
		return give_up(temp, path, why);
	unlink(temp);
	if (!file_sync_name(path))
		return refuse(why, path);
	return true;
}

static bool
make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return true;
	if (errno != EEXIST || stat(path, &st) == -1)
		return false;
	if (S_ISDIR(st.st_mode))
		return true;
	errno = ENOTDIR;
	return false;
}

bool
file_make_folder(const char *path, mode_t mode, struct fault *why)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part)) {
		errno = len == 0 ? ENOENT : ENAMETOOLONG;
		return refuse(why, path);
	}
	memcpy(part, path, len + 1);
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (!make_one(part, mode))
			return refuse(why, part);
		part[i] = '/';
	}
	return make_one(path, mode) || refuse(why, path);
}

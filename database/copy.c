/* SPDX-License-Identifier: ISC */
#include "database/copy.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who runs this as root must not lock out the service, which is not root and owns the folder. */
static bool
give_to_folders_owner(int fd, int folder)
{
	struct stat st;

	if (geteuid() != 0)
		return true;
	return fstat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0;
}

/*
 * Where a group may make files, they are for the group: its members share the database.  What the
 * engine puts beside it gets the same mode.
 */
static bool
give_to_folders_group(int fd, int folder)
{
	struct stat at, st;

	if (fstat(folder, &at) == -1 || fstat(fd, &st) == -1)
		return false;
	if ((at.st_mode & S_IWGRP) == 0)
		return true;
	return (st.st_gid == at.st_gid || fchown(fd, (uid_t)-1, at.st_gid) == 0) &&
	       fchmod(fd, 0660) == 0;
}

/* errno in words; closes what is open. */
static bool
give_up(int folder, const char *path, struct fault *why)
{
	int saved = errno;

	if (folder != -1)
		close(folder);
	return fault_set(why, "%s: %s", path, strerror(saved));
}

bool
copy_make_empty(const char *path, struct fault *why)
{
	int folder = file_open_folder(path), fd;
	bool ok;

	if (folder == -1)
		return give_up(folder, path, why);
	/*
	 * Not even opened when it is there: closing a file gives up the locks that this process has
	 * on it, the engine's among them.
	 */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 && errno != EEXIST)
		return give_up(folder, path, why);
	ok = fd == -1 || (give_to_folders_owner(fd, folder) && give_to_folders_group(fd, folder) &&
			     fsync(fd) == 0);
	if (fd != -1 && close(fd) == -1)
		ok = false;
	if (!ok || fsync(folder) == -1)
		return give_up(folder, path, why);
	close(folder);
	return true;
}

/* A new empty file beside path, whose name goes to temp. */
static bool
make_beside(char temp[static PATH_MAX], const char *path, int folder)
{
	int fd;
	bool ok;

	if (snprintf(temp, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX) {
		temp[0] = '\0';
		errno = ENAMETOOLONG;
		return false;
	}
	fd = mkostemp(temp, O_CLOEXEC); /* 0600 */
	if (fd == -1) {
		temp[0] = '\0';
		return false;
	}
	ok = give_to_folders_owner(fd, folder);
	close(fd);
	return ok;
}

/* Without free pages, hence without what was deleted. */
static bool
copy_into(sqlite3 *db, const char *temp, const char *to, struct fault *why)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(statement, 1, temp, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE || fault_set(why, "%s: %s", to, sqlite3_errstr(code));
}

static void
remove_unfinished(const char *temp)
{
	char journal[PATH_MAX];

	unlink(temp);
	if (snprintf(journal, sizeof(journal), "%s-journal", temp) < (int)sizeof(journal))
		unlink(journal);
}

bool
copy_database(sqlite3 *db, const char *to, struct fault *why)
{
	char temp[PATH_MAX] = "";
	int folder = file_open_folder(to);
	bool ok;

	if (folder == -1)
		return give_up(folder, to, why);
	if (!make_beside(temp, to, folder)) {
		ok = give_up(folder, to, why);
	} else if (!copy_into(db, temp, to, why)) {
		close(folder);
		ok = false;
	} else if (!file_sync(temp) || rename(temp, to) == -1 || fsync(folder) == -1) {
		ok = give_up(folder, to, why);
	} else {
		close(folder);
		return true;
	}
	if (temp[0] != '\0')
		remove_unfinished(temp);
	return ok;
}

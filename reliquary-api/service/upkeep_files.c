/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/upkeep_files.h"

#include "base/hex.h"
#include "base/log.h"
#include "reliquary-api/store/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing else is ever removed, whatever the database says. */
static bool
is_bundle_name(const char *text)
{
	uint8_t bytes[(BUNDLE_FILE_NAME - 1) / 2];

	return hex_decode(bytes, sizeof(bytes), text);
}

static bool
leftover_take(void *arg, const char *file)
{
	struct leftovers *l = arg;

	if (l->count == LEFTOVERS_AT_ONCE)
		return false;
	snprintf(l->names[l->count++], BUNDLE_FILE_NAME, "%s", file);
	return true;
}

enum store_result
leftovers_read(struct session *s, struct leftovers *ret)
{
	ret->count = 0;
	return leftover_list(s, LEFTOVERS_AT_ONCE, leftover_take, ret);
}

/* Is it gone, by us or before? */
static bool
file_gone(int folder, const char *name)
{
	return !is_bundle_name(name) || unlinkat(folder, name, 0) == 0 || errno == ENOENT;
}

uint32_t
leftovers_unlink(struct leftovers *l, const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t gone = 0;

	if (fd == -1) {
		log_error("%s: %s", folder, strerror(errno));
		l->count = 0;
		return 0;
	}
	for (uint32_t n = 0; n < l->count; n++) {
		if (!file_gone(fd, l->names[n])) {
			log_error(
			    "a bundle that nobody owns cannot be removed: %s", strerror(errno));
			continue;
		}
		if (gone != n)
			memcpy(l->names[gone], l->names[n], BUNDLE_FILE_NAME);
		gone++;
	}
	close(fd);
	l->count = gone;
	return gone;
}

static bool
is_orphan(struct session *s, int folder, const char *name, int64_t now)
{
	struct stat st;

	if (!is_bundle_name(name) || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	if (!S_ISREG(st.st_mode) || now - st.st_mtim.tv_sec <= ORPHAN_AGE_S)
		return false;
	return bundle_file_owned(s, name) == STORE_NONE;
}

uint64_t
orphans_unlink(
    struct session *s, const char *folder, int64_t now, bool (*stop)(void *arg), void *arg)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	uint64_t gone = 0;

	if (dir == NULL) {
		log_error("%s: %s", folder, strerror(errno));
		return 0;
	}
	while (!stop(arg) && (e = readdir(dir)) != NULL) {
		if (is_orphan(s, dirfd(dir), e->d_name, now))
			gone += unlinkat(dirfd(dir), e->d_name, 0) == 0;
	}
	closedir(dir);
	return gone;
}

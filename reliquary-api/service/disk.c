/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/disk.h"

#include <errno.h>
#include <sys/statvfs.h>

bool
disk_free(const char *folder, uint64_t *bytes)
{
	struct statvfs fs;

	if (statvfs(folder, &fs) == -1)
		return false;
	*bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return true;
}

enum store_result
disk_result(int error)
{
	bool full = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EROFS;

	return full ? STORE_NO_SPACE : STORE_FAILED;
}

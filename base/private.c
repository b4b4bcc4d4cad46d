/* SPDX-License-Identifier: ISC */
#include "base/private.h"

#include "base/file.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL_NAME        "system.posix_acl_access"
#define ACL_ENTRIES_MAX 64 /* more name somebody else */

static bool
is_us(uid_t user)
{
	return user == geteuid() || user == 0;
}

static bool
entry_is_private(const struct posix_acl_xattr_entry *e)
{
	switch (le16toh(e->e_tag)) {
	case ACL_USER_OBJ: /* the owner */
	case ACL_MASK:     /* what the others at most have */
		return true;
	case ACL_USER:
		return e->e_perm == 0 || is_us(le32toh(e->e_id));
	default:
		return e->e_perm == 0;
	}
}

/* With an access list the group's bits of the mode are what any user or group in it may have. */
static bool
list_is_private(int fd)
{
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry entry;
	uint8_t list[sizeof(head) + ACL_ENTRIES_MAX * sizeof(entry)];
	ssize_t len = fgetxattr(fd, ACL_NAME, list, sizeof(list));

	if (len < (ssize_t)sizeof(head) || ((size_t)len - sizeof(head)) % sizeof(entry) != 0)
		return false;
	memcpy(&head, list, sizeof(head));
	if (le32toh(head.a_version) != POSIX_ACL_XATTR_VERSION)
		return false;
	for (size_t at = sizeof(head); at < (size_t)len; at += sizeof(entry)) {
		memcpy(&entry, list + at, sizeof(entry));
		if (!entry_is_private(&entry))
			return false;
	}
	return true;
}

/* Of the file that is open, so that nobody exchanges it in between. */
static bool
is_private(int fd, const struct stat *st, const char *path, const char *what, struct fault *why)
{
	if (!is_us(st->st_uid))
		return fault_set(why,
		    "%s: belongs to user %u, who is neither this program's user nor root, so what "
		    "it holds is not our secret",
		    path, (unsigned)st->st_uid);
	if ((st->st_mode & 077) == 0 || ((st->st_mode & 07) == 0 && list_is_private(fd)))
		return true;
	return fault_set(why,
	    "%s: its mode %03o lets others at the %s: chmod 400 %s, once you know that nobody has "
	    "a copy",
	    path, (unsigned)st->st_mode & 0777, what, path);
}

ssize_t
private_read(void *out, size_t max, const char *path, const char *what, struct fault *why)
{
	struct stat st;
	int fd = file_open_regular(&st, path, why);
	ssize_t want, got;

	if (fd == -1)
		return -1;
	if (!is_private(fd, &st, path, what, why)) {
		close(fd);
		return -1;
	}
	want = st.st_size < (off_t)max ? (ssize_t)st.st_size : (ssize_t)max;
	got = file_read_up_to(fd, out, (size_t)want);
	if (got == -1)
		fault_set(why, "%s: %s", path, strerror(errno));
	else if (got < want)
		fault_set(why, "%s: shrank while it was read", path);
	close(fd);
	if (got == want)
		return (ssize_t)st.st_size;
	sodium_memzero(out, max);
	return -1;
}

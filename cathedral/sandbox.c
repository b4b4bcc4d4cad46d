/* SPDX-License-Identifier: ISC */
#include "cathedral/sandbox.h"

#include "base/sandbox.h"

#include <stddef.h>

/* clang-format off */
static const char *const cathedral_calls[] = {
	/* packets */
	"recvmmsg", "sendmmsg", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
	"epoll_create1", "eventfd2", "read", "write",
	/* control, metrics and hand-over, and systemd's notifications */
	"accept4", "accept", "socket", "connect", "sendmsg", "sendto", "recvfrom", "recvmsg",
	"readv", "writev", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"ioctl", "fcntl", "poll", "ppoll",
	/* the scanner, which gives way to the workers */
	"setpriority",
	/* files of the registry, and watching them */
	"openat", "open", "close", "fstat", "stat", "lstat", "newfstatat", "fstatat64", "statx",
	"lseek", "pread64", "readlink", "readlinkat", "getcwd", "getdents64", "access",
	"faccessat", "faccessat2", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	/* pidfile and control socket at the end */
	"unlink", "unlinkat", "ftruncate",
	NULL,
};

static const char *const state_file_calls[] = {
	"rename", "renameat", "renameat2",
	NULL,
};

static const char *const budget_file_calls[] = {
	"rename", "renameat", "renameat2", "fdatasync",
	NULL,
};

static const char *const registry_reader_calls[] = {
	"pwrite64", "fdatasync", "fsync", "fchmod", "fgetxattr",
	NULL,
};
/* clang-format on */

bool
cathedral_sandbox(const struct conf *conf, struct fault *why)
{
	const char *const *configured[4] = { NULL };
	size_t count = 0;

	if (conf->registry[0] != '\0')
		configured[count++] = registry_reader_calls;
	if (conf->state[0] != '\0')
		configured[count++] = state_file_calls;
	if (conf->budget_file[0] != '\0')
		configured[count++] = budget_file_calls;
	return sandbox_enter(cathedral_calls, configured, why);
}

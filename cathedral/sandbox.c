/* SPDX-License-Identifier: ISC */
#include "cathedral/sandbox.h"

#include <stddef.h>

/* clang-format off */
const char *const cathedral_calls[] = {
	/* packets */
	"recvmmsg", "sendmmsg", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
	"epoll_create1", "eventfd2", "read", "write",
	/* control and metrics, and systemd's notifications */
	"accept4", "accept", "socket", "connect", "sendmsg", "sendto", "recvfrom", "recvmsg",
	"readv", "writev", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"ioctl", "fcntl", "poll", "ppoll",
	/* files of the registry, and watching them */
	"openat", "open", "close", "fstat", "stat", "lstat", "newfstatat", "fstatat64", "statx",
	"lseek", "pread64", "readlink", "readlinkat", "getcwd", "getdents64", "access",
	"faccessat", "faccessat2", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	/* pidfile and control socket at the end */
	"unlink", "unlinkat", "ftruncate",
	NULL,
};

const char *const registry_reader_calls[] = {
	"pwrite64", "fdatasync", "fsync", "fchmod", "fgetxattr",
	NULL,
};
/* clang-format on */

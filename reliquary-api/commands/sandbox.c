/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/sandbox.h"

#include <stddef.h>

/* clang-format off */
const char *const serve_calls[] = {
	/* connections */
	"socket", "bind", "listen", "accept", "accept4", "recvfrom", "recvmsg", "sendto",
	"sendmsg", "read", "readv", "write", "writev", "sendfile", "shutdown", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "ioctl", "fcntl", "poll", "ppoll",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "epoll_create1", "eventfd2",
	"pipe2", "connect",
	/* the database, bundles, certificates */
	"openat", "open", "close", "close_range", "dup", "fstat", "stat", "lstat", "newfstatat",
	"fstatat64", "statx", "statfs", "fstatfs", "lseek", "pread64", "pwrite64", "fsync",
	"fdatasync", "ftruncate", "fallocate", "fadvise64", "readlink", "readlinkat", "getcwd",
	"getdents64", "access", "faccessat", "faccessat2", "link", "linkat", "rename",
	"renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod",
	"fchmod", "fchmodat", "fchown", "fgetxattr", "flock", "umask", "utimensat",
	/* time and randomness */
	"clock_getres",
	/* memory */
	"msync",
	/* signals, abort() included */
	"rt_sigtimedwait",
	/* who and how much */
	"getrusage",
	NULL,
};
/* clang-format on */

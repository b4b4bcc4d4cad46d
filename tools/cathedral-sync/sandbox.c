/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/sandbox.h"

#include <stddef.h>

/* clang-format off */
const char *const sync_calls[] = {
	/* the service, the cathedral, names and systemd's notifications: no listening */
	"socket", "socketpair", "connect", "bind", "recvfrom", "recvmsg", "recvmmsg", "sendto",
	"sendmsg", "sendmmsg", "read", "readv", "write", "writev", "shutdown", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "ioctl", "fcntl", "poll", "ppoll", "select",
	"pselect6", "epoll_wait", "epoll_pwait", "epoll_ctl", "epoll_create1", "eventfd2",
	"pipe2", "signalfd4",
	/* the registry, credentials, and what the resolver reads */
	"openat", "open", "close", "dup", "fstat", "stat", "lstat", "newfstatat", "fstatat64",
	"statx", "statfs", "fstatfs", "lseek", "pread64", "pwrite64", "fsync", "fdatasync",
	"ftruncate", "fallocate", "fadvise64", "readlink", "readlinkat", "getcwd", "getdents64",
	"access", "faccessat", "faccessat2", "link", "linkat", "rename", "renameat", "renameat2",
	"unlink", "unlinkat", "chmod", "fchmod", "fchmodat", "fchown", "flock", "umask",
	"utimensat", "fgetxattr",
	/* time and randomness */
	"clock_getres", "time",
	/* memory */
	"msync",
	/* who and how much */
	"getrusage",
	NULL,
};
/* clang-format on */

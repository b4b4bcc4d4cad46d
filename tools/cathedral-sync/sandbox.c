/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/sandbox.h"

#include "base/log.h"
#include "base/privileges.h"

#include <sys/prctl.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* clang-format off */
static const char *const allowed[] = {
	/* the service, the cathedral, names and systemd's notifications: no listening */
	"socket", "socketpair", "connect", "bind", "recvfrom", "recvmsg", "recvmmsg", "sendto",
	"sendmsg", "sendmmsg", "read", "readv", "write", "writev", "shutdown", "getsockopt",
	"setsockopt", "getsockname", "getpeername", "ioctl", "fcntl", "poll", "ppoll", "select",
	"pselect6", "epoll_wait", "epoll_pwait", "epoll_ctl", "epoll_create1", "eventfd2", "pipe2",
	"signalfd4",
	/* the registry, credentials, and what the resolver reads */
	"openat", "open", "close", "dup", "fstat", "stat", "lstat", "newfstatat", "fstatat64",
	"statx", "statfs", "fstatfs", "lseek", "pread64", "pwrite64", "fsync", "fdatasync",
	"ftruncate", "fallocate", "fadvise64", "readlink", "readlinkat", "getcwd", "getdents64",
	"access", "faccessat", "faccessat2", "link", "linkat", "rename", "renameat", "renameat2",
	"unlink", "unlinkat", "chmod", "fchmod", "fchmodat", "fchown", "flock", "umask",
	"utimensat",
	/* time and randomness */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getrandom",
	/* memory */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "mlock", "mlock2",
	"munlock",
	/* the resolver's threads */
	"clone", "clone3", "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity",
	"membarrier", "prctl", "exit", "exit_group", "restart_syscall",
	/* signals, abort() included */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "gettid",
	/* who and how much */
	"getpid", "getuid", "geteuid", "getgid", "getegid", "prlimit64", "getrlimit", "getrusage",
	"sysinfo", "uname",
	NULL,
};
/* clang-format on */

bool
sync_sandbox_enter(struct fault *why)
{
	if (SANITIZED) {
		log_info("built with a sanitizer: system calls are not filtered");
		return true;
	}
	return privileges_seccomp(allowed, why);
}

void
sync_sandbox_leave(void)
{
	if (SANITIZED)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

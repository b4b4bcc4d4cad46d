/* SPDX-License-Identifier: ISC */
#include "cathedral/sandbox.h"

#include "base/log.h"
#include "base/privileges.h"

#include <string.h>
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
	/* packets */
	"recvmmsg", "sendmmsg", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
	"epoll_create1", "eventfd2", "read", "write",
	/* time and randomness */
	"clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom",
	/* control and metrics, and systemd's notifications */
	"accept4", "accept", "socket", "connect", "sendmsg", "sendto", "recvfrom", "recvmsg",
	"readv", "writev", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"ioctl", "fcntl", "poll", "ppoll",
	/* files of the registry, and watching them */
	"openat", "open", "close", "fstat", "stat", "lstat", "newfstatat", "fstatat64", "statx",
	"lseek", "pread64", "readlink", "readlinkat", "getcwd", "getdents64", "access", "faccessat",
	"faccessat2", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	/* pidfile and control socket at the end */
	"unlink", "unlinkat", "ftruncate",
	/* memory */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "mlock2", "munlock",
	/* threads */
	"clone", "clone3", "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity",
	"membarrier", "prctl", "exit", "exit_group", "restart_syscall",
	/* signals, abort() included */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "gettid",
	/* who and how much */
	"getpid", "getuid", "geteuid", "getgid", "getegid", "prlimit64", "getrlimit", "sysinfo",
	"uname",
};

static const char *const of_database[] = {
	"pwrite64", "fdatasync", "fsync", "fchmod",
};
/* clang-format on */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

bool
sandbox_enter(bool database, struct fault *why)
{
	const char *names[COUNT(allowed) + COUNT(of_database) + 1];

	if (SANITIZED) {
		log_info("built with a sanitizer: system calls are not filtered");
		return true;
	}
	memcpy(names, allowed, sizeof(allowed));
	memcpy(names + COUNT(allowed), of_database, sizeof(of_database));
	names[COUNT(allowed) + (database ? COUNT(of_database) : 0)] = NULL;
	return privileges_seccomp(names, why);
}

void
sandbox_leave(void)
{
	if (SANITIZED)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

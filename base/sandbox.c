/* SPDX-License-Identifier: ISC */
#include "base/sandbox.h"

#include "base/log.h"
#include "base/privileges.h"

#include <assert.h>
#include <stddef.h>
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

#define NAMES_MAX 200 /* of all lists together: they are written by us */

/* clang-format off */
static const char *const common[] = {
	/* time and randomness */
	"clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "getrandom",
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
	NULL,
};
/* clang-format on */

static size_t
names_add(const char **names, size_t count, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++) {
		assert(count + 1 < NAMES_MAX);
		names[count++] = *list;
	}
	return count;
}

bool
sandbox_enter(const char *const *program, const char *const *const *configured, struct fault *why)
{
	const char *names[NAMES_MAX];
	size_t count;

	if (SANITIZED) {
		log_info("built with a sanitizer: system calls are not filtered");
		return true;
	}
	count = names_add(names, 0, common);
	count = names_add(names, count, program);
	for (; configured != NULL && *configured != NULL; configured++)
		count = names_add(names, count, *configured);
	names[count] = NULL;
	return privileges_seccomp(names, why);
}

void
sandbox_leave(void)
{
	if (SANITIZED)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

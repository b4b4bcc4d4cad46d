/* SPDX-License-Identifier: ISC */
#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
become(const struct passwd *user, struct fault *why)
{
	if (user->pw_uid == 0)
		return fault_set(why, "user %s is root", user->pw_name);
	if (setgroups(0, NULL) == -1)
		return fault_set(why, "setgroups: %s", strerror(errno));
	if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == -1)
		return fault_set(why, "setresgid: %s", strerror(errno));
	if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == -1)
		return fault_set(why, "setresuid: %s", strerror(errno));
	if (setuid(0) == 0 || setgid(0) == 0)
		return fault_set(why, "root came back after becoming user %s", user->pw_name);
	return true;
}

static bool
change_user(const char *name, struct fault *why)
{
	const struct passwd *user;

	if (name[0] == '\0') {
		if (geteuid() == 0)
			return fault_set(why, "started as root without a user to become");
		return true;
	}
	errno = 0;
	user = getpwnam(name);
	if (user == NULL && errno != 0)
		return fault_set(why, "user %s: %s", name, strerror(errno));
	if (user == NULL)
		return fault_set(why, "user %s does not exist", name);
	/* The right user already, as under systemd's User=: nothing to give up. */
	if (geteuid() != 0 && geteuid() == user->pw_uid && getuid() == user->pw_uid)
		return true;
	return become(user, why);
}

/* What is left to user 0, or was given to another (systemd's AmbientCapabilities=). */
static bool
drop_capabilities(struct fault *why)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3];
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	/* The C library has no functions for these.  Who has none may not be allowed to ask. */
	if (syscall(SYS_capget, &head, have) == 0 && have[0].permitted == 0 &&
	    have[1].permitted == 0)
		return true;
	if (syscall(SYS_capset, &head, none) == -1)
		return fault_set(why, "giving up capabilities: %s", strerror(errno));
	return true;
}

/* Nothing is won any more by running a program, and nothing is left behind in a core. */
static bool
close_ways_back(struct fault *why)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return fault_set(why, "no_new_privs: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setrlimit(RLIMIT_CORE, &none) == -1)
		return fault_set(why, "forbidding core dumps: %s", strerror(errno));
	return true;
}

bool
privileges_drop(const char *user, struct fault *why)
{
	return change_user(user, why) && privileges_give_up(why);
}

bool
privileges_give_up(struct fault *why)
{
	return drop_capabilities(why) && close_ways_back(why);
}

static int
allow_all(scmp_filter_ctx filter, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int rc;

		if (number == __NR_SCMP_ERROR)
			continue;
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		/* A negative number is a call that this architecture does not have. */
		if (rc != 0 && number >= 0)
			return rc;
	}
	return 0;
}

bool
privileges_seccomp(const char *const *names, struct fault *why)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (filter == NULL)
		return fault_set(why, "seccomp: out of memory");
	/* Threads that run already are bound by it too. */
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = allow_all(filter, names);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return fault_set(why, "seccomp: %s", strerror(-rc));
	return true;
}

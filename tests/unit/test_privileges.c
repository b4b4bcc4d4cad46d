/* SPDX-License-Identifier: ISC */
#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * What is tried here cannot be undone, so each try is a child's, who writes what came of it into a
 * pipe with nothing but write(2).
 */
static void
say(int to, const char *text)
{
	if (write(to, text, strlen(text)) == -1)
		_exit(1);
}

static struct fault
in_child(void (*try)(int to))
{
	struct fault said = { "" };
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		close(ends[0]);
		try(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said.text + len, sizeof(said.text) - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return said;
}

static void
drop_to(const char *user, int to)
{
	struct fault why = { "" };

	if (!privileges_drop(user, &why)) {
		say(to, why.text);
		_exit(0);
	}
}

static void
try_daemon(int to)
{
	const struct passwd *user = getpwnam("daemon");
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	const gid_t more = 1234;

	if (geteuid() == 0 && setgroups(1, &more) == -1)
		say(to, "no more groups to lose;");
	drop_to("daemon", to);
	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	if (ruid != user->pw_uid || euid != ruid || suid != ruid)
		say(to, "another user;");
	if (rgid != user->pw_gid || egid != rgid || sgid != rgid)
		say(to, "another group;");
	if (getgroups(0, NULL) != 0)
		say(to, "more groups;");
	if (setuid(0) == 0 || seteuid(0) == 0)
		say(to, "root is back;");
	say(to, "done");
}

static void
root_becomes_another_for_good(void **state)
{
	struct fault said = in_child(try_daemon);

	(void)state;
	if (geteuid() == 0)
		assert_string_equal(said.text, "done");
	else /* only root may change the user at all */
		assert_string_equal(said.text, "setgroups: Operation not permitted");
}

static void
try_same_user(int to)
{
	const struct passwd *user;
	struct rlimit core;

	if (geteuid() == 0)
		drop_to("nobody", to);
	user = getpwuid(geteuid());
	/* A second time, as under systemd's User=, where the user is the right one already. */
	drop_to(user == NULL ? "" : user->pw_name, to);
	drop_to("", to);

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		say(to, "new privileges;");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		say(to, "dumpable;");
	if (getrlimit(RLIMIT_CORE, &core) == -1 || core.rlim_cur != 0 || core.rlim_max != 0)
		say(to, "core dumps;");
	say(to, "done");
}

static void
no_new_privileges_and_no_core_dumps(void **state)
{
	(void)state;
	assert_string_equal(in_child(try_same_user).text, "done");
}

static void
try_unknown_user(int to)
{
	drop_to("no-such-user-here", to);
}

static void
try_no_user(int to)
{
	drop_to("", to);
	say(to, "done");
}

static void
try_root(int to)
{
	drop_to("root", to);
	say(to, "done");
}

static void
refuses_users_that_are_none(void **state)
{
	(void)state;
	assert_string_equal(
	    in_child(try_unknown_user).text, "user no-such-user-here does not exist");
	assert_string_equal(in_child(try_root).text, "user root is root");
	assert_string_equal(in_child(try_no_user).text,
	    geteuid() == 0 ? "started as root without a user to become" : "done");
}

static void
try_give_up(int to)
{
	struct fault why = { "" };
	uid_t before = geteuid();

	if (!privileges_give_up(&why))
		say(to, why.text);
	if (geteuid() != before)
		say(to, "another user;");
	/* What root may always, and others never; asked of this thread, a sanitizer's has more. */
	if (syscall(SYS_setgroups, 0, NULL) == 0 || syscall(SYS_setresuid, -1, before + 1, -1) == 0)
		say(to, "still powerful;");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		say(to, "new privileges;");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		say(to, "dumpable;");
	say(to, "done");
}

static void
who_stays_root_has_no_powers(void **state)
{
	(void)state;
	assert_string_equal(in_child(try_give_up).text, "done");
}

/* The right user already, with a power on top, as systemd's AmbientCapabilities= gives it. */
static void
try_ambient(int to)
{
	const unsigned net = 1u << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { { net, net, 0 } };
	const struct passwd *user = getpwnam("daemon");

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == -1 ||
	    syscall(SYS_capset, &head, caps) == -1)
		say(to, "no power to lose;");
	drop_to("daemon", to);
	if (syscall(SYS_capget, &head, caps) == -1 || caps[0].permitted != 0 ||
	    caps[0].effective != 0)
		say(to, "still powerful;");
	say(to, "done");
}

static void
who_was_given_a_power_gives_it_up(void **state)
{
	(void)state;
	if (geteuid() == 0) /* nobody else can be given one here */
		assert_string_equal(in_child(try_ambient).text, "done");
}

/*
 * getppid stands for all that is listed, socket for all that is not.  The second row is what the
 * sanitizers need to end a process.
 */
static const char *const few[] = { "write", "exit_group", "getppid", "no_such_call_anywhere",
	"mmap", "munmap", "mprotect", "sigaltstack", "rt_sigaction", "getpid", NULL };

static void
try_filter(int to)
{
	struct fault why = { "" };

	if (!privileges_drop(geteuid() == 0 ? "nobody" : "", &why) ||
	    !privileges_seccomp(few, &why)) {
		say(to, why.text);
		return;
	}
	if (getppid() <= 0)
		say(to, "listed calls fail;");
	errno = 0;
	if (socket(AF_UNIX, SOCK_DGRAM, 0) != -1)
		say(to, "unlisted calls work;");
	else if (errno != EPERM)
		say(to, "unlisted calls fail with another error;");
	say(to, "done");
}

static void
only_listed_calls_work(void **state)
{
	(void)state;
	assert_string_equal(in_child(try_filter).text, "done");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_another_for_good),
		cmocka_unit_test(no_new_privileges_and_no_core_dumps),
		cmocka_unit_test(refuses_users_that_are_none),
		cmocka_unit_test(who_stays_root_has_no_powers),
		cmocka_unit_test(who_was_given_a_power_gives_it_up),
		cmocka_unit_test(only_listed_calls_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

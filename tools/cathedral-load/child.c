/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/child.h"

#include "base/clock.h"
#include "base/file.h"
#include "tools/cathedral-load/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 4096

#define PATIENCE_MS 60000
#define STEP_MS     20
#define LOG_MAX     (1 << 20)

void
child_keep_to(bool last)
{
	cpu_set_t all, some;
	int highest = 0;

	if (sched_getaffinity(0, sizeof(all), &all) == -1 || CPU_COUNT(&all) < 2)
		return;
	for (int n = 0; n < CPU_SETSIZE; n++)
		highest = CPU_ISSET(n, &all) ? n : highest;
	some = all;
	CPU_CLR(highest, &some);
	if (last) {
		CPU_ZERO(&some);
		CPU_SET(highest, &some);
	}
	(void)sched_setaffinity(0, sizeof(some), &some);
}

/* 0 in the child. */
static pid_t
split(enum child_where where, struct fault *why)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == -1)
		fault_set(why, "fork: %s", strerror(errno));
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* A terminal's interruption is for who started it: that ends it in its turn. */
	setpgid(0, 0);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	if (where == CHILD_LAST_CPU)
		child_keep_to(true);
	return 0;
}

static void
become(const struct child_wish *w, const char *conf, const char *log)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || dup2(fd, STDERR_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1)
		_exit(EXIT_FAILURE);
	execl(
	    w->program, w->program, "-c", conf, w->takes_over ? "-r" : (char *)NULL, (char *)NULL);
	perror(w->program);
	_exit(EXIT_FAILURE);
}

bool
child_is_gone(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
	       info.si_pid != 0;
}

static bool
says_ready(const char *log)
{
	struct fault ignored;
	uint8_t *text;
	size_t len;
	bool ready;

	if (!file_read(&text, &len, log, LOG_MAX, &ignored))
		return false;
	ready = strstr((char *)text, " is ready") != NULL;
	free(text);
	return ready;
}

static bool
wait_ready(pid_t pid, const char *program, const char *log, struct fault *why)
{
	for (int waited = 0; waited < PATIENCE_MS && !stop_asked(); waited += STEP_MS) {
		if (child_is_gone(pid))
			return fault_set(why, "%s ended at once; %s says why", program, log);
		if (says_ready(log))
			return true;
		poll(NULL, 0, STEP_MS);
	}
	return fault_set(why, "%s does not become ready; %s may say why", program, log);
}

pid_t
child_cathedral(const struct child_wish *w, struct fault *why)
{
	char conf[PATH_SIZE], log[PATH_SIZE], before[PATH_SIZE];
	pid_t pid;

	if (access(w->program, X_OK) == -1) {
		fault_set(why, "%s: %s", w->program, strerror(errno));
		return 0;
	}
	snprintf(conf, sizeof(conf), "%s/%s.conf", w->folder, w->name);
	snprintf(log, sizeof(log), "%s/%s.log", w->folder, w->name);
	snprintf(before, sizeof(before), "%s/%s.log.before", w->folder, w->name);
	/* One that is left from before is ready already. */
	if (rename(log, before) == -1 && errno != ENOENT) {
		fault_set(why, "%s: %s", log, strerror(errno));
		return 0;
	}
	pid = split(w->where, why);
	if (pid == 0)
		become(w, conf, log);
	if (pid < 0)
		return 0;
	if (wait_ready(pid, w->program, log, why))
		return pid;
	child_finish(pid);
	return 0;
}

pid_t
child_work(void (*run)(void *arg), void *arg, enum child_where where, struct fault *why)
{
	pid_t pid = split(where, why);

	if (pid == 0) {
		run(arg);
		_exit(EXIT_SUCCESS);
	}
	return pid > 0 ? pid : 0;
}

static bool
ended_well(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool
child_finish(pid_t pid)
{
	if (pid <= 0)
		return true;
	kill(pid, SIGTERM);
	return ended_well(pid);
}

bool
child_await(pid_t pid, uint64_t patience_ns)
{
	for (uint64_t waited = 0; waited < patience_ns; waited += STEP_MS * NS_PER_MS) {
		if (child_is_gone(pid))
			return ended_well(pid);
		poll(NULL, 0, STEP_MS);
	}
	child_finish(pid);
	return false;
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/players.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define END_MS     10000
#define SHOWN      12  /* lines of a log */
#define SHOWN_LINE 400 /* bytes of one */

void
pause_ms(uint32_t ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * (long)NS_PER_MS };

	nanosleep(&t, NULL);
}

static pid_t
run(const char *const *words, const char *output)
{
	pid_t pid, parent = getpid();
	int fd;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (getppid() == parent && fd != -1 && dup2(fd, STDOUT_FILENO) != -1 &&
	    dup2(fd, STDERR_FILENO) != -1)
		execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

static int
reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		assert_int_equal(errno, EINTR);
	return status;
}

int
player_run(const char *const *words, const char *output)
{
	return reap(run(words, output));
}

void
player_start(struct player *p)
{
	assert_int_equal(p->pid, 0);
	p->pid = run(p->words, p->log);
	p->starts++;
}

void
player_show(const struct player *p)
{
	char lines[SHOWN][SHOWN_LINE];
	FILE *log = fopen(p->log, "re");
	size_t count = 0;

	if (log == NULL)
		return;
	while (fgets(lines[count % SHOWN], SHOWN_LINE, log) != NULL)
		count++;
	fclose(log);
	for (size_t n = count > SHOWN ? count - SHOWN : 0; n < count; n++)
		printf("# %s| %s", p->name, lines[n % SHOWN]);
}

void
player_check(struct player *p)
{
	int status;

	if (p->pid == 0 || waitpid(p->pid, &status, WNOHANG) == 0)
		return;
	p->pid = 0;
	player_show(p);
	if (WIFSIGNALED(status))
		fail_msg("%s ended by itself, of signal %d", p->name, WTERMSIG(status));
	fail_msg("%s ended by itself, with status %d", p->name, WEXITSTATUS(status));
}

void
player_kill(struct player *p)
{
	pid_t pid = p->pid;
	int status;

	kill(pid, SIGKILL);
	p->pid = 0;
	status = reap(pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return;
	player_show(p);
	fail_msg("%s had ended before it was killed", p->name);
}

bool
player_end(struct player *p)
{
	uint64_t end_ns = clock_now().mono_ns + END_MS * NS_PER_MS;
	int status;

	kill(p->pid, SIGTERM);
	while (waitpid(p->pid, &status, WNOHANG) == 0) {
		if (clock_now().mono_ns > end_ns)
			kill(p->pid, SIGKILL);
		pause_ms(10);
	}
	p->pid = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

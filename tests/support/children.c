/* SPDX-License-Identifier: ISC */
#include "tests/support/children.h"

#include "base/clock.h"
#include "tests/support/load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN   16
#define PATIENCE_S 20

static pid_t running[CHILDREN];
static cpu_set_t everywhere;

static void
note(pid_t from, pid_t to)
{
	for (size_t i = 0; i < CHILDREN; i++) {
		if (running[i] == from) {
			running[i] = to;
			return;
		}
	}
}

void
bench_give_up(const char *what)
{
	perror(what);
	for (size_t i = 0; i < CHILDREN; i++) {
		if (running[i] > 0)
			kill(running[i], SIGTERM);
	}
	exit(EXIT_FAILURE);
}

struct endpoint
child_free_port(void)
{
	struct sockaddr_storage where;
	struct endpoint at;
	socklen_t len;
	int fd;

	endpoint_parse(&at, "127.0.0.1:0");
	len = endpoint_to_sockaddr(&at, &where);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&where, len) == -1)
		bench_give_up("a free port");
	len = sizeof(where);
	if (getsockname(fd, (struct sockaddr *)&where, &len) == -1 ||
	    !endpoint_from_sockaddr(&at, &where))
		bench_give_up("a free port");
	close(fd);
	return at;
}

/* The first or the last of the CPUs that the bench was given; nothing when there is one. */
static void
keep_to(bool last)
{
	cpu_set_t one;
	int chosen = -1;

	if (CPU_COUNT(&everywhere) == 0 &&
	    sched_getaffinity(0, sizeof(everywhere), &everywhere) == -1)
		bench_give_up("sched_getaffinity");
	if (CPU_COUNT(&everywhere) < 2)
		return;
	for (int i = 0; i < CPU_SETSIZE && (chosen == -1 || last); i++) {
		if (CPU_ISSET(i, &everywhere))
			chosen = i;
	}
	CPU_ZERO(&one);
	CPU_SET(chosen, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == -1)
		bench_give_up("sched_setaffinity");
}

void
bench_stay_apart(void)
{
	keep_to(false);
}

void
bench_go_anywhere(void)
{
	if (CPU_COUNT(&everywhere) > 0)
		sched_setaffinity(0, sizeof(everywhere), &everywhere);
}

/* True in the child, which does not outlive the bench. */
static bool
split(struct child *c, enum child_place place)
{
	pid_t parent = getpid();

	fflush(NULL);
	c->pid = fork();
	if (c->pid == -1)
		bench_give_up("fork");
	if (c->pid > 0) {
		note(0, c->pid);
		return false;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	memset(running, 0, sizeof(running));
	if (place == CHILD_APART)
		keep_to(true);
	else
		bench_go_anywhere();
	return true;
}

void
child_wait_for(const struct child *c, const struct endpoint *at, const char *what)
{
	const struct timespec step = { .tv_nsec = NS_PER_MS };
	uint64_t end_ns = clock_now().mono_ns + PATIENCE_S * NS_PER_S;
	int fd;

	while ((fd = load_connect(at)) == -1) {
		if (waitpid(c->pid, NULL, WNOHANG) != 0 || clock_now().mono_ns > end_ns)
			bench_give_up(what);
		nanosleep(&step, NULL);
	}
	close(fd);
}

struct child
child_program(char *const *argv, const char *log, struct endpoint at, enum child_place place)
{
	struct child c = { .at = at };

	if (split(&c, place)) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (fd == -1 || dup2(fd, STDERR_FILENO) == -1)
			_exit(EXIT_FAILURE);
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(EXIT_FAILURE);
	}
	child_wait_for(&c, &c.at, argv[0]);
	return c;
}

struct child
child_function(void (*run)(const struct endpoint *at), struct endpoint at, enum child_place place)
{
	struct child c = { .at = at };

	if (split(&c, place)) {
		run(&at);
		_exit(EXIT_FAILURE);
	}
	child_wait_for(&c, &c.at, "a reference");
	return c;
}

void
child_end(struct child *c)
{
	kill(c->pid, SIGTERM);
	while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	note(c->pid, 0);
	c->pid = 0;
}

uint64_t
child_cpu_ns(const struct child *c)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &cpu) == -1)
		bench_give_up("the CPU time of a child");
	return (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec;
}

uint64_t
child_memory_kib(const struct child *c, const char *what)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)c->pid);
	file = fopen(path, "re");
	if (file == NULL)
		bench_give_up(path);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t len = strlen(what);

		if (strncmp(line, what, len) == 0 && line[len] == ':')
			kib = strtoul(line + len + 1, NULL, 10);
	}
	fclose(file);
	return kib;
}

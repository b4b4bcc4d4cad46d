/* SPDX-License-Identifier: ISC */
#include "base/background.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A byte, or nothing before the end. */
static bool
wait_for_word(int fd)
{
	char word;
	ssize_t n;

	do
		n = read(fd, &word, 1);
	while (n == -1 && errno == EINTR);
	return n == 1;
}

bool
background_enter(struct background *b, bool *served)
{
	int ends[2];
	pid_t pid;

	*served = false;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return false;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		setsid(); /* what is typed to the caller is not for us */
		b->fd = ends[1];
		return true;
	}
	close(ends[1]);
	if (pid != -1)
		*served = wait_for_word(ends[0]);
	close(ends[0]);
	return false;
}

void
background_ready(struct background *b)
{
	if (b->fd == -1)
		return;
	if (write(b->fd, "", 1) == -1)
		(void)errno; /* nobody waits any more */
	close(b->fd);
	b->fd = -1;
}

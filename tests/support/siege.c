/* SPDX-License-Identifier: ISC */
#include "tests/support/siege.h"

#include "base/clock.h"
#include "base/thread.h"
#include "tests/support/children.h"
#include "tests/support/load.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS (10 * NS_PER_MS)

struct siege {
	struct endpoint at;
	size_t count;
	const char *asked; /* of each, at once; NULL: not a word */
	unsigned rate;     /* of bytes, 0: nothing follows */
	pthread_t thread;
	_Atomic bool ending;
	_Atomic size_t thrown_out;
	int fds[];
};

static int
besieger_open(const struct siege *s)
{
	int fd = load_connect(&s->at);

	if (fd != -1 && s->asked != NULL &&
	    send(fd, s->asked, strlen(s->asked), MSG_NOSIGNAL) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The beginning of an answer, and what came with it. */
static void
take_answer(int fd)
{
	static const struct timeval patience = { .tv_sec = 20 };
	static const char good[] = "HTTP/1.1 200 ";
	char answer[4096];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	n = recv(fd, answer, sizeof(answer), 0);

	if (n >= (ssize_t)sizeof(good) && memcmp(answer, good, sizeof(good) - 1) == 0)
		return;
	errno = EPROTO;
	bench_give_up("an answer before the siege");
}

static struct siege *
siege_begin(const struct endpoint *at, size_t count, const char *asked, unsigned rate)
{
	struct siege *s = calloc(1, sizeof(*s) + count * sizeof(s->fds[0]));

	if (s == NULL)
		bench_give_up("memory");
	s->at = *at;
	s->count = count;
	s->asked = asked;
	s->rate = rate;
	for (size_t i = 0; i < count; i++) {
		s->fds[i] = besieger_open(s);
		if (s->fds[i] == -1)
			bench_give_up("a siege");
		if (asked != NULL && rate == 0)
			take_answer(s->fds[i]);
	}
	return s;
}

struct siege *
siege_idle(const struct endpoint *at, size_t count, const char *asked)
{
	return siege_begin(at, count, asked, 0);
}

static bool
closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

static void
drip_one(struct siege *s, int *fd)
{
	if (*fd != -1 && !closed(*fd) && send(*fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		return;
	if (*fd != -1)
		close(*fd);
	atomic_fetch_add(&s->thrown_out, 1);
	*fd = besieger_open(s);
}

static void *
drip(void *siege)
{
	const struct timespec step = { .tv_nsec = STEP_NS };
	struct siege *s = siege;
	uint64_t begun_ns = clock_now().mono_ns, done = 0;

	while (!atomic_load(&s->ending)) {
		uint64_t due = (clock_now().mono_ns - begun_ns) * s->rate / NS_PER_S;

		for (; done < due; done++)
			drip_one(s, &s->fds[done % s->count]);
		nanosleep(&step, NULL);
	}
	return NULL;
}

struct siege *
siege_drip(const struct endpoint *at, size_t count, const char *head, unsigned rate)
{
	struct siege *s = siege_begin(at, count, head, rate);

	if (!thread_start(&s->thread, drip, s))
		bench_give_up("a thread");
	return s;
}

size_t
siege_standing(const struct siege *s)
{
	size_t standing = 0;

	for (size_t i = 0; i < s->count; i++)
		standing += s->fds[i] != -1 && !closed(s->fds[i]);
	return standing;
}

size_t
siege_thrown_out(const struct siege *s)
{
	return atomic_load(&s->thrown_out);
}

void
siege_end(struct siege *s)
{
	atomic_store(&s->ending, true);
	if (s->rate > 0)
		pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->count; i++) {
		if (s->fds[i] != -1)
			close(s->fds[i]);
	}
	free(s);
}

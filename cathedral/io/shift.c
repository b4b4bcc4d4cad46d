/* SPDX-License-Identifier: ISC */
#include "cathedral/io/shift.h"

#include "base/thread.h"

#include <errno.h>

static void
wait_for(sem_t *s)
{
	while (sem_wait(s) == -1 && errno == EINTR)
		;
}

static void *
run(void *arg)
{
	struct shift *s = arg;

	thread_name(s->name);
	for (;;) {
		wait_for(&s->call);
		if (s->over)
			return NULL;
		sem_post(&s->began);
		s->work(s->arg);
		sem_post(&s->rests);
	}
}

static void
close_all(struct shift *s)
{
	sem_destroy(&s->call);
	sem_destroy(&s->began);
	sem_destroy(&s->rests);
}

bool
shift_start(struct shift *s, const char *name, void (*work)(void *arg), void *arg)
{
	*s = (struct shift){ .name = name, .work = work, .arg = arg };
	sem_init(&s->call, 0, 0);
	sem_init(&s->began, 0, 0);
	sem_init(&s->rests, 0, 0);
	s->started = thread_start(&s->thread, run, s);
	if (!s->started)
		close_all(s);
	return s->started;
}

void
shift_call(struct shift *s)
{
	if (s->working)
		return;
	s->working = true;
	s->awaited = false;
	sem_post(&s->call);
}

void
shift_await(struct shift *s)
{
	if (!s->working || s->awaited)
		return;
	wait_for(&s->began);
	s->awaited = true;
}

void
shift_rest(struct shift *s)
{
	shift_await(s);
	if (s->working)
		wait_for(&s->rests);
	s->working = false;
}

void
shift_end(struct shift *s)
{
	if (!s->started)
		return;
	s->over = true;
	sem_post(&s->call);
	pthread_join(s->thread, NULL);
	close_all(s);
	s->started = false;
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/parties.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS (50 * NS_PER_MS) /* whether it is to end */

bool
parties_open(struct parties *p, struct fault *why)
{
	memset(p, 0, sizeof(*p));
	atomic_init(&p->ended, false);
	pthread_mutex_init(&p->lock, NULL);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	return p->epoll != -1 || fault_set(why, "epoll: %s", strerror(errno));
}

bool
parties_add(struct parties *p, const struct party *one, struct fault *why)
{
	struct epoll_event e = { .events = EPOLLIN };
	bool ok;

	pthread_mutex_lock(&p->lock);
	e.data.u32 = (uint32_t)p->count;
	ok = p->count < PARTIES_MAX;
	if (ok)
		p->list[p->count++] = *one;
	pthread_mutex_unlock(&p->lock);
	if (!ok)
		return fault_set(why, "more than %d things at a time", PARTIES_MAX);
	return one->fd == -1 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, one->fd, &e) == 0 ||
	       fault_set(why, "epoll: %s", strerror(errno));
}

static uint64_t
next_due_ns(const struct parties *p, uint64_t now_ns)
{
	uint64_t due_ns = now_ns + LOOK_NS;

	for (size_t n = 0; n < p->count; n++)
		due_ns = p->list[n].due_ns < due_ns ? p->list[n].due_ns : due_ns;
	return due_ns;
}

/* Returns whose sockets can be read, as bits. */
static uint32_t
wait_until(const struct parties *p, uint64_t now_ns, uint64_t until_ns)
{
	struct epoll_event events[PARTIES_MAX];
	uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec timeout = { (time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S) };
	int count = epoll_pwait2(p->epoll, events, PARTIES_MAX, &timeout, NULL);
	uint32_t ready = 0;

	for (int n = 0; n < count; n++)
		ready |= UINT32_C(1) << events[n].data.u32;
	return ready;
}

/* Returns when the next one is due. */
static uint64_t
take_turns(struct parties *p, uint32_t ready)
{
	uint64_t due_ns, now_ns = 0;

	pthread_mutex_lock(&p->lock);
	for (size_t n = 0; n < p->count; n++) {
		struct party *one = &p->list[n];

		now_ns = clock_now().mono_ns;
		if ((ready >> n & 1) != 0 || now_ns >= one->due_ns)
			one->due_ns = one->turn(one->arg, now_ns);
	}
	due_ns = next_due_ns(p, now_ns);
	pthread_mutex_unlock(&p->lock);
	return due_ns;
}

static void *
run(void *arg)
{
	struct parties *p = arg;
	uint64_t due_ns = 0;

	while (!atomic_load(&p->ended))
		due_ns = take_turns(p, wait_until(p, clock_now().mono_ns, due_ns));
	return NULL;
}

bool
parties_start(struct parties *p, struct fault *why)
{
	int error = pthread_create(&p->thread, NULL, run, p);

	p->runs = error == 0;
	return p->runs || fault_set(why, "a thread: %s", strerror(error));
}

void
parties_stop(struct parties *p)
{
	if (!p->runs)
		return;
	atomic_store(&p->ended, true);
	pthread_join(p->thread, NULL);
	p->runs = false;
}

void
parties_close(struct parties *p)
{
	parties_stop(p);
	if (p->epoll != -1)
		close(p->epoll);
	p->epoll = -1;
	pthread_mutex_destroy(&p->lock);
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/loop.h"

#include "base/clock.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define PROBES_MAX  2
#define PER_TURN    64 /* datagrams of one socket before it is the others' turn */
#define WAIT_MAX_NS NS_PER_S

static volatile sig_atomic_t stopped;

static void
stop(int number)
{
	(void)number;
	stopped = 1;
}

void
loop_catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t both;

	/* Delivered only while the loop waits, so none is missed between a look and the wait. */
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
loop_stopped(void)
{
	return stopped != 0;
}

/* Waits until a socket has something, or the time has come. */
static void
wait_for(struct pollfd *polls, size_t count, uint64_t now_ns, uint64_t until_ns)
{
	uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec timeout;
	sigset_t none;

	if (wait_ns > WAIT_MAX_NS)
		wait_ns = WAIT_MAX_NS;
	timeout.tv_sec = (time_t)(wait_ns / NS_PER_S);
	timeout.tv_nsec = (long)(wait_ns % NS_PER_S);
	sigemptyset(&none);
	if (ppoll(polls, (nfds_t)count, &timeout, &none) <= 0)
		for (size_t i = 0; i < count; i++)
			polls[i].revents = 0;
}

static void
receive(struct probe *p, const struct loop_user *user, const struct device_moment *m)
{
	struct incoming in;

	for (int n = 0; n < PER_TURN && probe_receive(p, &in); n++) {
		struct device_event ev =
		    device_receive(&p->device, in.bytes, in.len, &in.from, m->now);

		p->events[ev.kind]++;
		user->event(user->context, p, &ev, m);
	}
}

static void
step(struct probe *p, const struct loop_user *user, const struct device_moment *m)
{
	struct device_packet packet;
	enum device_did did;

	while ((did = device_step(&p->device, m, &packet)) != DEVICE_IDLE) {
		if (did == DEVICE_SENDS)
			probe_send(p, &packet);
		else
			user->moved(user->context, p, m);
	}
}

void
probes_run(
    struct probe *probes, size_t count, const struct loop_user *user, struct device_moment *m)
{
	struct pollfd polls[PROBES_MAX] = { 0 };

	assert(count <= PROBES_MAX);
	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = probes[i].socket, .events = POLLIN };

	while (!stopped) {
		uint64_t wake_ns;

		m->now = clock_now();
		for (size_t i = 0; i < count; i++) {
			if (polls[i].revents != 0)
				receive(&probes[i], user, m);
			step(&probes[i], user, m);
		}
		wake_ns = user->turn(user->context, m);
		if (wake_ns == LOOP_DONE)
			return;
		for (size_t i = 0; i < count; i++) {
			uint64_t due_ns = device_due(&probes[i].device);

			wake_ns = due_ns < wake_ns ? due_ns : wake_ns;
		}
		wait_for(polls, count, m->now.mono_ns, wake_ns);
	}
}

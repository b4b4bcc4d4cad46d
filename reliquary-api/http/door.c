/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/door.h"

#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_MS     100 /* so exactly late connections are shown out */
#define PAUSE_MS    100 /* after the system had no room for one more socket */
#define ACCEPT_MOST 64  /* in one turn */

#define LINGER_MOST 64
#define LINGER_NS   (2 * NS_PER_S)
#define LINGER_STEP 65536      /* bytes of each that are dropped in one turn */
#define LINGER_SIZE (8u << 20) /* and in all: the largest body that is sent in good faith */

#define EVENTS_AT_ONCE 128 /* that the library asks for */

struct lingering {
	int fd;
	uint64_t due_ns;
	size_t dropped;
};

struct door {
	struct door_options o;
	pthread_t thread;
	int wake;
	_Atomic bool draining, ending;
	_Atomic uint64_t accepted, refused_full, refused_source, late_head, late_body;
	bool paused;      /* the thread's, as are the next seven */
	uint64_t look_ns; /* nobody is late before then */
	uint64_t stir_ns; /* when the library is stirred again */
	int highest;      /* of the sockets that were let in */
	struct log_limit no_room;
	struct lingering lingering[LINGER_MOST];
	size_t lingering_count;
	char dropped[LINGER_STEP];
	pthread_mutex_t lock;
	struct lingering arriving[LINGER_MOST]; /* under the lock */
	size_t arriving_count;
};

static void
count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void
wake_up(struct door *d)
{
	uint64_t one = 1;

	/* It fails only when the thread has not even taken notice of the times before. */
	if (write(d->wake, &one, sizeof(one)) == -1)
		return;
}

static void
let_in(struct door *d, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	uint64_t due_ns = d->o.clock().mono_ns + d->o.idle_ns;
	struct endpoint peer;
	enum admission admission = ADMISSION_NO_MEMORY;

	if (endpoint_from_sockaddr(&peer, from))
		admission = connections_admit(
		    d->o.connections, fd, &peer, proxy_trusted(d->o.proxies, &peer), due_ns);
	if (admission != ADMISSION_GRANTED) {
		count(admission == ADMISSION_SOURCE ? &d->refused_source : &d->refused_full, 1);
		close(fd);
		return;
	}
	count(&d->accepted, 1);
	if (fd > d->highest)
		d->highest = fd;
	if (!d->o.serve(d->o.arg, fd, (const struct sockaddr *)from, len))
		connections_forget(d->o.connections, fd);
}

/* No descriptor or no memory is left: the one who knocks waits until somebody went. */
static void
pause_for_room(struct door *d)
{
	int error = errno;
	uint64_t suppressed;

	d->paused = true;
	if (log_limit_allow(&d->no_room, d->o.clock().mono_ns, &suppressed))
		log_warn("no room for another connection: %s", strerror(error));
}

static void
accept_some(struct door *d)
{
	for (int n = 0; n < ACCEPT_MOST; n++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd =
		    accept4(d->o.fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1) {
			let_in(d, fd, &from, len);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_for_room(d);
		return;
	}
}

void
door_linger(struct door *d, int fd)
{
	struct lingering l = { fd, d->o.clock().mono_ns + LINGER_NS, 0 };
	bool room;

	pthread_mutex_lock(&d->lock);
	room = d->arriving_count < LINGER_MOST;
	if (room)
		d->arriving[d->arriving_count++] = l;
	pthread_mutex_unlock(&d->lock);
	if (!room)
		close(fd);
	else
		wake_up(d);
}

static void
welcome_lingering(struct door *d)
{
	pthread_mutex_lock(&d->lock);
	while (d->arriving_count > 0) {
		struct lingering l = d->arriving[--d->arriving_count];

		if (d->lingering_count < LINGER_MOST)
			d->lingering[d->lingering_count++] = l;
		else
			close(l.fd);
	}
	pthread_mutex_unlock(&d->lock);
}

/* True when there will be nothing more to drop. */
static bool
lingered_enough(struct door *d, struct lingering *l, uint64_t now_ns)
{
	ssize_t n;

	if (now_ns >= l->due_ns || l->dropped >= LINGER_SIZE)
		return true;
	n = recv(l->fd, d->dropped, sizeof(d->dropped), MSG_DONTWAIT);
	if (n > 0)
		l->dropped += (size_t)n;
	return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

static void
drop_lingering(struct door *d, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->lingering_count; i++) {
		if (lingered_enough(d, &d->lingering[i], now_ns))
			close(d->lingering[i].fd);
		else
			d->lingering[kept++] = d->lingering[i];
	}
	d->lingering_count = kept;
}

static void
stop_listening(struct door *d)
{
	if (d->o.fd != -1)
		close(d->o.fd);
	d->o.fd = -1;
}

/* Nothing is late where nobody is: then the thread sleeps until somebody comes. */
static int
patience_ms(const struct door *d)
{
	if (d->paused)
		return PAUSE_MS;
	if (d->lingering_count > 0 || connections_count(d->o.connections) > 0)
		return TICK_MS;
	return -1;
}

/* Waits; true when somebody knocks. */
static bool
wait_for_somebody(struct door *d)
{
	struct pollfd polled[2 + LINGER_MOST] = { { .fd = d->wake, .events = POLLIN },
		{ .fd = d->paused ? -1 : d->o.fd, .events = POLLIN } };
	uint64_t woken;

	for (size_t i = 0; i < d->lingering_count; i++)
		polled[2 + i] = (struct pollfd){ .fd = d->lingering[i].fd, .events = POLLIN };
	if (poll(polled, 2 + d->lingering_count, patience_ms(d)) == -1)
		return false;
	if (polled[0].revents != 0 && read(d->wake, &woken, sizeof(woken)) == -1)
		return false;
	return (polled[1].revents & POLLIN) != 0;
}

/* All are looked at only when one of them may be late: who came since has more time than that. */
static void
show_out(struct door *d, uint64_t now_ns, bool draining)
{
	struct connections_late late;

	if (now_ns < d->look_ns && !draining)
		return;
	late = connections_reap(d->o.connections, now_ns, draining);
	count(&d->late_head, late.head);
	count(&d->late_body, late.body);
	d->look_ns = now_ns + d->o.least_ns;
	if (late.next_ns < d->look_ns)
		d->look_ns = late.next_ns;
}

/* A socket without a peer, whose number is above all others here; the library closes it at once. */
static void
stir_one(struct door *d, unsigned thread)
{
	static const struct sockaddr_in nobody = { .sin_family = AF_INET };
	unsigned number = (unsigned)d->highest + 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), moved;

	if (fd == -1)
		return;
	number += (thread + d->o.threads - number % d->o.threads) % d->o.threads;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)number);
	close(fd);
	if (moved != -1)
		d->o.serve(d->o.arg, moved, (const struct sockaddr *)&nobody, sizeof(nobody));
}

/*
 * The library asks the kernel for so many events, and when it gets as many for more, before it
 * looks at the first: when there were exactly as many, it sleeps while all of these clients wait,
 * until something else happens to that thread.  So something does.  (As of 0.9.75; the number of a
 * socket modulo that of the threads says which of them gets it.)
 */
static void
stir(struct door *d, uint64_t now_ns)
{
	if (now_ns < d->stir_ns || connections_count(d->o.connections) < EVENTS_AT_ONCE)
		return;
	d->stir_ns = now_ns + TICK_MS * NS_PER_MS;
	for (unsigned i = 0; i < d->o.threads; i++)
		stir_one(d, i);
}

static void *
run(void *arg)
{
	struct door *d = arg;

	thread_name("http-door");
	while (!atomic_load(&d->ending)) {
		bool knocks = wait_for_somebody(d);
		/* Asked once: nobody is shown out while others still come in. */
		bool draining = atomic_load(&d->draining);
		uint64_t now_ns = d->o.clock().mono_ns;

		d->paused = false;
		if (draining)
			stop_listening(d);
		else if (knocks)
			accept_some(d);
		welcome_lingering(d);
		drop_lingering(d, now_ns);
		show_out(d, now_ns, draining);
		stir(d, now_ns);
	}
	return NULL;
}

struct door *
door_open(const struct door_options *o, struct fault *why)
{
	struct door *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		fault_set(why, "listen: out of memory");
		return NULL;
	}
	d->o = *o;
	d->no_room = (struct log_limit){ .interval_ns = 10 * NS_PER_S, .burst = 1 };
	d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->wake == -1 || pthread_mutex_init(&d->lock, NULL) != 0) {
		fault_set(why, "listen: %s", strerror(errno));
		goto failed;
	}
	if (thread_start(&d->thread, run, d))
		return d;
	fault_set(why, "listen: no thread can be started");
	pthread_mutex_destroy(&d->lock);
failed:
	if (d->wake != -1)
		close(d->wake);
	free(d);
	return NULL;
}

void
door_drain(struct door *d)
{
	atomic_store(&d->draining, true);
	wake_up(d);
}

void
door_stop(struct door *d)
{
	atomic_store(&d->ending, true);
	wake_up(d);
	pthread_join(d->thread, NULL);
	stop_listening(d);
}

void
door_destroy(struct door *d)
{
	for (size_t i = 0; i < d->arriving_count; i++)
		close(d->arriving[i].fd);
	for (size_t i = 0; i < d->lingering_count; i++)
		close(d->lingering[i].fd);
	close(d->wake);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void
door_counts(const struct door *d, struct door_counts *ret)
{
	*ret = (struct door_counts){ atomic_load_explicit(&d->accepted, memory_order_relaxed),
		atomic_load_explicit(&d->refused_full, memory_order_relaxed),
		atomic_load_explicit(&d->refused_source, memory_order_relaxed),
		atomic_load_explicit(&d->late_head, memory_order_relaxed),
		atomic_load_explicit(&d->late_body, memory_order_relaxed) };
}

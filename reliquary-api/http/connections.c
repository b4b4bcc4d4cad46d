/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/connections.h"

#include "reliquary-api/http/sources.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * Two rings: sockets that were handed to the library and that it has not begun to serve, which are
 * few and soon gone, and the open ones.  The library says nothing when it cannot begin (no memory
 * left), so the first ring is looked through for such that are past their time.
 */
struct connections {
	pthread_mutex_t lock;
	struct connection handed, open; /* heads of the rings */
	struct sources *sources;
	unsigned count, most;
};

static void
ring_init(struct connection *head)
{
	head->next = head->prev = head;
}

static void
ring_add(struct connection *head, struct connection *k)
{
	k->next = head->next;
	k->prev = head;
	head->next->prev = k;
	head->next = k;
}

static void
ring_remove(struct connection *k)
{
	k->next->prev = k->prev;
	k->prev->next = k->next;
}

struct connections *
connections_create(const struct connections_options *o, struct random *random)
{
	struct connections *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	ring_init(&c->handed);
	ring_init(&c->open);
	c->most = o->most;
	c->sources = sources_create(o->most, o->most_per_source, random);
	if (c->sources == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
		sources_destroy(c->sources);
		free(c);
		return NULL;
	}
	return c;
}

/* Under the lock. */
static void
remove_one(struct connections *c, struct connection *k)
{
	ring_remove(k);
	c->count--;
	if (k->counted)
		sources_leave(c->sources, &k->peer);
	free(k);
}

void
connections_destroy(struct connections *c)
{
	if (c == NULL)
		return;
	while (c->handed.next != &c->handed)
		remove_one(c, c->handed.next);
	while (c->open.next != &c->open)
		remove_one(c, c->open.next);
	sources_destroy(c->sources);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Under the lock; the library has this socket, but does not serve it yet. */
static struct connection *
find_handed(struct connections *c, int fd)
{
	for (struct connection *k = c->handed.next; k != &c->handed; k = k->next) {
		if (k->fd == fd)
			return k;
	}
	return NULL;
}

static enum admission
admit(struct connections *c, struct connection *k, bool exempt)
{
	struct connection *stale = find_handed(c, k->fd);

	/* The kernel gave the number out again, so that one was closed without a word. */
	if (stale != NULL)
		remove_one(c, stale);
	if (c->count >= c->most)
		return ADMISSION_FULL;
	if (!exempt && !sources_enter(c->sources, &k->peer))
		return ADMISSION_SOURCE;
	k->counted = !exempt;
	c->count++;
	ring_add(&c->handed, k);
	return ADMISSION_GRANTED;
}

enum admission
connections_admit(
    struct connections *c, int fd, const struct endpoint *peer, bool exempt, uint64_t due_ns)
{
	struct connection *k = calloc(1, sizeof(*k));
	enum admission answer;

	if (k == NULL)
		return ADMISSION_NO_MEMORY;
	k->fd = fd;
	k->peer = *peer;
	atomic_init(&k->due_ns, due_ns);
	pthread_mutex_lock(&c->lock);
	answer = admit(c, k, exempt);
	pthread_mutex_unlock(&c->lock);
	if (answer != ADMISSION_GRANTED)
		free(k);
	return answer;
}

void
connections_forget(struct connections *c, int fd)
{
	struct connection *k;

	pthread_mutex_lock(&c->lock);
	k = find_handed(c, fd);
	if (k != NULL)
		remove_one(c, k);
	pthread_mutex_unlock(&c->lock);
}

struct connection *
connections_begin(struct connections *c, int fd)
{
	struct connection *k;

	pthread_mutex_lock(&c->lock);
	k = find_handed(c, fd);
	if (k != NULL) {
		ring_remove(k);
		ring_add(&c->open, k);
	}
	pthread_mutex_unlock(&c->lock);
	return k;
}

void
connections_end(struct connections *c, struct connection *k)
{
	pthread_mutex_lock(&c->lock);
	remove_one(c, k);
	pthread_mutex_unlock(&c->lock);
}

void
connection_wait(struct connection *k, enum wait wait, uint64_t due_ns)
{
	atomic_store_explicit(&k->wait, (int)wait, memory_order_relaxed);
	atomic_store_explicit(&k->due_ns, due_ns, memory_order_relaxed);
}

/* Under the lock, so the socket is open and ours. */
static void
end_late(struct connection *k, enum wait wait, struct connections_late *late)
{
	if (atomic_exchange_explicit(&k->late, true, memory_order_relaxed))
		return;
	shutdown(k->fd, SHUT_RDWR);
	if (wait == WAIT_HEAD)
		late->head++;
	else
		late->body++;
}

/* The same, but a request that came in already is still read and answered. */
static void
end_idle(struct connection *k)
{
	if (!k->shut)
		shutdown(k->fd, SHUT_RD);
	k->shut = true;
}

static void
reap_one(struct connection *k, uint64_t now_ns, bool draining, struct connections_late *late)
{
	enum wait wait = (enum wait)atomic_load_explicit(&k->wait, memory_order_relaxed);
	uint64_t due_ns = atomic_load_explicit(&k->due_ns, memory_order_relaxed);

	if (wait == WAIT_US)
		return;
	if (now_ns >= due_ns)
		end_late(k, wait, late);
	else if (draining && wait == WAIT_HEAD)
		end_idle(k);
	else if (due_ns < late->next_ns)
		late->next_ns = due_ns;
}

struct connections_late
connections_reap(struct connections *c, uint64_t now_ns, bool draining)
{
	struct connections_late late = { .next_ns = UINT64_MAX };
	struct connection *k, *next;

	pthread_mutex_lock(&c->lock);
	for (k = c->handed.next; k != &c->handed; k = next) {
		next = k->next;
		if (now_ns >= atomic_load_explicit(&k->due_ns, memory_order_relaxed))
			remove_one(c, k);
	}
	for (k = c->open.next; k != &c->open; k = k->next)
		reap_one(k, now_ns, draining, &late);
	pthread_mutex_unlock(&c->lock);
	return late;
}

bool
connections_settled(struct connections *c)
{
	bool settled;

	pthread_mutex_lock(&c->lock);
	settled = c->handed.next == &c->handed;
	pthread_mutex_unlock(&c->lock);
	return settled;
}

uint64_t
connections_count(struct connections *c)
{
	uint64_t count;

	pthread_mutex_lock(&c->lock);
	count = c->count;
	pthread_mutex_unlock(&c->lock);
	return count;
}

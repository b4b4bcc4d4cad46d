/* SPDX-License-Identifier: ISC */
#include "tests/support/load.h"

#include "base/clock.h"
#include "tests/support/children.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_ROOM 16384 /* a head has to fit; of bodies only the length matters */
#define EVENTS      64
#define SILENCE_MS  10000 /* without an answer on any connection: something hangs */

/* Durations by size: each power of two of nanoseconds in parts of 1.6 %. */
#define PARTS     64
#define PARTS_LOG 6
#define POWERS    40

struct line {
	int fd;
	const struct load_request *request;
	size_t sent;
	bool wants_room;           /* the kernel took only part of the request */
	uint64_t begun_ns, due_ns; /* the next request */
	struct line *next;         /* of those that have none to ask yet */
	size_t have;               /* bytes in room */
	size_t left;               /* of the body, beyond what is in room; counts once head_seen */
	bool head_seen;
	unsigned status;
	char room[ANSWER_ROOM];
};

struct run {
	const struct load *l;
	struct load_result result;
	struct line *lines;
	struct line *resting; /* whoever is due first comes first */
	int epoll;
	unsigned open, busy;
	uint64_t asked, end_ns, first_ns, last_ns;
	uint64_t durations[POWERS * PARTS];
};

int
load_connect(const struct endpoint *at)
{
	struct sockaddr_storage to;
	socklen_t len = endpoint_to_sockaddr(at, &to);
	int one = 1, fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* ---- durations ---- */

static size_t
part_of(uint64_t ns)
{
	unsigned power;

	if (ns < PARTS)
		return (size_t)ns;
	power = 63 - (unsigned)__builtin_clzll(ns);
	if (power >= POWERS)
		return POWERS * PARTS - 1;
	return (size_t)(power - PARTS_LOG + 1) * PARTS +
	       ((ns >> (power - PARTS_LOG)) & (PARTS - 1));
}

/* The lower end of a part. */
static uint64_t
part_ns(size_t part)
{
	size_t power = part / PARTS;

	if (power == 0)
		return part;
	return (uint64_t)(PARTS + part % PARTS) << (power - 1);
}

static double
quantile_us(const struct run *r, double share)
{
	uint64_t total = 0, seen = 0;

	for (size_t i = 0; i < POWERS * PARTS; i++)
		total += r->durations[i];
	for (size_t i = 0; i < POWERS * PARTS; i++) {
		seen += r->durations[i];
		if ((double)seen >= share * (double)total && seen > 0)
			return (double)part_ns(i) / 1e3;
	}
	return 0;
}

/* ---- a connection ---- */

static void
line_end(struct run *r, struct line *n)
{
	if (n->fd == -1)
		return;
	close(n->fd);
	n->fd = -1;
	r->open--;
}

static void
line_lose(struct run *r, struct line *n)
{
	if (n->request != NULL)
		r->busy--;
	n->request = NULL;
	r->result.lost++;
	line_end(r, n);
}

static void
watch(struct run *r, struct line *n, bool room)
{
	struct epoll_event e = { .events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = n };

	if (n->wants_room == room)
		return;
	n->wants_room = room;
	epoll_ctl(r->epoll, EPOLL_CTL_MOD, n->fd, &e);
}

static void
line_send(struct run *r, struct line *n)
{
	while (n->sent < n->request->len) {
		ssize_t sent = send(n->fd, (const char *)n->request->bytes + n->sent,
		    n->request->len - n->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			n->sent += (size_t)sent;
		} else if (errno == EAGAIN) {
			watch(r, n, true);
			return;
		} else if (errno != EINTR) {
			line_lose(r, n);
			return;
		}
	}
	watch(r, n, false);
}

static bool
over(const struct run *r, uint64_t now_ns)
{
	return (r->l->most > 0 && r->asked >= r->l->most) ||
	       (r->l->run_ns > 0 && now_ns >= r->end_ns);
}

static void
line_ask(struct run *r, struct line *n, uint64_t now_ns)
{
	if (over(r, now_ns)) {
		line_end(r, n);
		return;
	}
	n->request = &r->l->requests[r->asked++ % r->l->count];
	n->sent = n->have = n->left = 0;
	n->head_seen = false;
	n->begun_ns = r->l->every_ns > 0 ? n->due_ns : now_ns;
	n->due_ns += r->l->every_ns;
	r->busy++;
	line_send(r, n);
}

/* Until its next request is due. */
static void
line_rest(struct run *r, struct line *n)
{
	struct line **at = &r->resting;

	while (*at != NULL && (*at)->due_ns <= n->due_ns)
		at = &(*at)->next;
	n->next = *at;
	*at = n;
}

static void
answered(struct run *r, struct line *n)
{
	uint64_t now_ns = clock_now().mono_ns, ns = now_ns - n->begun_ns;

	r->busy--;
	n->request = NULL;
	r->last_ns = now_ns;
	r->durations[part_of(ns)]++;
	if ((double)ns / 1e3 > r->result.longest_us)
		r->result.longest_us = (double)ns / 1e3;
	if (n->status == r->l->status)
		r->result.answers++;
	else
		r->result.wrong++;
	if (r->l->every_ns > 0 && n->due_ns > now_ns)
		line_rest(r, n);
	else
		line_ask(r, n, now_ns);
}

/* False when it is no head of an answer with a length. */
static bool
head_read(struct line *n, const char *end)
{
	static const char version[] = "HTTP/1.1 ", field[] = "\r\nContent-Length: ";
	size_t len = (size_t)(end - n->room), body, there = n->have - len;
	const char *at = memmem(n->room, len, field, sizeof(field) - 1);

	if (memcmp(n->room, version, sizeof(version) - 1) != 0)
		return false;
	n->status = (unsigned)strtoul(n->room + sizeof(version) - 1, NULL, 10);
	if (at == NULL && n->status != 204)
		return false;
	body = at == NULL ? 0 : (size_t)strtoull(at + sizeof(field) - 1, NULL, 10);
	if (there > body)
		return false;
	n->left = body - there;
	n->head_seen = true;
	return true;
}

/* False when the connection is of no more use. */
static bool
line_take(struct line *n, size_t len)
{
	const char *end;

	if (n->head_seen) {
		if (len > n->left)
			return false;
		n->left -= len;
		return true;
	}
	n->have += len;
	end = memmem(n->room, n->have, "\r\n\r\n", 4);
	if (end == NULL)
		return n->have < ANSWER_ROOM;
	return head_read(n, end + 4);
}

static void
line_receive(struct run *r, struct line *n)
{
	size_t at = n->head_seen ? 0 : n->have;
	ssize_t len = recv(n->fd, n->room + at, ANSWER_ROOM - at, MSG_DONTWAIT);

	if (len == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0 || n->request == NULL || !line_take(n, (size_t)len)) {
		line_lose(r, n);
		return;
	}
	if (n->head_seen && n->left == 0)
		answered(r, n);
}

/* ---- all of them ---- */

static bool
lines_open(struct run *r)
{
	for (unsigned i = 0; i < r->l->connections; i++) {
		struct line *n = &r->lines[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = n };

		n->fd = load_connect(&r->l->at);
		if (n->fd == -1 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, n->fd, &e) == -1)
			return false;
		r->open++;
	}
	return true;
}

/* Those that are due ask; returns how long until the next one is. */
static uint64_t
wake_resting(struct run *r, uint64_t now_ns)
{
	while (r->resting != NULL && (r->resting->due_ns <= now_ns || over(r, now_ns))) {
		struct line *n = r->resting;

		r->resting = n->next;
		line_ask(r, n, now_ns);
	}
	return r->resting == NULL ? SILENCE_MS * NS_PER_MS : r->resting->due_ns - now_ns;
}

/* At most so long; 0: nothing came. */
static int
wait_for_events(struct run *r, struct epoll_event events[static EVENTS], uint64_t most_ns)
{
	const struct timespec most = { (time_t)(most_ns / NS_PER_S), (long)(most_ns % NS_PER_S) };
	static const struct timespec none;
	uint64_t begun_ns;
	int count;

	if (!r->l->spins)
		return epoll_pwait2(r->epoll, events, EVENTS, &most, NULL);
	begun_ns = clock_now().mono_ns;
	do {
		count = epoll_pwait2(r->epoll, events, EVENTS, &none, NULL);
	} while (count == 0 && clock_now().mono_ns - begun_ns < most_ns);
	return count;
}

static void
answer_events(struct run *r)
{
	uint64_t wait_ns = wake_resting(r, clock_now().mono_ns);
	struct epoll_event events[EVENTS];
	int count = r->open == 0 ? 0 : wait_for_events(r, events, wait_ns);

	/* Nothing comes any more: whoever waits for an answer waits in vain. */
	if (count == 0 && r->resting == NULL) {
		for (unsigned i = 0; i < r->l->connections; i++) {
			if (r->lines[i].fd != -1)
				line_lose(r, &r->lines[i]);
		}
	}
	for (int i = 0; i < count; i++) {
		struct line *n = events[i].data.ptr;

		if (n->fd != -1 && (events[i].events & EPOLLOUT) != 0 && n->request != NULL)
			line_send(r, n);
		if (n->fd != -1 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
			line_receive(r, n);
	}
}

static uint64_t
own_cpu_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec;
}

static void
run_all(struct run *r)
{
	uint64_t cpu_ns = own_cpu_ns();

	r->first_ns = r->last_ns = clock_now().mono_ns;
	r->end_ns = r->first_ns + r->l->run_ns;
	for (unsigned i = 0; i < r->l->connections; i++) {
		uint64_t now_ns = clock_now().mono_ns;

		/* Those that have their time do not begin all at once. */
		r->lines[i].due_ns = r->first_ns + r->l->every_ns * (i + 1) / r->l->connections;
		if (r->l->every_ns > 0)
			line_rest(r, &r->lines[i]);
		else
			line_ask(r, &r->lines[i], now_ns);
	}
	while (r->open > 0)
		answer_events(r);
	r->result.seconds = (double)(r->last_ns - r->first_ns) / 1e9;
	r->result.p50_us = quantile_us(r, 0.50);
	r->result.p99_us = quantile_us(r, 0.99);
	if (r->result.answers > 0)
		r->result.cpu_us =
		    (double)(own_cpu_ns() - cpu_ns) / 1e3 / (double)r->result.answers;
}

bool
load_run(const struct load *l, struct load_result *ret)
{
	struct run *r = calloc(1, sizeof(*r));
	struct line *lines = calloc(l->connections, sizeof(*lines));
	bool ok = false;

	if (r != NULL && lines != NULL) {
		*r = (struct run){ .l = l, .lines = lines, .epoll = epoll_create1(EPOLL_CLOEXEC) };
		for (unsigned i = 0; i < l->connections; i++)
			lines[i].fd = -1;
		ok = r->epoll != -1 && lines_open(r);
		if (ok)
			run_all(r);
		for (unsigned i = 0; i < l->connections; i++)
			line_end(r, &lines[i]);
		if (r->epoll != -1)
			close(r->epoll);
		*ret = r->result;
	}
	free(lines);
	free(r);
	return ok;
}

void
load_run_well(const struct load *l, struct load_result *ret)
{
	if (!load_run(l, ret))
		bench_give_up("load");
	if (ret->wrong == 0 && ret->lost == 0 && ret->answers > 0)
		return;
	fprintf(stderr,
	    "%" PRIu64 " right answers, %" PRIu64 " others, %" PRIu64 " connections lost\n",
	    ret->answers, ret->wrong, ret->lost);
	errno = EPROTO;
	bench_give_up("load");
}

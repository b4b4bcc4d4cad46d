/* SPDX-License-Identifier: ISC */
#include "cathedral/io/worker.h"

#include "base/clock.h"
#include "cathedral/io/batch.h"
#include "cathedral/io/batch_sender.h"
#include "cathedral/io/shift.h"
#include "cathedral/relay/pipeline.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A busy socket must not keep the others waiting. */
#define PACKETS_A_TURN (8 * PIPELINE_BATCH)

#define EVENTS_MAX (2 * LISTENERS_MAX + 1)
#define BEAT_MS    1000
#define TICK_MS    50 /* while something waits in the pipeline */

struct worker {
	struct shift shift;
	char name[16];
	struct worker_options options;
	uint64_t busy_ns;   /* when there last was something to do */
	_Atomic bool asked; /* to rest */
	int epoll, wake;    /* wake is an eventfd: it may be asked while it sleeps */
	size_t source_count;
	struct source *sources;
	struct stats *stats;
	struct batch *batch;
	struct batch_sender *sender;
	struct pipeline *pipeline;
	_Alignas(64) _Atomic uint64_t beat_ns; /* the main thread looks at it */
};

static bool
is_asked(const struct worker *w)
{
	return atomic_load_explicit(&w->asked, memory_order_relaxed);
}

/* What one call received is served whole, since another source would need its place. */
static void
serve(struct worker *w, struct source *s)
{
	size_t served = 0;

	do {
		size_t n = batch_recv(w->batch, s, w->stats);

		if (n == 0)
			return;
		pipeline_run(w->pipeline, batch_packets(w->batch), n, clock_now());
		served += n;
	} while (batch_has_left(w->batch) ||
		 (served < PACKETS_A_TURN && batch_has_more(w->batch) && !is_asked(w)));
}

/* What waits does not wait much longer than it should; most of the time nothing does. */
static int
patience_ms(const struct worker *w)
{
	uint64_t due_ns = pipeline_due_ns(w->pipeline), now_ns;

	if (due_ns == UINT64_MAX)
		return BEAT_MS;
	now_ns = clock_now().mono_ns;
	if (due_ns > now_ns + TICK_MS * NS_PER_MS)
		return TICK_MS;
	return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Waking a thread takes longer than relaying a packet: who knows that the next one is not far looks
 * again for a while before it goes to sleep.
 */
static int
wait_for_events(struct worker *w, struct epoll_event *events)
{
	uint64_t until = w->busy_ns + w->options.spin_ns;
	int n = 0;

	while (n == 0 && clock_now().mono_ns < until)
		n = epoll_wait(w->epoll, events, EVENTS_MAX, 0);
	if (n == 0)
		n = epoll_wait(w->epoll, events, EVENTS_MAX, patience_ms(w));
	return n;
}

/* Goes round: every second, with or without packets; oftener while something waits. */
static void
beat(struct worker *w, bool busy)
{
	struct instant now = clock_now();

	atomic_store_explicit(&w->beat_ns, now.mono_ns, memory_order_relaxed);
	if (busy)
		w->busy_ns = now.mono_ns;
	if (pipeline_due_ns(w->pipeline) <= now.mono_ns)
		pipeline_tick(w->pipeline, now);
}

static void
work(void *arg)
{
	struct worker *w = arg;
	struct epoll_event events[EVENTS_MAX];

	while (!is_asked(w)) {
		int n = wait_for_events(w, events);

		beat(w, n > 0);
		for (int i = 0; i < n && !is_asked(w); i++) {
			if (events[i].data.ptr != NULL)
				serve(w, events[i].data.ptr);
		}
	}
}

static bool
watch(struct worker *w, int fd, struct source *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool
add_source(struct worker *w, int fd, size_t listener, bool nat_port)
{
	struct source *s = &w->sources[w->source_count];

	if (fd == -1)
		return true;
	*s = (struct source){
		.fd = fd,
		.listener = (uint8_t)listener,
		.nat_port = nat_port,
		.lost = sockets_lost(fd),
	};
	w->source_count++;
	return watch(w, fd, s);
}

/* Its own row and, where there are more rows than workers, some of those left over. */
static bool
add_sources(struct worker *w, const struct sockets *s)
{
	size_t rows = s->rows / s->workers + 1;

	w->sources = calloc(2 * rows * s->listener_count, sizeof(*w->sources));
	if (w->sources == NULL)
		return false;
	for (unsigned row = w->options.number; row < s->rows; row += s->workers) {
		const struct socket_pair *pairs = sockets_of(s, row);

		for (size_t i = 0; i < s->listener_count; i++) {
			if (!add_source(w, pairs[i].main, i, false) ||
			    !add_source(w, pairs[i].nat, i, true))
				return false;
		}
	}
	return true;
}

static bool
open_events(struct worker *w, const struct sockets *sockets)
{
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->epoll != -1 && w->wake != -1 && watch(w, w->wake, NULL) &&
	       add_sources(w, sockets);
}

static bool
fill(struct worker *w, struct site *site, const struct sockets *sockets, struct random *seed)
{
	unsigned number = w->options.number;

	w->batch = batch_create();
	w->sender = batch_sender_create(sockets, number, w->stats);
	if (w->batch == NULL || w->sender == NULL)
		return false;
	w->pipeline = pipeline_create(site, number, batch_sender_of(w->sender), w->stats, seed);
	return w->pipeline != NULL && pipeline_take_turns(w->pipeline, seed) &&
	       open_events(w, sockets);
}

struct worker *
worker_start(struct site *site, const struct sockets *sockets, const struct worker_options *options,
    struct stats *stats, struct random *seed, struct fault *why)
{
	struct worker *w = aligned_alloc(64, sizeof(*w));

	if (w == NULL) {
		fault_set(why, "worker %u: out of memory", options->number);
		return NULL;
	}
	memset(w, 0, sizeof(*w));
	w->epoll = w->wake = -1;
	w->options = *options;
	snprintf(w->name, sizeof(w->name), "worker %u", options->number);
	w->stats = stats;
	atomic_init(&w->beat_ns, clock_now().mono_ns);
	errno = ENOMEM;
	if (fill(w, site, sockets, seed) && shift_start(&w->shift, w->name, work, w))
		return w;
	fault_set(why, "worker %u: %s", options->number, strerror(errno));
	worker_stop(w);
	return NULL;
}

uint64_t
worker_beat_ns(const struct worker *w)
{
	return atomic_load_explicit(&w->beat_ns, memory_order_relaxed);
}

void
worker_call(struct worker *w)
{
	atomic_store_explicit(&w->beat_ns, clock_now().mono_ns, memory_order_relaxed);
	shift_call(&w->shift);
}

void
worker_await(struct worker *w)
{
	shift_await(&w->shift);
}

void
worker_ask(struct worker *w)
{
	atomic_store_explicit(&w->asked, true, memory_order_relaxed);
	eventfd_write(w->wake, 1);
}

void
worker_pause(struct worker *w)
{
	eventfd_t times;

	if (!w->shift.working)
		return;
	worker_ask(w);
	shift_rest(&w->shift);
	atomic_store_explicit(&w->asked, false, memory_order_relaxed);
	eventfd_read(w->wake, &times);
	/* What it had to say is said: nobody may wait for it. */
	if (pipeline_due_ns(w->pipeline) != UINT64_MAX)
		pipeline_settle(w->pipeline, clock_now());
}

void
worker_stop(struct worker *w)
{
	if (w == NULL)
		return;
	worker_pause(w);
	shift_end(&w->shift);
	if (w->epoll != -1)
		close(w->epoll);
	if (w->wake != -1)
		close(w->wake);
	pipeline_destroy(w->pipeline);
	batch_sender_destroy(w->sender);
	batch_destroy(w->batch);
	free(w->sources);
	free(w);
}

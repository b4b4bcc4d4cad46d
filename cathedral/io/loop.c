/* SPDX-License-Identifier: ISC */
#include "cathedral/io/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "cathedral/io/batch_sender.h"
#include "cathedral/io/reload.h"
#include "cathedral/ops/control.h"
#include "cathedral/ops/metrics.h"
#include "cathedral/relay/pipeline.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(OVERVIEW_LISTENERS_MAX == LISTENERS_MAX, "reports show every listener");

#define SWEEP_MS 100

/* A worker goes round once a second; one that did not for so long hangs. */
#define HANG_NS (15 * NS_PER_S)

enum { ON_TERM, ON_INT, ON_HUP, ON_SWEEP, ON_WATCHDOG, EVENTS };

struct loop {
	struct loop_options options;
	struct loop_world world;
	struct event_base *base;
	struct event *events[EVENTS];
	struct control *control;
	struct metrics *metrics;
	struct overview overview;
	struct batch_sender *sender;
	struct pipeline *pipeline;
	struct reload *reload;
	uint64_t watchdog_ms; /* how often; 0: nobody watches us */
	uint64_t pinged_ns;   /* when the watchdog was told last */
	struct crew *crew;    /* while it runs */
	struct keepsake control_socket, metrics_socket;
	enum loop_end end;
	bool kept[KEEPSAKES]; /* by the one that serves now */
};

static void
on_stop(evutil_socket_t number, short what, void *arg)
{
	struct loop *l = arg;

	(void)what;
	log_info("stopping on signal %d", (int)number);
	event_base_loopbreak(l->base);
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
	struct loop *l = arg;
	struct fault logged;

	(void)number;
	(void)what;
	reload_now(l->reload, &logged);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct instant now = clock_now();

	(void)fd;
	(void)what;
	site_sweep(l->world.site, now.mono_ns);
	pipeline_greet(l->pipeline, now);
	succession_tick(l->world.succession, now);
	reload_settle(l->reload);
}

/* Whoever watches us is to hear nothing as soon as one worker hangs. */
static void
ping(struct loop *l, uint64_t now_ns)
{
	int hanging = l->crew == NULL ? -1 : crew_hanging(l->crew, now_ns, HANG_NS);

	l->pinged_ns = now_ns;
	if (hanging == -1)
		notify_watchdog();
	else
		log_error("worker %d hangs", hanging);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ping(arg, clock_now().mono_ns);
}

void
loop_alive(void *arg)
{
	struct loop *l = arg;
	uint64_t now_ns = clock_now().mono_ns;

	if (l->watchdog_ms > 0 && now_ns - l->pinged_ns >= l->watchdog_ms * NS_PER_MS)
		ping(l, now_ns);
}

static bool
every(struct loop *l, int which, uint64_t ms, event_callback_fn callback)
{
	const struct timeval period = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (ms == 0)
		return true;
	l->events[which] = event_new(l->base, -1, EV_PERSIST, callback, l);
	return l->events[which] != NULL && evtimer_add(l->events[which], &period) == 0;
}

static bool
on_signal(struct loop *l, int which, int number, event_callback_fn callback)
{
	l->events[which] = evsignal_new(l->base, number, callback, l);
	return l->events[which] != NULL && evsignal_add(l->events[which], NULL) == 0;
}

static bool
open_events(struct loop *l, struct fault *why)
{
	if (on_signal(l, ON_TERM, SIGTERM, on_stop) && on_signal(l, ON_INT, SIGINT, on_stop) &&
	    on_signal(l, ON_HUP, SIGHUP, on_hup) && every(l, ON_SWEEP, SWEEP_MS, on_sweep) &&
	    every(l, ON_WATCHDOG, l->watchdog_ms, on_watchdog))
		return true;
	return fault_set(why, "event loop: out of memory");
}

static bool
control_reload(void *arg, struct fault *why)
{
	struct loop *l = arg;

	return reload_now(l->reload, why);
}

/* The file that the cathedral before has for this, noted for the one after; 0: there is none. */
static int
take_socket(const struct loop *l, enum keepsake_role role, struct keepsake *k, const char *name)
{
	struct taker *t = l->options.taker;
	int fd = t == NULL ? -1 : taker_keepsake(t, role, name);

	snprintf(k->name, sizeof(k->name), "%s", name);
	return fd == -1 ? 0 : fd;
}

static bool
open_control(struct loop *l, struct fault *why)
{
	const struct loop_options *o = &l->options;
	struct control_options control = {
		.path = o->control,
		.user = o->control_user,
		.owner = o->owner,
		.overview = &l->overview,
		.reload = control_reload,
		.reload_arg = l,
	};

	if (o->control[0] == '\0')
		return true;
	control.inherited = take_socket(l, KEEPSAKE_CONTROL, &l->control_socket, o->control);
	l->control = control_create(l->base, &control, why);
	if (l->control != NULL)
		l->control_socket.fd = control_fd(l->control);
	return l->control != NULL;
}

static bool
open_metrics(struct loop *l, struct fault *why)
{
	struct metrics_options metrics = { .at = l->options.metrics, .overview = &l->overview };
	char text[ENDPOINT_TEXT];

	if (metrics.at.port == 0)
		return true;
	metrics.inherited = take_socket(
	    l, KEEPSAKE_METRICS, &l->metrics_socket, endpoint_format(&metrics.at, text));
	l->metrics = metrics_create(l->base, &metrics, why);
	if (l->metrics != NULL)
		l->metrics_socket.fd = metrics_fd(l->metrics);
	return l->metrics != NULL;
}

static uint64_t
watchdog_interval(const struct loop_options *o)
{
	uint64_t own_ms = notify_watchdog_interval_ms();

	/* Who was started by a reload is not told what the service's first process was. */
	return own_ms == 0 && o->taker != NULL ? taker_watchdog_ms(o->taker) : own_ms;
}

struct loop *
loop_create(const struct loop_options *options, struct fault *why)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->base = event_base_new();
	if (l == NULL || l->base == NULL) {
		fault_set(why, "event loop: out of memory");
		loop_destroy(l);
		return NULL;
	}
	l->options = *options;
	l->control_socket.fd = l->metrics_socket.fd = -1;
	l->watchdog_ms = watchdog_interval(options);
	if (!open_control(l, why) || !open_metrics(l, why)) {
		loop_destroy(l);
		return NULL;
	}
	return l;
}

static void
fill_overview(struct loop *l)
{
	struct overview *o = &l->overview;
	const struct site *site = l->world.site;

	*o = (struct overview){
		.instance = l->options.instance,
		.version = l->options.version,
		.started = clock_now(),
		.listener_count = site->options.listener_count,
		.draining = &l->world.site->draining,
		.publish = site->publish,
		.tunnels = site->tunnels,
		.liturgies = site->liturgies,
		.identities = site->identities,
		.replay = site->replay,
		.egress = site->egress,
		.waiters = site->waiters,
		.budget = site->budget,
		.identities_capacity = site->options.identities_max,
		.replay_capacity = site->options.replays_max,
		.stats = l->world.stats,
		.workers = l->world.workers,
		.reload = reload_state(l->reload),
		.succession = succession_state(l->world.succession),
	};
	for (size_t i = 0; i < o->listener_count; i++) {
		const struct listener *from = &site->options.listeners[i];

		o->listeners[i] = (struct overview_listener){
			.main = from->main,
			.advertised = from->advertised,
			.nat_port = from->nat_port,
			.shrouded = from->shrouded,
		};
	}
}

/* ---- another cathedral takes over ---- */

static uint64_t
on_pause(void *arg)
{
	const struct loop *l = arg;

	return crew_pause(l->crew);
}

static void
on_resume(void *arg)
{
	struct loop *l = arg;

	crew_resume(l->crew);
	l->world.reclaim(l->world.reclaim_arg);
}

static void
on_given(void *arg, const bool kept[static KEEPSAKES])
{
	struct loop *l = arg;

	memcpy(l->kept, kept, sizeof(l->kept));
	if (l->control != NULL && kept[KEEPSAKE_CONTROL])
		control_own(l->control, false);
	l->end = LOOP_GIVEN;
	event_base_loopbreak(l->base);
}

static bool
attach_succession(struct loop *l, struct fault *why)
{
	const struct succession_world world = {
		.site = l->world.site,
		.sockets = l->world.sockets,
		.watchdog_ms = l->watchdog_ms,
		.keepsakes = {
			[KEEPSAKE_CONTROL] = &l->control_socket,
			[KEEPSAKE_METRICS] = &l->metrics_socket,
			[KEEPSAKE_PIDFILE] = l->world.pidfile,
		},
		.pause = on_pause,
		.resume = on_resume,
		.given = on_given,
		.arg = l,
	};

	return succession_attach(l->world.succession, l->base, &world, why);
}

bool
loop_attach(struct loop *l, const struct loop_world *world, struct fault *why)
{
	unsigned slot = world->workers + 1;
	struct stats *stats = &world->stats[slot];
	struct reload_options reload = {
		.source = world->source,
		.follow = world->follow,
		.site = world->site,
	};

	l->world = *world;
	l->sender = batch_sender_create(world->sockets, 0, stats);
	if (l->sender != NULL)
		l->pipeline = pipeline_create(
		    world->site, slot, batch_sender_of(l->sender), stats, world->seed);
	if (l->pipeline == NULL)
		return fault_set(why, "main pipeline: out of memory");
	reload.pipeline = l->pipeline;
	l->reload = reload_create(l->base, &reload, why);
	if (l->reload == NULL || !open_events(l, why) || !attach_succession(l, why))
		return false;
	fill_overview(l);
	return true;
}

enum loop_end
loop_run(struct loop *l, struct crew *crew, bool kept[static KEEPSAKES])
{
	l->crew = crew;
	if (l->control != NULL)
		control_own(l->control, true);
	event_base_dispatch(l->base);
	memcpy(kept, l->kept, sizeof(l->kept));
	return l->end;
}

void
loop_destroy(struct loop *l)
{
	if (l == NULL)
		return;
	control_destroy(l->control);
	metrics_destroy(l->metrics);
	reload_destroy(l->reload);
	pipeline_destroy(l->pipeline);
	batch_sender_destroy(l->sender);
	for (int i = 0; i < EVENTS; i++) {
		if (l->events[i] != NULL)
			event_free(l->events[i]);
	}
	if (l->base != NULL)
		event_base_free(l->base);
	free(l);
}

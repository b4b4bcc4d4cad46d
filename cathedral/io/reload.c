/* SPDX-License-Identifier: ISC */
#include "cathedral/io/reload.h"

#include "base/log.h"
#include "base/notify.h"
#include "cathedral/io/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files that belong together change within moments; but changes without end must not put it off. */
#define DEBOUNCE_MS     50
#define DEBOUNCE_MAX_MS 250

#define RETRY_S 5
#define POLL_S  1

struct reload {
	struct reload_options options;
	struct overview_reload state;
	struct watch *watch; /* of the files; NULL: registry.db is followed, by */
	struct event *poll;  /* looking at it again and again */
	struct event *soon, *retry;
	uint64_t first_ns;                 /* of the changes that wait; 0: none waits */
	bool settling;                     /* a batch may still go by the registry before */
	struct registry_touched unsettled; /* what such a batch may still remember */
};

/* "3 flocks", "1 flock (-2)"; returns how many bytes that took. */
static size_t
count_item(char *to, size_t room, const char *name, size_t now, size_t before)
{
	int len = snprintf(to, room, "%zu %s%s", now, name, now == 1 ? "" : "s");

	if (now != before)
		len += snprintf(to + len, room - (size_t)len, " (%+zd)", (ssize_t)(now - before));
	return (size_t)len;
}

const char *
reload_summary(const struct registry_counts *c, const struct registry_counts *before,
    char text[static RELOAD_TEXT])
{
	const struct registry_counts *b = before == NULL ? c : before;
	const struct {
		const char *name;
		size_t now, before;
	} items[] = {
		{ "flock", c->flocks, b->flocks },
		{ "device", c->devices, b->devices },
		{ "xflock", c->xflocks, b->xflocks },
		{ "other cathedral", c->peers, b->peers },
	};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		at += count_item(
		    text + at, RELOAD_TEXT - at, items[i].name, items[i].now, items[i].before);
		if (i + 1 < sizeof(items) / sizeof(items[0])) {
			memcpy(text + at, ", ", 3);
			at += 2;
		}
	}
	return text;
}

/* Who could be talked to, had one the secret. */
static void
tell_unfederated(const struct registry_counts *before, const struct registry_counts *after)
{
	if (after->unfederated > 0 && before->unfederated == 0)
		log_warn("the fleet has %zu other cathedral%s, but there is no federation secret",
		    after->unfederated, after->unfederated == 1 ? "" : "s");
}

static void
tell_change(struct registry_counts before, const struct registry *now, size_t pushed)
{
	struct registry_counts after = registry_counts(now);
	char text[RELOAD_TEXT], version[40] = "";

	if (registry_version(now) > 0)
		snprintf(version, sizeof(version), " version %" PRIu64, registry_version(now));
	log_info("registry%s: %s; %zu ambr%s sent unasked", version,
	    reload_summary(&after, &before, text), pushed, pushed == 1 ? "y" : "ies");
	tell_unfederated(&before, &after);
}

/* Puts it in force: for new packets, for what the tables hold, and for devices with old ambries. */
static bool
put_in_force(struct reload *r, struct registry *next, const struct registry_touched *touched,
    struct fault *why)
{
	struct site *site = r->options.site;
	struct registry_counts before = registry_counts(publish_current(site->publish));
	size_t pushed;

	site_meter(site, next, touched);
	if (!publish_swap(site->publish, next)) {
		registry_free(next);
		return fault_set(why, "out of memory");
	}
	registry_touch_also(&r->unsettled, touched);
	r->settling = !publish_reclaim(site->publish);
	registry_source_alive(r->options.source);
	site_purge(site, &r->unsettled);
	registry_source_alive(r->options.source);
	if (!r->settling)
		registry_touched_free(&r->unsettled);
	pushed = pipeline_push_ambries(r->options.pipeline, touched, clock_now());
	r->state.changed_s = clock_now().wall_s;
	tell_change(before, next, pushed);
	return true;
}

static bool
read_files(struct reload *r, struct fault *why)
{
	const struct registry *old = publish_current(r->options.site->publish);
	const struct registry_touched any = { .all = true };
	struct registry *next;

	watch_renew(r->watch);
	next = registry_load(r->options.source, old, why);
	return next != NULL && put_in_force(r, next, &any, why);
}

static bool
read_database(struct reload *r, struct fault *why)
{
	const struct registry *old = publish_current(r->options.site->publish);
	struct registry_touched touched = { .all = false };
	struct registry *next =
	    follow_load(r->options.follow, r->options.source, old, &touched, why);
	bool ok = next != NULL && put_in_force(r, next, &touched, why);

	if (next != NULL && !ok)
		follow_again(r->options.follow);
	registry_touched_free(&touched);
	return ok;
}

void
reload_settle(struct reload *r)
{
	struct site *site = r->options.site;

	if (!r->settling || !publish_reclaim(site->publish))
		return;
	r->settling = false;
	site_purge(site, &r->unsettled);
	registry_touched_free(&r->unsettled);
}

/* The same fault again, when nobody asked, is no news. */
static void
note_fault(struct reload *r, const struct fault *why, bool asked)
{
	const struct timeval later = { .tv_sec = RETRY_S };

	if (asked || r->state.ok || strcmp(r->state.fault.text, why->text) != 0)
		log_error("registry stays as it was: %s", why->text);
	r->state.ok = false;
	r->state.fault = *why;
	evtimer_add(r->retry, &later);
}

static bool
reload_run(struct reload *r, bool asked, struct fault *why)
{
	char text[RELOAD_TEXT];
	struct registry_counts counts;
	bool ok;

	evtimer_del(r->soon);
	evtimer_del(r->retry);
	r->first_ns = 0;
	notify_reloading();
	ok = r->options.follow != NULL ? read_database(r, why) : read_files(r, why);
	r->state.count++;
	r->state.wall_s = clock_now().wall_s;
	if (ok)
		r->state.ok = true;
	else
		note_fault(r, why, asked);
	counts = registry_counts(publish_current(r->options.site->publish));
	notify_ready(ok ? reload_summary(&counts, NULL, text) : why->text);
	return ok;
}

bool
reload_now(struct reload *r, struct fault *why)
{
	return reload_run(r, true, why);
}

static void
reload_due(evutil_socket_t fd, short what, void *arg)
{
	struct fault logged;

	(void)fd;
	(void)what;
	reload_run(arg, false, &logged);
}

void
reload_soon(struct reload *r)
{
	const struct timeval wait = { .tv_usec = DEBOUNCE_MS * 1000 };
	uint64_t now_ns = clock_now().mono_ns;

	if (r->first_ns == 0)
		r->first_ns = now_ns;
	else if (now_ns - r->first_ns >= (DEBOUNCE_MAX_MS - DEBOUNCE_MS) * NS_PER_MS)
		return;
	evtimer_add(r->soon, &wait);
}

static void
files_changed(void *arg)
{
	reload_soon(arg);
}

/* What was refused is tried again by itself, and not more often than that. */
static void
poll_database(evutil_socket_t fd, short what, void *arg)
{
	struct reload *r = arg;
	struct fault logged;

	(void)fd;
	(void)what;
	if (evtimer_pending(r->retry, NULL) ||
	    !follow_changed(r->options.follow, publish_current(r->options.site->publish)))
		return;
	reload_run(r, false, &logged);
}

const struct overview_reload *
reload_state(const struct reload *r)
{
	return &r->state;
}

static bool
begin_to_watch(struct reload *r, struct event_base *base)
{
	const struct timeval period = { .tv_sec = POLL_S };
	const struct watch_options watch = {
		.settings = r->options.source->settings,
		.secretdir = r->options.source->secretdir,
		.federation = r->options.source->federation,
		.changed = files_changed,
		.arg = r,
	};

	if (r->options.follow == NULL) {
		r->watch = watch_create(base, &watch);
		return r->watch != NULL;
	}
	r->poll = event_new(base, -1, EV_PERSIST, poll_database, r);
	return r->poll != NULL && evtimer_add(r->poll, &period) == 0;
}

struct reload *
reload_create(struct event_base *base, const struct reload_options *options, struct fault *why)
{
	struct reload *r = calloc(1, sizeof(*r));
	int64_t now_s = clock_now().wall_s;

	if (r == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	r->options = *options;
	r->state =
	    (struct overview_reload){ .ok = true, .wall_s = now_s, .changed_s = now_s, .count = 1 };
	r->soon = evtimer_new(base, reload_due, r);
	r->retry = evtimer_new(base, reload_due, r);
	if (r->soon != NULL && r->retry != NULL && begin_to_watch(r, base))
		return r;
	fault_set(why, "watching for changes: out of memory");
	reload_destroy(r);
	return NULL;
}

void
reload_destroy(struct reload *r)
{
	if (r == NULL)
		return;
	watch_destroy(r->watch);
	registry_touched_free(&r->unsettled);
	if (r->poll != NULL)
		event_free(r->poll);
	if (r->soon != NULL)
		event_free(r->soon);
	if (r->retry != NULL)
		event_free(r->retry);
	free(r);
}

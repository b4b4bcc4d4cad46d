/* SPDX-License-Identifier: ISC */
#include "cathedral/io/succession.h"

#include "base/clock.h"
#include "base/log.h"
#include "cathedral/io/budgets.h"
#include "cathedral/io/giver.h"
#include "cathedral/io/state_file.h"
#include "cathedral/ops/control_socket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct succession {
	struct succession_options options;
	struct succession_world world;
	struct overview_succession state;
	struct budgets budgets;
	struct keepsake door;
	bool given;
	bool door_own; /* to be removed at the end: not before it serves, if it was taken over */
	struct giver *giver;
	struct event *due;
};

static bool
open_door(struct succession *s, struct fault *why)
{
	const struct succession_options *o = &s->options;
	struct control_socket at = {
		.name = "handover",
		.type = SOCK_SEQPACKET,
		.path = o->door,
		.user = "",
		.owner = o->owner,
	};
	int taken = -1;

	if (o->door[0] == '\0')
		return true;
	if (o->taker != NULL)
		taken = taker_keepsake(o->taker, KEEPSAKE_DOOR, o->door);
	at.inherited = taken == -1 ? 0 : taken;
	s->door.fd = control_socket_open(&at, why);
	snprintf(s->door.name, sizeof(s->door.name), "%s", o->door);
	s->door_own = s->door.fd != taken;
	return s->door.fd != -1;
}

struct succession *
succession_open(const struct succession_options *options, struct fault *why)
{
	struct succession *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fault_set(why, "handover: out of memory");
		return NULL;
	}
	s->options = *options;
	s->door.fd = -1;
	s->state.state_file = options->state[0] != '\0';
	s->state.state_ok = s->state.budget_ok = true;
	s->state.budget_file = options->budgets[0] != '\0';
	if (open_door(s, why))
		return s;
	succession_close(s);
	return NULL;
}

/* ---- files ---- */

static void
note_budgets(struct succession *s)
{
	s->state.budget_ok = s->budgets.ok;
	s->state.budget_s = s->budgets.saved_s;
}

void
succession_tick(struct succession *s, struct instant now)
{
	budgets_tick(&s->budgets, now);
	note_budgets(s);
}

static void
save_state(struct succession *s)
{
	const struct state_file file = { s->options.state, BEQUEST_STATE };
	struct instant before = clock_now();
	struct bequest_counts counts;
	struct fault why;
	bool ok;

	if (s->options.state[0] == '\0' || s->given || s->world.site == NULL)
		return;
	ok = state_file_write(&file, s->world.site, before, &counts, &why);
	if (!ok && s->state.state_ok)
		log_error("what is known is not kept for the next start: %s", why.text);
	s->state.state_ok = ok;
	if (!ok)
		return;
	s->state.state_s = before.wall_s;
	s->state.state_ns = clock_now().mono_ns - before.mono_ns;
}

void
succession_save(struct succession *s)
{
	save_state(s);
	if (!s->given)
		budgets_save(&s->budgets, clock_now());
	note_budgets(s);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	save_state(arg);
}

static void
log_counts(const char *from, const struct bequest_counts *c)
{
	log_info("%s: %" PRIu64 " tunnels, %" PRIu64 " liturgies, %" PRIu64
		 " identities and hints, %" PRIu64 " replays; %" PRIu64 " of no use here",
	    from, c->tunnels, c->liturgies, c->identities, c->replays, c->left);
}

static void
read_state(const struct succession *s, struct site *site)
{
	const struct state_file file = { s->options.state, BEQUEST_STATE };
	struct bequest_counts counts;
	struct fault why;

	if (s->options.state[0] == '\0')
		return;
	switch (state_file_read(&file, site, clock_now(), &counts, &why)) {
	case STATE_READ:
		log_counts("known from before", &counts);
		break;
	case STATE_NONE:
		break;
	case STATE_OLD:
		log_info("what was known before has expired");
		break;
	case STATE_WRONG:
		log_warn("what was known before is left alone: %s", why.text);
		break;
	}
}

/* ---- from the one before ---- */

enum taker_result
succession_take(struct succession *s, struct site *site, struct fault *why)
{
	struct taker *t = s->options.taker;
	enum taker_result result = TAKER_GO;

	/* Of figures in the file and from the one before the larger ones count. */
	budgets_open(&s->budgets, s->options.budgets, site);
	budgets_read(&s->budgets, clock_now());
	if (t != NULL) {
		result = taker_take(t, site, why);
		if (result == TAKER_ORPHAN)
			log_warn("the other cathedral died meanwhile; what it told counts");
		if (result != TAKER_NOT)
			log_counts("taken over", taker_counts(t));
	}
	if (t == NULL || result == TAKER_ORPHAN)
		read_state(s, site);
	if (atomic_load(&site->draining))
		log_info("draining, as the one before was: cathedralctl undrain ends it");
	if (result != TAKER_NOT)
		budgets_begin(&s->budgets, clock_now());
	return result;
}

void
succession_serves(struct succession *s, uint64_t since_ns)
{
	if (s->options.taker == NULL)
		return;
	s->door_own = true;
	taker_serves(s->options.taker, since_ns);
	taker_report(s->options.taker, &s->state);
	log_info("took over in %.1f ms", (double)s->state.gap_ns / 1e6);
}

/* ---- for the one after ---- */

static void
on_given(void *arg, const bool kept[static KEEPSAKES])
{
	struct succession *s = arg;

	s->given = true;
	s->door_own = !kept[KEEPSAKE_DOOR];
	s->world.given(s->world.arg, kept);
}

static uint64_t
on_pause(void *arg)
{
	const struct succession *s = arg;

	return s->world.pause(s->world.arg);
}

static void
on_resume(void *arg)
{
	const struct succession *s = arg;

	s->world.resume(s->world.arg);
}

static bool
attach_giver(struct succession *s, struct event_base *base)
{
	struct giver_options giver = {
		.version = s->options.version,
		.site = s->world.site,
		.sockets = s->world.sockets,
		.state = &s->state,
		.watchdog_ms = s->world.watchdog_ms,
		.pause = on_pause,
		.resume = on_resume,
		.given = on_given,
		.arg = s,
	};

	if (s->door.fd == -1)
		return true;
	memcpy(giver.keepsakes, s->world.keepsakes, sizeof(giver.keepsakes));
	giver.keepsakes[KEEPSAKE_DOOR] = &s->door;
	s->giver = giver_create(base, &giver);
	return s->giver != NULL;
}

static bool
attach_timer(struct succession *s, struct event_base *base)
{
	const struct timeval period = { .tv_sec = (time_t)s->options.state_s };

	if (s->options.state[0] == '\0')
		return true;
	s->due = event_new(base, -1, EV_PERSIST, on_due, s);
	return s->due != NULL && evtimer_add(s->due, &period) == 0;
}

bool
succession_attach(struct succession *s, struct event_base *base,
    const struct succession_world *world, struct fault *why)
{
	s->world = *world;
	if (attach_giver(s, base) && attach_timer(s, base))
		return true;
	return fault_set(why, "handover: out of memory");
}

const struct overview_succession *
succession_state(const struct succession *s)
{
	return &s->state;
}

void
succession_close(struct succession *s)
{
	if (s == NULL)
		return;
	giver_destroy(s->giver);
	if (s->due != NULL)
		event_free(s->due);
	if (s->door.fd != -1) {
		close(s->door.fd);
		/* Its folder may not be ours any more; then the next daemon replaces it. */
		if (s->door_own)
			unlink(s->door.name);
	}
	free(s);
}

/* SPDX-License-Identifier: ISC */
/* cathedral-probe end: one end of a tunnel that goes on until it is stopped. */
#include "tools/cathedral-probe/commands.h"
#include "tools/cathedral-probe/loop.h"
#include "tools/cathedral-probe/meter.h"
#include "tools/cathedral-probe/output.h"
#include "tools/cathedral-probe/sender.h"

#include <stdlib.h>

/* Packets that a cathedral relays, and those that pass between the two ends themselves. */
enum path { RELAYED = 0, DIRECT, PATHS };

static const char *const path_names[PATHS] = { "relayed", "direct" };

struct end {
	const struct options *options;
	struct output output;
	struct sender senders[PATHS];
	struct meter meters[PATHS];
	struct histogram echoes[PATHS]; /* there and back */
	uint64_t foreign;               /* data that no probe has sent */
	struct probe *probe;
	uint64_t end_ns;
	bool answered;
};

/* The first packet on a path, and the first after a silence. */
static void
tell_of_path(struct end *x, enum path path, const struct stamp *s, const struct device_moment *m)
{
	struct meter *meter = &x->meters[path];
	uint64_t silent_ns = m->now.mono_ns - meter->heard_ns;
	json_t *members;

	if (meter->run == s->run && silent_ns < x->options->silence_ns)
		return;
	members = json_pack("{s:s}", "path", path_names[path]);
	if (meter->run != 0)
		json_object_set_new(
		    members, "silent_s", json_real((double)silent_ns / (double)NS_PER_S));
	output_event(&x->output, x->probe, "data", members, m);
}

static void
take_data(struct end *x, const struct device_event *ev, const struct device_moment *m)
{
	enum path path = ev->direct ? DIRECT : RELAYED;
	uint64_t now_ns = m->now.mono_ns;
	struct stamp s;

	if (!stamp_read(&s, ev->data.payload, ev->data.len)) {
		x->foreign++;
		return;
	}
	if ((s.flags & STAMP_ECHO) != 0) {
		if (s.run == x->senders[path].run)
			histogram_add(&x->echoes[path], now_ns - s.sent_ns);
		return;
	}
	if (x->meters[path].run == 0)
		meter_start(&x->meters[path], now_ns);
	tell_of_path(x, path, &s, m);
	if (meter_take(&x->meters[path], &s, ev->data.len + DATA_HEADER_SIZE, now_ns) &&
	    x->options->echo)
		sender_echo(x->probe, &s, ev->data.len, m);
}

static void
on_event(
    void *context, struct probe *p, const struct device_event *ev, const struct device_moment *m)
{
	struct end *x = context;

	x->answered = x->answered || !device_refused(ev->kind);
	if (ev->kind == DEVICE_DATA)
		take_data(x, ev, m);
	else
		output_received(&x->output, p, ev, m);
}

static void
on_moved(void *context, struct probe *p, const struct device_moment *m)
{
	struct end *x = context;

	output_moved(&x->output, p, m);
}

static uint64_t
on_turn(void *context, const struct device_moment *m)
{
	struct end *x = context;
	uint64_t wake_ns = x->end_ns;

	if (m->now.mono_ns >= x->end_ns)
		return LOOP_DONE;
	for (unsigned path = 0; path < PATHS; path++) {
		uint64_t next_ns = sender_turn(&x->senders[path], x->probe, m);

		wake_ns = next_ns < wake_ns ? next_ns : wake_ns;
	}
	return wake_ns;
}

static void
report(struct end *x, enum path path, const struct device_moment *m)
{
	struct meter *meter = &x->meters[path];
	const struct histogram *h = &x->echoes[path];
	json_t *members;

	if (meter->run != 0)
		meter_silence(meter, m->now.mono_ns);
	members = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:I}", "sent",
	    (json_int_t)x->senders[path].sent, "received", (json_int_t)meter->received, "lost",
	    (json_int_t)meter_lost(meter), "duplicates", (json_int_t)meter->duplicates, "reordered",
	    (json_int_t)meter->reordered, "longest_gap_s",
	    (double)meter->silence_ns / (double)NS_PER_S, "echoes", (json_int_t)h->count);
	if (h->count > 0) {
		json_object_set_new(members, "echo_median_ms",
		    json_real((double)histogram_quantile(h, 0.5) / (double)NS_PER_MS));
		json_object_set_new(members, "echo_p99_ms",
		    json_real((double)histogram_quantile(h, 0.99) / (double)NS_PER_MS));
	}
	if (path == RELAYED)
		json_object_set_new(members, "foreign", json_integer((json_int_t)x->foreign));
	output_summary(&x->output, path_names[path], members, m);
}

static enum outcome
go_on(struct end *x, struct device_moment *m, struct fault *why)
{
	const struct options *o = x->options;
	struct loop_user user = { x, on_event, on_moved, on_turn };

	output_start(&x->output, x->probe, m);
	x->senders[RELAYED] = sender_new(m, o->rate, o->size, false);
	x->senders[DIRECT] = sender_new(m, o->p2p ? o->rate : 0, o->size, true);
	probes_run(x->probe, 1, &user, m);
	report(x, RELAYED, m);
	if (o->p2p)
		report(x, DIRECT, m);
	if (x->answered)
		return OUTCOME_WORKS;
	fault_set(why, "no answer from the cathedral");
	return OUTCOME_BROKEN;
}

enum outcome
run_end(const struct options *o, struct device_moment *m, struct fault *why)
{
	struct end *x = calloc(1, sizeof(*x));
	enum outcome outcome = OUTCOME_USAGE;
	struct probe p;

	if (x == NULL) {
		fault_set(why, "no memory");
		return OUTCOME_BROKEN;
	}
	x->options = o;
	x->output = (struct output){ .json = o->json, .start_ns = m->now.mono_ns };
	x->end_ns = o->duration_ns == UINT64_MAX ? UINT64_MAX : m->now.mono_ns + o->duration_ns;
	x->probe = &p;
	if (probe_open(&p, "device", o, &o->ends[0], m, why)) {
		outcome = go_on(x, m, why);
		probe_close(&p);
	}
	free(x);
	return outcome;
}

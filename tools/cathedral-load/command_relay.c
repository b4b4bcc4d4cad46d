/* SPDX-License-Identifier: ISC */
/* relay, federate and cap: data between devices. */
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/stop.h"

#include <inttypes.h>

static struct gauge
gauge_of(const struct load_options *o)
{
	return (struct gauge){ .pid = (int64_t)o->pid, .control = o->control };
}

static json_t *
wished(const struct load_options *o)
{
	json_t *to = json_object(), *sizes = json_array();

	json_object_set_new(to, "shroud", json_boolean(o->shroud));
	figure_count(to, "tunnels", o->tunnels);
	figure_count(to, "others", o->others);
	if (o->sizes.count == 1) {
		figure_count(to, "size", o->sizes.at[0]);
		json_decref(sizes);
	} else {
		for (size_t n = 0; n < o->sizes.count; n++)
			json_array_append_new(sizes, json_integer((json_int_t)o->sizes.at[n]));
		json_object_set_new(to, "sizes", sizes);
	}
	figure_count(to, "burst", o->burst);
	figure_real(to, "rate", o->rate);
	figure_count(to, "window", o->window);
	return to;
}

/* A short run before, so that nothing is done for the first time in the one that counts. */
static bool
prepare(struct field *f, struct fault *why)
{
	struct field_run warm = { f->o->rate, 200 * NS_PER_MS, NULL, NULL };
	struct traffic_result ignored;

	return field_meet(f, why) && field_load(f, why) &&
	       field_measure(f, &warm, NULL, &ignored, why);
}

bool
run_relay(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->at, o->tunnels, o->others };
	struct gauge g = gauge_of(o);
	struct field_run run = { o->rate, o->run_ns, NULL, &g };
	struct traffic_result result;
	struct field f;
	json_t *figures;
	bool ok;

	if (!field_open(&f, o, &wish, random, why))
		return false;
	figures = wished(o);
	ok = prepare(&f, why) && field_measure(&f, &run, figures, &result, why);
	if (ok)
		show_figures(o->json, "relay", json_incref(figures));
	json_decref(figures);
	field_close(&f);
	return ok;
}

/* ---- two cathedrals ---- */

/* Milliseconds until the first cathedral knows of those at the second. */
static bool
converge(struct field *f, uint64_t *ms, struct fault *why)
{
	struct field_run look = { 1000, 20 * NS_PER_MS, NULL, NULL };
	uint64_t begun_ns = clock_now().mono_ns, now_ns = begun_ns;
	struct traffic_result result;

	while (!stop_asked() && now_ns < begun_ns + f->o->patience_ns) {
		if (!field_measure(f, &look, NULL, &result, why))
			return false;
		now_ns = clock_now().mono_ns;
		if (result.sent > 0 && result.lost == 0) {
			*ms = (now_ns - f->met_ns) / NS_PER_MS;
			return true;
		}
	}
	return fault_set(why, "nothing comes through both: do they federate?");
}

static bool
measure_both(struct field *f, json_t *figures, struct fault *why)
{
	const struct load_options *o = f->o;
	struct gauge near = gauge_of(o);
	struct gauge far = { .pid = (int64_t)o->far_pid, .control = o->far_control };
	struct field_run run = { o->rate, o->run_ns, NULL, &near };
	struct traffic_result result;
	json_t *counted = NULL;
	uint64_t cpu_ns;
	bool ok = gauge_begin(&far, why) && field_measure(f, &run, figures, &result, why);

	if (ok && gauge_end(&far, &cpu_ns, &counted, why)) {
		if (far.pid != 0 && result.received > 0)
			figure_real(figures, "far_cpu_ns_a_packet",
			    (double)cpu_ns / (double)result.received);
		if (counted != NULL)
			json_object_set(figures, "far_counted", counted);
		json_decref(counted);
		return true;
	}
	json_decref(far.before);
	return false;
}

bool
run_federate(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->far_at, o->tunnels, o->others };
	struct field f;
	uint64_t ms = 0;
	json_t *figures;
	bool ok;

	if (!field_open(&f, o, &wish, random, why))
		return false;
	figures = wished(o);
	ok = field_meet(&f, why) && field_load(&f, why) && converge(&f, &ms, why);
	if (ok) {
		figure_count(figures, "known_after_ms", ms);
		ok = measure_both(&f, figures, why);
	}
	if (ok)
		show_figures(o->json, "federate", json_incref(figures));
	json_decref(figures);
	field_close(&f);
	return ok;
}

/* ---- caps ---- */

/* What was received between two moments of a run: behind the burst that the cap lets through. */
struct slice {
	const struct traffic_result *result;
	uint64_t burst_ns, run_ns, from_ns, begun_ns, begun_bytes, end_ns, end_bytes;
};

#define BURST_S   1.0 /* of what is allowed, which a cathedral lets through at once */
#define MARGIN_S  0.2
#define OVER_MIN  1.1
#define LOOK_NS   (10 * NS_PER_MS)
#define MBIT_BITS 1000000.0

static uint64_t
look(void *arg, uint64_t now_ns)
{
	struct slice *s = arg;

	if (s->from_ns == 0)
		s->from_ns = now_ns + s->burst_ns;
	if (now_ns < s->from_ns)
		return s->from_ns;
	if (now_ns >= s->from_ns + s->run_ns)
		return UINT64_MAX;
	if (s->begun_ns == 0) {
		s->begun_ns = now_ns;
		s->begun_bytes = s->result->bytes;
	}
	s->end_ns = now_ns;
	s->end_bytes = s->result->bytes;
	return now_ns + LOOK_NS;
}

/* Packets a second that are so many times what the caps of all its tunnels let through. */
static double
rate_over(const struct field *f)
{
	uint64_t bytes = 0;

	for (size_t n = 0; n < f->o->sizes.count; n++)
		bytes += f->o->sizes.at[n];
	return f->o->over * (double)f->roster.mbit * MBIT_BITS * (double)f->o->tunnels / 8 /
	       ((double)bytes / (double)f->o->sizes.count);
}

static bool
measure_cap(struct field *f, struct fault *why)
{
	struct traffic_result result;
	/* What is sent beyond the cap uses the burst up, and no more. */
	uint64_t burst_ns = (uint64_t)((BURST_S / (f->o->over - 1) + MARGIN_S) * (double)NS_PER_S);
	struct slice s = { .result = &result, .burst_ns = burst_ns, .run_ns = f->o->run_ns };
	struct traffic_aside aside = { look, &s };
	struct gauge g = gauge_of(f->o);
	struct field_run run = { rate_over(f), burst_ns + f->o->run_ns, &aside, &g };
	double allowed = (double)(f->roster.mbit * f->o->tunnels), got;
	json_t *figures = wished(f->o);

	figure_real(figures, "rate", run.rate);
	if (!field_measure(f, &run, figures, &result, why)) {
		json_decref(figures);
		return false;
	}
	got = s.end_ns > s.begun_ns ? (double)(s.end_bytes - s.begun_bytes) * 8e9 /
					  (double)(s.end_ns - s.begun_ns) / MBIT_BITS
				    : 0;
	figure_real(figures, "mbit_allowed", allowed);
	figure_real(figures, "mbit_delivered", got);
	figure_real(figures, "delivered_percent", 100 * got / allowed);
	show_figures(f->o->json, "cap", figures);
	return true;
}

bool
run_cap(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->at, o->tunnels, o->others };
	struct field f;
	bool ok;

	if (o->over < OVER_MIN)
		return fault_set(why, "--over must be at least %.1f", OVER_MIN);
	if (!field_open(&f, o, &wish, random, why))
		return false;
	if (f.roster.mbit == 0)
		ok = fault_set(why, "this fleet has no caps: cathedral-load make --mbit gives one");
	else
		ok = field_meet(&f, why) && field_load(&f, why) && measure_cap(&f, why);
	field_close(&f);
	return ok;
}

/* SPDX-License-Identifier: ISC */
/* cathedral-probe pair: both ends of a tunnel, and what the way between them does to packets. */
#include "protocol/crypto/secret.h"
#include "tools/cathedral-probe/commands.h"
#include "tools/cathedral-probe/loop.h"
#include "tools/cathedral-probe/meter.h"
#include "tools/cathedral-probe/output.h"
#include "tools/cathedral-probe/sender.h"

#include <inttypes.h>
#include <stdlib.h>

#define HELLO_NS  (NS_PER_S / 5)
#define SETTLE_NS NS_PER_S

/* Index 0 is end a, or the direction from a to b. */
struct pair {
	const struct options *options;
	struct output output;
	struct probe probes[2];
	struct sender senders[2];
	struct meter meters[2];
	uint64_t damaged[2];
	bool through[2]; /* a hello came this way */
	uint64_t hello_ns, until_ns, begun_ns, ended_ns;
	unsigned moves;
};

static const char *const directions[2] = { "a->b", "b->a" };

static void
take_data(
    struct pair *x, unsigned way, const struct device_event *ev, const struct device_moment *m)
{
	struct meter *meter = &x->meters[way];
	uint64_t now_ns = m->now.mono_ns;
	struct stamp s;

	if (!stamp_read(&s, ev->data.payload, ev->data.len)) {
		x->damaged[way]++;
		return;
	}
	if (s.run != x->senders[way].run) /* of an earlier probe at this very address */
		return;
	if ((s.flags & STAMP_HELLO) != 0) {
		x->through[way] = true;
		return;
	}
	if (meter_take(meter, &s, ev->data.len + DATA_HEADER_SIZE, now_ns))
		histogram_add(&meter->latency, now_ns - s.sent_ns);
}

static void
on_event(
    void *context, struct probe *p, const struct device_event *ev, const struct device_moment *m)
{
	struct pair *x = context;
	unsigned way = p == &x->probes[1] ? 0 : 1;

	if (ev->kind == DEVICE_DATA)
		take_data(x, way, ev, m);
	else
		output_received(&x->output, p, ev, m);
}

static void
on_moved(void *context, struct probe *p, const struct device_moment *m)
{
	struct pair *x = context;

	x->moves++;
	output_moved(&x->output, p, m);
}

/* Until something came through both ways: only then the relay knows both ends. */
static uint64_t
turn_registering(void *context, const struct device_moment *m)
{
	struct pair *x = context;

	if ((x->through[0] && x->through[1]) || m->now.mono_ns >= x->until_ns)
		return LOOP_DONE;
	if (m->now.mono_ns >= x->hello_ns) {
		for (unsigned i = 0; i < 2; i++)
			sender_send(&x->senders[i], &x->probes[i], STAMP_HELLO, m);
		x->hello_ns = m->now.mono_ns + HELLO_NS;
	}
	return x->hello_ns;
}

static uint64_t
turn_measuring(void *context, const struct device_moment *m)
{
	struct pair *x = context;
	uint64_t a_ns, b_ns;

	if (m->now.mono_ns >= x->until_ns)
		return LOOP_DONE;
	a_ns = sender_turn(&x->senders[0], &x->probes[0], m);
	b_ns = sender_turn(&x->senders[1], &x->probes[1], m);
	if (b_ns < a_ns)
		a_ns = b_ns;
	return a_ns < x->until_ns ? a_ns : x->until_ns;
}

/* What is on its way may still arrive. */
static uint64_t
turn_settling(void *context, const struct device_moment *m)
{
	struct pair *x = context;

	return m->now.mono_ns >= x->until_ns ? LOOP_DONE : x->until_ns;
}

static void
run_phase(struct pair *x, uint64_t (*turn)(void *, const struct device_moment *), uint64_t for_ns,
    struct device_moment *m)
{
	struct loop_user user = { x, on_event, on_moved, turn };

	x->until_ns = m->now.mono_ns + for_ns;
	probes_run(x->probes, 2, &user, m);
}

/* Offers come quicker than usual until the relay knows both ends. */
static bool
register_both(struct pair *x, struct device_moment *m)
{
	for (unsigned i = 0; i < 2; i++)
		if (x->probes[i].device.config.info_ns > NS_PER_S)
			x->probes[i].device.config.info_ns = NS_PER_S;
	run_phase(x, turn_registering, x->options->patience_ns, m);
	for (unsigned i = 0; i < 2; i++)
		x->probes[i].device.config.info_ns = x->options->ends[i].interval_ns;
	return x->through[0] && x->through[1];
}

static void
measure(struct pair *x, struct device_moment *m)
{
	x->begun_ns = m->now.mono_ns;
	for (unsigned i = 0; i < 2; i++) {
		meter_start(&x->meters[i], m->now.mono_ns);
		x->senders[i].next_ns = m->now.mono_ns;
	}
	run_phase(x, turn_measuring, x->options->duration_ns, m);
	x->ended_ns = m->now.mono_ns;
	for (unsigned i = 0; i < 2; i++)
		meter_silence(&x->meters[i], m->now.mono_ns);
	if (!loop_stopped())
		run_phase(x, turn_settling, SETTLE_NS, m);
}

static uint64_t
lost(const struct pair *x, unsigned way)
{
	/* A packet that was doubled and came again after it left the window would count twice. */
	uint64_t sent = x->senders[way].sent, received = x->meters[way].received;

	return sent > received ? sent - received : 0;
}

static double
loss_percent(const struct pair *x, unsigned way)
{
	uint64_t sent = x->senders[way].sent;

	return sent > 0 ? 100.0 * (double)lost(x, way) / (double)sent : 0;
}

static double
ms(uint64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static void
report_way(const struct pair *x, unsigned way, const struct device_moment *m)
{
	const struct meter *meter = &x->meters[way];
	const struct histogram *h = &meter->latency;
	double seconds = (double)(x->ended_ns - x->begun_ns) / (double)NS_PER_S;
	json_t *members = json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I}", "sent",
	    (json_int_t)x->senders[way].sent, "received", (json_int_t)meter->received, "lost",
	    (json_int_t)lost(x, way), "loss_percent", loss_percent(x, way), "duplicates",
	    (json_int_t)meter->duplicates, "reordered", (json_int_t)meter->reordered, "damaged",
	    (json_int_t)x->damaged[way]);
	json_t *more = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "latency_min_ms",
	    ms(h->min_ns), "latency_median_ms", ms(histogram_quantile(h, 0.5)), "latency_p99_ms",
	    ms(histogram_quantile(h, 0.99)), "latency_max_ms", ms(h->max_ns), "longest_gap_s",
	    (double)meter->silence_ns / (double)NS_PER_S, "packets_per_s",
	    seconds > 0 ? (double)meter->received / seconds : 0.0, "mbit_per_s",
	    seconds > 0 ? (double)meter->bytes * 8e-6 / seconds : 0.0);

	json_object_update(members, more);
	json_decref(more);
	output_summary(&x->output, directions[way], members, m);
}

static bool
judge_way(const struct pair *x, unsigned way, struct fault *why)
{
	const struct options *o = x->options;
	const struct meter *meter = &x->meters[way];
	double slowest_ms = ms(histogram_quantile(&meter->latency, 0.99));
	double gap_s = (double)meter->silence_ns / (double)NS_PER_S;

	if (x->senders[way].sent > 0 && meter->received == 0)
		return fault_set(why, "%s: nothing came", directions[way]);
	if (x->damaged[way] > 0)
		return fault_set(
		    why, "%s: %" PRIu64 " packets damaged", directions[way], x->damaged[way]);
	if (o->max_loss >= 0 && loss_percent(x, way) > o->max_loss)
		return fault_set(why, "%s: %.3f %% lost, at most %g %% allowed", directions[way],
		    loss_percent(x, way), o->max_loss);
	if (o->max_latency_ms >= 0 && slowest_ms > o->max_latency_ms)
		return fault_set(why, "%s: 1 %% took %.3f ms or longer, at most %g ms allowed",
		    directions[way], slowest_ms, o->max_latency_ms);
	if (o->max_gap_s >= 0 && gap_s > o->max_gap_s)
		return fault_set(why, "%s: silent for %.3f s, at most %g s allowed",
		    directions[way], gap_s, o->max_gap_s);
	return true;
}

static void
report_pair(const struct pair *x, bool works, const char *why, const struct device_moment *m)
{
	const struct device *a = &x->probes[0].device, *b = &x->probes[1].device;
	json_t *members = json_pack("{s:b, s:i}", "works", works, "moves", (int)x->moves);

	if (!works)
		json_object_set_new(members, "why", json_string(why));
	if (a->has_secret && b->has_secret)
		json_object_set_new(members, "same_secret",
		    json_boolean(secret_equal(&a->secret, &b->secret, sizeof(a->secret))));
	output_summary(&x->output, "pair", members, m);
}

static bool
run_both(struct pair *x, struct device_moment *m, struct fault *why)
{
	bool works = true;

	for (unsigned i = 0; i < 2; i++) {
		output_start(&x->output, &x->probes[i], m);
		x->senders[i] = sender_new(m, x->options->rate, x->options->size, false);
	}
	if (!register_both(x, m)) {
		fault_set(why, "%s: nothing came through in time",
		    x->through[0] ? directions[1] : directions[0]);
		report_pair(x, false, why->text, m);
		return false;
	}
	measure(x, m);
	for (unsigned way = 0; way < 2; way++) {
		report_way(x, way, m);
		works = works && judge_way(x, way, why);
	}
	report_pair(x, works, why->text, m);
	return works;
}

enum outcome
run_pair(const struct options *o, struct device_moment *m, struct fault *why)
{
	struct pair *x = calloc(1, sizeof(*x));
	enum outcome outcome = OUTCOME_USAGE;

	if (x == NULL) {
		fault_set(why, "no memory");
		return OUTCOME_BROKEN;
	}
	x->options = o;
	x->output = (struct output){
		.json = o->json,
		.quiet = !o->events,
		.start_ns = m->now.mono_ns,
	};
	x->probes[1].socket = -1;
	if (probe_open(&x->probes[0], "a", o, &o->ends[0], m, why) &&
	    probe_open(&x->probes[1], "b", o, &o->ends[1], m, why))
		outcome = run_both(x, m, why) ? OUTCOME_WORKS : OUTCOME_BROKEN;
	probe_close(&x->probes[0]);
	probe_close(&x->probes[1]);
	free(x);
	return outcome;
}

/* SPDX-License-Identifier: ISC */
/* cathedral-probe register: one device registers, and prints what comes back. */
#include "tools/cathedral-probe/commands.h"
#include "tools/cathedral-probe/loop.h"
#include "tools/cathedral-probe/output.h"

#include <string.h>

struct registration {
	const struct options *options;
	struct output output;
	unsigned seen; /* 1 << kind of every answer so far */
	bool shut;     /* an ambry came that the KEK did not open */
	uint64_t end_ns;
};

static void
on_event(
    void *context, struct probe *p, const struct device_event *ev, const struct device_moment *m)
{
	struct registration *r = context;

	r->seen |= 1u << ev->kind;
	if (ev->kind == DEVICE_AMBRY)
		r->shut = p->device.keys.has_kek && !ev->ambry.opened;
	output_received(&r->output, p, ev, m);
}

static void
on_moved(void *context, struct probe *p, const struct device_moment *m)
{
	struct registration *r = context;

	output_moved(&r->output, p, m);
}

static uint64_t
on_turn(void *context, const struct device_moment *m)
{
	struct registration *r = context;
	unsigned expect = r->options->expect;

	if (m->now.mono_ns >= r->end_ns || (expect != 0 && (r->seen & expect) == expect))
		return LOOP_DONE;
	return r->end_ns;
}

/* Names what was waited for in vain. */
static bool
judge(const struct registration *r, struct fault *why)
{
	static const unsigned answers = 1u << DEVICE_INFO | 1u << DEVICE_AMBRY |
					1u << DEVICE_LITURGY | 1u << DEVICE_REMEMBRANCE;
	unsigned missing = r->options->expect & ~r->seen;

	if ((r->seen & answers) == 0)
		return fault_set(why, "no answer from the cathedral");
	for (unsigned kind = DEVICE_INFO; kind <= DEVICE_REMEMBRANCE; kind++)
		if ((missing & 1u << kind) != 0)
			return fault_set(why, "no %s came", device_event_name(kind));
	if (r->options->group != NOT_GIVEN && r->options->expect == 0 &&
	    (r->seen & 1u << DEVICE_LITURGY) == 0)
		return fault_set(why, "the liturgies were not answered");
	if (r->shut)
		return fault_set(why, "the KEK does not open the ambry");
	return true;
}

enum outcome
run_register(const struct options *o, struct device_moment *m, struct fault *why)
{
	struct registration r = {
		.options = o,
		.output = { .json = o->json, .start_ns = m->now.mono_ns },
		.end_ns = m->now.mono_ns + o->duration_ns,
	};
	struct loop_user user = { &r, on_event, on_moved, on_turn };
	struct probe p;

	if (!probe_open(&p, "device", o, &o->ends[0], m, why))
		return OUTCOME_USAGE;
	output_start(&r.output, &p, m);
	probes_run(&p, 1, &user, m);
	probe_close(&p);
	return judge(&r, why) ? OUTCOME_WORKS : OUTCOME_BROKEN;
}

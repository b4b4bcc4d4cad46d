/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/field.h"

#include "tools/cathedral-load/keeper.h"

#include <inttypes.h>
#include <string.h>

#define OTHER_LANES 16

static bool
find_address(struct lanes_where *where, const struct load_options *o, struct fault *why)
{
	where->has_from = o->from != NULL;
	return o->from == NULL || endpoint_parse_ip(&where->from, o->from) ||
	       fault_set(why, "--from %s: expected an address: 192.0.2.1, 2001:db8::1", o->from);
}

static bool
enough(const struct field *f, const struct field_wish *w, struct fault *why)
{
	uint64_t there = roster_tunnels(&f->roster);
	uint64_t wanted = f->o->first + w->tunnels + w->others;

	return wanted <= there || fault_set(why,
				      "the fleet has %" PRIu64 " tunnels, not %" PRIu64
				      "; cathedral-load make can make a larger one",
				      there, wanted);
}

static struct traffic_wish
wish_of(const struct load_options *o, uint64_t tunnels, uint64_t run)
{
	struct traffic_wish w = {
		.first = o->first,
		.tunnels = tunnels,
		.size_count = o->sizes.count,
		.burst = o->burst,
		.shroud = o->shroud,
		.merge = o->merge,
		.run = run,
	};

	memcpy(w.sizes, o->sizes.at, sizeof(w.sizes));
	return w;
}

static bool
open_lanes(struct field *f, const struct field_wish *w, struct fault *why)
{
	struct lanes_where where = { .first = w->first, .second = w->second, .merge = f->o->merge };
	struct traffic_wish wish = wish_of(f->o, w->tunnels, 0);
	size_t lanes = traffic_lanes(&f->roster, &wish);

	if (lanes == 0)
		return fault_set(why,
		    "%" PRIu64 " shrouded tunnels lie in more than %d flocks, and each needs a "
		    "socket of its own: a fleet with more devices in a flock has more tunnels",
		    w->tunnels, LANES_MAX);
	return find_address(&where, f->o, why) && lanes_open(&f->lanes, lanes, &where, why);
}

bool
field_open(struct field *f, const struct load_options *o, const struct field_wish *wish,
    struct random *random, struct fault *why)
{
	*f = (struct field){ .o = o, .random = random, .forgets = true, .lanes.epoll = -1 };
	f->run = random_u64(random);
	if (roster_read(&f->roster, o->folder, why) && enough(f, wish, why) &&
	    open_lanes(f, wish, why)) {
		struct muster_where where = { &f->roster, &f->lanes, NULL, o->shroud, f->run };

		fault_set(why, "out of memory");
		where.volley = f->volley = volley_create(o->merge);
		f->muster = f->volley == NULL ? NULL : muster_create(&where, why);
	}
	if (f->muster != NULL)
		return true;
	field_close(f);
	return false;
}

void
field_close(struct field *f)
{
	traffic_destroy(f->traffic);
	muster_destroy(f->muster);
	volley_destroy(f->volley);
	lanes_close(&f->lanes);
	f->traffic = NULL;
	f->muster = NULL;
	f->volley = NULL;
}

/* They are known at other sockets, which nobody needs any more when they are. */
static bool
meet_others(struct field *f, struct fault *why)
{
	const struct load_options *o = f->o;
	struct lanes_where where = { .first = o->others_at, .second = o->others_at };
	struct muster_wish wish = { 2 * (o->first + o->tunnels), 2 * o->others, o->patience_ns };
	struct muster_result result = { 0 };
	struct lanes lanes;
	struct muster_where at = { &f->roster, &lanes, f->volley, o->shroud, f->run };
	struct muster *m;
	bool ok;

	if (!endpoint_equal(&o->others_at, &o->at))
		at.shroud = false;
	if (!find_address(&where, o, why) || !lanes_open(&lanes, OTHER_LANES, &where, why))
		return false;
	m = muster_create(&at, why);
	ok = m != NULL && muster_all(m, &wish, f->random, &result, why);
	muster_destroy(m);
	lanes_close(&lanes);
	return ok || fault_prefix(why, "other tunnels");
}

bool
field_meet(struct field *f, struct fault *why)
{
	const struct load_options *o = f->o;
	struct muster_wish wish = { 2 * o->first, 2 * o->tunnels, o->patience_ns };
	struct muster_result result = { 0 };

	if (o->others > 0 && !meet_others(f, why))
		return false;
	if (!muster_all(f->muster, &wish, f->random, &result, why))
		return false;
	f->met_ns = clock_now().mono_ns;
	return true;
}

bool
field_load(struct field *f, struct fault *why)
{
	struct traffic_wish wish = wish_of(f->o, f->o->tunnels, f->run);

	f->traffic = traffic_create(&wish, &f->roster, &f->lanes, f->volley, f->random, why);
	return f->traffic != NULL;
}

/* ---- figures ---- */

static double
per_packet(uint64_t ns, uint64_t packets)
{
	return packets > 0 ? (double)ns / (double)packets : 0;
}

static double
a_second(uint64_t count, uint64_t ns)
{
	return ns > 0 ? (double)count * 1e9 / (double)ns : 0;
}

static void
describe(json_t *to, const struct traffic_result *r)
{
	figure_count(to, "sent", r->sent);
	figure_count(to, "received", r->received);
	figure_count(to, "lost", r->lost);
	figure_count(to, "refused", r->refused);
	figure_count(to, "duplicates", r->duplicates);
	figure_count(to, "reordered", r->reordered);
	figure_count(to, "strays", r->strays);
	figure_real(to, "seconds", (double)r->run_ns / 1e9);
	figure_real(to, "packets_a_second", a_second(r->received, r->run_ns));
	figure_real(to, "mbit_a_second", a_second(r->bytes * 8, r->run_ns) / 1e6);
	figure_times(to, "latency", &r->latency);
	figure_real(to, "longest_silence_ms", (double)r->silence_ns / 1e6);
	figure_real(to, "own_user_ns_a_packet", per_packet(r->spent.user_ns, r->received));
	figure_real(to, "own_kernel_ns_a_packet", per_packet(r->spent.kernel_ns, r->received));
	figure_real(to, "own_cpu_percent", 100 * per_packet(spent_all(&r->spent), r->run_ns));
}

/* ---- long runs ---- */

#define LONG_NS (60 * NS_PER_S) /* in shorter ones nobody is forgotten */

/* Something else to do, and a keeper. */
struct beside {
	struct keeper keeper;
	const struct traffic_aside *aside; /* or NULL */
	uint64_t aside_ns, keeper_ns;
};

static uint64_t
turn_of_both(void *arg, uint64_t now_ns)
{
	struct beside *b = arg;

	if (b->aside != NULL && now_ns >= b->aside_ns)
		b->aside_ns = b->aside->turn(b->aside->arg, now_ns);
	if (now_ns >= b->keeper_ns)
		b->keeper_ns = keeper_turn(&b->keeper, now_ns);
	return b->aside != NULL && b->aside_ns < b->keeper_ns ? b->aside_ns : b->keeper_ns;
}

static void
send_and_receive(struct field *f, const struct field_run *run, struct traffic_result *ret)
{
	struct pace pace = { .rate = run->rate, .window = f->o->window };
	struct beside beside = {
		.keeper = { .roster = &f->roster,
		    .lanes = &f->lanes,
		    .random = f->random,
		    .shroud = f->o->shroud,
		    .run = f->run,
		    .first = f->o->first,
		    .tunnels = f->o->tunnels },
		.aside = run->aside,
	};
	const struct traffic_aside both = { turn_of_both, &beside };

	if (run->rate == 0 && pace.window == 0)
		pace.window = load_window(f->o);
	traffic_run(f->traffic, pace, run->run_ns,
	    f->forgets && run->run_ns > LONG_NS ? &both : run->aside, ret);
}

bool
field_measure(struct field *f, const struct field_run *run, json_t *figures,
    struct traffic_result *ret, struct fault *why)
{
	struct gauge none = { 0 };
	struct gauge *g = run->gauge != NULL ? run->gauge : &none;
	json_t *counted;
	uint64_t cpu_ns;

	if (!gauge_begin(g, why))
		return false;
	send_and_receive(f, run, ret);
	if (!gauge_end(g, &cpu_ns, &counted, why)) {
		json_decref(counted);
		return false;
	}
	if (figures != NULL) {
		describe(figures, ret);
		if (g->pid != 0) {
			figure_real(figures, "cpu_ns_a_packet", per_packet(cpu_ns, ret->received));
			figure_real(figures, "cpu_percent", 100 * per_packet(cpu_ns, ret->run_ns));
		}
		if (counted != NULL)
			json_object_set(figures, "counted", counted);
	}
	json_decref(counted);
	return true;
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/soak_flows.h"

#include "base/clock.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-load/keeper.h"
#include "tools/cathedral-load/muster.h"
#include "tools/cathedral-load/parties.h"
#include "tools/cathedral-load/stop.h"
#include "tools/cathedral-load/strangers.h"
#include "tools/cathedral-load/traffic.h"

#include <stdlib.h>
#include <string.h>

#define BURST          4 /* packets of a tunnel in a row */
#define SOURCES        16
#define DRAIN_NS       NS_PER_S
#define LOOK_NS        (100 * NS_PER_MS)
#define LOOK_RATE      1000
#define STRANGE_PLACES 2
#define FOREVER_NS     (UINT64_C(1) << 60)

struct flow {
	struct lanes lanes;
	struct traffic *traffic;
	struct traffic_result result;
	struct keeper keeper;
	struct traffic_wish wish;
	bool across;
};

struct soak_flows {
	struct soak_flows_wish wish;
	struct random *random; /* of the thread that sends; secret_alloc()ed */
	uint64_t run;
	struct volley *volley;
	struct flow list[SOAK_FLOWS];
	size_t count;
	struct comers *comers;
	struct strangers *strangers[STRANGE_PLACES];
	struct parties parties;
	bool opened, started;
};

static const struct {
	enum soak_post_name from, to;
	bool shroud;
} ways[SOAK_FLOWS] = {
	{ POST_NEAR, POST_NEAR, true },
	{ POST_NEAR, POST_NEAR, false },
	{ POST_FAR, POST_FAR, true },
	{ POST_FAR, POST_FAR, false },
	{ POST_NEAR, POST_FAR, true },
	{ POST_FAR, POST_NEAR, true },
};

static const struct endpoint *
listener(const struct soak_flows *f, enum soak_post_name n, bool shroud)
{
	const struct soak_post *p = &f->wish.site->posts[n];

	return shroud ? &p->shroud_at : &p->clear_at;
}

/* ---- pairs ---- */

static bool
open_flow(struct soak_flows *f, size_t n, struct fault *why)
{
	struct flow *flow = &f->list[n];
	const struct roster *r = f->wish.roster;
	uint64_t pairs = r->devices / 2;
	struct lanes_where where = { .first = *listener(f, ways[n].from, ways[n].shroud),
		.second = *listener(f, ways[n].to, ways[n].shroud) };

	where.merge = n % 2 == 0;
	flow->across = ways[n].from != ways[n].to;
	flow->wish = (struct traffic_wish){
		.first = n * SOAK_FLOW_FLOCKS * pairs,
		.tunnels = SOAK_FLOW_FLOCKS * pairs,
		.sizes = { 160, 512, 1200 },
		.size_count = 3,
		.burst = BURST,
		.merge = n % 2 == 0,
		.shroud = ways[n].shroud,
		.run = f->run,
	};
	if (!lanes_open(&flow->lanes, traffic_lanes(r, &flow->wish), &where, why))
		return false;
	f->count++;
	flow->traffic = traffic_create(&flow->wish, r, &flow->lanes, f->volley, f->random, why);
	flow->keeper = (struct keeper){
		.roster = r,
		.lanes = &flow->lanes,
		.random = f->random,
		.shroud = ways[n].shroud,
		.run = f->run,
		.first = flow->wish.first,
		.tunnels = flow->wish.tunnels,
	};
	return flow->traffic != NULL;
}

static bool
meet_flow(struct soak_flows *f, size_t n, struct random *random, struct fault *why)
{
	struct flow *flow = &f->list[n];
	struct muster_where where = { f->wish.roster, &flow->lanes, f->volley, ways[n].shroud,
		f->run };
	struct muster_wish wish = { 2 * flow->wish.first, 2 * flow->wish.tunnels,
		f->wish.patience_ns };
	struct muster_result result = { 0 };
	struct muster *m = muster_create(&where, why);
	bool ok = m != NULL && muster_all(m, &wish, random, &result, why);

	muster_destroy(m);
	return ok;
}

/* Until something has come through each of its tunnels.  What the other cathedral was not told,
 * since it was lost on the way, it is told when the device speaks again. */
static bool
try_flow(struct soak_flows *f, size_t n, struct fault *why)
{
	uint64_t until_ns = clock_now().mono_ns + f->wish.patience_ns;
	struct pace pace = { .rate = LOOK_RATE };
	struct traffic *t = f->list[n].traffic;
	struct traffic_aside aside = { keeper_turn, &f->list[n].keeper };

	do {
		traffic_run(t, pace, 2 * LOOK_NS, &aside, &f->list[n].result);
		if (traffic_order(t).unheard == 0)
			return true;
	} while (!stop_asked() && clock_now().mono_ns < until_ns);
	return fault_set(
	    why, stop_asked() ? "ended by a signal" : "nothing comes through some of the tunnels");
}

/* ---- all of it ---- */

static bool
open_strangers(struct soak_flows *f, struct random *random, struct fault *why)
{
	for (int n = 0; n < STRANGE_PLACES; n++) {
		struct strangers_wish wish = { *listener(f, POST_NEAR, n == 0), SOURCES, n == 0,
			f->wish.strangers };

		if (f->wish.strangers <= 0)
			continue;
		f->strangers[n] = strangers_create(&wish, f->wish.roster, random, why);
		if (f->strangers[n] == NULL)
			return false;
	}
	return true;
}

static bool
open_comers(struct soak_flows *f, struct fault *why)
{
	struct comers_wish wish = { .first_flock = SOAK_FLOWS * SOAK_FLOW_FLOCKS,
		.count = SOAK_COMERS };

	for (int n = 0; n < COMERS_LISTENERS; n++)
		wish.listeners[n] = (struct comers_listener){
			*listener(f, n / 2 == 0 ? POST_NEAR : POST_FAR, n % 2 == 0), n % 2 == 0
		};
	f->comers = comers_create(&wish, f->wish.roster, f->random, why);
	return f->comers != NULL;
}

/* The line is there from the beginning, since the cathedrals speak from then on. */
static bool
open_line(struct soak_flows *f, struct fault *why)
{
	struct crossing *c = f->wish.crossing;
	const struct endpoint ends[2] = { *listener(f, POST_NEAR, true),
		*listener(f, POST_FAR, true) };
	const struct party line = { crossing_turn, c, c->epoll, UINT64_MAX };

	if (!crossing_join(c, ends, why) || !parties_open(&f->parties, why))
		return false;
	f->opened = true;
	return parties_add(&f->parties, &line, why) && parties_start(&f->parties, why);
}

static bool
fill(struct soak_flows *f, struct random *random, struct fault *why)
{
	bool ok = open_line(f, why);

	for (size_t n = 0; ok && n < SOAK_FLOWS; n++)
		ok = open_flow(f, n, why) && meet_flow(f, n, random, why);
	for (size_t n = 0; ok && n < SOAK_FLOWS; n++)
		ok = try_flow(f, n, why);
	return ok && open_comers(f, why) && open_strangers(f, random, why);
}

struct soak_flows *
soak_flows_create(const struct soak_flows_wish *wish, struct random *random, struct fault *why)
{
	struct soak_flows *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	f->wish = *wish;
	f->run = random_u64(random);
	f->volley = volley_create(true);
	f->random = secret_alloc(sizeof(*f->random));
	if (f->volley != NULL && f->random != NULL) {
		random_split(f->random, random);
		if (fill(f, random, why))
			return f;
	} else {
		fault_set(why, "out of memory");
	}
	soak_flows_destroy(f);
	return NULL;
}

void
soak_flows_destroy(struct soak_flows *f)
{
	if (f == NULL)
		return;
	if (f->opened)
		parties_close(&f->parties);
	for (size_t n = 0; n < f->count; n++) {
		traffic_destroy(f->list[n].traffic);
		lanes_close(&f->list[n].lanes);
	}
	for (int n = 0; n < STRANGE_PLACES; n++)
		strangers_destroy(f->strangers[n]);
	comers_destroy(f->comers);
	volley_destroy(f->volley);
	if (f->random != NULL)
		secret_free(f->random, sizeof(*f->random));
	free(f);
}

bool
soak_flows_start(struct soak_flows *f, struct fault *why)
{
	const struct pace pace = { .rate = f->wish.rate / SOAK_FLOWS };
	const struct party comers = { comers_turn, f->comers, -1, 0 };
	struct crossing *line = f->wish.crossing;
	bool ok = true;

	pthread_mutex_lock(&f->parties.lock);
	line->passed = line->dropped = line->refused = 0;
	pthread_mutex_unlock(&f->parties.lock);
	/* All before the first: from then on the random numbers are the thread's. */
	for (size_t n = 0; n < SOAK_FLOWS; n++)
		traffic_begin(f->list[n].traffic, pace, FOREVER_NS, &f->list[n].result);
	for (size_t n = 0; ok && n < SOAK_FLOWS; n++) {
		struct flow *flow = &f->list[n];
		const struct party sender = { traffic_turn, flow->traffic, flow->lanes.epoll, 0 };
		const struct party keeper = { keeper_turn, &flow->keeper, -1, 0 };

		ok = parties_add(&f->parties, &sender, why) &&
		     parties_add(&f->parties, &keeper, why);
	}
	for (int n = 0; ok && n < STRANGE_PLACES; n++) {
		const struct party stranger = { strangers_turn, f->strangers[n], -1, 0 };

		ok = f->strangers[n] == NULL || parties_add(&f->parties, &stranger, why);
	}
	f->started = ok && parties_add(&f->parties, &comers, why);
	return f->started;
}

void
soak_flows_stop(struct soak_flows *f)
{
	if (!f->started)
		return;
	pthread_mutex_lock(&f->parties.lock);
	for (size_t n = 0; n < f->count; n++)
		traffic_stop(f->list[n].traffic);
	pthread_mutex_unlock(&f->parties.lock);
	lanes_pause(DRAIN_NS);
	parties_stop(&f->parties);
}

static void
add(struct soak_group *to, const struct flow *flow)
{
	struct traffic_order order = traffic_order(flow->traffic);

	to->sent += flow->result.sent;
	to->received += flow->result.received;
	to->strays += flow->result.strays;
	to->refused += flow->result.refused;
	to->missing += order.missing;
	to->duplicates += order.duplicates;
	to->reordered += order.reordered;
	histogram_merge(&to->latency, &flow->result.latency);
}

void
soak_flows_count(struct soak_flows *f, struct soak_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	pthread_mutex_lock(&f->parties.lock);
	for (size_t n = 0; n < f->count; n++) {
		add(f->list[n].across ? &ret->across : &ret->local, &f->list[n]);
		ret->told += f->list[n].keeper.told;
	}
	for (int n = 0; n < STRANGE_PLACES; n++)
		ret->strangers += f->strangers[n] != NULL ? strangers_sent(f->strangers[n]) : 0;
	ret->comers = comers_counts(f->comers);
	ret->passed = f->wish.crossing->passed;
	ret->dropped = f->wish.crossing->dropped;
	ret->line_refused = f->wish.crossing->refused;
	pthread_mutex_unlock(&f->parties.lock);
}

/* SPDX-License-Identifier: ISC */
#include "base/log.h"
#include "reliquary-api/http/json_memory.h"
#include "reliquary-api/service/disk.h"
#include "reliquary-api/service/parts.h"
#include "reliquary-api/service/request_log.h"

#include <assert.h>
#include <stdlib.h>

#define DRAINING_RETRY_S 10

/* A round of upkeep writes when nobody else does: two of them without a write are one too many. */
#define ROUNDS_WITHOUT_WRITE 2
#define PATIENCE_S           30

struct reply
reply_draining(void)
{
	struct reply r =
	    reply_problem(503, "draining", "this service is about to stop or to start anew");

	r.retry_after_s = DRAINING_RETRY_S;
	return r;
}

bool
api_draining(const struct api *s)
{
	return atomic_load_explicit(&s->draining, memory_order_relaxed);
}

static void
api_done(struct exchange *x, uint64_t now_ns, void *arg)
{
	struct api *s = arg;
	struct visit *v = x->state;
	unsigned class = x->reply.status / 100;
	uint64_t ns = now_ns - x->begun_ns, waited_ns = v != NULL ? v->slept_ns : 0;

	ns -= waited_ns < ns ? waited_ns : ns; /* to wait for a change is no work */
	counts_add(&s->counts.status[class <= 5 ? class : 5], 1);
	counts_duration(&s->counts, ns);
	request_log(x, v != NULL ? v->route->path : NULL, ns, waited_ns);
	if (v == NULL)
		return;
	if (v->berth)
		berths_leave(s->berths, v->berth_of);
	free(v);
	x->state = NULL;
}

const struct server_calls api_calls = { .begin = api_begin, .run = api_run, .done = api_done };

/* Our own table is what it should be. */
static bool
routes_sound(const struct route *routes)
{
	bool sound = true;

	for (const struct route *r = routes; r->path != NULL; r++) {
		sound = sound && r->handle != NULL && r->rate >= 0 && r->rate < RATE_COUNT;
		/* Nobody knows how many strangers there are. */
		if (r->access == ACCESS_ANYONE && r->effect == EFFECT_WRITES)
			sound = sound && r->rate != RATE_REQUEST;
		/* Uploads are counted by account, and their answers come from the writer. */
		if (r->body == BODY_UPLOAD)
			sound = sound && r->upload != NULL && r->effect == EFFECT_WRITES &&
				(r->access == ACCESS_ACCOUNT || r->access == ACCESS_ENDED);
	}
	return sound;
}

/* What is there without a thread. */
static bool
parts_make(struct api *s, struct random *random, struct fault *why)
{
	/* A route begins as a pattern does. */
	_Static_assert(offsetof(struct route, method) == offsetof(struct pattern, method) &&
			   offsetof(struct route, path) == offsetof(struct pattern, path),
	    "routes are patterns");
	const void *patterns = s->o.routes;

	assert(routes_sound(s->o.routes));
	s->router = router_create(patterns, sizeof(s->o.routes[0]));
	s->rates = rates_create(s->o.rates, random);
	s->berths = berths_create(s->o.uploads_max);
	if (s->router == NULL || s->rates == NULL || s->berths == NULL)
		return fault_set(why, "not enough memory for the service");
	s->desks = desks_create(s->o.store, s->o.readers, random, why);
	return s->desks != NULL;
}

static void
api_committed(void *arg, uint64_t change)
{
	struct api *s = arg;

	waiting_news(s->waiting, change);
}

static bool
waiting_start(struct api *s, struct fault *why)
{
	const struct waiting_options waiting = {
		.store = s->o.store, .counts = &s->counts, .clock = s->o.clock
	};

	s->waiting = waiting_create(&waiting, why);
	return s->waiting != NULL;
}

static bool
threads_start(struct api *s, struct random *random, struct fault *why)
{
	const struct writer_options writer = { .store = s->o.store,
		.queue_max = s->o.queue_max,
		.group_max = s->o.group_max,
		.counts = &s->counts,
		.clock = s->o.clock,
		.committed = api_committed,
		.arg = s };
	struct keeper_options keeper = { .store = s->o.store,
		.counts = &s->counts,
		.settings = s->o.site->settings,
		.bundles = s->o.bundles,
		.account_grace_s = s->o.account_grace_s,
		.event_s = s->o.event_s,
		.joins_total = s->o.joins_total,
		.disk_free_min = s->o.disk_free_min,
		.every_s = s->o.upkeep_every_s,
		.clock = s->o.clock };

	if (!waiting_start(s, why))
		return false;
	s->writer = writer_create(&writer, random, why);
	if (s->writer == NULL)
		return false;
	s->days = used_days_create(s->writer, random);
	if (s->days == NULL)
		return fault_set(why, "not enough memory for the service");
	s->finisher = finisher_create(s->o.uploads_max, why);
	if (s->finisher == NULL)
		return false;
	keeper.writer = s->writer;
	s->keeper = keeper_create(&keeper, why);
	return s->keeper != NULL;
}

struct api *
api_create(const struct api_options *o, struct random *random, struct fault *why)
{
	struct api *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fault_set(why, "not enough memory for the service");
		return NULL;
	}
	json_memory_watch();
	s->o = *o;
	/* Until the first write there is time to do one. */
	s->counts.writes_ok_s = o->clock().mono_ns / NS_PER_S;
	if (parts_make(s, random, why) && threads_start(s, random, why))
		return s;
	api_destroy(s);
	return NULL;
}

void
api_drain(struct api *s)
{
	atomic_store_explicit(&s->draining, true, memory_order_relaxed);
	waiting_end(s->waiting);
}

void
api_destroy(struct api *s)
{
	if (s == NULL)
		return;
	/* Each before what it hands its work to. */
	keeper_destroy(s->keeper);
	finisher_destroy(s->finisher);
	writer_destroy(s->writer);
	waiting_destroy(s->waiting);
	used_days_destroy(s->days);
	desks_destroy(s->desks);
	berths_destroy(s->berths);
	rates_destroy(s->rates);
	router_destroy(s->router);
	free(s);
}

void
api_upkeep_now(struct api *s)
{
	keeper_round(s->keeper);
}

struct counts *
api_counts(struct api *s)
{
	return &s->counts;
}

bool
api_ready(struct api *s, struct fault *why)
{
	uint64_t wrote_s = counts_read(&s->counts.writes_ok_s), left; /* before it is now */
	uint64_t silent_s = s->o.clock().mono_ns / NS_PER_S - wrote_s;

	if (api_draining(s))
		return fault_set(why, "draining");
	if (counts_read(&s->counts.writes_failing) != 0)
		return fault_set(why, "the last write to the database failed");
	if (silent_s > ROUNDS_WITHOUT_WRITE * s->o.upkeep_every_s + PATIENCE_S)
		return fault_set(why, "no write to the database for %ju s", (uintmax_t)silent_s);
	if (!disk_free(s->o.bundles, &left))
		return fault_set(why, "the folder of the bundles is not there");
	if (left < s->o.disk_free_min)
		return fault_set(why, "only %ju MiB are left on the disk", (uintmax_t)(left >> 20));
	return true;
}

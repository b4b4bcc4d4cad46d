/* SPDX-License-Identifier: ISC */
/* How fast everybody may go on, by what is left of the month and of its budgets. */
#include "base/month.h"
#include "cathedral/state/budget_inside.h"

/* Who has not sent for so long wants no part of the host's pace. */
#define ACTIVE_NS (10 * NS_PER_S)

static const char *const names[BUDGET_STAGES] = { "free", "warned", "slowed", "stopped" };

const char *
budget_stage_name(enum budget_stage stage)
{
	return names[stage];
}

/* percent of a limit that may be so large that a hundred of it are too many. */
static uint64_t
part_of(uint64_t limit, unsigned percent)
{
	return limit / 100 * percent + limit % 100 * percent / 100;
}

static enum budget_stage
stage_of(uint64_t used, uint64_t limit)
{
	if (limit == 0 || used < part_of(limit, BUDGET_WARN))
		return BUDGET_FREE;
	if (used < part_of(limit, BUDGET_SLOW))
		return BUDGET_WARNED;
	return used < limit ? BUDGET_SLOWED : BUDGET_STOPPED;
}

static uint64_t
at_least_floor(uint64_t pace)
{
	return pace < BUDGET_FLOOR ? BUDGET_FLOOR : pace;
}

/* So that what is left lasts; by a budget that is not slowed as fast as anybody likes. */
static uint64_t
pace_by(const struct budget *b, enum budget_stage stage, uint64_t used, uint64_t limit)
{
	uint64_t left = used < limit ? limit - used : 0;

	switch (stage) {
	case BUDGET_FREE:
	case BUDGET_WARNED:
	case BUDGET_STAGES:
		break;
	case BUDGET_SLOWED:
		return at_least_floor(left / b->left_s);
	case BUDGET_STOPPED:
		return METER_STOPPED;
	}
	return METER_FREE;
}

static void
tell(const struct budget *b, const struct account *a, struct budget_news *news, budget_hear *hear,
    void *arg)
{
	news->flock = a->flock;
	news->is = a->stage;
	news->month = b->months[b->at];
	news->used = account_used(b, a);
	if (hear != NULL)
		hear(news, arg);
}

/* ---- flocks ---- */

struct round {
	struct budget *budget;
	struct table_shard *shard;
	budget_hear *hear;
	void *arg;
};

/* The kernel spreads the devices of a flock over the threads: so many send for it. */
static unsigned
threads_of(const struct budget *b, const struct account *a)
{
	unsigned count = 0;

	for (unsigned n = 0; n < b->options.threads; n++) {
		const struct counted *c = &a->counted[n];

		count += c->last_ns != 0 && b->now_ns - c->last_ns < ACTIVE_NS;
	}
	return count;
}

/* What it may send is divided by those that do, since each has a bucket of its own. */
static void
set_pace(const struct budget *b, struct account *a, uint64_t pace, unsigned threads)
{
	if (pace != METER_FREE && threads > 1)
		pace /= threads;
	if (pace > METER_FASTEST)
		pace = METER_FREE;
	for (unsigned n = 0; n < b->options.threads; n++) {
		_Atomic uint64_t *at = &a->meters[n].pace;

		/* Its line is a worker's: it is left alone when there is nothing to say. */
		if (atomic_load_explicit(at, memory_order_relaxed) != pace)
			atomic_store_explicit(at, pace, memory_order_relaxed);
	}
}

static bool
look_at_flock(void *entry, void *arg)
{
	const struct round *r = arg;
	struct budget *b = r->budget;
	struct account *a = entry;
	bool sent = account_collect(b, a);
	unsigned threads = threads_of(b, a);
	struct budget_news news = { .was = a->stage, .limit = b->options.flock };

	if (sent)
		table_touch(r->shard, a);
	b->active -= a->active;
	a->active = threads > 0;
	b->active += a->active;
	b->stages[a->stage]--;
	a->stage = stage_of(account_used(b, a), news.limit);
	b->stages[a->stage]++;
	news.pace = pace_by(b, a->stage, account_used(b, a), news.limit);
	set_pace(b, a, news.pace < b->pace ? news.pace : b->pace, threads);
	if (a->stage > news.was)
		tell(b, a, &news, r->hear, r->arg);
	return false;
}

static void
look_at_flocks(struct round *r, bool all)
{
	struct table *flocks = r->budget->flocks;

	for (unsigned n = 0; (r->shard = table_lock_nth(flocks, n)) != NULL; n++) {
		if (all)
			table_walk(r->shard, look_at_flock, r);
		else
			table_sweep(
			    r->shard, BUDGET_FLOCKS_A_TICK / BUDGET_SHARDS, look_at_flock, r);
		table_unlock(r->shard);
	}
}

/* ---- the host ---- */

/* Every flock that sends gets the same part of it. */
static uint64_t
share_of(const struct budget *b, uint64_t pace)
{
	if (pace == METER_FREE || pace == METER_STOPPED)
		return pace;
	return at_least_floor(pace / (b->active > 0 ? b->active : 1));
}

/* Whether all flocks must be told at once. */
static bool
look_at_host(struct budget *b, bool month_began, budget_hear *hear, void *arg)
{
	struct account *a = &b->host;
	struct budget_news news = {
		.was = a->stage,
		.limit = b->options.host,
		.month_began = month_began,
	};
	bool changed;

	account_collect(b, a);
	a->stage = stage_of(account_used(b, a), news.limit);
	b->host_pace = news.pace = pace_by(b, a->stage, account_used(b, a), news.limit);
	b->pace = share_of(b, b->host_pace);
	changed = month_began || a->stage != news.was;
	if (changed)
		tell(b, a, &news, hear, arg);
	return changed;
}

/* At least one second, whatever the clock says about a month that it is not in. */
static uint64_t
seconds_left(int64_t wall_s)
{
	int64_t left_s = month_begin(month_of(wall_s) + 1) - wall_s;

	return left_s > 0 ? (uint64_t)left_s : 1;
}

void
budget_tick(struct budget *b, struct instant now, budget_hear *hear, void *arg)
{
	struct round r = { .budget = b, .hear = hear, .arg = arg };
	bool turned, all;

	b->now_ns = now.mono_ns;
	b->left_s = seconds_left(now.wall_s);
	turned = budget_turn(b, now.wall_s);
	all = look_at_host(b, turned, hear, arg);
	account_collect(b, &b->others);
	set_pace(b, &b->others, b->pace, threads_of(b, &b->others));
	look_at_flocks(&r, all);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/state/budget.h"

#include "base/month.h"
#include "cathedral/state/budget_inside.h"

#include <stdlib.h>
#include <string.h>

/* Fills a zeroed account; false: out of memory. */
static bool
account_open(const struct budget *b, struct account *a)
{
	unsigned threads = b->options.threads;
	size_t size = threads * (sizeof(struct meter) + sizeof(struct counted));

	size = (size + 63) & ~(size_t)63;
	a->meters = aligned_alloc(64, size);
	if (a->meters == NULL)
		return false;
	memset(a->meters, 0, size);
	for (unsigned n = 0; n < threads; n++)
		atomic_init(&a->meters[n].pace, b->pace);
	a->counted = (struct counted *)(void *)(a->meters + threads);
	return true;
}

struct budget *
budget_create(const struct budget_options *options, struct random *r)
{
	const struct table_shape shape = {
		.capacity = options->flocks_max,
		.entry_size = sizeof(struct account),
		.key_size = sizeof(struct flock_id),
		.shards = BUDGET_SHARDS,
	};
	struct budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->options = *options;
	b->left_s = 1;
	b->pace = b->host_pace = METER_FREE;
	b->flocks = table_create(&shape, hash_key_new(r));
	if (b->flocks != NULL && account_open(b, &b->host) && account_open(b, &b->others))
		return b;
	budget_destroy(b);
	return NULL;
}

static bool
account_gone(void *entry, void *arg)
{
	const struct account *a = entry;

	(void)arg;
	free(a->meters);
	return true;
}

void
budget_destroy(struct budget *b)
{
	struct table_shard *s;

	if (b == NULL)
		return;
	for (unsigned n = 0; b->flocks != NULL && (s = table_lock_nth(b->flocks, n)) != NULL; n++) {
		table_walk(s, account_gone, NULL);
		table_unlock(s);
	}
	table_destroy(b->flocks);
	free(b->host.meters);
	free(b->others.meters);
	free(b);
}

struct meter *
budget_host_meter(struct budget *b, unsigned slot)
{
	return &b->host.meters[slot];
}

/* Until the caller unlocks *s.  NULL: there is no room, no memory, or it is not to be made. */
static struct account *
account_lock(struct budget *b, struct flock_id flock, bool make, struct table_shard **s)
{
	struct flock_id key = flock_base(flock);
	struct account *a;

	*s = table_lock(b->flocks, &key);
	a = table_find(*s, &key);
	if (a != NULL || !make)
		return a;
	a = table_insert(*s, &key);
	if (a == NULL)
		return NULL;
	if (!account_open(b, a)) {
		table_remove(*s, a);
		return NULL;
	}
	b->stages[BUDGET_FREE]++;
	return a;
}

struct meter *
budget_flock_meters(struct budget *b, struct flock_id flock)
{
	struct table_shard *s;
	const struct account *a = account_lock(b, flock, true, &s);
	struct meter *meters = a == NULL ? b->others.meters : a->meters;

	table_unlock(s);
	return meters;
}

bool
account_collect(struct budget *b, struct account *a)
{
	bool any = false;

	for (unsigned n = 0; n < b->options.threads; n++) {
		uint64_t sent = atomic_load_explicit(&a->meters[n].sent, memory_order_relaxed);

		if (sent == a->counted[n].bytes)
			continue;
		a->used[b->at] += sent - a->counted[n].bytes;
		a->counted[n] = (struct counted){ sent, b->now_ns };
		any = true;
	}
	return any;
}

/* ---- looking ---- */

void
budget_report(struct budget *b, struct budget_report *ret)
{
	*ret = (struct budget_report){
		.month = b->months[b->at],
		.used = account_used(b, &b->host),
		.limit = b->options.host,
		.stage = b->host.stage,
		.pace = b->host.stage == BUDGET_SLOWED ? b->host_pace : 0,
		.flock_limit = b->options.flock,
		.flocks = table_count(b->flocks),
	};
	memcpy(ret->stages, b->stages, sizeof(ret->stages));
}

bool
budget_report_flock(struct budget *b, struct flock_id flock, struct budget_report *ret)
{
	struct table_shard *s;
	const struct account *a = account_lock(b, flock, false, &s);

	if (a != NULL) {
		*ret = (struct budget_report){
			.month = b->months[b->at],
			.used = account_used(b, a),
			.limit = b->options.flock,
			.stage = a->stage,
		};
	}
	table_unlock(s);
	return a != NULL;
}

/* ---- for who comes after ---- */

uint32_t
budget_mark(struct budget *b)
{
	return table_mark(b->flocks);
}

struct view {
	struct budget *budget;
	budget_see *see;
	table_rest *rest;
	void *arg;
};

static void
view_account(const struct account *a, const struct view *v)
{
	for (unsigned n = 0; n < v->budget->month_count; n++) {
		const struct budget_record r = { v->budget->months[n], a->flock, a->used[n] };

		if (r.used > 0)
			v->see(&r, v->arg);
	}
}

static void
view_entry(const void *entry, void *arg)
{
	view_account(entry, arg);
}

static bool
view_rest(void *arg)
{
	const struct view *v = arg;

	return v->rest(v->arg);
}

struct walk {
	struct budget *budget;
	struct table_shard *shard;
};

static bool
collect_entry(void *entry, void *arg)
{
	struct walk *w = arg;

	if (account_collect(w->budget, entry))
		table_touch(w->shard, entry);
	return false;
}

void
budget_collect(struct budget *b)
{
	struct walk w = { .budget = b };

	account_collect(b, &b->host);
	account_collect(b, &b->others);
	for (unsigned n = 0; (w.shard = table_lock_nth(b->flocks, n)) != NULL; n++) {
		table_walk(w.shard, collect_entry, &w);
		table_unlock(w.shard);
	}
}

bool
budget_changed(struct budget *b, uint32_t since, budget_see *see, table_rest *rest, void *arg)
{
	struct view v = { b, see, rest, arg };

	budget_collect(b);
	view_account(&b->host, &v);
	return rest(arg) && table_each(b->flocks, since, view_entry, view_rest, &v);
}

static void
take_larger(uint64_t *used, uint64_t other)
{
	if (*used < other)
		*used = other;
}

bool
budget_restore(struct budget *b, const struct budget_record *r)
{
	struct table_shard *s;
	struct account *a;
	unsigned place;

	if (r->used > BUDGET_USED_MAX || r->month > MONTH_LAST)
		return false;
	/* No month is remembered for the sake of one that there is no room for. */
	if (r->flock.value != 0 && budget_flock_meters(b, r->flock) == b->others.meters)
		return false;
	place = budget_place(b, r->month);
	if (place == BUDGET_MONTHS)
		return false;
	if (r->flock.value == 0) {
		take_larger(&b->host.used[place], r->used);
		return true;
	}
	a = account_lock(b, r->flock, false, &s);
	take_larger(&a->used[place], r->used);
	table_touch(s, a);
	table_unlock(s);
	return true;
}

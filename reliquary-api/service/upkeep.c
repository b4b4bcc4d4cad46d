/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/upkeep.h"

#include "base/log.h"
#include "base/thread.h"
#include "reliquary-api/service/disk.h"
#include "reliquary-api/service/upkeep_files.h"
#include "reliquary-api/store/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS       NS_PER_S
#define ROWS_AT_ONCE  100  /* of each kind in one job: a few milliseconds of the writer's time */
#define JOBS_A_ROUND  1000 /* what is left then waits for the next round */
#define ORPHANS_EVERY (3600 * NS_PER_S)
#define PROBE_EVERY   (5 * NS_PER_S) /* while writes fail */

/*
 * Rows end by a clock that goes at most so many times as fast as the rounds do: what was missed in
 * a day off is done in half an hour, while a date that is a year ahead by mistake is seen and put
 * right long before the first account that has not ended is deleted for it.
 */
#define CLOCK_HASTE 60
#define CLOCK_LATE  86400 /* seconds that it is behind before that is said */

/* The log is moved into the database after so many writes, or so long after the last one. */
#define CHECKPOINT_JOBS  512
#define CHECKPOINT_AFTER (10 * NS_PER_S)

/* What the writer does for the keeper, who waits for it. */
struct errand {
	struct job job; /* first */
	struct keeper *keeper;
	enum store_result (*work)(struct errand *e, struct session *store);
	struct upkeep upkeep; /* also remembers how far it has come */
	struct leftovers leftovers;
	bool first; /* of a round */
	bool touch; /* write something, even when nothing is due */
	int64_t now;
	enum store_result result;
	bool ended;
};

struct keeper {
	struct keeper_options o;
	struct session *session; /* for what is read, and for checkpoints */
	pthread_t thread;
	struct errand errand;
	uint64_t groups_seen;                                   /* at the end of the last round */
	uint64_t uploads_seen;                                  /* when files were last removed */
	uint64_t jobs_moved;                                    /* when the log was last moved */
	uint64_t round_ns, orphans_ns, probe_ns, checkpoint_ns; /* when these were last begun */
	bool disk_low, clock_late;
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t changed;
	uint64_t asked, rounds; /* rounds that were asked for, and those of them that are done */
	bool stopping;
};

static bool
stopping(void *arg)
{
	struct keeper *k = arg;
	bool ret;

	pthread_mutex_lock(&k->lock);
	ret = k->stopping;
	pthread_mutex_unlock(&k->lock);
	return ret;
}

static bool
errand_work(struct job *job, struct session *store, struct random *random)
{
	struct errand *e = (struct errand *)job;

	(void)random;
	e->result = e->work(e, store);
	return e->result == STORE_OK;
}

static void
errand_done(struct job *job, enum store_result result)
{
	struct errand *e = (struct errand *)job;
	struct keeper *k = e->keeper;

	pthread_mutex_lock(&k->lock);
	if (result != STORE_OK)
		e->result = result;
	e->ended = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

/* Waits until it is on disk; STORE_BUSY when the writer has too much to do. */
static enum store_result
errand_run(struct keeper *k, enum store_result (*work)(struct errand *e, struct session *store))
{
	struct errand *e = &k->errand;

	e->job = (struct job){ .work = errand_work, .done = errand_done };
	e->work = work;
	e->now = k->o.clock().wall_s;
	e->ended = false;
	if (!writer_submit(k->o.writer, &e->job))
		return STORE_BUSY;
	pthread_mutex_lock(&k->lock);
	while (!e->ended)
		pthread_cond_wait(&k->changed, &k->lock);
	pthread_mutex_unlock(&k->lock);
	return e->result;
}

static enum store_result
end_rows(struct errand *e, struct session *store)
{
	int64_t step_s = (int64_t)e->keeper->o.every_s * CLOCK_HASTE;
	enum store_result result = STORE_OK;

	if (e->first)
		result = clock_follow(store, e->now, step_s, &e->upkeep.now);
	if (result == STORE_OK)
		result = upkeep_run(store, &e->upkeep);
	if (result == STORE_OK && e->touch)
		result = store_touch(store);
	return result;
}

static void
clock_watch(struct keeper *k)
{
	int64_t late_s = k->errand.now - k->errand.upkeep.now;
	bool late = late_s > CLOCK_LATE;

	if (late && !k->clock_late)
		log_warn("the clock is %jd days ahead of when work in the background was last "
			 "done: if that is wrong, put it right; what has ended goes little by "
			 "little",
		    (intmax_t)(late_s / CLOCK_LATE));
	k->clock_late = late;
}

/* When nobody wrote since the last round, this does, and /readyz hears whether it could. */
static void
rows_end(struct keeper *k)
{
	struct errand *e = &k->errand;
	unsigned jobs = 0;

	e->touch = counts_read(&k->o.counts->groups) == k->groups_seen;
	e->first = true;
	do {
		if (errand_run(k, end_rows) != STORE_OK)
			return;
		if (e->first)
			clock_watch(k);
		counts_add(&k->o.counts->upkeep_ended, e->upkeep.ended);
		e->first = e->touch = false;
	} while (e->upkeep.more && ++jobs < JOBS_A_ROUND && !stopping(k));
}

static enum store_result
probe(struct errand *e, struct session *store)
{
	(void)e;
	return store_touch(store);
}

static enum store_result
forget_leftovers(struct errand *e, struct session *store)
{
	enum store_result result = STORE_OK;

	for (uint32_t n = 0; n < e->leftovers.count && result == STORE_OK; n++) {
		result = leftover_forget(store, e->leftovers.names[n]);
		if (result == STORE_NONE)
			result = STORE_OK;
	}
	return result;
}

/* The files first: forgotten names would leave them for ever. */
static void
leftovers_go(struct keeper *k)
{
	struct leftovers *l = &k->errand.leftovers;
	uint32_t listed;

	k->uploads_seen = counts_read(&k->o.counts->uploads);
	do {
		if (leftovers_read(k->session, l) != STORE_OK)
			return;
		listed = l->count;
		if (leftovers_unlink(l, k->o.bundles) == 0)
			return;
		counts_add(&k->o.counts->upkeep_files, l->count);
		if (errand_run(k, forget_leftovers) != STORE_OK)
			return;
	} while (listed == LEFTOVERS_AT_ONCE && !stopping(k));
}

static void
orphans_go(struct keeper *k)
{
	uint64_t gone = orphans_unlink(k->session, k->o.bundles, k->o.clock().wall_s, stopping, k);

	if (gone > 0)
		log_info("removed %ju bundles that nobody owned", (uintmax_t)gone);
	counts_add(&k->o.counts->upkeep_files, gone);
}

static void
checkpoint(struct keeper *k, uint64_t now_ns)
{
	uint64_t jobs = counts_read(&k->o.counts->group_jobs), log_bytes;

	k->checkpoint_ns = now_ns;
	if (store_checkpoint(k->session, &log_bytes) != STORE_OK)
		return;
	k->jobs_moved = jobs;
	counts_add(&k->o.counts->checkpoints, 1);
}

static void
disk_watch(struct keeper *k)
{
	uint64_t left;
	bool low;

	if (!disk_free(k->o.bundles, &left))
		return;
	low = left < k->o.disk_free_min;
	if (low && !k->disk_low)
		log_warn("only %ju MiB are left on the disk: uploads are refused",
		    (uintmax_t)(left >> 20));
	else if (!low && k->disk_low)
		log_info("the disk has room again: uploads are taken");
	k->disk_low = low;
}

static void
round_run(struct keeper *k, bool wanted)
{
	uint64_t now_ns = clock_now().mono_ns;

	k->round_ns = now_ns;
	rows_end(k);
	leftovers_go(k);
	if (wanted || k->orphans_ns == 0 || now_ns - k->orphans_ns >= ORPHANS_EVERY) {
		k->orphans_ns = now_ns;
		orphans_go(k);
	}
	checkpoint(k, now_ns);
	disk_watch(k);
	k->groups_seen = counts_read(&k->o.counts->groups);
}

/* What cannot wait for the next round; who uploads one bundle after the other fills the disk. */
static void
tick(struct keeper *k, uint64_t now_ns)
{
	uint64_t jobs = counts_read(&k->o.counts->group_jobs) - k->jobs_moved;

	if (counts_read(&k->o.counts->writes_failing) != 0 && now_ns - k->probe_ns >= PROBE_EVERY) {
		k->probe_ns = now_ns;
		errand_run(k, probe);
	}
	if (counts_read(&k->o.counts->uploads) != k->uploads_seen)
		leftovers_go(k);
	if (jobs >= CHECKPOINT_JOBS || (jobs > 0 && now_ns - k->checkpoint_ns >= CHECKPOINT_AFTER))
		checkpoint(k, now_ns);
}

/* Until the next tick, or somebody wants something; called and left with the lock held. */
static void
doze(struct keeper *k)
{
	condition_wait_ns(&k->changed, &k->lock, TICK_NS);
}

static void *
keeper_run(void *arg)
{
	struct keeper *k = arg;

	thread_name("upkeep");
	pthread_mutex_lock(&k->lock);
	while (!k->stopping) {
		uint64_t asked = k->asked, now_ns;
		bool wanted = asked > k->rounds;

		pthread_mutex_unlock(&k->lock);
		now_ns = clock_now().mono_ns;
		if (wanted || now_ns - k->round_ns >= k->o.every_s * NS_PER_S)
			round_run(k, wanted);
		else
			tick(k, now_ns);
		pthread_mutex_lock(&k->lock);
		k->rounds = asked;
		pthread_cond_broadcast(&k->changed);
		if (k->asked == k->rounds && !k->stopping)
			doze(k);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static void
keeper_free(struct keeper *k)
{
	session_close(k->session);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

struct keeper *
keeper_create(const struct keeper_options *o, struct fault *why)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		fault_set(why, "not enough memory for the upkeep");
		return NULL;
	}
	k->o = *o;
	k->errand.keeper = k;
	k->errand.upkeep = (struct upkeep){ .token_unused_s = (int64_t)o->settings->token_unused_s,
		.account_grace_s = (int64_t)o->account_grace_s,
		.join_s = (int64_t)o->settings->join_s,
		.event_s = (int64_t)o->event_s,
		.joins_most = (uint32_t)o->joins_total,
		.limit = ROWS_AT_ONCE };
	pthread_mutex_init(&k->lock, NULL);
	condition_open(&k->changed);

	k->session = session_open_reader(o->store, why);
	if (k->session != NULL && thread_start(&k->thread, keeper_run, k))
		return k;
	if (k->session != NULL)
		fault_set(why, "the thread for the upkeep cannot be started");
	keeper_free(k);
	return NULL;
}

void
keeper_round(struct keeper *k)
{
	uint64_t mine;

	pthread_mutex_lock(&k->lock);
	/* A round that has begun may have passed by what the caller wants to be seen. */
	mine = ++k->asked;
	pthread_cond_broadcast(&k->changed);
	while (k->rounds < mine && !k->stopping)
		pthread_cond_wait(&k->changed, &k->lock);
	pthread_mutex_unlock(&k->lock);
}

void
keeper_destroy(struct keeper *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	keeper_free(k);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/writer.h"

#include "base/thread.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/store/feed.h"

#include <stdlib.h>

struct writer {
	struct writer_options o;
	struct session *session;
	struct random random;
	struct lane lane;
	pthread_t thread;
};

static struct job *
job_next(const struct job *job)
{
	return (struct job *)job->wait.next;
}

static void
note_committed(struct writer *w, uint64_t jobs)
{
	struct counts *c = w->o.counts;
	uint64_t now_s = w->o.clock().mono_ns / NS_PER_S;

	counts_add(&c->groups, 1);
	counts_add(&c->group_jobs, jobs);
	atomic_store_explicit(&c->writes_ok_s, now_s, memory_order_relaxed);
	atomic_store_explicit(&c->writes_failing, 0, memory_order_relaxed);
}

/* Those whose jobs these were have heard of it: now the others may. */
static void
announce(struct writer *w)
{
	if (w->o.committed != NULL)
		w->o.committed(w->o.arg, group_noted(w->session));
}

static void
note_failed(struct writer *w)
{
	counts_add(&w->o.counts->group_failures, 1);
	atomic_store_explicit(&w->o.counts->writes_failing, 1, memory_order_relaxed);
}

/* One job's part of a transaction; anything but STORE_OK spoils the whole. */
static enum store_result
step_run(struct writer *w, struct job *job)
{
	enum store_result result = step_begin(w->session);

	if (result != STORE_OK)
		return result;
	job->ok = job->work(job, w->session, &w->random);
	if (job->ok)
		return step_keep(w->session);
	step_undo(w->session);
	return group_alive(w->session) ? STORE_OK : STORE_FAILED;
}

/* All of them in a transaction that has begun, and its end. */
static enum store_result
run_together(struct writer *w, struct job *first)
{
	enum store_result result = STORE_OK;
	uint64_t kept = 0;

	for (struct job *job = first; job != NULL && result == STORE_OK; job = job_next(job)) {
		result = step_run(w, job);
		kept += job->ok;
	}
	if (result != STORE_OK || kept == 0) {
		group_abandon(w->session);
		return result;
	}
	result = group_commit(w->session);
	if (result == STORE_OK)
		note_committed(w, kept);
	for (struct job *job = first; job != NULL && result != STORE_OK; job = job_next(job))
		job->doubtful = job->doubtful || job->ok;
	return result;
}

/* A transaction of its own, which has begun: nothing has to be undone but all of it. */
static enum store_result
run_alone(struct writer *w, struct job *job)
{
	enum store_result result;

	job->ok = job->work(job, w->session, &w->random);
	if (!job->ok) {
		result = group_alive(w->session) ? STORE_OK : STORE_FAILED;
		group_abandon(w->session);
		return result;
	}
	result = group_commit(w->session);
	if (result == STORE_OK)
		note_committed(w, 1);
	else
		job->doubtful = true;
	return result;
}

/* A job may be gone once its done() was called. */
static void
tell(struct job *first, enum store_result result)
{
	struct job *next;

	for (struct job *job = first; job != NULL; job = next) {
		next = job_next(job);
		job->done(job, result);
	}
}

/*
 * No transaction could begin: another process holds the database, or the disk is gone.  That is no
 * job's fault, and none would fare better for having waited once more.
 */
static void
refuse(struct writer *w, struct job *first, enum store_result result)
{
	note_failed(w);
	for (struct job *job = first; job != NULL; job = job_next(job))
		job->ok = false;
	tell(first, result);
}

static void
run_each(struct writer *w, struct job *first)
{
	struct job *next;

	for (struct job *job = first; job != NULL; job = next) {
		enum store_result result = group_begin(w->session);

		if (result != STORE_OK) {
			refuse(w, job, result);
			return;
		}
		next = job_next(job);
		result = run_alone(w, job);
		if (result != STORE_OK)
			note_failed(w);
		job->done(job, result);
		announce(w);
	}
}

static void
run_group(struct writer *w, struct job *first)
{
	enum store_result result;

	if (job_next(first) == NULL) {
		run_each(w, first);
		return;
	}
	result = group_begin(w->session);
	if (result != STORE_OK) {
		refuse(w, first, result);
		return;
	}
	result = run_together(w, first);
	if (result == STORE_OK) {
		tell(first, result);
		announce(w);
		return;
	}
	note_failed(w);
	run_each(w, first);
}

static void *
writer_run(void *arg)
{
	struct writer *w = arg;
	struct lane_item *first;
	unsigned count;

	thread_name("writer");
	while ((first = lane_take(&w->lane, w->o.group_max, &count)) != NULL) {
		atomic_fetch_sub_explicit(&w->o.counts->queue, count, memory_order_relaxed);
		run_group(w, (struct job *)first);
	}
	return NULL;
}

struct writer *
writer_create(const struct writer_options *o, struct random *random, struct fault *why)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		fault_set(why, "not enough memory for the writer");
		return NULL;
	}
	w->o = *o;
	random_split(&w->random, random);
	lane_open(&w->lane, o->queue_max);
	w->session = session_open_writer(o->store, why);
	if (w->session != NULL && thread_start(&w->thread, writer_run, w))
		return w;
	if (w->session != NULL)
		fault_set(why, "the writer's thread cannot be started");
	session_close(w->session);
	lane_close(&w->lane);
	free(w);
	return NULL;
}

bool
writer_submit(struct writer *w, struct job *job)
{
	/* Counted first, so that the writer never counts down what was not counted up. */
	counts_add(&w->o.counts->queue, 1);
	if (lane_put(&w->lane, &job->wait))
		return true;
	atomic_fetch_sub_explicit(&w->o.counts->queue, 1, memory_order_relaxed);
	counts_add(&w->o.counts->queue_full, 1);
	return false;
}

void
writer_destroy(struct writer *w)
{
	if (w == NULL)
		return;
	lane_end(&w->lane);
	pthread_join(w->thread, NULL);
	session_close(w->session);
	lane_close(&w->lane);
	secret_wipe(&w->random, sizeof(w->random));
	free(w);
}

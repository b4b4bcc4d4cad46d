/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/writer.h"

#include "base/log.h"
#include "database/session.h"
#include "tests/support/store.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define JOBS    24
#define BUSY_MS 100

/* What a job is to do in its step. */
enum deed {
	DEED_KEEP = 0, /* writes, and keeps it */
	DEED_UNDO,     /* writes, and does not */
	DEED_LOOK,     /* writes nothing */
	DEED_BREAK,    /* ends the whole transaction once, as a broken disk would */
};

struct bench {
	struct test_store store;
	struct vfs *vfs;
	struct counts counts;
	struct writer *writer;
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t changed;
	bool gate; /* the job at the gate may go on */
	bool at_gate;
	unsigned done;
	unsigned order[JOBS + 1]; /* numbers of jobs as they were done */
};

struct test_job {
	struct job job; /* first */
	struct bench *bench;
	unsigned number, runs;
	enum deed deed;
	bool broke;
	enum store_result result;
};

/* One more row; STORE_CONFLICT when it is there. */
static enum store_result
row_add(struct session *s, unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "row-%u", number);
	return fact_set(s, name, "written");
}

static bool
job_work(struct job *job, struct session *store, struct random *random)
{
	struct test_job *j = (struct test_job *)job;

	(void)random;
	j->runs++;
	if (j->deed == DEED_LOOK)
		return false;
	if (row_add(store, j->number) != STORE_OK)
		return false;
	if (j->deed == DEED_BREAK && !j->broke) {
		j->broke = true;
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return j->deed != DEED_UNDO;
}

static void
job_done(struct job *job, enum store_result result)
{
	struct test_job *j = (struct test_job *)job;
	struct bench *b = j->bench;

	pthread_mutex_lock(&b->lock);
	j->result = result;
	b->order[b->done++] = j->number;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

/* Holds the writer up until the test says so, so that others come to wait together. */
static bool
gate_work(struct job *job, struct session *store, struct random *random)
{
	struct bench *b = ((struct test_job *)job)->bench;

	(void)store;
	(void)random;
	pthread_mutex_lock(&b->lock);
	b->at_gate = true;
	pthread_cond_broadcast(&b->changed);
	while (!b->gate)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return false;
}

static void
bench_begin(struct bench *b, unsigned queue_max, unsigned group_max)
{
	struct writer_options o = { .queue_max = queue_max,
		.group_max = group_max,
		.counts = &b->counts,
		.clock = clock_now };
	struct fault why = { "" };

	*b = (struct bench){ .vfs = vfs_make("writer") };
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	test_store_begin(&b->store, "writer");
	b->store.options.busy_ms = BUSY_MS;
	test_store_again(&b->store);
	o.store = b->store.store;
	b->writer = writer_create(&o, &b->store.random, &why);
	if (b->writer == NULL)
		fail_msg("%s", why.text);
}

static void
bench_end(struct bench *b)
{
	writer_destroy(b->writer);
	test_store_end(&b->store);
	vfs_end(b->vfs);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
}

static void
bench_wait(struct bench *b, unsigned done)
{
	pthread_mutex_lock(&b->lock);
	while (b->done < done)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

/* The writer is busy from here on ... */
static void
gate_close(struct bench *b, struct test_job *gate)
{
	*gate = (struct test_job){
		.job = { .work = gate_work, .done = job_done }, .bench = b, .number = JOBS
	};
	assert_true(writer_submit(b->writer, &gate->job));
	pthread_mutex_lock(&b->lock);
	while (!b->at_gate)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

/* ... until here. */
static void
gate_open(struct bench *b)
{
	pthread_mutex_lock(&b->lock);
	b->gate = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static struct test_job
job_of(struct bench *b, unsigned number, enum deed deed)
{
	return (struct test_job){ .job = { .work = job_work, .done = job_done },
		.bench = b,
		.number = number,
		.deed = deed,
		.result = STORE_FULL };
}

/* Behind a gate, so that all of them are there before the first one runs. */
static void
bench_run(struct bench *b, struct test_job *jobs, unsigned count)
{
	struct test_job gate;

	gate_close(b, &gate);
	for (unsigned n = 0; n < count; n++)
		assert_true(writer_submit(b->writer, &jobs[n].job));
	assert_int_equal(counts_read(&b->counts.queue), count);
	gate_open(b);
	bench_wait(b, count + 1);
	assert_int_equal(counts_read(&b->counts.queue), 0);
}

static bool
row_there(struct bench *b, unsigned number)
{
	char name[32], value[STORE_LABEL];

	snprintf(name, sizeof(name), "row-%u", number);
	return fact_get(b->store.reader, name, value) == STORE_OK;
}

static uint64_t
groups(struct bench *b)
{
	return counts_read(&b->counts.groups);
}

static void
those_who_wait_share_one_commit(void **state)
{
	struct bench b;
	struct test_job jobs[JOBS];
	uint64_t syncs;

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < JOBS; n++)
		jobs[n] = job_of(&b, n, DEED_KEEP);
	syncs = vfs_syncs(b.vfs);
	bench_run(&b, jobs, JOBS);

	/* The log, and at its beginning its head. */
	assert_in_range(vfs_syncs(b.vfs) - syncs, 1, 2);
	assert_int_equal(groups(&b), 1);
	assert_int_equal(counts_read(&b.counts.group_jobs), JOBS);
	assert_int_equal(b.order[0], JOBS);
	for (unsigned n = 0; n < JOBS; n++) {
		assert_int_equal(jobs[n].result, STORE_OK);
		assert_int_equal(jobs[n].runs, 1);
		assert_int_equal(b.order[n + 1], n);
		assert_true(row_there(&b, n));
	}
	bench_end(&b);
}

static void
a_group_has_an_end(void **state)
{
	struct bench b;
	struct test_job jobs[JOBS];

	(void)state;
	bench_begin(&b, 100, 5);
	for (unsigned n = 0; n < JOBS; n++)
		jobs[n] = job_of(&b, n, DEED_KEEP);
	bench_run(&b, jobs, JOBS);
	assert_int_equal(groups(&b), (JOBS + 4) / 5);
	for (unsigned n = 0; n < JOBS; n++)
		assert_int_equal(b.order[n + 1], n);
	bench_end(&b);
}

static void
who_undoes_takes_nobody_along(void **state)
{
	struct bench b;
	struct test_job jobs[3];

	(void)state;
	bench_begin(&b, 100, 100);
	jobs[0] = job_of(&b, 0, DEED_KEEP);
	jobs[1] = job_of(&b, 1, DEED_UNDO);
	jobs[2] = job_of(&b, 2, DEED_KEEP);
	bench_run(&b, jobs, 3);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(jobs[n].result, STORE_OK);
	assert_true(row_there(&b, 0));
	assert_false(row_there(&b, 1));
	assert_true(row_there(&b, 2));
	assert_int_equal(counts_read(&b.counts.group_jobs), 2);
	bench_end(&b);
}

/* Also when there is only one, which has no step of its own. */
static void
who_undoes_alone_leaves_nothing(void **state)
{
	struct bench b;
	struct test_job job;
	uint64_t syncs;

	(void)state;
	bench_begin(&b, 100, 100);
	job = job_of(&b, 0, DEED_UNDO);
	syncs = vfs_syncs(b.vfs);
	assert_true(writer_submit(b.writer, &job.job));
	bench_wait(&b, 1);
	assert_int_equal(job.result, STORE_OK);
	assert_false(row_there(&b, 0));
	assert_int_equal(vfs_syncs(b.vfs), syncs);
	assert_int_equal(groups(&b), 0);
	bench_end(&b);
}

static void
where_nothing_is_kept_nothing_is_written(void **state)
{
	struct bench b;
	struct test_job jobs[JOBS];
	uint64_t syncs;

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < JOBS; n++)
		jobs[n] = job_of(&b, n, n % 2 == 0 ? DEED_LOOK : DEED_UNDO);
	syncs = vfs_syncs(b.vfs);
	bench_run(&b, jobs, JOBS);
	assert_int_equal(vfs_syncs(b.vfs), syncs);
	for (unsigned n = 0; n < JOBS; n++)
		assert_int_equal(jobs[n].result, STORE_OK);
	bench_end(&b);
}

static void
one_who_breaks_it_does_not_spoil_the_others(void **state)
{
	struct bench b;
	struct test_job jobs[JOBS];

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < JOBS; n++)
		jobs[n] = job_of(&b, n, n == 7 ? DEED_BREAK : n == 9 ? DEED_UNDO : DEED_KEEP);
	bench_run(&b, jobs, JOBS);
	for (unsigned n = 0; n < JOBS; n++) {
		assert_int_equal(jobs[n].result, STORE_OK);
		assert_int_equal(jobs[n].runs, n <= 7 ? 2 : 1);
		assert_int_equal(b.order[n + 1], n);
		assert_int_equal(row_there(&b, n), n != 9);
	}
	assert_int_equal(counts_read(&b.counts.group_failures), 1);
	assert_int_equal(groups(&b), JOBS - 1);
	assert_int_equal(counts_read(&b.counts.writes_failing), 0);
	bench_end(&b);
}

/* The commit of all fails, those of each alone do not. */
static void
a_commit_that_fails_is_tried_again_one_by_one(void **state)
{
	struct bench b;
	struct test_job jobs[3];

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < 3; n++)
		jobs[n] = job_of(&b, n, DEED_KEEP);
	vfs_fail(b.vfs,
	    &(struct vfs_failure){
		.calls = VFS_SYNC, .nth = 1, .code = SQLITE_IOERR_FSYNC, .system_errno = EIO });
	bench_run(&b, jobs, 3);
	assert_int_equal(vfs_failed(b.vfs), 1);
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(jobs[n].result, STORE_OK);
		assert_int_equal(jobs[n].runs, 2);
		assert_true(row_there(&b, n));
	}
	bench_end(&b);
}

/*
 * A commit that failed may be on the disk all the same, also when nothing can be begun any more
 * that would take its place.
 */
static void
what_a_failed_commit_held_is_in_doubt(void **state)
{
	unsigned begun_no_more = 0;

	(void)state;
	for (uint64_t nth = 1; nth <= 12; nth++) {
		struct bench b;
		struct test_job gate, jobs[3];

		bench_begin(&b, 100, 100);
		gate_close(&b, &gate);
		for (unsigned n = 0; n < 3; n++) {
			jobs[n] = job_of(&b, n, n == 1 ? DEED_UNDO : DEED_KEEP);
			assert_true(writer_submit(b.writer, &jobs[n].job));
		}
		vfs_fail(b.vfs, &(struct vfs_failure){ .calls = VFS_SYNC | VFS_LOCK,
				    .nth = nth,
				    .code = SQLITE_IOERR,
				    .system_errno = EIO,
				    .lasting = true });
		gate_open(&b);
		bench_wait(&b, 4);
		vfs_mend(b.vfs);
		for (unsigned n = 0; n < 3; n++) {
			bool held = n != 1 && jobs[n].runs > 0 && jobs[n].result != STORE_OK;

			assert_int_equal(jobs[n].job.doubtful, held);
			begun_no_more += held && jobs[n].runs == 1;
		}
		bench_end(&b);
	}
	assert_in_range(begun_no_more, 1, UINT_MAX);
}

static void
a_disk_that_is_full_is_said_to_all(void **state)
{
	struct bench b;
	struct test_job jobs[3];

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < 3; n++)
		jobs[n] = job_of(&b, n, DEED_KEEP);
	vfs_fail(b.vfs, &(struct vfs_failure){ .calls = VFS_WRITE,
			    .nth = 1,
			    .code = SQLITE_FULL,
			    .system_errno = ENOSPC,
			    .lasting = true });
	bench_run(&b, jobs, 3);
	vfs_mend(b.vfs);
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(jobs[n].result, STORE_NO_SPACE);
		assert_false(row_there(&b, n));
	}
	assert_int_equal(counts_read(&b.counts.writes_failing), 1);

	jobs[0] = job_of(&b, 0, DEED_KEEP);
	assert_true(writer_submit(b.writer, &jobs[0].job));
	bench_wait(&b, 5);
	assert_int_equal(jobs[0].result, STORE_OK);
	assert_int_equal(counts_read(&b.counts.writes_failing), 0);
	bench_end(&b);
}

/* Once for the first, and once for all who came while it waited. */
static void
another_process_that_writes_is_waited_for_once(void **state)
{
	struct bench b;
	struct test_job jobs[JOBS];
	uint64_t began, took;

	(void)state;
	bench_begin(&b, 100, 100);
	for (unsigned n = 0; n < JOBS; n++)
		jobs[n] = job_of(&b, n, DEED_KEEP);
	assert_int_equal(group_begin(b.store.writer), STORE_OK);
	began = clock_now().mono_ns;
	for (unsigned n = 0; n < JOBS; n++)
		assert_true(writer_submit(b.writer, &jobs[n].job));
	bench_wait(&b, JOBS);
	took = clock_now().mono_ns - began;
	group_abandon(b.store.writer);
	for (unsigned n = 0; n < JOBS; n++) {
		assert_int_equal(jobs[n].result, STORE_BUSY);
		assert_int_equal(jobs[n].runs, 0);
		assert_false(jobs[n].job.ok);
	}
	assert_true(took < 5 * BUSY_MS * NS_PER_MS);
	bench_end(&b);
}

static void
a_full_queue_takes_no_more(void **state)
{
	struct bench b;
	struct test_job gate, jobs[4], late;

	(void)state;
	bench_begin(&b, 4, 100);
	gate_close(&b, &gate);
	for (unsigned n = 0; n < 4; n++) {
		jobs[n] = job_of(&b, n, DEED_KEEP);
		assert_true(writer_submit(b.writer, &jobs[n].job));
	}
	late = job_of(&b, 4, DEED_KEEP);
	assert_false(writer_submit(b.writer, &late.job));
	assert_int_equal(counts_read(&b.counts.queue_full), 1);
	assert_int_equal(counts_read(&b.counts.queue), 4);
	gate_open(&b);
	bench_wait(&b, 5);
	assert_int_equal(late.runs, 0);
	assert_true(writer_submit(b.writer, &late.job));
	bench_wait(&b, 6);
	assert_true(row_there(&b, 4));
	bench_end(&b);
}

static void *
end_writer(void *writer)
{
	writer_destroy(writer);
	return NULL;
}

static void
what_was_submitted_is_finished(void **state)
{
	struct bench b;
	struct test_job gate, jobs[JOBS];
	pthread_t thread;

	(void)state;
	bench_begin(&b, 100, 3);
	gate_close(&b, &gate);
	for (unsigned n = 0; n < JOBS; n++) {
		jobs[n] = job_of(&b, n, DEED_KEEP);
		assert_true(writer_submit(b.writer, &jobs[n].job));
	}
	assert_int_equal(pthread_create(&thread, NULL, end_writer, b.writer), 0);
	gate_open(&b);
	pthread_join(thread, NULL);
	b.writer = NULL;
	assert_int_equal(b.done, JOBS + 1);
	for (unsigned n = 0; n < JOBS; n++)
		assert_true(row_there(&b, n));
	bench_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_wait_share_one_commit),
		cmocka_unit_test(a_group_has_an_end),
		cmocka_unit_test(who_undoes_takes_nobody_along),
		cmocka_unit_test(who_undoes_alone_leaves_nothing),
		cmocka_unit_test(where_nothing_is_kept_nothing_is_written),
		cmocka_unit_test(one_who_breaks_it_does_not_spoil_the_others),
		cmocka_unit_test(a_commit_that_fails_is_tried_again_one_by_one),
		cmocka_unit_test(what_a_failed_commit_held_is_in_doubt),
		cmocka_unit_test(a_disk_that_is_full_is_said_to_all),
		cmocka_unit_test(another_process_that_writes_is_waited_for_once),
		cmocka_unit_test(a_full_queue_takes_no_more),
		cmocka_unit_test(what_was_submitted_is_finished),
	};

	log_set_level(0); /* failing disks are what is tested */
	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Whether a worker feels it when the registry changes under it: one thread relays without pause
 * while the main thread reads a hundredth of 100,000 devices anew, puts it in force and frees what
 * was; in turns with rounds in which it does nothing.  What counts is the longest time that a batch
 * took in which no other thread had taken the CPU away.
 */
#include "base/thread.h"
#include "cathedral/state/follow.h"
#include "protocol/crypto/aead.h"
#include "tests/support/children.h"
#include "tests/support/crowd.h"
#include "tests/support/feeder.h"
#include "tests/support/figure.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FLOCKS     20000
#define IN_SHORT   1000
#define DEVICES    5
#define PAGE_OF    1000
#define ROUNDS     31
#define GENERATION 7
#define EXPIRES    60000
#define LEN        512
#define GOAL_US    1000.0

static struct random randomness;
static struct member members[DEVICES];
static size_t flocks;

static const struct crowd_places places = {
	.first = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
	.second = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
};

/* ---- the worker ---- */

/* What it saw in one round. */
struct seen {
	uint64_t batches;
	uint64_t gap_ns; /* the longest batch, but for those that others interrupted */
	uint64_t waits;  /* times that it slept for a lock */
	uint64_t faults; /* pages that had to be brought in */
	uint64_t not_relayed;
};

struct relayer {
	pthread_t thread;
	struct site *site;
	struct pipeline *pipeline;
	struct stats stats;
	struct drain drain;
	struct crowd_batch *batch;
	struct random random;
	_Atomic unsigned round, done; /* round 0: end */
	struct seen seen;
};

static void
put_batch(struct relayer *r, struct instant now)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		const struct crowd_packet what = { random_below(&r->random, (uint32_t)flocks), 0,
			LEN };
		struct packet *pkt = r->batch->at[n];

		packet_reset(pkt, LEN);
		crowd_packet(pkt->head, &what, r->site, now, &r->random);
		pkt->from = places.first;
		pkt->listener = 0;
		pkt->nat_port = false;
	}
}

static void
relay_batch(struct relayer *r, struct seen *seen)
{
	struct rusage before, after;
	uint64_t start_ns, took_ns;

	put_batch(r, clock_now());
	getrusage(RUSAGE_THREAD, &before);
	start_ns = clock_now().mono_ns;
	pipeline_run(r->pipeline, r->batch->at, PIPELINE_BATCH, clock_now());
	took_ns = clock_now().mono_ns - start_ns;
	getrusage(RUSAGE_THREAD, &after);
	seen->batches++;
	seen->waits += (uint64_t)(after.ru_nvcsw - before.ru_nvcsw);
	seen->faults += (uint64_t)(after.ru_minflt - before.ru_minflt);
	if (after.ru_nivcsw == before.ru_nivcsw && took_ns > seen->gap_ns)
		seen->gap_ns = took_ns;
	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		seen->not_relayed += r->batch->at[n]->verdict != VERDICT_RELAYED;
}

static void *
relay(void *arg)
{
	struct relayer *r = arg;
	struct seen seen = { 0 };
	unsigned round = 1, wanted;

	while ((wanted = atomic_load(&r->round)) != 0) {
		if (wanted != round) {
			r->seen = seen;
			seen = (struct seen){ 0 };
			round = wanted;
			atomic_store(&r->done, round);
		}
		relay_batch(r, &seen);
	}
	return NULL;
}

/* Ends a round and begins the next; what was seen in the one that ended. */
static struct seen
next_round(struct relayer *r)
{
	unsigned round = atomic_load(&r->round) + 1;

	atomic_store(&r->round, round);
	while (atomic_load(&r->done) != round)
		usleep(100);
	return r->seen;
}

static void
relayer_open(struct relayer *r, struct registry *first)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	random_split(&r->random, &randomness);
	r->site = site_create(&options, first, 2, &randomness);
	drain_init(&r->drain);
	r->batch = crowd_batch_create();
	if (r->site != NULL)
		r->pipeline = pipeline_create(r->site, 0, &r->drain.sender, &r->stats, &randomness);
	if (r->pipeline == NULL)
		bench_give_up("pipeline");
	crowd_meet(r->site, flocks, &places, clock_now().mono_ns);
	atomic_store(&r->round, 1);
	if (!thread_start(&r->thread, relay, r))
		bench_give_up("thread");
}

static void
relayer_close(struct relayer *r)
{
	atomic_store(&r->round, 0);
	pthread_join(r->thread, NULL);
	pipeline_destroy(r->pipeline);
	site_destroy(r->site);
	free(r->batch);
}

/* ---- the main thread's part ---- */

static void
write_flocks(struct feeder *f, size_t from, size_t count)
{
	for (size_t n = from; n < from + count; n++) {
		struct flock_id id = crowd_flock(n % flocks, 0);
		const struct bundle_plan plan = { id, id, EXPIRES, GENERATION };

		feeder_flock(f, id, members, DEVICES, &plan);
		f->page.more = n + 1 < from + count;
		if (f->page.flock_count == PAGE_OF || !f->page.more)
			feeder_put(f);
	}
}

struct main_part {
	struct feeder feeder;
	struct follow *follow;
	struct registry_source source;
	struct drain drain;
	struct stats stats;
	struct pipeline *pipeline;
};

/* As cathedral/io/reload.c does it; how long until it was in force, and until all was done. */
static void
reload(struct main_part *m, struct site *site, double ms[static 2])
{
	struct registry_touched touched = { .all = false };
	uint64_t start_ns = clock_now().mono_ns;
	struct registry *next;
	struct fault why;

	if (!follow_changed(m->follow, publish_current(site->publish)))
		bench_give_up("a change was not seen");
	next = follow_load(m->follow, &m->source, publish_current(site->publish), &touched, &why);
	if (next == NULL || !publish_swap(site->publish, next))
		bench_give_up(why.text);
	ms[0] = (double)(clock_now().mono_ns - start_ns) / 1e6;
	site_purge(site, &touched);
	pipeline_push_ambries(m->pipeline, &touched, clock_now());
	while (!publish_reclaim(site->publish))
		usleep(100);
	registry_touched_free(&touched);
	ms[1] = (double)(clock_now().mono_ns - start_ns) / 1e6;
}

static struct registry *
first_registry(struct main_part *m, const char *folder)
{
	struct registry *empty = registry_empty(m->source.hash), *r;
	struct registry_touched touched = { .all = false };
	struct fault why;

	feeder_open(&m->feeder, folder, &randomness);
	write_flocks(&m->feeder, 0, flocks);
	m->follow = follow_create(m->feeder.path, m->feeder.key);
	if (m->follow == NULL || empty == NULL)
		bench_give_up("memory");
	r = follow_load(m->follow, &m->source, empty, &touched, &why);
	if (r == NULL)
		bench_give_up(why.text);
	registry_touched_free(&touched);
	registry_free(empty);
	return r;
}

/* ---- rounds ---- */

struct figures {
	double gap_us[ROUNDS];
	uint64_t waits, faults, batches, not_relayed;
};

static void
note(struct figures *f, size_t round, const struct seen *seen)
{
	f->gap_us[round] = (double)seen->gap_ns / 1e3;
	f->waits += seen->waits;
	f->faults += seen->faults;
	f->batches += seen->batches;
	f->not_relayed += seen->not_relayed;
}

static void
report(const char *name, double value, const char *unit, const char *goal)
{
	const struct figure f = { name, value, unit, 0, NULL, goal };

	figure_print(&f);
}

static void
report_figures(const char *what, struct figures *f, size_t rounds)
{
	double most;

	printf("# %s\n", what);
	report("longest batch, median of rounds", median(f->gap_us, rounds), "us", NULL);
	most = f->gap_us[rounds - 1]; /* it is sorted now */
	report("... of all rounds", most, "us", "below 1000");
	report("sleeps for a lock, of 1000 batches", 1000 * (double)f->waits / (double)f->batches,
	    "", NULL);
	report("page faults, of 1000 batches", 1000 * (double)f->faults / (double)f->batches, "",
	    NULL);
	report("packets not relayed", (double)f->not_relayed, "", "0");
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	static struct figures quiet, changing;
	static double force_ms[ROUNDS], all_ms[ROUNDS];
	size_t rounds = bench_is_short() ? 5 : ROUNDS, at = 0;
	char folder[] = "/tmp/reliquary-bench.XXXXXX";
	struct main_part m = { 0 };
	struct relayer r = { 0 };

	random_from_seed(&randomness, 1);
	flocks = bench_is_short() ? IN_SHORT : FLOCKS;
	if (!aead_init() || mkdtemp(folder) == NULL)
		return EXIT_FAILURE;
	for (uint8_t n = 0; n < DEVICES; n++)
		members[n] = member_make(n + 1u, (uint8_t)(n + 1), 0, &randomness);
	m.source.hash = hash_key_new(&randomness);
	relayer_open(&r, first_registry(&m, folder));
	drain_init(&m.drain);
	m.pipeline = pipeline_create(r.site, 1, &m.drain.sender, &m.stats, &randomness);
	if (m.pipeline == NULL)
		bench_give_up("pipeline");
	for (size_t round = 0; round < rounds; round++, at += flocks / 100) {
		struct seen seen;
		double ms[2];

		members[0].mbit++; /* it sends, so no cap of its own counts */
		write_flocks(&m.feeder, at, flocks / 100);
		next_round(&r);
		reload(&m, r.site, ms);
		seen = next_round(&r);
		note(&changing, round, &seen);
		usleep((useconds_t)(ms[1] * 1e3));
		seen = next_round(&r);
		note(&quiet, round, &seen);
		force_ms[round] = ms[0];
		all_ms[round] = ms[1];
	}
	relayer_close(&r);
	report("devices", (double)flocks * DEVICES, "", NULL);
	report("in force after", median(force_ms, rounds), "ms", "below 1000");
	report("all done after", median(all_ms, rounds), "ms", NULL);
	report_figures("nothing changes", &quiet, rounds);
	report_figures("1 % changes", &changing, rounds);
	follow_destroy(m.follow);
	feeder_close(&m.feeder);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return changing.not_relayed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

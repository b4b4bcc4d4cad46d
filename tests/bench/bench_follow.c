/* SPDX-License-Identifier: ISC */
/*
 * A cathedral that follows registry.db: how long it takes to load one, what memory that is, and
 * what one change costs the main thread, with few flocks and with many, while many tunnels are
 * known: reading it, putting it in force, forgetting and sending what follows, freeing what was.
 */
#include "cathedral/state/follow.h"
#include "protocol/crypto/aead.h"
#include "tests/support/children.h"
#include "tests/support/crowd.h"
#include "tests/support/feeder.h"
#include "tests/support/figure.h"

#include <ftw.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS     51
#define DEVICES    5
#define PAGE_OF    1000 /* flocks a page of the feed */
#define GENERATION 7
#define EXPIRES    60000

static struct random randomness;
static struct member members[DEVICES];

static double
resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%lu %lu", &size, &pages) != 2)
		bench_give_up("/proc/self/statm");
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* A service that tells of so many flocks, in pages. */
static void
write_flocks(struct feeder *f, size_t count, unsigned devices)
{
	for (size_t n = 0; n < count; n++) {
		struct flock_id id = crowd_flock(n, 0);
		const struct bundle_plan plan = { id, id, EXPIRES, GENERATION };

		feeder_flock(f, id, members, devices, &plan);
		f->page.more = n + 1 < count;
		if (f->page.flock_count == PAGE_OF || !f->page.more)
			feeder_put(f);
	}
}

struct site_room {
	struct site *site;
	struct drain drain;
	struct stats stats;
	struct pipeline *pipeline;
};

static const struct crowd_places places = {
	.first = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
	.second = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
};

static void
room_open(struct site_room *r, struct registry *first)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	r->site = site_create(&options, first, 1, &randomness);
	if (r->site == NULL)
		bench_give_up("site");
	drain_init(&r->drain);
	r->pipeline = pipeline_create(r->site, 0, &r->drain.sender, &r->stats, &randomness);
	if (r->pipeline == NULL)
		bench_give_up("pipeline");
}

static struct registry *
load(struct follow *f, const struct registry_source *source, const struct registry *old,
    struct registry_touched *touched)
{
	struct fault why;
	struct registry *r = follow_load(f, source, old, touched, &why);

	if (r == NULL)
		bench_give_up(why.text);
	return r;
}

static double
us_since(uint64_t start_ns)
{
	return (double)(clock_thread_cpu_ns() - start_ns) / 1e3;
}

/* A change as the main thread has it, in microseconds of its time: taken[0] to read, [1] all. */
static void
change(struct feeder *feeder, struct follow *f, const struct registry_source *source,
    struct site_room *room, double taken[static 2])
{
	struct registry_touched touched = { .all = false };
	struct flock_id id = crowd_flock(random_below(&randomness, 100), 0);
	struct bundle_plan plan = { id, id, EXPIRES, (uint32_t)random_u64(&randomness) | 1 };
	uint64_t start;

	members[0].mbit++;
	feeder_flock(feeder, id, members, DEVICES, &plan);
	if (!feeder_put(feeder))
		bench_give_up("no change");
	start = clock_thread_cpu_ns();
	if (!follow_changed(f, publish_current(room->site->publish)))
		bench_give_up("a change was not seen");
	if (!publish_swap(room->site->publish,
		load(f, source, publish_current(room->site->publish), &touched)))
		bench_give_up("swap");
	taken[0] = us_since(start);
	site_purge(room->site, &touched);
	pipeline_push_ambries(room->pipeline, &touched, clock_now());
	publish_reclaim(room->site->publish);
	registry_touched_free(&touched);
	taken[1] = us_since(start);
}

static void
report(const char *name, double value, const char *unit, const char *goal)
{
	struct figure f = { name, value, unit, 0, NULL, goal };

	figure_print(&f);
}

static double few_us;

static void
measure_changes(struct feeder *feeder, struct follow *f, const struct registry_source *source,
    struct site_room *room, size_t flocks)
{
	double read[ROUNDS], all[ROUNDS], taken[2], middle;
	struct figure ratio = { .unit = "us", .ratio_to = "100", .goal = "flat" };
	char name[96];

	for (size_t n = 0; n < ROUNDS; n++) {
		change(feeder, f, source, room, taken);
		read[n] = taken[0];
		all[n] = taken[1];
	}
	middle = median(all, ROUNDS);
	if (few_us == 0)
		few_us = middle;
	snprintf(name, sizeof(name), "a change among %zu flocks", flocks);
	ratio.name = name;
	ratio.value = middle;
	ratio.ratio = middle / few_us;
	figure_print(&ratio);
	report("... of that to read it", median(read, ROUNDS), "us", NULL);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* So many flocks, so many tunnels that other people's devices have, and changes among them. */
static void
measure(size_t flocks, unsigned devices, const char *time_goal, const char *memory_goal)
{
	struct registry_source source = { .hash = hash_key_new(&randomness) };
	struct registry_touched touched = { .all = false };
	char folder[] = "/tmp/reliquary-bench.XXXXXX";
	struct site_room room = { .site = NULL };
	struct registry *empty = registry_empty(source.hash), *r;
	struct feeder feeder;
	struct follow *f;
	char name[96];
	double before;
	uint64_t start, cpu;

	if (mkdtemp(folder) == NULL)
		bench_give_up(folder);
	feeder_open(&feeder, folder, &randomness);
	write_flocks(&feeder, flocks, devices);
	f = follow_create(feeder.path, feeder.key);
	if (f == NULL || empty == NULL)
		bench_give_up("memory");
	malloc_trim(0);
	before = resident();
	start = clock_now().mono_ns;
	cpu = clock_thread_cpu_ns();
	r = load(f, &source, empty, &touched);
	cpu = clock_thread_cpu_ns() - cpu;
	snprintf(name, sizeof(name), "loading %zu flocks of %u devices", flocks, devices);
	report(name, (double)(clock_now().mono_ns - start) / 1e6, "ms", time_goal);
	report("... CPU", (double)cpu / 1e6, "ms", NULL);
	report("... memory", (resident() - before) / 1048576, "MiB", memory_goal);
	registry_touched_free(&touched);
	registry_free(empty);
	room_open(&room, r);
	crowd_meet(room.site, flocks, &places, clock_now().mono_ns);
	if (devices == DEVICES)
		measure_changes(&feeder, f, &source, &room, flocks);
	pipeline_destroy(room.pipeline);
	site_destroy(room.site);
	follow_destroy(f);
	feeder_close(&feeder);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* In a process of its own: what was freed before is not used again. */
static void
measure_apart(size_t flocks, unsigned devices, const char *time_goal, const char *memory_goal)
{
	pid_t child = fork();
	int status;

	if (child == -1)
		bench_give_up("fork");
	if (child == 0) {
		measure(flocks, devices, time_goal, memory_goal);
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		bench_give_up("a measuring child");
}

int
main(void)
{
	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	for (uint8_t n = 0; n < DEVICES; n++)
		members[n] = member_make(n + 1u, (uint8_t)(n + 1), 25, &randomness);
	measure(100, DEVICES, NULL, NULL);
	if (bench_is_short()) {
		measure_apart(1000, DEVICES, NULL, NULL);
		return EXIT_SUCCESS;
	}
	measure_apart(10000, DEVICES, NULL, NULL);
	measure_apart(50000, 2, "below 2000 ms", NULL);
	measure_apart(100000, DEVICES, NULL, "below 1024 MiB");
	measure_apart(200000, DEVICES, "below 10000 ms", NULL);
	return EXIT_SUCCESS;
}

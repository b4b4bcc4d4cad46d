/* SPDX-License-Identifier: ISC */
/*
 * What registry.db costs a cathedral and who writes it: all of it once, when a cathedral starts,
 * and then one flock at a time, with few flocks and with many.  Five devices a flock, a slice for
 * each and an xflock for every tenth.  "Commit" waits for the disk twice: for the log, and for
 * moving it.
 */
#include "base/clock.h"
#include "registry/registry_db.h"
#include "tests/support/children.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICES     5
#define PAGE_FLOCKS 1000
#define ROUNDS_MOST 101
#define SLICE       1237 /* near enough to that of five devices */

struct place {
	char db[BENCH_FOLDER + 16], key[BENCH_FOLDER + 16];
	struct registry_db_options options;
	struct random random;
	struct registry_db *writer, *reader;
	uint32_t flocks;
	uint64_t until, version;
	unsigned rounds;
};

static uint64_t
flock_number(uint32_t n)
{
	return (n + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) << 8;
}

static double
ms_since(uint64_t begun_ns)
{
	return (double)(clock_now().mono_ns - begun_ns) / 1e6;
}

static void
put(struct place *p, struct record_page *page)
{
	struct fault why;
	bool changed;

	if (!registry_db_put(p->writer, page, &changed, &p->random, &why) || !changed)
		bench_give_up(changed ? "a page" : why.text);
	p->until = page->until;
	record_page_free(page);
}

static void
add(struct record_page *page, uint32_t n, unsigned what)
{
	page_add_flock(page, flock_number(n), DEVICES, what);
	if (n % 10 == 1) {
		uint64_t a = flock_number(n), b = flock_number(n - 1);

		page_add_xflock(page, a < b ? a : b, a < b ? b : a, what);
	}
}

/* As the service tells it: in pages. */
static void
fill(struct place *p)
{
	double took = 0;

	for (uint32_t n = 0; n < p->flocks;) {
		struct record_page page =
		    n == 0 ? page_reset(1) : page_from(p->until, p->until + 1);
		uint32_t end = n + PAGE_FLOCKS < p->flocks ? n + PAGE_FLOCKS : p->flocks;
		uint64_t begun;

		for (; n < end; n++)
			add(&page, n, SLICE - 100);
		page.more = n < p->flocks;
		begun = clock_now().mono_ns;
		put(p, &page);
		took += ms_since(begun);
	}
	figure_print_of((struct figure){ .value = took, .unit = "ms" }, "put all, in pages of 1000",
	    p->flocks, "flocks");
}

static bool
pass_flock(void *arg, struct record_flock *f, struct fault *why)
{
	(void)why;
	*(uint64_t *)arg += f->device_count;
	return true;
}

static bool
pass_xflock(void *arg, struct record_xflock *x, struct fault *why)
{
	(void)arg, (void)x, (void)why;
	return true;
}

static bool
pass_flock_gone(void *arg, struct flock_id flock, struct fault *why)
{
	(void)arg, (void)flock, (void)why;
	return true;
}

static bool
pass_xflock_gone(void *arg, struct flock_pair pair, struct fault *why)
{
	(void)arg, (void)pair, (void)why;
	return true;
}

static bool
pass_fleet(void *arg, const struct record_cathedral *fleet, size_t count, struct fault *why)
{
	(void)arg, (void)fleet, (void)count, (void)why;
	return true;
}

/* Returns how many devices came up. */
static uint64_t
read_on(struct registry_db *db, uint64_t *version)
{
	uint64_t devices = 0;
	const struct registry_db_visitor to = { pass_flock, pass_xflock, pass_flock_gone,
		pass_xflock_gone, pass_fleet, &devices };
	struct fault why;
	bool whole;

	if (!registry_db_read(db, *version, &to, &whole, version, &why))
		bench_give_up(why.text);
	return devices;
}

static void
read_whole(struct place *p)
{
	double values[ROUNDS_MOST];
	unsigned rounds = bench_is_short() ? 1 : 7;

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t begun = clock_now().mono_ns;

		p->version = 0;
		if (read_on(p->reader, &p->version) != (uint64_t)p->flocks * DEVICES)
			bench_give_up("devices");
		values[i] = ms_since(begun);
	}
	figure_print_of((struct figure){ .value = median(values, rounds),
			    .unit = "ms",
			    .goal = p->flocks == 20000 ? "well below 1000" : NULL },
	    "read all", p->flocks, "flocks");
}

/* One flock changes, the other process looks whether one did, and reads on. */
static void
one_by_one(struct place *p)
{
	double write[ROUNDS_MOST], look[ROUNDS_MOST], read[ROUNDS_MOST];

	for (unsigned i = 0; i < p->rounds; i++) {
		struct record_page page = page_from(p->until, p->until + 1);
		uint32_t n = (uint32_t)((i + 1) * UINT64_C(2654435761) % p->flocks);
		uint64_t begun;

		page_add_flock(&page, flock_number(n), DEVICES, SLICE - 99 + i % 2);
		begun = clock_now().mono_ns;
		put(p, &page);
		write[i] = ms_since(begun);
		begun = clock_now().mono_ns;
		if (!registry_db_changed(p->reader, p->version))
			bench_give_up("a change");
		look[i] = ms_since(begun) * 1e3;
		begun = clock_now().mono_ns;
		if (read_on(p->reader, &p->version) != DEVICES)
			bench_give_up("one flock's devices");
		read[i] = ms_since(begun) * 1e3;
	}
	figure_print_of((struct figure){ .value = median(write, p->rounds) * 1e3, .unit = "us" },
	    "put one, with its commit", p->flocks, "flocks");
	figure_print_of((struct figure){ .value = median(look, p->rounds), .unit = "us" },
	    "see that something changed", p->flocks, "flocks");
	figure_print_of((struct figure){ .value = median(read, p->rounds), .unit = "us" },
	    "read it", p->flocks, "flocks");
}

/* Nothing did. */
static void
look_in_vain(struct place *p)
{
	const unsigned times = 10000;
	uint64_t begun = clock_now().mono_ns;

	for (unsigned i = 0; i < times; i++) {
		if (registry_db_changed(p->reader, p->version))
			bench_give_up("no change");
	}
	figure_print_of((struct figure){ .value = ms_since(begun) * 1e3 / times, .unit = "us" },
	    "see that nothing did", p->flocks, "flocks");
}

/* All of it told again, unchanged. */
static void
sweep_again(struct place *p)
{
	uint64_t begun;
	double took = 0;

	for (uint32_t n = 0; n < p->flocks;) {
		struct record_page page =
		    n == 0 ? page_reset(p->until + 1) : page_from(p->until, p->until + 1);
		uint32_t end = n + PAGE_FLOCKS < p->flocks ? n + PAGE_FLOCKS : p->flocks;
		struct fault why;
		bool changed;

		for (; n < end; n++)
			add(&page, n, SLICE - 100);
		page.more = n < p->flocks;
		begun = clock_now().mono_ns;
		if (!registry_db_put(p->writer, &page, &changed, &p->random, &why))
			bench_give_up(why.text);
		took += ms_since(begun);
		p->until = page.until;
		record_page_free(&page);
	}
	figure_print_of((struct figure){ .value = took, .unit = "ms" },
	    "put all again, little of it new", p->flocks, "flocks");
}

static double
resident_kib(void)
{
	const struct child self = { .pid = getpid() };

	return (double)child_memory_kib(&self, "VmRSS");
}

/* In a process of its own, that has nothing else in memory. */
static void
memory(const struct place *p)
{
	pid_t child = fork();
	int status;

	if (child == -1)
		bench_give_up("fork");
	if (child == 0) {
		double before = resident_kib();
		struct fault why;
		uint64_t version = 0;
		struct registry_db *db = registry_db_open(&p->options, &why);

		if (db == NULL)
			bench_give_up(why.text);
		read_on(db, &version);
		figure_print_of((struct figure){ .value = (resident_kib() - before) / 1024,
				    .unit = "MiB",
				    .goal = "below 16" },
		    "memory to read all, its own", p->flocks, "flocks");
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		bench_give_up("a measuring child");
}

static void
measure(const char *folder, uint32_t flocks)
{
	struct place p = { .flocks = flocks, .rounds = bench_is_short() ? 5 : ROUNDS_MOST };
	struct fault why;

	snprintf(p.db, sizeof(p.db), "%s/registry.db", folder);
	snprintf(p.key, sizeof(p.key), "%s/registry.key", folder);
	p.options = (struct registry_db_options){ .path = p.db, .key = p.key };
	random_from_seed(&p.random, 1);
	p.writer = registry_db_create(&p.options, &p.random, &why);
	p.reader = p.writer == NULL ? NULL : registry_db_open(&p.options, &why);
	if (p.reader == NULL)
		bench_give_up(why.text);
	fill(&p);
	read_whole(&p);
	one_by_one(&p);
	look_in_vain(&p);
	sweep_again(&p);
	memory(&p);
	registry_db_close(p.reader);
	registry_db_close(p.writer);
}

int
main(void)
{
	static const uint32_t sizes[] = { 200, 2000, 20000 };
	size_t count = bench_is_short() ? 2 : 3;

	for (size_t i = 0; i < count; i++) {
		char folder[BENCH_FOLDER];

		bench_folder_make(folder);
		measure(folder, sizes[i]);
		bench_folder_remove(folder);
	}
	return EXIT_SUCCESS;
}

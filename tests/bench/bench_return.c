/* SPDX-License-Identifier: ISC */
/*
 * A whole fleet comes back to a cathedral that was started again: what it costs to register all of
 * it, and how many shrouded devices have to be searched for, by what the cathedral still knows.
 */
#include "protocol/crypto/aead.h"
#include "tests/support/figure.h"
#include "tests/support/rotors.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEVICES  100000
#define IN_SHORT 2000
#define SAMPLE   4000 /* devices that are searched for, of all */
#define GOAL_S   10.0
#define CORES    2.0

struct scene {
	const char *name;
	bool shrouded;
	enum rotors_left left;
	uint64_t pause_s;
};

static const struct scene scenes[] = {
	{ "clear, told by the one before", false, ROTORS_TOLD, 0 },
	{ "clear, state file, after 20 s", false, ROTORS_FILE, 20 },
	{ "clear, nothing known", false, ROTORS_NOTHING, 20 },
	{ "shrouded, told by the one before", true, ROTORS_TOLD, 0 },
	{ "shrouded, state file, after 20 s", true, ROTORS_FILE, 20 },
	{ "shrouded, state file, after 500 s", true, ROTORS_FILE, 500 },
};

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

static void
report(const char *name, double value, const char *unit, const char *goal)
{
	const struct figure f = { name, value, unit, 0, NULL, goal };

	figure_print(&f);
}

static double
percent(uint64_t part, uint64_t of)
{
	return 100 * (double)part / (double)of;
}

/* All of them have spoken when it ends. */
static struct rotors *
fleet(size_t devices, bool shrouded, struct random *seed)
{
	struct rotors *r = rotors_create(devices, shrouded, seed);

	rotors_run_s(r, 100);
	return r;
}

static bool
all_come_back(const struct scene *s, size_t devices, const char *path, struct random *seed)
{
	struct rotors *r = fleet(devices, s->shrouded, seed);
	uint64_t knows_ns = rotors_restart(r, s->left, s->pause_s, path);
	struct rotors_count before = rotors_count(r), after;
	struct rotors_return took = rotors_come_back(r, devices);
	double seconds = (double)(took.worker_ns + took.scanner_ns) / 1e9 / CORES;

	after = rotors_count(r);
	printf("# %s\n", s->name);
	report("knows what is left after", (double)knows_ns / 1e6, "ms", NULL);
	report("all registered, two cores", seconds, "s", "below 10");
	report("accepted", percent(after.accepted - before.accepted, devices), "%", NULL);
	report("under a new identity", percent(after.rotations - before.rotations, devices), "%",
	    NULL);
	report("searched for", percent(after.searched - before.searched, devices), "%", NULL);
	rotors_destroy(r);
	return seconds < GOAL_S && after.accepted - before.accepted == devices;
}

/* Nothing is known, and a device says nothing but an identity that may be anybody's. */
static void
search_for_all(size_t devices, struct random *seed)
{
	size_t sample = devices < SAMPLE ? devices : SAMPLE;
	struct rotors *r = fleet(devices, true, seed);
	struct rotors_return took;
	struct rotors_count before, after;
	double each_ns;

	rotors_restart(r, ROTORS_NOTHING, 20, NULL);
	before = rotors_count(r);
	took = rotors_come_back(r, sample);
	after = rotors_count(r);
	each_ns = (double)took.scanner_ns / (double)(after.searched - before.searched);
	printf("# shrouded, nothing known, %zu devices\n", devices);
	report("search for one", each_ns / 1e6, "ms", NULL);
	report("of its first packets accepted", percent(after.accepted - before.accepted, sample),
	    "%", NULL);
	report("all found, on one core", each_ns * (double)devices / 1e9, "s", NULL);
	rotors_destroy(r);
}

int
main(void)
{
	size_t devices = bench_is_short() ? IN_SHORT : DEVICES;
	char path[] = "/tmp/bench_return.XXXXXX";
	struct random seed;
	int fd = mkstemp(path);
	bool ok = true;

	if (fd == -1 || !aead_init())
		return EXIT_FAILURE;
	close(fd);
	random_from_seed(&seed, 1);
	printf("# %zu devices\n", devices);
	for (size_t n = 0; n < SCENES; n++)
		ok = all_come_back(&scenes[n], devices, path, &seed) && ok;
	unlink(path);
	for (size_t n = devices / 100; n <= devices; n *= 10)
		search_for_all(n, &seed);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

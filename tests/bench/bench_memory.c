/* SPDX-License-Identifier: ISC */
/*
 * What a cathedral's memory is spent on: resident memory before and after, each in a process of
 * its own, so that nothing is measured twice and nothing freed before is used again.
 */
#include "base/file.h"
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"
#include "tests/support/members.h"

#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct random randomness;
static char folder[] = "/tmp/reliquary-bench.XXXXXX";

static void
give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Bytes of this process that are in memory. */
static double
resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%lu %lu", &size, &pages) != 2)
		give_up("/proc/self/statm");
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* What work() makes, in bytes, measured in a child; it must not free it. */
static double
cost(void (*work)(size_t count), size_t count)
{
	double bytes = 0;
	int status, ends[2];
	pid_t child;

	if (pipe(ends) == -1)
		give_up("pipe");
	child = fork();
	if (child == -1)
		give_up("fork");
	if (child == 0) {
		double before;

		malloc_trim(0); /* what the parent freed is not the child's merit */
		before = resident();
		work(count);
		bytes = resident() - before;
		_exit(write(ends[1], &bytes, sizeof(bytes)) == sizeof(bytes) ? EXIT_SUCCESS
									     : EXIT_FAILURE);
	}
	close(ends[1]);
	if (read(ends[0], &bytes, sizeof(bytes)) != sizeof(bytes) ||
	    waitpid(child, &status, 0) != child || status != 0)
		give_up("a measuring child");
	close(ends[0]);
	return bytes;
}

static void
report(const char *name, double bytes, const char *goal)
{
	struct figure f = { name, bytes, "bytes", 0, NULL, goal };

	figure_print(&f);
}

/* ---- tunnels ---- */

static const struct crowd_places places = {
	.first = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
	.second = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
};

static struct site *
empty_site(void)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct site *site =
	    site_create(&options, crowd_registry(1, 2, &randomness), 1, &randomness);

	if (site == NULL)
		give_up("site");
	return site;
}

static void
nothing(size_t count)
{
	(void)count;
	(void)empty_site();
}

/* Four tunnels a flock, of two devices: with what is counted for their quotas. */
static void
tunnels(size_t count)
{
	crowd_meet(empty_site(), count / 4, &places, NS_PER_S);
}

/* A shroud identity for each, from an address of its own: with what its hints take. */
static void
identities(size_t count)
{
	struct site *site = empty_site();

	for (size_t n = 0; n < count; n++) {
		uint8_t id[16], ip[4] = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
		struct endpoint from = endpoint_from_ipv4(ip, 1000);
		struct identity who = { crowd_flock(n, 0), crowd_flock(n, 0), { 1 }, 0 };

		random_bytes(&randomness, id, sizeof(id));
		identities_prove(site->identities, id, &who, &from, NS_PER_S);
	}
}

/* ---- devices ---- */

static void
devices_by_2(size_t count)
{
	(void)crowd_registry(count / 2, 2, &randomness);
}

static void
devices_by_10(size_t count)
{
	(void)crowd_registry(count / 10, 10, &randomness);
}

static void
devices_by_100(size_t count)
{
	(void)crowd_registry(count / 100, 100, &randomness);
}

/* ---- flocks with whole bundles on disk ---- */

static unsigned devices_in_a_flock;

static void
write_named(const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) == EOF)
		give_up(path);
}

/* Settings for the first `count` flocks; their bundles and keys are there. */
static void
write_settings(size_t count)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		give_up("settings");
	for (size_t n = 0; n < count; n++) {
		fprintf(out, "flock %" PRIx64 " {\nambry bundle-%zu\n", crowd_flock(n, 0).value, n);
		for (unsigned d = 1; d <= devices_in_a_flock; d++)
			fprintf(out, "allow %x spi %x 0\n", d, d);
		fputs("}\n", out);
	}
	fclose(out);
	write_named("settings", text, len);
	free(text);
}

/* Bundles differ by flock; keys need not. */
static void
write_flock(size_t n)
{
	const uint8_t key[32] = { 7 };
	struct bundle_plan plan = { crowd_flock(n, 0), crowd_flock(n, 0), 60000, (uint32_t)n + 1 };
	char name[64], path[256];
	struct fault why;
	uint8_t *bytes;
	size_t len;

	bytes = bundle_write(&plan, &len);
	snprintf(name, sizeof(name), "bundle-%zu", n);
	write_named(name, bytes, len);
	free(bytes);
	snprintf(path, sizeof(path), "%s/flock-%" PRIx64, folder, plan.first.value);
	if (!file_make_folder(path, 0700, &why))
		give_up(path);
	for (unsigned d = 1; d <= 255; d++) {
		snprintf(name, sizeof(name), "flock-%" PRIx64 "/%08x.key", plan.first.value, d);
		write_named(name, key, sizeof(key));
		snprintf(name, sizeof(name), "flock-%" PRIx64 "/%08x.pub", plan.first.value, d);
		write_named(name, key, sizeof(key));
	}
}

static void
load(size_t count)
{
	char settings[256];
	struct registry_source source = { .settings = settings, .secretdir = folder };
	struct fault why;

	write_settings(count);
	snprintf(settings, sizeof(settings), "%s/settings", folder);
	if (registry_load(&source, NULL, &why) == NULL) {
		fprintf(stderr, "%s\n", why.text);
		_exit(EXIT_FAILURE);
	}
}

/* A flock more costs what the flocks after the first few cost each. */
static void
report_flocks(unsigned devices, size_t few, size_t many, const char *goal)
{
	double base, all;
	char name[96];

	/* Secrets lie in locked chunks of a megabyte: the first is there with the first flock. */
	devices_in_a_flock = devices;
	base = cost(load, few);
	all = cost(load, many);
	snprintf(name, sizeof(name), "a flock of %u devices, whole bundle on disk", devices);
	report(name, (all - base) / (double)(many - few), goal);
	if (devices == 5) {
		snprintf(name, sizeof(name), "... all %zu of them together, locked chunk included",
		    many);
		report(name, all, NULL);
	}
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
	const size_t many = 100000, flocks = bench_is_short() ? 6 : 20, few = flocks / 2;
	double base;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	base = cost(nothing, 0);
	report("a site with nothing in it", base, NULL);
	report("a tunnel (of 100,000)", (cost(tunnels, many) - base) / (double)many, "below 400");
	if (!bench_is_short())
		report("a tunnel (of 1,000,000)",
		    (cost(tunnels, 10 * many) - base) / (double)(10 * many), "below 400");
	report(
	    "a shroud identity (of 100,000)", (cost(identities, many) - base) / (double)many, NULL);
	report("a device in flocks of 2 (of 100,000)", cost(devices_by_2, many) / (double)many,
	    "below 700");
	report("a device in flocks of 10 (of 100,000)", cost(devices_by_10, many) / (double)many,
	    "below 700");
	report("a device in flocks of 100 (of 100,000)", cost(devices_by_100, many) / (double)many,
	    "below 700");

	if (mkdtemp(folder) == NULL)
		give_up(folder);
	for (size_t n = 0; n < flocks; n++)
		write_flock(n);
	report_flocks(2, few, flocks, "below 65536");
	report_flocks(5, few, flocks, "below 65536");
	report_flocks(16, few, flocks, "below 65536");
	report_flocks(255, few, flocks, NULL);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return EXIT_SUCCESS;
}

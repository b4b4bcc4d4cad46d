/* SPDX-License-Identifier: ISC */
/* Registries from real files: what is read, what is kept, what is refused in which words. */
#include "base/clock.h"
#include "base/file.h"
#include "cathedral/state/registry.h"
#include "tests/support/members.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define EXPIRES 60000 /* days: far away */

static struct random randomness;
static const struct flock_id flock_a = { 0xaa00 }, flock_b = { 0xbb00 };
static const struct device_id first = { 1 }, second = { 2 };

/* A folder with settings, secrets and bundles, as a cathedral has it. */
struct place {
	struct scratch dir;
	struct scratch_name settings, secrets, federation;
	struct registry_source source;
};

static struct scratch_name
in(const struct place *p, const char *format, ...)
{
	char name[128];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return scratch_name(&p->dir, name);
}

static void
write_file(struct scratch_name name, const void *data, size_t len)
{
	FILE *file = fopen(name.path, "we");

	if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) == EOF)
		fail_msg("%s: cannot be written", name.path);
}

static void
write_keys(const struct place *p, struct flock_id flock, const struct member *m)
{
	struct scratch_name dir = in(p, "secrets/flock-%" PRIx64, flock.value);
	struct fault why;

	assert_true(file_make_folder(dir.path, 0700, &why));
	write_file(in(p, "secrets/flock-%" PRIx64 "/%08" PRIx32 ".key", flock.value, m->id.value),
	    &m->keys.cs, 32);
	write_file(in(p, "secrets/flock-%" PRIx64 "/%08" PRIx32 ".pub", flock.value, m->id.value),
	    &m->public, 32);
}

static void
write_bundle(const struct place *p, const char *name, const struct bundle_plan *plan)
{
	size_t len;
	uint8_t *bytes = bundle_write(plan, &len);

	write_file(in(p, "%s", name), bytes, len);
	free(bytes);
}

static void
say(const struct place *p, const char *settings)
{
	write_file(p->settings, settings, strlen(settings));
}

/* Keys of devices 1 and 2 of flocks a and b; no settings yet. */
static void
place_make(struct place *p)
{
	p->dir = scratch_make();
	p->settings = in(p, "settings");
	p->secrets = in(p, "secrets");
	p->federation = in(p, "federation.key");
	p->source =
	    (struct registry_source){ .settings = p->settings.path, .secretdir = p->secrets.path };
	for (uint32_t id = 1; id <= 2; id++) {
		struct member m = member_make(id, (uint8_t)id, 0, &randomness);

		write_keys(p, flock_a, &m);
		m = member_make(id, (uint8_t)id, 0, &randomness);
		write_keys(p, flock_b, &m);
	}
}

static void
place_remove(struct place *p)
{
	scratch_remove(&p->dir);
}

static struct registry *
load(const struct place *p, const struct registry *old)
{
	struct fault why = { "" };
	struct registry *r = registry_load(&p->source, old, &why);

	if (r == NULL)
		fail_msg("%s", why.text);
	return r;
}

/* Refused, for this reason; "@" stands for the folder. */
static void
expect_fault(const struct place *p, const struct registry *old, const char *want)
{
	struct fault why = { "" };
	char text[2048], *at = text;

	for (; *want != '\0'; want++) {
		if (*want == '@')
			at += sprintf(at, "%s", p->dir.path);
		else
			*at++ = *want;
	}
	*at = '\0';
	assert_null(registry_load(&p->source, old, &why));
	assert_string_equal(why.text, text);
}

#define ONE_FLOCK                                                                                  \
	"flock aa00 {\n"                                                                           \
	"\tallow 1 spi 1 25\n"                                                                     \
	"\tallow 2 spi 2 0\n"                                                                      \
	"}\n"

#define TWO_FLOCKS                                                                                 \
	ONE_FLOCK "flock bb00 {\n"                                                                 \
		  "\tallow 1 spi 1 25\n"                                                           \
		  "\tallow 2 spi 2 0\n"                                                            \
		  "}\n"

static void
a_registry_is_what_the_files_say(void **state)
{
	struct place p;
	struct registry *r;
	struct party party;
	uint8_t cs[32];
	struct fault why;

	(void)state;
	place_make(&p);
	say(&p, TWO_FLOCKS);
	r = load(&p, NULL);
	assert_int_equal(registry_counts(r).flocks, 2);
	assert_int_equal(registry_counts(r).devices, 4);
	assert_true(registry_party(r, flock_a, flock_a, first, &party));
	assert_int_equal(party.device->mbit, 25);
	assert_int_equal(party.device->kek_number, 1);
	assert_true(
	    file_read_exact(cs, sizeof(cs), in(&p, "secrets/flock-aa00/00000001.key").path, &why));
	assert_memory_equal(&party.device->cs, cs, sizeof(cs));
	assert_false(registry_party(r, flock_a, flock_b, first, &party));
	registry_free(r);

	say(&p, "");
	r = load(&p, NULL);
	assert_int_equal(registry_counts(r).flocks, 0);
	registry_free(r);
	place_remove(&p);
}

/* ---- what is refused ---- */

static void
keys_that_are_missing_or_short_are_named(void **state)
{
	struct place p;
	struct scratch_name key, public;

	(void)state;
	place_make(&p);
	say(&p, TWO_FLOCKS);
	key = in(&p, "secrets/flock-bb00/00000002.key");
	public = in(&p, "secrets/flock-aa00/00000001.pub");

	assert_int_equal(unlink(key.path), 0);
	expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: No such file or directory");
	write_file(key, "0123456789012345678901234567890", 31);
	expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: 31 bytes long, expected 32");
	write_file(key, "012345678901234567890123456789012", 33);
	expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: 33 bytes long, expected 32");
	assert_int_equal(unlink(public.path), 0);
	expect_fault(&p, NULL,
	    "@/settings: line 2: @/secrets/flock-aa00/00000001.pub: No such file or directory");
	assert_int_equal(mkdir(public.path, 0700), 0);
	expect_fault(
	    &p, NULL, "@/settings: line 2: @/secrets/flock-aa00/00000001.pub: not a regular file");
	place_remove(&p);
}

static void
settings_that_are_wrong_are_named(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	expect_fault(&p, NULL, "@/settings: No such file or directory");
	say(&p, "flock aa00 {\n");
	expect_fault(&p, NULL, "@/settings: line 1: this flock has no \"}\"");
	say(&p, "flock aa00 {\nallow 1 spi 1 fast\n}\n");
	expect_fault(&p, NULL, "@/settings: line 2: \"fast\" is not a number of Mbit/s");
	place_remove(&p);
}

static void
bundles_that_are_wrong_are_named(void **state)
{
	const struct bundle_plan of_b = { flock_b, flock_b, EXPIRES, 1 },
				 of_both = { flock_a, flock_b, EXPIRES, 1 };
	struct place p;
	size_t len;
	uint8_t *bytes;

	(void)state;
	place_make(&p);
	say(&p, "flock aa00 {\n\tallow 1 spi 1 25\n\tambry bundle\n}\n");
	expect_fault(&p, NULL, "@/settings: line 3: @/bundle: No such file or directory");
	write_file(in(&p, "bundle"), "x", 1);
	expect_fault(&p, NULL, "@/settings: line 3: @/bundle: 1 bytes where 3756730 were expected");
	write_file(in(&p, "bundle"), "", 0);
	expect_fault(&p, NULL, "@/settings: line 3: @/bundle: 0 bytes where 3756730 were expected");
	write_bundle(&p, "bundle", &of_b);
	expect_fault(&p, NULL,
	    "@/settings: line 3: @/bundle: entry 1: tunnel 0102 of flock bb00 where 0102 of "
	    "flock aa00 was expected");
	write_bundle(&p, "bundle", &of_both);
	expect_fault(
	    &p, NULL, "@/settings: line 3: @/bundle: 7542970 bytes where 3756730 were expected");

	bytes = bundle_write(&of_both, &len);
	bytes = realloc(bytes, len + 100);
	memset(bytes + len, 0, 100);
	write_file(in(&p, "bundle"), bytes, len + 100);
	free(bytes);
	expect_fault(&p, NULL, "@/settings: line 3: @/bundle: longer than 7542971 bytes");
	assert_int_equal(unlink(in(&p, "bundle").path), 0);
	assert_int_equal(mkdir(in(&p, "bundle").path, 0700), 0);
	expect_fault(&p, NULL, "@/settings: line 3: @/bundle: not a regular file");
	place_remove(&p);
}

static void
bundles_of_pairs_that_are_wrong_are_named(void **state)
{
	const struct bundle_plan of_a = { flock_a, flock_a, EXPIRES, 1 };
	struct place p;

	(void)state;
	place_make(&p);
	say(&p, TWO_FLOCKS "xflock aa00 bb00 pair\n");
	expect_fault(&p, NULL, "@/settings: line 9: @/pair: No such file or directory");
	write_bundle(&p, "pair", &of_a);
	expect_fault(
	    &p, NULL, "@/settings: line 9: @/pair: 3756730 bytes where 7542970 were expected");
	place_remove(&p);
}

static void
federation_needs_its_secret(void **state)
{
	struct place p;
	struct registry *r;

	(void)state;
	place_make(&p);
	say(&p, ONE_FLOCK "federate 192.0.2.1 4500\n");
	expect_fault(&p, NULL, "@/settings: line 5: federate needs a federation secret");
	p.source.federation = p.federation.path;
	expect_fault(&p, NULL, "@/federation.key: No such file or directory");
	write_file(p.federation, "short", 5);
	expect_fault(&p, NULL, "@/federation.key: 5 bytes long, expected 32");
	write_file(p.federation, "01234567890123456789012345678901", 32);
	r = load(&p, NULL);
	assert_int_equal(registry_counts(r).peers, 1);
	assert_true(registry_federation(r)->present);
	assert_memory_equal(registry_federation(r)->secret.bytes, "0123456789", 10);
	registry_free(r);
	place_remove(&p);
}

/* ---- what is kept ---- */

static void
what_did_not_change_is_shared(void **state)
{
	struct place p;
	struct registry *r, *next;
	struct registry_flock *a, *b;
	struct member m = member_make(1, 1, 0, &randomness);

	(void)state;
	place_make(&p);
	say(&p, TWO_FLOCKS);
	r = load(&p, NULL);
	a = registry_flock_find(r, flock_a);
	b = registry_flock_find(r, flock_b);

	/* Other lines, in another order, with the same meaning. */
	say(&p, "flock bb00 {\n\n allow 2 spi 2 0\n allow 1 spi 01 25\n}\n# c\n" ONE_FLOCK);
	next = load(&p, r);
	assert_ptr_equal(registry_flock_find(next, flock_a), a);
	assert_ptr_equal(registry_flock_find(next, flock_b), b);
	registry_free(r);

	/* One flock's key is another: only it is new. */
	write_keys(&p, flock_b, &m);
	r = load(&p, next);
	assert_ptr_equal(registry_flock_find(r, flock_a), a);
	assert_ptr_not_equal(registry_flock_find(r, flock_b), b);
	registry_free(next);
	registry_free(r);
	place_remove(&p);
}

static void
every_change_of_a_flock_is_seen(void **state)
{
	static const char *const others[] = {
		"flock aa00 {\nallow 1 spi 1 26\nallow 2 spi 2 0\n}\n", /* a cap */
		"flock aa00 {\nallow 1 spi 3 25\nallow 2 spi 2 0\n}\n", /* a number */
		"flock aa00 {\nallow 1 spi 1 25\n}\n",                  /* one less */
		"flock aa00 {\nallow 1 spi 1 25\nallow 2 spi 2 0\nallow 3 spi 3 0\n}\n",
		"flock aa00 {\nallow 3 spi 1 25\nallow 2 spi 2 0\n}\n", /* another device */
		"flock aa00 {\nallow 1 spi 1 25\nallow 2 spi 2 0\nambry bundle\n}\n",
	};
	const struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 };
	struct place p;
	struct registry *r, *next;
	struct member third = member_make(3, 3, 0, &randomness);

	(void)state;
	place_make(&p);
	write_keys(&p, flock_a, &third);
	write_bundle(&p, "bundle", &plan);
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
		say(&p, ONE_FLOCK);
		r = load(&p, NULL);
		say(&p, others[n]);
		next = load(&p, r);
		assert_ptr_not_equal(
		    registry_flock_find(next, flock_a), registry_flock_find(r, flock_a));
		registry_free(r);
		/* And back again. */
		say(&p, ONE_FLOCK);
		r = load(&p, next);
		assert_ptr_not_equal(
		    registry_flock_find(next, flock_a), registry_flock_find(r, flock_a));
		registry_free(next);
		registry_free(r);
	}
	place_remove(&p);
}

/* A fault leaves the old one whole: every flock of it still counts its references right. */
static void
a_fault_changes_nothing(void **state)
{
	struct place p;
	struct registry *r, *next;

	(void)state;
	place_make(&p);
	say(&p, TWO_FLOCKS);
	r = load(&p, NULL);
	for (int n = 0; n < 3; n++) {
		say(&p, TWO_FLOCKS "flock cc00 {\nallow 1 spi 1 0\n}\n");
		expect_fault(&p, r,
		    "@/settings: line 10: @/secrets/flock-cc00/00000001.key: No such file or "
		    "directory");
		say(&p, TWO_FLOCKS "federate 192.0.2.1 1\n");
		expect_fault(&p, r, "@/settings: line 9: federate needs a federation secret");
		say(&p, TWO_FLOCKS "xflock aa00 bb00 nowhere\n");
		expect_fault(&p, r, "@/settings: line 9: @/nowhere: No such file or directory");
	}
	assert_int_equal(registry_flock_find(r, flock_a)->references, 1);
	say(&p, TWO_FLOCKS);
	next = load(&p, r);
	assert_int_equal(registry_flock_find(r, flock_a)->references, 2);
	registry_free(r);
	assert_int_equal(registry_flock_find(next, flock_a)->references, 1);
	registry_free(next);
	place_remove(&p);
}

/* Loads until r's successor keeps its flock a, which a young bundle keeps it from doing. */
static struct registry *
load_until_kept(const struct place *p, struct registry *r)
{
	uint64_t deadline = clock_now().mono_ns + 20 * NS_PER_S;
	const struct timespec nap = { .tv_nsec = 100 * (long)NS_PER_MS };

	for (;;) {
		struct registry *next = load(p, r);
		bool kept = registry_flock_find(next, flock_a) == registry_flock_find(r, flock_a);

		registry_free(r);
		r = next;
		if (kept)
			return r;
		if (clock_now().mono_ns > deadline)
			fail_msg("a bundle that does not change is read again and again");
		nanosleep(&nap, NULL);
	}
}

static uint32_t
generation(const struct registry *r, struct flock_id own, struct flock_id other)
{
	struct party party;

	assert_true(registry_party(r, own, other, first, &party));
	return party.ambries->present ? party.ambries->bundle.head.generation : 0;
}

static void
bundles_are_kept_until_they_change(void **state)
{
	struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 },
			   both = { flock_b, flock_a, EXPIRES, 7 };
	struct place p;
	struct registry *r, *next;
	struct registry_flock *a;
	struct registry_xflock *x;

	(void)state;
	place_make(&p);
	write_bundle(&p, "bundle", &plan);
	write_bundle(&p, "pair", &both);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n"
		"flock bb00 {\nallow 1 spi 1 0\n}\nxflock bb00 aa00 pair\n");
	r = load_until_kept(&p, load(&p, NULL));
	a = registry_flock_find(r, flock_a);
	x = registry_xflock_find(r, flock_a, flock_b);
	next = load(&p, r);
	assert_ptr_equal(registry_flock_find(next, flock_a), a);
	assert_ptr_equal(registry_xflock_find(next, flock_a, flock_b), x);
	registry_free(r);

	/* Written over in place, with the same length, within one tick of a clock perhaps. */
	plan.generation = 2;
	write_bundle(&p, "bundle", &plan);
	r = load(&p, next);
	assert_ptr_not_equal(registry_flock_find(r, flock_a), a);
	assert_int_equal(generation(r, flock_a, flock_a), 2);
	/* A pair's keys come from its flocks: it is made anew as well. */
	assert_ptr_not_equal(registry_xflock_find(r, flock_a, flock_b), x);
	assert_int_equal(generation(r, flock_b, flock_a), 7);
	registry_free(next);
	plan.generation = 3;
	write_bundle(&p, "bundle", &plan);
	next = load(&p, r);
	assert_int_equal(generation(next, flock_a, flock_a), 3);
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

/*
 * A file that has just been written may be written again within the same tick of its clock: until
 * it is two seconds old it is read every time.
 */
static void
a_young_bundle_is_read_again(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 };
	uint64_t start = clock_now().mono_ns;
	struct place p;
	struct registry *r, *next;
	bool kept;

	(void)state;
	place_make(&p);
	write_bundle(&p, "bundle", &plan);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = load(&p, NULL);
	next = load(&p, r);
	kept = registry_flock_find(next, flock_a) == registry_flock_find(r, flock_a);
	if (clock_now().mono_ns - start < NS_PER_S) /* on a machine that is not all too slow */
		assert_false(kept);
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

/* No fault: it is there, and whoever hands out ambries sees that it has ended. */
static void
an_expired_bundle_is_no_fault(void **state)
{
	struct bundle_plan good = { flock_a, flock_a, EXPIRES, 1 },
			   old = { flock_a, flock_a, 5, 2 };
	struct place p;
	struct registry *r, *next;
	struct party party;

	(void)state;
	place_make(&p);
	write_bundle(&p, "good", &good);
	write_bundle(&p, "bundle", &good);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = load(&p, NULL);
	write_bundle(&p, "bundle", &old);
	next = load(&p, r);
	assert_true(registry_party(next, flock_a, flock_a, first, &party));
	assert_true(party.ambries->present);
	assert_int_equal(party.ambries->bundle.head.expires, 5);
	registry_free(r);

	/* Put back, it serves again. */
	assert_int_equal(rename(in(&p, "good").path, in(&p, "bundle").path), 0);
	r = load(&p, next);
	assert_int_equal(generation(r, flock_a, flock_a), 1);
	assert_true(registry_party(r, flock_a, flock_a, first, &party));
	assert_int_equal(party.ambries->bundle.head.expires, EXPIRES);
	registry_free(next);
	registry_free(r);
	place_remove(&p);
}

/* Relative to the settings file, wherever the process runs. */
static void
bundle_paths_are_relative_to_the_settings(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 9 };
	struct place p;
	struct registry *r;
	struct fault why;
	char text[1024], before[1024];

	(void)state;
	place_make(&p);
	assert_true(file_make_folder(in(&p, "below").path, 0700, &why));
	write_bundle(&p, "below/bundle", &plan);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nambry below/bundle\n}\n");
	r = load(&p, NULL);
	assert_int_equal(generation(r, flock_a, flock_a), 9);
	registry_free(r);

	snprintf(text, sizeof(text), "flock aa00 {\nallow 1 spi 1 0\nambry %s\n}\n",
	    in(&p, "below/bundle").path);
	say(&p, text);
	r = load(&p, NULL);
	assert_int_equal(generation(r, flock_a, flock_a), 9);
	registry_free(r);

	/* A settings file named without a folder is in the current one. */
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(p.dir.path), 0);
	p.source.settings = "settings";
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nambry below/bundle\n}\n");
	r = registry_load(&p.source, NULL, &why);
	assert_int_equal(chdir(before), 0);
	assert_non_null(r);
	assert_int_equal(generation(r, flock_a, flock_a), 9);
	registry_free(r);
	place_remove(&p);
}

/* ---- numbers that nobody has yet ---- */

static void
what_is_not_in_memory_is_on_disk(void **state)
{
	struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 };
	struct tunnel_id here = tunnel_between(1, 2), there = tunnel_between(1, 200);
	struct bundle_entry got, want = bundle_entry_of(&plan, flock_a, there);
	struct place p;
	struct registry *r;
	struct party party;

	(void)state;
	place_make(&p);
	write_bundle(&p, "bundle", &plan);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = load(&p, NULL);
	assert_true(registry_party(r, flock_a, flock_a, first, &party));
	assert_int_equal(registry_find_ambry(party.ambries, flock_a, here, &got), REGISTRY_HERE);
	assert_int_equal(
	    registry_find_ambry(party.ambries, flock_a, there, &got), REGISTRY_ON_DISK);
	assert_int_equal(registry_find_ambry(party.ambries, flock_a, tunnel_between(1, 1), &got),
	    REGISTRY_NOWHERE);
	assert_int_equal(registry_find_ambry(party.ambries, flock_a, tunnel_between(1, 0), &got),
	    REGISTRY_NOWHERE);
	assert_int_equal(
	    registry_find_ambry(party.ambries, flock_b, there, &got), REGISTRY_NOWHERE);

	assert_true(registry_read_ambry(party.ambries, flock_with_domain(flock_a, 7), there, &got));
	assert_memory_equal(got.key, want.key, sizeof(want.key));
	assert_int_equal(got.tunnel.value, there.value);
	assert_true(registry_read_ambry(party.ambries, flock_a, tunnel_reverse(there), &got));
	assert_false(registry_read_ambry(party.ambries, flock_a, tunnel_between(3, 3), &got));
	assert_false(registry_read_ambry(party.ambries, flock_b, there, &got));

	/* Only of the bundle that was read: another generation, or no file, gives nothing. */
	plan.generation = 2;
	write_bundle(&p, "bundle", &plan);
	assert_false(registry_read_ambry(party.ambries, flock_a, there, &got));
	assert_int_equal(truncate(in(&p, "bundle").path, 100), 0);
	assert_false(registry_read_ambry(party.ambries, flock_a, there, &got));
	assert_int_equal(unlink(in(&p, "bundle").path), 0);
	assert_false(registry_read_ambry(party.ambries, flock_a, there, &got));
	registry_free(r);
	place_remove(&p);
}

static void
a_pair_is_on_disk_either_way_round(void **state)
{
	struct tunnel_id here = tunnel_between(1, 2), there = tunnel_between(1, 200);

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		const struct bundle_plan plan = { turn == 0 ? flock_a : flock_b,
			turn == 0 ? flock_b : flock_a, EXPIRES, 1 };
		struct bundle_entry got, want = bundle_entry_of(&plan, flock_b, there);
		struct place p;
		struct registry *r;
		struct party party;

		place_make(&p);
		write_bundle(&p, "pair", &plan);
		/* b allows nobody yet: nothing of the file is in memory. */
		say(&p,
		    "flock aa00 {\nallow 1 spi 1 0\n}\nflock bb00 {\n}\nxflock aa00 bb00 pair\n");
		r = load(&p, NULL);
		assert_true(registry_party(r, flock_a, flock_b, first, &party));
		assert_int_equal(
		    registry_find_ambry(party.ambries, flock_a, here, &got), REGISTRY_ON_DISK);
		assert_true(registry_read_ambry(party.ambries, flock_b, there, &got));
		assert_memory_equal(got.key, want.key, sizeof(want.key));
		registry_free(r);
		place_remove(&p);
	}
}

/* Two names of one file: the one that the settings name now is the one that is read. */
static void
the_name_of_a_bundle_may_change(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 };
	struct place p;
	struct registry *r, *next;
	struct party party;
	struct bundle_entry got;

	(void)state;
	place_make(&p);
	write_bundle(&p, "one", &plan);
	assert_int_equal(link(in(&p, "one").path, in(&p, "two").path), 0);
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry one\n}\n");
	r = load_until_kept(&p, load(&p, NULL));
	say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry two\n}\n");
	next = load(&p, r);
	assert_int_equal(unlink(in(&p, "one").path), 0);
	assert_true(registry_party(next, flock_a, flock_a, second, &party));
	assert_true(registry_read_ambry(party.ambries, flock_a, tunnel_between(2, 9), &got));
	registry_free(r);
	registry_free(next);
	place_remove(&p);
}

/* A whole bundle on disk, and of it what sixteen devices need in memory. */
static void
a_flock_costs_what_its_devices_need(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, EXPIRES, 1 };
	char text[1024] = "flock aa00 {\nambry bundle\n", *at = text + strlen(text);
	struct place p;
	struct registry *r;

	(void)state;
	place_make(&p);
	write_bundle(&p, "bundle", &plan);
	for (unsigned n = 1; n <= 16; n++) {
		struct member m = member_make(n, (uint8_t)n, 0, &randomness);

		write_keys(&p, flock_a, &m);
		at += sprintf(at, "allow %x spi %x 0\n", n, n);
	}
	strcpy(at, "}\n");
	say(&p, text);
	r = load(&p, NULL);
	assert_int_equal(
	    registry_counts(r).ambry_bytes, BUNDLE_HEAD_SIZE + 16 * 15 * BUNDLE_ENTRY_SIZE);
	assert_true(registry_counts(r).ambry_bytes + sizeof(struct registry_flock) +
			16 * sizeof(struct registry_device) <
		    65536);
	assert_true(sizeof(struct registry_device) < 1024);
	registry_free(r);
	place_remove(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registry_is_what_the_files_say),
		cmocka_unit_test(keys_that_are_missing_or_short_are_named),
		cmocka_unit_test(settings_that_are_wrong_are_named),
		cmocka_unit_test(bundles_that_are_wrong_are_named),
		cmocka_unit_test(bundles_of_pairs_that_are_wrong_are_named),
		cmocka_unit_test(federation_needs_its_secret),
		cmocka_unit_test(what_did_not_change_is_shared),
		cmocka_unit_test(every_change_of_a_flock_is_seen),
		cmocka_unit_test(a_fault_changes_nothing),
		cmocka_unit_test(bundles_are_kept_until_they_change),
		cmocka_unit_test(a_young_bundle_is_read_again),
		cmocka_unit_test(an_expired_bundle_is_no_fault),
		cmocka_unit_test(bundle_paths_are_relative_to_the_settings),
		cmocka_unit_test(what_is_not_in_memory_is_on_disk),
		cmocka_unit_test(a_pair_is_on_disk_either_way_round),
		cmocka_unit_test(the_name_of_a_bundle_may_change),
		cmocka_unit_test(a_flock_costs_what_its_devices_need),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("registry from files", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Registries from real files: what is read, what is kept, what is refused in which words. */
#include "base/file.h"
#include "cathedral/state/registry.h"
#include "tests/support/place.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;
static const struct flock_id flock_a = { PLACE_A }, flock_b = { PLACE_B };
static const struct device_id first = { 1 };

static void
a_registry_is_what_the_files_say(void **state)
{
	struct place p;
	struct registry *r;
	struct party party;
	uint8_t cs[32];
	struct fault why;

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, PLACE_TWO_FLOCKS);
	r = place_load(&p, NULL);
	assert_int_equal(registry_counts(r).flocks, 2);
	assert_int_equal(registry_counts(r).devices, 4);
	assert_true(registry_party(r, flock_a, flock_a, first, &party));
	assert_int_equal(party.device->mbit, 25);
	assert_int_equal(party.device->kek_number, 1);
	assert_true(file_read_exact(
	    cs, sizeof(cs), place_name(&p, "secrets/flock-aa00/00000001.key").path, &why));
	assert_memory_equal(&party.device->cs, cs, sizeof(cs));
	assert_false(registry_party(r, flock_a, flock_b, first, &party));
	registry_free(r);

	place_say(&p, "");
	r = place_load(&p, NULL);
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
	place_make(&p, &randomness);
	place_say(&p, PLACE_TWO_FLOCKS);
	key = place_name(&p, "secrets/flock-bb00/00000002.key");
	public = place_name(&p, "secrets/flock-aa00/00000001.pub");

	assert_int_equal(unlink(key.path), 0);
	place_expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: No such file or directory");
	place_write(key, "0123456789012345678901234567890", 31);
	place_expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: 31 bytes long, expected 32");
	place_write(key, "012345678901234567890123456789012", 33);
	place_expect_fault(&p, NULL,
	    "@/settings: line 7: @/secrets/flock-bb00/00000002.key: 33 bytes long, expected 32");
	assert_int_equal(unlink(public.path), 0);
	place_expect_fault(&p, NULL,
	    "@/settings: line 2: @/secrets/flock-aa00/00000001.pub: No such file or directory");
	assert_int_equal(mkdir(public.path, 0700), 0);
	place_expect_fault(
	    &p, NULL, "@/settings: line 2: @/secrets/flock-aa00/00000001.pub: not a regular file");
	place_remove(&p);
}

static void
settings_that_are_wrong_are_named(void **state)
{
	struct place p;

	(void)state;
	place_make(&p, &randomness);
	place_expect_fault(&p, NULL, "@/settings: No such file or directory");
	place_say(&p, "flock aa00 {\n");
	place_expect_fault(&p, NULL, "@/settings: line 1: this flock has no \"}\"");
	place_say(&p, "flock aa00 {\nallow 1 spi 1 fast\n}\n");
	place_expect_fault(&p, NULL, "@/settings: line 2: \"fast\" is not a number of Mbit/s");
	place_remove(&p);
}

static void
bundles_that_are_wrong_are_named(void **state)
{
	const struct bundle_plan of_b = { flock_b, flock_b, PLACE_EXPIRES, 1 },
				 of_both = { flock_a, flock_b, PLACE_EXPIRES, 1 };
	struct place p;
	size_t len;
	uint8_t *bytes;

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, "flock aa00 {\n\tallow 1 spi 1 25\n\tambry bundle\n}\n");
	place_expect_fault(&p, NULL, "@/settings: line 3: @/bundle: No such file or directory");
	place_write(place_name(&p, "bundle"), "x", 1);
	place_expect_fault(
	    &p, NULL, "@/settings: line 3: @/bundle: 1 bytes where 3756730 were expected");
	place_write(place_name(&p, "bundle"), "", 0);
	place_expect_fault(
	    &p, NULL, "@/settings: line 3: @/bundle: 0 bytes where 3756730 were expected");
	place_write_bundle(&p, "bundle", &of_b);
	place_expect_fault(&p, NULL,
	    "@/settings: line 3: @/bundle: entry 1: tunnel 0102 of flock bb00 where 0102 of "
	    "flock aa00 was expected");
	place_write_bundle(&p, "bundle", &of_both);
	place_expect_fault(
	    &p, NULL, "@/settings: line 3: @/bundle: 7542970 bytes where 3756730 were expected");

	bytes = bundle_write(&of_both, &len);
	bytes = realloc(bytes, len + 100);
	memset(bytes + len, 0, 100);
	place_write(place_name(&p, "bundle"), bytes, len + 100);
	free(bytes);
	place_expect_fault(&p, NULL, "@/settings: line 3: @/bundle: longer than 7542971 bytes");
	assert_int_equal(unlink(place_name(&p, "bundle").path), 0);
	assert_int_equal(mkdir(place_name(&p, "bundle").path, 0700), 0);
	place_expect_fault(&p, NULL, "@/settings: line 3: @/bundle: not a regular file");
	place_remove(&p);
}

static void
bundles_of_pairs_that_are_wrong_are_named(void **state)
{
	const struct bundle_plan of_a = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	struct place p;

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, PLACE_TWO_FLOCKS "xflock aa00 bb00 pair\n");
	place_expect_fault(&p, NULL, "@/settings: line 9: @/pair: No such file or directory");
	place_write_bundle(&p, "pair", &of_a);
	place_expect_fault(
	    &p, NULL, "@/settings: line 9: @/pair: 3756730 bytes where 7542970 were expected");
	place_remove(&p);
}

static void
federation_needs_its_secret(void **state)
{
	struct place p;
	struct registry *r;

	(void)state;
	place_make(&p, &randomness);
	place_say(&p, PLACE_ONE_FLOCK "federate 192.0.2.1 4500\n");
	place_expect_fault(&p, NULL, "@/settings: line 5: federate needs a federation secret");
	p.source.federation = p.federation.path;
	place_expect_fault(&p, NULL, "@/federation.key: No such file or directory");
	place_write(p.federation, "short", 5);
	place_expect_fault(&p, NULL, "@/federation.key: 5 bytes long, expected 32");
	place_write(p.federation, "01234567890123456789012345678901", 32);
	r = place_load(&p, NULL);
	assert_int_equal(registry_counts(r).peers, 1);
	assert_true(registry_federation(r)->present);
	assert_memory_equal(registry_federation(r)->secret.bytes, "0123456789", 10);
	registry_free(r);
	place_remove(&p);
}

/* Relative to the settings file, wherever the process runs. */
static void
bundle_paths_are_relative_to_the_settings(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 9 };
	struct place p;
	struct registry *r;
	struct fault why;
	char text[1024], before[1024];

	(void)state;
	place_make(&p, &randomness);
	assert_true(file_make_folder(place_name(&p, "below").path, 0700, &why));
	place_write_bundle(&p, "below/bundle", &plan);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nambry below/bundle\n}\n");
	r = place_load(&p, NULL);
	assert_int_equal(registry_counts(r).ambries, 1);
	registry_free(r);

	snprintf(text, sizeof(text), "flock aa00 {\nallow 1 spi 1 0\nambry %s\n}\n",
	    place_name(&p, "below/bundle").path);
	place_say(&p, text);
	r = place_load(&p, NULL);
	assert_int_equal(registry_counts(r).ambries, 1);
	registry_free(r);

	/* A settings file named without a folder is in the current one. */
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(p.dir.path), 0);
	p.source.settings = "settings";
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nambry below/bundle\n}\n");
	r = registry_load(&p.source, NULL, &why);
	assert_int_equal(chdir(before), 0);
	assert_non_null(r);
	assert_int_equal(registry_counts(r).ambries, 1);
	registry_free(r);
	place_remove(&p);
}

/* ---- numbers that nobody has yet ---- */

static void
what_is_not_in_memory_is_on_disk(void **state)
{
	struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	struct tunnel_id here = tunnel_between(1, 2), there = tunnel_between(1, 200);
	struct bundle_entry got, want = bundle_entry_of(&plan, flock_a, there);
	struct place p;
	struct registry *r;
	struct party party;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "bundle", &plan);
	place_say(&p, "flock aa00 {\nallow 1 spi 1 0\nallow 2 spi 2 0\nambry bundle\n}\n");
	r = place_load(&p, NULL);
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
	place_write_bundle(&p, "bundle", &plan);
	assert_false(registry_read_ambry(party.ambries, flock_a, there, &got));
	assert_int_equal(truncate(place_name(&p, "bundle").path, 100), 0);
	assert_false(registry_read_ambry(party.ambries, flock_a, there, &got));
	assert_int_equal(unlink(place_name(&p, "bundle").path), 0);
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
			turn == 0 ? flock_b : flock_a, PLACE_EXPIRES, 1 };
		struct bundle_entry got, want = bundle_entry_of(&plan, flock_b, there);
		struct place p;
		struct registry *r;
		struct party party;

		place_make(&p, &randomness);
		place_write_bundle(&p, "pair", &plan);
		/* b allows nobody yet: nothing of the file is in memory. */
		place_say(&p,
		    "flock aa00 {\nallow 1 spi 1 0\n}\nflock bb00 {\n}\nxflock aa00 bb00 pair\n");
		r = place_load(&p, NULL);
		assert_true(registry_party(r, flock_a, flock_b, first, &party));
		assert_int_equal(
		    registry_find_ambry(party.ambries, flock_a, here, &got), REGISTRY_ON_DISK);
		assert_true(registry_read_ambry(party.ambries, flock_b, there, &got));
		assert_memory_equal(got.key, want.key, sizeof(want.key));
		registry_free(r);
		place_remove(&p);
	}
}

/* A whole bundle on disk, and of it what sixteen devices need in memory. */
static void
a_flock_costs_what_its_devices_need(void **state)
{
	const struct bundle_plan plan = { flock_a, flock_a, PLACE_EXPIRES, 1 };
	char text[1024] = "flock aa00 {\nambry bundle\n", *at = text + strlen(text);
	struct place p;
	struct registry *r;

	(void)state;
	place_make(&p, &randomness);
	place_write_bundle(&p, "bundle", &plan);
	for (unsigned n = 1; n <= 16; n++) {
		struct member m = member_make(n, (uint8_t)n, 0, &randomness);

		place_write_keys(&p, flock_a, &m);
		at += sprintf(at, "allow %x spi %x 0\n", n, n);
	}
	strcpy(at, "}\n");
	place_say(&p, text);
	r = place_load(&p, NULL);
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
		cmocka_unit_test(bundle_paths_are_relative_to_the_settings),
		cmocka_unit_test(what_is_not_in_memory_is_on_disk),
		cmocka_unit_test(a_pair_is_on_disk_either_way_round),
		cmocka_unit_test(a_flock_costs_what_its_devices_need),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("registry from files", tests, NULL, NULL);
}

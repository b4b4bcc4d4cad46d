/* SPDX-License-Identifier: ISC */
/* The synthetic fleet: its file, what follows from its seed, and the registry that tells of it. */
#include "protocol/crypto/sign.h"
#include "tests/support/known.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"
#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/enlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct random randomness;
static struct scratch folder;
static struct fault why;

#define SEED_TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct roster
some_fleet(void)
{
	struct roster r = { .flocks = 3, .devices = 4, .mbit = 25 };

	for (uint8_t n = 0; n < 32; n++)
		r.seed.bytes[n] = n;
	return r;
}

static void
tunnels_have_their_places(void **state)
{
	const struct roster r = some_fleet();
	struct roster_tunnel t;

	(void)state;
	assert_int_equal(roster_tunnels(&r), 6);
	t = roster_tunnel(&r, 0);
	assert_int_equal(t.flock, 0);
	assert_int_equal(t.first, 1);
	assert_int_equal(t.second, 2);
	t = roster_tunnel(&r, 5);
	assert_int_equal(t.flock, 2);
	assert_int_equal(t.first, 3);
	assert_int_equal(t.second, 4);
	for (uint64_t end = 0; end < 12; end++) {
		t = roster_tunnel(&r, end_tunnel(end));
		assert_int_equal(
		    end_of_device(&r, roster_device(t.flock, end % 2 == 0 ? t.first : t.second)),
		    end);
	}
	assert_true(end_of_device(&r, roster_device(3, 1)) == END_NONE);
	assert_true(end_of_device(&r, roster_device(0, 0)) == END_NONE);
	assert_true(end_of_device(&r, roster_device(0, 5)) == END_NONE);
}

static void
keys_follow_from_the_seed(void **state)
{
	struct roster r = some_fleet(), other = r;
	struct cathedral_secret a, b;
	struct cosk_secret secret;
	struct cosk_public one, two;

	(void)state;
	other.flocks = 1000;
	roster_secret(&r, 2, &a);
	roster_secret(&other, 2, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	roster_secret(&r, 1, &b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	other.seed.bytes[31] ^= 1;
	roster_secret(&other, 2, &b);
	assert_memory_not_equal(&a, &b, sizeof(a));

	roster_signing(&r, 2, &secret, &one);
	assert_true(sign_public_of(&two, &secret));
	assert_memory_equal(&one, &two, sizeof(one));
	assert_memory_not_equal(&one, &a, sizeof(a));
}

static void
file_is_read_as_written(void **state)
{
	const struct roster r = some_fleet();
	struct roster back;
	struct stat st;

	(void)state;
	assert_true(roster_write(&r, folder.path, &why));
	assert_int_equal(stat(scratch_name(&folder, "fleet").path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(roster_read(&back, folder.path, &why));
	assert_memory_equal(&back, &r, sizeof(r));
	assert_false(roster_write(&r, folder.path, &why));
	assert_non_null(strstr(why.text, "File exists"));
}

static void
files_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text, *want; /* behind the path */
	} cases[] = {
		{ "flocks 1\ndevices 2\nmbit 0\n", ": seed: required but missing" },
		{ "flocks 0\n", ":1: flocks: 0 is not within 1 to 500000" },
		{ "flocks 1\ndevices 252\n", ":2: devices: 252 is not within 2 to 250" },
		{ "flocks 1\ndevices 3\nmbit 0\nseed " SEED_TEXT "\n", ": devices: 3 is not even" },
		{ "seed 0001\n", ":1: seed: is 64 hex digits" },
		{ "birds 1\n", ":1: birds: unknown keyword" },
	};
	struct roster r;
	char want[1024];

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct scratch_name name = scratch_write(&folder, "fleet", cases[n].text);

		assert_int_equal(chmod(name.path, 0600), 0);
		assert_false(roster_read(&r, folder.path, &why));
		snprintf(want, sizeof(want), "%s%s", name.path, cases[n].want);
		assert_string_equal(why.text, want);
	}
}

static void
files_for_others_are_refused(void **state)
{
	struct roster r;
	char want[1024];
	struct scratch_name name = scratch_name(&folder, "fleet");

	(void)state;
	assert_false(roster_read(&r, folder.path, &why));
	snprintf(want, sizeof(want),
	    "%s: No such file or directory; cathedral-load make makes a fleet", name.path);
	assert_string_equal(why.text, want);
	scratch_write(&folder, "fleet", "flocks 1\ndevices 2\nmbit 0\nseed " SEED_TEXT "\n");
	assert_int_equal(chmod(name.path, 0640), 0);
	assert_false(roster_read(&r, folder.path, &why));
	snprintf(want, sizeof(want), "%s: others may read it; chmod 600 helps", name.path);
	assert_string_equal(why.text, want);
}

/* ---- the registry ---- */

static struct enlist_where
two_cathedrals(void)
{
	const uint8_t ip[4] = { 127, 0, 0, 1 };

	return (struct enlist_where){ .shroud_at = endpoint_from_ipv4(ip, 4500),
		.clear_at = endpoint_from_ipv4(ip, 4600),
		.far_at = endpoint_from_ipv4(ip, 4700),
		.workers = 1 };
}

static struct registry_db *
open_registry(void)
{
	struct scratch_name path = scratch_name(&folder, "registry.db");
	struct scratch_name key = scratch_name(&folder, "registry.key");
	struct registry_db_options o = { .path = path.path, .key = key.path };
	struct registry_db *db = registry_db_open(&o, &why);

	if (db == NULL)
		fail_msg("%s", why.text);
	return db;
}

static void
check_flock(const struct known *k, const struct roster *r, uint64_t n, size_t devices)
{
	const struct record_flock *f = known_flock(k, roster_flock(n).value);
	struct cathedral_secret cs;
	struct cosk_secret secret;
	struct cosk_public public;

	assert_non_null(f);
	assert_int_equal(f->device_count, devices);
	roster_secret(r, n, &cs);
	roster_signing(r, n, &secret, &public);
	for (size_t i = 0; i < devices; i++) {
		const struct record_device *d = &f->devices[i];

		assert_int_equal(d->id.value, roster_device(n, d->kek).value);
		assert_int_equal(d->mbit, 25);
		assert_memory_equal(&d->cs, &cs, sizeof(cs));
		assert_memory_equal(&d->cosk, &public, sizeof(public));
	}
}

static void
registry_tells_of_it(void **state)
{
	const struct roster r = some_fleet();
	const struct enlist_where where = two_cathedrals();
	struct known k = { 0 };
	struct registry_db *db;
	uint64_t version = 0;

	(void)state;
	if (!enlist_all(folder.path, &r, &where, &randomness, &why))
		fail_msg("%s", why.text);
	db = open_registry();
	assert_true(known_read(&k, db, &version, &why));
	assert_int_equal(k.flock_count, 3);
	assert_int_equal(k.fleet_count, 2);
	for (uint64_t n = 0; n < 3; n++)
		check_flock(&k, &r, n, 4);

	/* Two flocks out of three get a device more, and lose it again. */
	k.given = 0;
	assert_true(enlist_change(folder.path, &r, 2, 5, &randomness, &why));
	assert_true(known_read(&k, db, &version, &why));
	assert_int_equal(k.given, 2);
	check_flock(&k, &r, 0, 5);
	check_flock(&k, &r, 1, 5);
	check_flock(&k, &r, 2, 4);
	assert_true(enlist_change(folder.path, &r, 2, 0, &randomness, &why));
	assert_true(known_read(&k, db, &version, &why));
	check_flock(&k, &r, 0, 4);
	known_free(&k);
	registry_db_close(db);
}

static void
a_fleet_is_not_made_twice(void **state)
{
	const struct roster r = some_fleet();
	const struct enlist_where where = two_cathedrals();

	(void)state;
	assert_true(enlist_all(folder.path, &r, &where, &randomness, &why));
	assert_false(enlist_all(folder.path, &r, &where, &randomness, &why));
	assert_non_null(strstr(why.text, "File exists"));
}

static void
nobody_is_no_user(void **state)
{
	const struct roster r = some_fleet();
	struct enlist_where where = two_cathedrals();

	(void)state;
	where.user = "no such user";
	assert_false(enlist_all(folder.path, &r, &where, &randomness, &why));
	assert_true(strcmp(why.text, "--user no such user: there is no such user") == 0 ||
		    strcmp(why.text, "--user: only root can become somebody else") == 0);
}

static int
make_folder(void **state)
{
	(void)state;
	folder = scratch_make();
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	scratch_remove(&folder);
	return 0;
}

static int
prepare(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return 0;
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_have_their_places),
		cmocka_unit_test(keys_follow_from_the_seed),
		IN_A_FOLDER(file_is_read_as_written),
		IN_A_FOLDER(files_that_are_none_are_refused),
		IN_A_FOLDER(files_for_others_are_refused),
		IN_A_FOLDER(registry_tells_of_it),
		IN_A_FOLDER(a_fleet_is_not_made_twice),
		IN_A_FOLDER(nobody_is_no_user),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}

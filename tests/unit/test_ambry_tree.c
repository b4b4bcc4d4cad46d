/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/tree.h"

#include "base/file.h"
#include "protocol/crypto/kdf.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"
#include "tools/reliquary-ambry/renew.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct flock_id flock_a = { 0xaaaaaa00 }, flock_b = { 0xbbbbbb00 };

static struct random randomness;
static struct scratch place;
static char home[4096];

/* Each test begins in an empty folder of its own. */
static int
enter(void **state)
{
	(void)state;
	place = scratch_make();
	return getcwd(home, sizeof(home)) != NULL && chdir(place.path) == 0 ? 0 : -1;
}

static int
leave(void **state)
{
	(void)state;
	if (chdir(home) == -1)
		return -1;
	scratch_remove(&place);
	return 0;
}

static void
expect_mode(const char *path, mode_t want)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, want);
}

static size_t
files_in(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void
generate(struct flock_id flock)
{
	struct fault why;

	if (!tree_generate(flock, &randomness, &why))
		fail_msg("%s", why.text);
}

static void
new_flock_is_complete(void **state)
{
	static struct key_ring ring;
	struct fault why;
	struct kek kek;
	struct kek_unwrap_key k1;

	(void)state;
	generate(flock_a);
	expect_mode("00000000aaaaaa00", 0700);
	expect_mode("00000000aaaaaa00/kek-data", 0700);
	expect_mode("00000000aaaaaa00/internal", 0700);
	expect_mode("00000000aaaaaa00/kek-data/kek-0x01", 0400);
	expect_mode("00000000aaaaaa00/internal/kek-0xff", 0400);
	assert_int_equal(files_in("."), 1);
	assert_int_equal(files_in("00000000aaaaaa00"), 2);
	assert_int_equal(files_in("00000000aaaaaa00/kek-data"), 255);
	assert_int_equal(files_in("00000000aaaaaa00/internal"), 255);

	assert_true(tree_read_ring(&ring, flock_a, flock_a, &why));
	assert_true(file_read_exact(&kek, sizeof(kek), "00000000aaaaaa00/kek-data/kek-0xa1", &why));
	kek_unwrap_key_derive(&k1, &kek, flock_a, flock_a);
	assert_memory_equal(&ring.k1[0xa1], &k1, sizeof(k1));
	assert_memory_not_equal(&ring.k1[0xa1], &ring.k1[0xa2], sizeof(k1));
}

/* Nothing that is there is touched, and no half-made folder is left behind. */
static void
nothing_is_overwritten(void **state)
{
	struct fault why;
	uint8_t before[32], after[32];

	(void)state;
	generate(flock_a);
	assert_true(file_read_exact(before, 32, "00000000aaaaaa00/kek-data/kek-0x01", &why));
	assert_false(tree_generate(flock_a, &randomness, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00: is there already; keys are never overwritten");
	assert_true(file_read_exact(after, 32, "00000000aaaaaa00/kek-data/kek-0x01", &why));
	assert_memory_equal(before, after, 32);

	assert_true(tree_export(flock_a, flock_b, &why));
	assert_false(tree_export(flock_a, flock_b, &why));
	assert_string_equal(why.text,
	    "00000000aaaaaa00/external/00000000bbbbbb00: is there already; keys are never "
	    "overwritten");
	assert_int_equal(files_in("."), 1);
	assert_int_equal(files_in("00000000aaaaaa00/external"), 1);
}

static void
export_needs_keks(void **state)
{
	struct fault why;

	(void)state;
	assert_false(tree_export(flock_a, flock_b, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00/kek-data: not there; this takes the flock's own KEKs");

	/* One that is missing ends it, and leaves nothing that looks complete. */
	generate(flock_a);
	assert_int_equal(unlink("00000000aaaaaa00/kek-data/kek-0x80"), 0);
	assert_false(tree_export(flock_a, flock_b, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00/kek-data/kek-0x80: No such file or directory");
	assert_int_equal(files_in("00000000aaaaaa00/external"), 0);
}

static void
exported_keys_are_read(void **state)
{
	static struct key_ring ring;
	struct fault why;
	struct kek kek;
	struct kek_unwrap_key k1;

	(void)state;
	generate(flock_a);
	assert_false(tree_read_ring(&ring, flock_a, flock_b, &why));
	assert_string_equal(why.text,
	    "00000000aaaaaa00/external/00000000bbbbbb00: not there; the owner of flock aaaaaa00 "
	    "makes it, to be copied here, with: reliquary-ambry export aaaaaa00 bbbbbb00");
	assert_true(tree_export(flock_a, flock_b, &why));
	expect_mode("00000000aaaaaa00/external", 0700);
	expect_mode("00000000aaaaaa00/external/00000000bbbbbb00", 0700);
	expect_mode("00000000aaaaaa00/external/00000000bbbbbb00/kek-0x01", 0400);
	assert_int_equal(files_in("00000000aaaaaa00/external/00000000bbbbbb00"), 255);

	/* The other owner has this folder alone. */
	assert_true(file_read_exact(&kek, sizeof(kek), "00000000aaaaaa00/kek-data/kek-0x10", &why));
	kek_unwrap_key_derive(&k1, &kek, flock_a, flock_b);
	assert_int_equal(rename("00000000aaaaaa00/kek-data", "elsewhere"), 0);
	assert_true(tree_read_ring(&ring, flock_a, flock_b, &why));
	assert_memory_equal(&ring.k1[0x10], &k1, sizeof(k1));
}

/* Swaps two keys of a ring: the files are sound, but they are the wrong ones. */
static void
wrong_keys_are_noticed(void **state)
{
	static struct key_ring ring;
	struct fault why;

	(void)state;
	generate(flock_a);
	assert_false(tree_read_ring(&ring, flock_b, flock_b, &why));
	assert_string_equal(why.text,
	    "00000000bbbbbb00/internal: not there; a new flock's keys come from: "
	    "reliquary-ambry generate bbbbbb00");

	assert_int_equal(
	    rename("00000000aaaaaa00/internal/kek-0x02", "00000000aaaaaa00/internal/kek-0x03"), 0);
	assert_false(tree_read_ring(&ring, flock_a, flock_a, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00/internal/kek-0x02: No such file or directory");

	assert_int_equal(
	    link("00000000aaaaaa00/internal/kek-0x03", "00000000aaaaaa00/internal/kek-0x02"), 0);
	assert_false(tree_read_ring(&ring, flock_a, flock_a, &why));
	assert_string_equal(why.text,
	    "00000000aaaaaa00/internal/kek-0x03: does not follow from the KEK; mend it with: "
	    "reliquary-ambry renew aaaaaa00 03");

	/* A KEK that went to its device for good is not missed. */
	assert_int_equal(unlink("00000000aaaaaa00/kek-data/kek-0x03"), 0);
	assert_true(tree_read_ring(&ring, flock_a, flock_a, &why));

	assert_int_equal(truncate("00000000aaaaaa00/internal/kek-0x04", 31), 0);
	assert_false(tree_read_ring(&ring, flock_a, flock_a, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00/internal/kek-0x04: 31 bytes long, expected 32");
}

static void
expect_file(const char *path, const uint8_t want[static 32], bool same)
{
	struct fault why;
	uint8_t got[32];

	if (!file_read_exact(got, sizeof(got), path, &why))
		fail_msg("%s", why.text);
	assert_int_equal(memcmp(got, want, 32) == 0, same);
	expect_mode(path, 0400);
}

static void
renewal_keeps_the_old(void **state)
{
	static struct key_ring before, after, out;
	static struct renewal done;
	struct fault why;
	struct kek old;

	(void)state;
	generate(flock_a);
	assert_true(tree_export(flock_a, flock_b, &why));
	assert_true(tree_read_ring(&before, flock_a, flock_a, &why));
	assert_true(file_read_exact(&old, sizeof(old), "00000000aaaaaa00/kek-data/kek-0x07", &why));

	assert_true(kek_renew(&done, flock_a, 7, &randomness, &why));
	assert_int_equal(done.old, 1);
	assert_int_equal(done.other_count, 1);
	assert_int_equal(done.others[0].value, flock_b.value);
	expect_file("00000000aaaaaa00/kek-data/kek-0x07.old-1", old.bytes, true);
	expect_file("00000000aaaaaa00/kek-data/kek-0x07", old.bytes, false);
	expect_file("00000000aaaaaa00/internal/kek-0x07.old-1", before.k1[7].bytes, true);
	assert_int_equal(
	    access("00000000aaaaaa00/external/00000000bbbbbb00/kek-0x07.old-1", R_OK), 0);

	/* Everything fits together, and the other numbers are as they were. */
	assert_true(tree_read_ring(&after, flock_a, flock_a, &why));
	assert_true(tree_read_ring(&out, flock_a, flock_b, &why));
	assert_memory_not_equal(&after.k1[7], &before.k1[7], sizeof(before.k1[7]));
	assert_memory_equal(&after.k1[1], &before.k1[1], 6 * sizeof(before.k1[1]));
	assert_memory_equal(&after.k1[8], &before.k1[8], 248 * sizeof(before.k1[8]));

	assert_true(kek_renew(&done, flock_a, 7, &randomness, &why));
	assert_int_equal(done.old, 2);
	expect_file("00000000aaaaaa00/kek-data/kek-0x07.old-1", old.bytes, true);
	expect_file("00000000aaaaaa00/internal/kek-0x07.old-2", after.k1[7].bytes, true);
}

/* A renewal that was cut short behind its first step is mended by doing it again. */
static void
renewal_mends_itself(void **state)
{
	static struct key_ring ring;
	static struct renewal done;
	struct fault why;

	(void)state;
	assert_false(kek_renew(&done, flock_a, 7, &randomness, &why));
	assert_string_equal(
	    why.text, "00000000aaaaaa00/kek-data: not there; this takes the flock's own KEKs");
	generate(flock_a);
	assert_int_equal(rename("00000000aaaaaa00/kek-data/kek-0x07",
			     "00000000aaaaaa00/kek-data/kek-0x07.old-1"),
	    0);
	assert_int_equal(
	    link("00000000aaaaaa00/kek-data/kek-0x08", "00000000aaaaaa00/kek-data/kek-0x07"), 0);
	assert_false(tree_read_ring(&ring, flock_a, flock_a, &why));
	assert_true(kek_renew(&done, flock_a, 7, &randomness, &why));
	assert_int_equal(done.old, 2);
	assert_int_equal(done.other_count, 0);
	assert_true(tree_read_ring(&ring, flock_a, flock_a, &why));
}

static int
prepare(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_flock_is_complete, enter, leave),
		cmocka_unit_test_setup_teardown(nothing_is_overwritten, enter, leave),
		cmocka_unit_test_setup_teardown(export_needs_keks, enter, leave),
		cmocka_unit_test_setup_teardown(exported_keys_are_read, enter, leave),
		cmocka_unit_test_setup_teardown(wrong_keys_are_noticed, enter, leave),
		cmocka_unit_test_setup_teardown(renewal_keeps_the_old, enter, leave),
		cmocka_unit_test_setup_teardown(renewal_mends_itself, enter, leave),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}

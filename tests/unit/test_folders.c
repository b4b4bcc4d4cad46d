/* SPDX-License-Identifier: ISC */
#include "cathedral/io/folders.h"

#include "base/file.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct folders
find(const char *settings, const char *federation, const char *secretdir, size_t max)
{
	struct folders f;

	assert_true(folders_find(&f, settings, federation, secretdir, max));
	return f;
}

/* The folder of this path, which has to be in the list. */
static const struct folder *
folder(const struct folders *f, const char *path)
{
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->list[i].path, path) == 0)
			return &f->list[i];
	}
	fail_msg("%s is not watched", path);
	return NULL;
}

static void
test_everything_that_settings_name(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name settings = scratch_write(&s, "settings",
	    "flock cafeba00 {\n allow 1 spi 1 0\n ambry bundles/a\n}\n"
	    "flock 6442a01510d91a00 {\n ambry /elsewhere/b\n}\n"
	    "flock aaaaaa00 {\n}\n"
	    "xflock cafeba00 aaaaaa00 pairs/c\n");
	struct folders f = find(settings.path, "/keys/federation", "/secrets", 100);

	(void)state;
	assert_true(f.all);
	assert_int_equal(f.count, 9);
	assert_string_equal(folder(&f, s.path)->name, "settings");
	assert_string_equal(folder(&f, "/keys")->name, "federation");
	assert_string_equal(folder(&f, "/secrets")->prefix, "flock-");
	assert_string_equal(folder(&f, scratch_name(&s, "bundles").path)->name, "a");
	assert_string_equal(folder(&f, "/elsewhere")->name, "b");
	assert_string_equal(folder(&f, scratch_name(&s, "pairs").path)->name, "c");
	assert_null(folder(&f, "/secrets/flock-cafeba00")->name);
	folder(&f, "/secrets/flock-6442a01510d91a00");
	folder(&f, "/secrets/flock-aaaaaa00");
	folders_free(&f);
	scratch_remove(&s);
}

static void
test_a_folder_of_two_things_is_watched_whole(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name settings =
	    scratch_write(&s, "settings", "flock cafeba00 {\n ambry a\n}\n");
	struct folders f = find(settings.path, NULL, "/secrets", 100);

	(void)state;
	assert_int_equal(f.count, 3);
	assert_null(folder(&f, s.path)->name);
	assert_null(folder(&f, s.path)->prefix);
	assert_true(folder_matters(folder(&f, s.path), "anything"));
	folders_free(&f);

	/* The same file twice is one thing. */
	f = find(settings.path, settings.path, "/secrets", 100);
	assert_int_equal(f.count, 3);
	folders_free(&f);
	scratch_remove(&s);
}

static void
test_what_a_link_points_to_is_watched_too(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name inner = scratch_name(&s, "inner"), target, link;
	struct fault why;
	struct folders f;

	(void)state;
	assert_true(file_make_folder(inner.path, 0700, &why));
	target = scratch_write(&s, "inner/real", "");
	link = scratch_name(&s, "settings");
	assert_int_equal(symlink(target.path, link.path), 0);
	f = find(link.path, NULL, "/secrets", 100);
	assert_string_equal(folder(&f, s.path)->name, "settings");
	assert_string_equal(folder(&f, inner.path)->name, "real");
	folders_free(&f);
	scratch_remove(&s);
}

static void
test_bad_or_missing_settings_name_nothing(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name settings =
	    scratch_write(&s, "settings", "flock cafeba00 {\n ambry /a/b\n}\nnonsense\n");
	struct folders f = find(settings.path, NULL, "/secrets", 100);

	(void)state;
	assert_int_equal(f.count, 2);
	folders_free(&f);
	f = find(scratch_name(&s, "missing").path, NULL, "/secrets", 100);
	assert_int_equal(f.count, 2);
	assert_true(f.all);
	folders_free(&f);
	scratch_remove(&s);
}

static void
test_paths_without_folder(void **state)
{
	struct folders f = find("no-such-settings", "/federation", "secrets", 100);

	(void)state;
	assert_string_equal(folder(&f, ".")->name, "no-such-settings");
	assert_string_equal(folder(&f, "/")->name, "federation");
	folders_free(&f);
}

static void
test_too_many_are_cut_off(void **state)
{
	struct scratch s = scratch_make();
	char *text = calloc(1, 64 * 100);
	struct scratch_name settings;
	struct folders f;

	(void)state;
	assert_non_null(text);
	for (int i = 1; i <= 100; i++)
		sprintf(text + strlen(text), "flock %x00 {\n ambry /bundles/%d/b\n}\n", i, i);
	settings = scratch_write(&s, "settings", text);
	f = find(settings.path, NULL, "/secrets", 10);
	assert_int_equal(f.count, 10);
	assert_false(f.all);
	folder(&f, s.path); /* the settings come first, whatever is left out */
	folder(&f, "/secrets");
	folders_free(&f);

	f = find(settings.path, NULL, "/secrets", 202);
	assert_int_equal(f.count, 202);
	assert_true(f.all);
	folders_free(&f);
	free(text);
	scratch_remove(&s);
}

static void
test_which_names_matter(void **state)
{
	char name[] = "settings", prefix[] = "flock-", path[] = "/";
	const struct folder one = { path, name, NULL }, some = { path, NULL, prefix },
			    all = { path, NULL, NULL };

	(void)state;
	assert_true(folder_matters(&one, "settings"));
	assert_false(folder_matters(&one, "settings.new"));
	assert_false(folder_matters(&one, "setting"));
	assert_true(folder_matters(&some, "flock-1"));
	assert_false(folder_matters(&some, "flock"));
	assert_true(folder_matters(&all, "x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_that_settings_name),
		cmocka_unit_test(test_a_folder_of_two_things_is_watched_whole),
		cmocka_unit_test(test_what_a_link_points_to_is_watched_too),
		cmocka_unit_test(test_bad_or_missing_settings_name_nothing),
		cmocka_unit_test(test_paths_without_folder),
		cmocka_unit_test(test_too_many_are_cut_off),
		cmocka_unit_test(test_which_names_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/io/watch.h"

#include "base/file.h"
#include "tests/support/client.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTINGS "flock cafeba00 {\n allow 1 spi 1 0\n ambry bundles/a\n}\n"

struct fixture {
	struct scratch s;
	struct scratch_name settings, secrets, federation;
	struct event_base *base;
	struct watch *watch;
	int changes;
};

static void
count_change(void *arg)
{
	((struct fixture *)arg)->changes++;
}

static struct scratch_name
make_folder(struct fixture *f, const char *name)
{
	struct scratch_name path = scratch_name(&f->s, name);
	struct fault why = { "" };

	if (!file_make_folder(path.path, 0700, &why))
		fail_msg("%s", why.text);
	return path;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct watch_options options = { .changed = count_change, .arg = f };

	assert_non_null(f);
	f->s = scratch_make();
	make_folder(f, "etc");
	make_folder(f, "etc/bundles");
	make_folder(f, "keys");
	f->secrets = make_folder(f, "secrets");
	make_folder(f, "secrets/flock-cafeba00");
	f->settings = scratch_write(&f->s, "etc/settings", SETTINGS);
	f->federation = scratch_write(&f->s, "keys/federation", "1");
	f->base = event_base_new();
	options.settings = f->settings.path;
	options.secretdir = f->secrets.path;
	options.federation = f->federation.path;
	f->watch = watch_create(f->base, &options);
	assert_non_null(f->watch);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	watch_destroy(f->watch);
	event_base_free(f->base);
	scratch_remove(&f->s);
	free(f);
	return 0;
}

/* Turns the loop until something was noticed; far less than the second of the poll. */
static bool
noticed(struct fixture *f)
{
	bool was;

	for (int i = 0; i < 30 && f->changes == 0; i++)
		client_wait(f->base, 10);
	was = f->changes > 0;
	f->changes = 0;
	return was;
}

static void
move(struct fixture *f, const char *from, const char *to)
{
	assert_int_equal(rename(scratch_name(&f->s, from).path, scratch_name(&f->s, to).path), 0);
}

static void
test_all_folders_are_watched(void **state)
{
	struct fixture *f = *state;
	bool all;

	assert_int_equal(watch_count(f->watch, &all), 5);
	assert_true(all);
	assert_false(noticed(f));
}

static void
test_what_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct fault why;

	scratch_write(&f->s, "etc/settings", SETTINGS "# more\n");
	assert_true(noticed(f));
	assert_true(file_replace(f->settings.path, 0600, SETTINGS, strlen(SETTINGS), &why));
	assert_true(noticed(f));
	scratch_write(&f->s, "etc/bundles/a", "bundle");
	assert_true(noticed(f));
	scratch_write(&f->s, "secrets/flock-cafeba00/00000001.key", "key");
	assert_true(noticed(f));
	assert_int_equal(
	    unlink(scratch_name(&f->s, "secrets/flock-cafeba00/00000001.key").path), 0);
	assert_true(noticed(f));
	scratch_write(&f->s, "keys/federation", "2");
	assert_true(noticed(f));
	make_folder(f, "secrets/flock-1");
	assert_true(noticed(f));
	assert_int_equal(chmod(f->settings.path, 0640), 0); /* it may be readable now */
	assert_true(noticed(f));
}

static void
test_what_is_none_of_its_business(void **state)
{
	struct fixture *f = *state;
	char byte;
	FILE *file;

	scratch_write(&f->s, "etc/other", "x");
	scratch_write(&f->s, "keys/other", "x");
	scratch_write(&f->s, "secrets/other", "x");
	scratch_write(&f->s, "other", "x");
	file = fopen(f->settings.path, "r"); /* reading is no change */
	assert_non_null(file);
	assert_int_equal(fread(&byte, 1, 1, file), 1);
	fclose(file);
	assert_false(noticed(f));
}

static void
test_folders_change_places(void **state)
{
	struct fixture *f = *state;

	move(f, "secrets/flock-cafeba00", "away");
	assert_true(noticed(f));
	watch_renew(f->watch);
	move(f, "away", "secrets/flock-cafeba00");
	assert_true(noticed(f));
	watch_renew(f->watch);
	scratch_write(&f->s, "secrets/flock-cafeba00/x", "x");
	assert_true(noticed(f));

	make_folder(f, "bundles.new");
	move(f, "etc/bundles", "bundles.old");
	move(f, "bundles.new", "etc/bundles");
	assert_true(noticed(f));
	watch_renew(f->watch);
	scratch_write(&f->s, "etc/bundles/a", "x");
	assert_true(noticed(f));
}

static void
test_a_renewed_watch_follows_the_settings(void **state)
{
	struct fixture *f = *state;
	bool all;

	make_folder(f, "new");
	scratch_write(&f->s, "new/bundle", "x");
	assert_false(noticed(f));
	scratch_write(&f->s, "etc/settings", "flock 100 {\n ambry ../new/bundle\n}\n");
	assert_true(noticed(f));
	watch_renew(f->watch);
	assert_int_equal(watch_count(f->watch, &all), 4); /* flock-100 is not there */
	assert_true(all);
	scratch_write(&f->s, "new/bundle", "y");
	assert_true(noticed(f));
	scratch_write(&f->s, "etc/bundles/a", "y");
	assert_false(noticed(f));
}

/* As when the kernel says nothing: the file changes where no watch sees it. */
static void
test_the_poll_sees_what_the_kernel_does_not_tell(void **state)
{
	struct fixture *f = *state;

	make_folder(f, "one");
	make_folder(f, "two");
	scratch_write(&f->s, "one/settings", SETTINGS);
	scratch_write(&f->s, "two/settings", SETTINGS "# two\n");
	assert_int_equal(symlink("one", scratch_name(&f->s, "current").path), 0);
	assert_int_equal(unlink(f->settings.path), 0);
	assert_int_equal(symlink("../current/settings", f->settings.path), 0);
	assert_true(noticed(f));
	watch_renew(f->watch);
	client_wait(f->base, 20);
	f->changes = 0;

	/* The link in the middle is in nobody's folder. */
	assert_int_equal(symlink("two", scratch_name(&f->s, "next").path), 0);
	move(f, "next", "current");
	client_wait(f->base, 1500);
	assert_int_equal(f->changes, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_all_folders_are_watched),
		TEST(test_what_is_noticed),
		TEST(test_what_is_none_of_its_business),
		TEST(test_folders_change_places),
		TEST(test_a_renewed_watch_follows_the_settings),
		TEST(test_the_poll_sees_what_the_kernel_does_not_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "base/file.h"

#include "tests/support/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct scratch scratch;
static struct fault why;

static int
setup(void **state)
{
	(void)state;
	scratch = scratch_make();
	why.text[0] = '\0';
	umask(022);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

static void
assert_fault(const char *path, const char *reason)
{
	struct fault want;

	fault_set(&want, "%s: %s", path, reason);
	assert_string_equal(why.text, want.text);
}

static void
assert_content(const char *path, const char *text)
{
	uint8_t *data;
	size_t len;

	if (!file_read(&data, &len, path, 4096, &why))
		fail_msg("%s", why.text);
	assert_int_equal(len, strlen(text));
	assert_string_equal((char *)data, text);
	free(data);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Temporary files must not be left over. */
static size_t
files_in_scratch(void)
{
	DIR *folder = opendir(scratch.path);
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void
reads_whole_files(void **state)
{
	struct scratch_name full = scratch_write(&scratch, "full", "hello\n");
	struct scratch_name empty = scratch_write(&scratch, "empty", "");

	(void)state;
	assert_content(full.path, "hello\n");
	assert_content(empty.path, "");
}

static void
refuses_more_than_asked_for(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "hello\n");
	uint8_t *data = NULL;
	size_t len = 99;

	(void)state;
	assert_true(file_read(&data, &len, n.path, 6, &why));
	free(data);
	data = NULL;
	assert_false(file_read(&data, &len, n.path, 5, &why));
	assert_fault(n.path, "longer than 5 bytes");
	assert_null(data);
	assert_int_equal(len, 6);
}

static void
reads_regular_files_only(void **state)
{
	struct scratch_name fifo = scratch_name(&scratch, "fifo");
	struct scratch_name gone = scratch_name(&scratch, "gone");
	uint8_t *data, key[4];
	size_t len;

	(void)state;
	assert_int_equal(mkfifo(fifo.path, 0600), 0);
	assert_false(file_read(&data, &len, fifo.path, 10, &why)); /* and does not wait */
	assert_fault(fifo.path, "not a regular file");
	assert_false(file_read(&data, &len, scratch.path, 10, &why));
	assert_fault(scratch.path, "not a regular file");
	assert_false(file_read(&data, &len, "/dev/zero", 10, &why));
	assert_fault("/dev/zero", "not a regular file");
	assert_false(file_read(&data, &len, gone.path, 10, &why));
	assert_fault(gone.path, "No such file or directory");
	assert_false(file_read_exact(key, sizeof(key), gone.path, &why));
	assert_fault(gone.path, "No such file or directory");
}

/* Files of /proc say that they are empty and are not. */
static void
notices_that_a_file_is_longer_than_it_says(void **state)
{
	uint8_t *data = NULL;
	size_t len;

	(void)state;
	assert_false(file_read(&data, &len, "/proc/self/status", 4096, &why));
	assert_fault("/proc/self/status", "grew while it was read");
	assert_null(data);
}

static void
follows_links_when_reading(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "hello");
	struct scratch_name to = scratch_name(&scratch, "link");

	(void)state;
	assert_int_equal(symlink(n.path, to.path), 0);
	assert_content(to.path, "hello");
}

static void
reads_keys_of_exactly_their_length(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "key", "12345678");
	uint8_t *key = malloc(8);

	(void)state;
	assert_true(file_read_exact(key, 8, n.path, &why));
	assert_memory_equal(key, "12345678", 8);
	assert_false(file_read_exact(key, 7, n.path, &why));
	assert_fault(n.path, "8 bytes long, expected 7");
	n = scratch_write(&scratch, "key", "1234567");
	assert_false(file_read_exact(key, 8, n.path, &why));
	assert_fault(n.path, "7 bytes long, expected 8");
	free(key);
}

static void
replaces_content_and_mode(void **state)
{
	struct scratch_name n = scratch_name(&scratch, "f");

	(void)state;
	assert_true(file_replace(n.path, 0640, "one", 3, &why));
	assert_content(n.path, "one");
	assert_int_equal(mode_of(n.path), 0640);

	assert_true(file_replace(n.path, 0600, "", 0, &why));
	assert_content(n.path, "");
	assert_int_equal(mode_of(n.path), 0600);
	assert_int_equal(files_in_scratch(), 1);
}

/* Who has the old file open goes on reading the old content. */
static void
replaces_the_name_and_not_the_bytes(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "old");
	int fd = open(n.path, O_RDONLY | O_CLOEXEC);
	char text[4] = "";

	(void)state;
	assert_true(file_replace(n.path, 0600, "new", 3, &why));
	assert_int_equal(read(fd, text, 3), 3);
	assert_string_equal(text, "old");
	close(fd);
	assert_content(n.path, "new");
}

static void
replacing_works_without_a_folder_in_the_path(void **state)
{
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(chdir(scratch.path), 0);
	assert_true(file_replace("f", 0600, "here", 4, &why));
	assert_content("f", "here");
	assert_int_equal(fchdir(before), 0);
	close(before);
}

static void
what_is_there_can_be_synced(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "text");
	struct scratch_name lost = scratch_name(&scratch, "none/f");
	char long_one[PATH_MAX + 2];
	int folder;

	(void)state;
	memset(long_one, '/', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_true(file_sync(n.path));
	assert_true(file_sync(scratch.path));
	assert_true(file_sync_name(n.path));
	assert_true(file_sync_name("/f")); /* need not be there */
	assert_true(file_sync_name("f"));
	assert_false(file_sync(lost.path));
	assert_int_equal(errno, ENOENT);
	assert_false(file_sync_name(lost.path));
	assert_int_equal(errno, ENOENT);
	assert_false(file_sync_name(long_one));
	assert_int_equal(errno, ENAMETOOLONG);
	folder = file_open_folder(n.path);
	assert_int_not_equal(folder, -1);
	assert_int_equal(faccessat(folder, "f", R_OK, 0), 0);
	close(folder);
}

static void
failed_replacing_leaves_nothing_behind(void **state)
{
	struct scratch_name folder = scratch_name(&scratch, "folder");
	struct scratch_name lost = scratch_name(&scratch, "none/f");

	(void)state;
	assert_int_equal(mkdir(folder.path, 0700), 0);
	assert_false(file_replace(folder.path, 0600, "x", 1, &why));
	assert_fault(folder.path, "Is a directory");
	assert_int_equal(files_in_scratch(), 1);
	assert_false(file_replace(lost.path, 0600, "x", 1, &why));
	assert_fault(lost.path, "No such file or directory");
}

/* A limit on the size of files stands for a full disk. */
static void
a_full_disk_costs_nothing_that_was_there(void **state)
{
	static const char zeros[100000];
	struct scratch_name n = scratch_write(&scratch, "f", "old");
	struct rlimit before, tight;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_false(file_replace(n.path, 0600, zeros, sizeof(zeros), &why));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);

	assert_fault(n.path, "File too large");
	assert_content(n.path, "old");
	assert_int_equal(files_in_scratch(), 1);
}

static void
creating_never_overwrites(void **state)
{
	struct scratch_name n = scratch_name(&scratch, "f");
	struct scratch_name dangling = scratch_name(&scratch, "dangling");

	(void)state;
	assert_true(file_create(n.path, 0600, "one", 3, &why));
	assert_int_equal(mode_of(n.path), 0600);

	errno = 0;
	assert_false(file_create(n.path, 0600, "two", 3, &why));
	assert_int_equal(errno, EEXIST);
	assert_fault(n.path, "File exists");
	assert_content(n.path, "one");
	assert_int_equal(files_in_scratch(), 1);

	assert_int_equal(symlink("nowhere", dangling.path), 0);
	assert_false(file_create(dangling.path, 0600, "two", 3, &why));
	assert_fault(dangling.path, "File exists");
}

static void
names_that_are_too_long_are_refused(void **state)
{
	char path[5000];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(file_replace(path, 0600, "x", 1, &why));
	assert_non_null(strstr(why.text, "xxxx"));
	assert_false(file_create(path, 0600, "x", 1, &why));
	assert_false(file_make_folder(path, 0700, &why));
	assert_non_null(strstr(why.text, "xxxx"));
}

static void
makes_folders_with_their_parents(void **state)
{
	struct scratch_name deep = scratch_name(&scratch, "a/b//c/");
	struct scratch_name parent = scratch_name(&scratch, "a");
	struct scratch_name file = scratch_name(&scratch, "a/b/c/f");

	(void)state;
	assert_true(file_make_folder(deep.path, 0750, &why));
	assert_true(file_make_folder(deep.path, 0750, &why)); /* fine when it is there */
	assert_int_equal(mode_of(parent.path), 0750);
	assert_true(file_create(file.path, 0600, "x", 1, &why));
	assert_true(file_make_folder("/", 0750, &why));

	assert_false(file_make_folder(file.path, 0750, &why));
	assert_fault(file.path, "Not a directory");
	deep = scratch_name(&scratch, "a/b/c/f/g");
	assert_false(file_make_folder(deep.path, 0750, &why));
	assert_fault(file.path, "Not a directory");
	assert_false(file_make_folder("", 0750, &why));
	assert_fault("", "No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_whole_files),
		TEST(refuses_more_than_asked_for),
		TEST(reads_regular_files_only),
		TEST(notices_that_a_file_is_longer_than_it_says),
		TEST(follows_links_when_reading),
		TEST(reads_keys_of_exactly_their_length),
		TEST(replaces_content_and_mode),
		TEST(replaces_the_name_and_not_the_bytes),
		TEST(replacing_works_without_a_folder_in_the_path),
		TEST(what_is_there_can_be_synced),
		TEST(failed_replacing_leaves_nothing_behind),
		TEST(a_full_disk_costs_nothing_that_was_there),
		TEST(creating_never_overwrites),
		TEST(names_that_are_too_long_are_refused),
		TEST(makes_folders_with_their_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

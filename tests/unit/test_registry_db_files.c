/* SPDX-License-Identifier: ISC */
/* registry.db as a file: who may have it, what is wrong with it, and what becomes of it. */
#include "base/file.h"
#include "tests/support/ends.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct ends e;
static struct fault why;

static int
setup(void **state)
{
	(void)state;
	ends_begin(&e);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ends_end(&e);
	return 0;
}

static void
put_something(void)
{
	struct record_page page = page_reset(3);

	page_add_flock(&page, 0x100, 3, 1);
	page_add_flock(&page, 0x200, 2, 2);
	page_add_xflock(&page, 0x100, 0x200, 1);
	page_add_cathedral(&page, "a", 1);
	assert_true(ends_put(&e, &page));
}

static void
assert_reason(const char *reason)
{
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" is not in: %s", reason, why.text);
}

/* Neither end opens the file, and both say this. */
static void
assert_neither_opens(const char *reason)
{
	ends_close(&e);
	assert_null(registry_db_create(&e.options, &e.random, &why));
	assert_reason(reason);
	assert_null(registry_db_open(&e.options, &why));
	assert_reason(reason);
}

/* ---- keys ---- */

static void
another_key_is_refused(void **state)
{
	struct scratch_name old = scratch_name(&e.folder, "old.key");

	(void)state;
	put_something();
	ends_close(&e);
	assert_int_equal(rename(e.key.path, old.path), 0);
	assert_int_equal(
	    file_create(e.key.path, 0400, "0123456789abcdef0123456789abcdef", 32, &why), true);
	assert_neither_opens("registry.db: does not go with the key file ");
	assert_int_equal(rename(old.path, e.key.path), 0);
	ends_open(&e);
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 2);
}

static void
a_key_that_lacks_is_not_made_anew(void **state)
{
	(void)state;
	put_something();
	ends_close(&e);
	assert_int_equal(unlink(e.key.path), 0);
	assert_null(registry_db_create(&e.options, &e.random, &why));
	assert_reason("registry.db.key: there is no such key file, without which ");
	assert_reason("when it is lost, remove that, and all of it comes again");
	assert_int_equal(access(e.key.path, F_OK), -1);
	assert_null(registry_db_open(&e.options, &why));
	assert_reason("registry.db.key: No such file or directory");

	/* As it is told. */
	assert_int_equal(unlink(e.path.path), 0);
	ends_open(&e);
	assert_string_equal(ends_state(&e).database, "");
	put_something();
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 2);
}

static void
a_key_that_others_may_read_is_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(e.key.path, 0440), 0);
	assert_neither_opens("registry.db.key: its mode 440 lets others at the key");
}

static void
a_key_that_is_there_already_is_taken(void **state)
{
	uint8_t *before, *after;
	size_t before_len, after_len;

	(void)state;
	put_something();
	ends_close(&e);
	assert_true(file_read(&before, &before_len, e.key.path, 64, &why));
	assert_int_equal(unlink(e.path.path), 0);
	ends_open(&e);
	assert_true(file_read(&after, &after_len, e.key.path, 64, &why));
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, after_len);
	free(before);
	free(after);
}

/* ---- secrets ---- */

static bool
file_has(const char *path, const void *bytes, size_t len)
{
	uint8_t *all;
	size_t size;
	bool has;

	if (!file_read(&all, &size, path, 64 << 20, &why))
		fail_msg("%s", why.text);
	has = memmem(all, size, bytes, len) != NULL;
	free(all);
	return has;
}

/* How many files of the folder have these bytes in them. */
static unsigned
files_with(const void *bytes, size_t len)
{
	DIR *dir = opendir(e.folder.path);
	const struct dirent *d;
	unsigned count = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		struct scratch_name name = scratch_name(&e.folder, d->d_name);

		if (d->d_name[0] != '.')
			count += file_has(name.path, bytes, len);
	}
	closedir(dir);
	return count;
}

static void
no_secret_is_in_any_file(void **state)
{
	const struct record_device *d;
	struct cathedral_secret first = page_secret(0x100, 1, 1);

	(void)state;
	put_something();
	ends_read(&e);
	for (unsigned closed = 0; closed < 2; closed++) {
		for (size_t f = 0; f < e.held.flock_count; f++) {
			for (size_t i = 0; i < e.held.flocks[f].device_count; i++) {
				d = &e.held.flocks[f].devices[i];
				/* Even a part of one; and to see that it would be found: the
				 * public key is. */
				assert_int_equal(files_with(d->cs.bytes, 8), 0);
				assert_int_equal(files_with(d->cs.bytes + 24, 8), 0);
				assert_true(files_with(d->cosk.bytes, 32) > 0);
			}
		}
		ends_close(&e);
	}
	d = &known_flock(&e.held, 0x100)->devices[0];
	assert_memory_equal(first.bytes, d->cs.bytes, sizeof(first.bytes));
}

/* ---- what is not as it was written ---- */

/* Who has no key can write what they like: it is noticed by who reads. */
static void
a_row_that_others_wrote_is_noticed(void **state)
{
	static const struct {
		const char *sql, *reason;
	} cases[] = {
		{ "UPDATE devices SET cosk = zeroblob(32) WHERE flock = 256 AND kek = 2", "a row" },
		{ "UPDATE devices SET mbit = mbit + 1 WHERE flock = 256 AND kek = 2", "a row" },
		{ "UPDATE devices SET kek = 200 WHERE flock = 256 AND kek = 2", "a row" },
		{ "UPDATE devices SET id = id - 1 WHERE flock = 256 AND kek = 2",
		    "a device's secret" },
		{ "UPDATE devices SET sealed = zeroblob(72) WHERE flock = 256 AND kek = 2",
		    "a device's secret" },
		/* What is sealed is of no use elsewhere. */
		{ "UPDATE devices SET sealed = (SELECT sealed FROM devices WHERE flock = 512 AND"
		  " kek = 1) WHERE flock = 256 AND kek = 1",
		    "a device's secret" },
		{ "UPDATE devices SET flock = 512, kek = 9 WHERE flock = 256 AND kek = 1",
		    "a row" },
		{ "DELETE FROM devices WHERE flock = 256 AND kek = 1", "a row" },
		{ "UPDATE flocks SET slice = x'00' WHERE id = 256", "a row" },
		{ "UPDATE flocks SET keks = zeroblob(32) WHERE id = 256", "a row" },
		{ "UPDATE flocks SET digest = zeroblob(32) WHERE id = 256", "a row" },
		{ "PRAGMA foreign_keys = OFF; UPDATE flocks SET id = 768 WHERE id = 256", "a row" },
		{ "UPDATE xflocks SET slice = x'00'", "a row" },
		{ "UPDATE xflocks SET b = 768", "a row" },
		{ "UPDATE xflocks SET keks = zeroblob(64)", "a row" },
		{ "UPDATE cathedrals SET port = port + 1", "a cathedral" },
		{ "UPDATE cathedrals SET region = 'x'", "a cathedral" },
		{ "DELETE FROM cathedrals", "a cathedral" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct known got = { .given = 0 };
		uint64_t from = 0;
		char reason[128];

		put_something();
		assert_int_equal(ends_sql(&e, cases[i].sql), SQLITE_OK);
		snprintf(reason, sizeof(reason),
		    "registry.db: %s is not as it was written: remove the file, and all of it "
		    "comes again",
		    cases[i].reason);
		why.text[0] = '\0';
		if (known_read(&got, e.reader, &from, &why))
			fail_msg("not noticed: %s", cases[i].sql);
		assert_reason(reason);
		known_free(&got);
		ends_end(&e);
		ends_begin(&e);
	}
}

static void
a_file_that_is_damaged_is_told(void **state)
{
	uint8_t noise[4096];
	int fd;

	(void)state;
	put_something();
	ends_close(&e);
	/* A tree's page. */
	fd = open(e.path.path, O_WRONLY | O_CLOEXEC);
	assert_true(fd != -1);
	memset(noise, 0x5a, sizeof(noise));
	for (off_t page = 1; page < 6; page++)
		assert_int_equal(pwrite(fd, noise, sizeof(noise), page * 4096), sizeof(noise));
	close(fd);
	assert_neither_opens("registry.db: database disk image is malformed");

	assert_int_equal(truncate(e.path.path, 0), 0);
	assert_null(registry_db_open(&e.options, &why));
	assert_reason("registry.db: nothing was ever written to it");
	ends_open(&e); /* who writes begins anew */
	assert_int_equal(ends_state(&e).until, 0);

	ends_close(&e);
	assert_int_equal(unlink(e.path.path), 0);
	scratch_write(&e.folder, "registry.db", "a letter to my aunt, who likes long ones\n");
	assert_neither_opens("registry.db: file is not a database");
}

static void
a_file_of_others_or_of_tomorrow_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ends_sql(&e, "PRAGMA user_version = 2"), SQLITE_OK);
	assert_neither_opens("registry.db: version 2 of the database, this program knows up to 1: "
			     "it was written by a newer one");
	assert_int_equal(
	    ends_sql(&e, "PRAGMA user_version = 1; PRAGMA application_id = 1380732249"), SQLITE_OK);
	assert_neither_opens("registry.db: a database of another program");
}

static void
who_reads_makes_nothing(void **state)
{
	struct scratch_name absent = scratch_name(&e.folder, "absent.db");
	struct registry_db_options o = { .path = absent.path, .key = e.key.path };

	(void)state;
	assert_null(registry_db_open(&o, &why));
	assert_reason("absent.db: No such file or directory");
	assert_int_equal(access(absent.path, F_OK), -1);
}

/* ---- one that goes while it is open ---- */

static void
remove_file(void)
{
	static const char *const names[] = { "registry.db", "registry.db-wal", "registry.db-shm" };

	for (size_t i = 0; i < 3; i++)
		unlink(scratch_name(&e.folder, names[i]).path);
}

static void
assert_reader_waits(void)
{
	uint64_t before = e.version;

	assert_true(registry_db_changed(e.reader, e.version));
	assert_false(known_read(&e.held, e.reader, &e.version, &why));
	assert_reason("registry.db: is a new one, and not complete yet");
	assert_int_equal(e.version, before);
	assert_int_equal(e.held.flock_count, 2);
}

static void
a_file_that_is_removed_is_made_anew_and_read_anew(void **state)
{
	struct record_page page;
	struct known got = { .given = 0 };
	uint64_t before;

	(void)state;
	put_something();
	ends_read(&e);
	before = e.version;
	remove_file();
	assert_true(registry_db_changed(e.reader, e.version));
	assert_false(known_read(&got, e.reader, &e.version, &why));
	assert_reason("registry.db: No such file or directory");

	page = page_from(3, 4);
	assert_false(registry_db_put(e.writer, &page, &(bool){ false }, &e.random, &why));
	assert_reason("does not follow what is there: database \"\" up to 0");
	assert_string_equal(ends_state(&e).database, "");

	/* Who was served goes on to be, until it is known who is to be. */
	assert_reader_waits();
	page = page_reset(8);
	page.more = true;
	page_add_flock(&page, 0x300, 1, 1);
	assert_true(ends_put(&e, &page));
	assert_reader_waits();
	page = page_reset(8);
	page.more = true;
	page_add_flock(&page, 0x300, 1, 1);
	assert_false(ends_put(&e, &page));
	assert_reader_waits();
	page = page_from(8, 9);
	assert_false(ends_put(&e, &page));

	/* By chance with the number that the reader has. */
	assert_int_equal(ends_state(&e).version, before);
	assert_true(registry_db_changed(e.reader, e.version));
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 1);
	assert_non_null(known_flock(&e.held, 0x300));
	assert_int_equal(e.held.xflock_count, 0);
	assert_int_equal(e.held.fleet_count, 0);
	assert_false(registry_db_changed(e.reader, e.version));
}

/* ---- whose files they are ---- */

static mode_t
mode_of(const char *name)
{
	struct stat st;

	if (stat(scratch_name(&e.folder, name).path, &st) != 0)
		fail_msg("%s is not there", name);
	return st.st_mode & 07777;
}

static void
files_are_for_the_group_where_the_folder_is(void **state)
{
	mode_t mask = umask(077);

	(void)state;
	for (unsigned shared = 0; shared < 2; shared++) {
		mode_t want = shared != 0 ? 0660 : 0600;

		ends_close(&e);
		remove_file();
		assert_int_equal(unlink(e.key.path), 0);
		assert_int_equal(chmod(e.folder.path, shared != 0 ? 02770 : 0750), 0);
		ends_open(&e);
		put_something();
		assert_int_equal(mode_of("registry.db"), want);
		assert_int_equal(mode_of("registry.db-wal"), want);
		assert_int_equal(mode_of("registry.db-shm"), want);
		assert_int_equal(mode_of("registry.db.key"), 0400);
	}
	umask(mask);
}

#define GROUP       34567 /* nobody's */
#define WRITES_USER 34568
#define READS_USER  34569

static struct scratch_name reads_key;

/* As another user; true when work() says so. */
static bool
as_user(uid_t user, bool (*work)(void))
{
	pid_t child = fork();
	int status;

	assert_int_not_equal(child, -1);
	if (child == 0) {
		umask(077);
		if (setgroups(0, NULL) != 0 || setgid(GROUP) != 0 || setuid(user) != 0)
			_exit(2);
		_exit(work() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status == 0;
}

static bool
write_one(void)
{
	struct random random;
	struct registry_db_state s = { .until = 0 };
	struct record_page page;
	struct registry_db *db;
	bool changed, ok;

	random_from_system(&random);
	db = registry_db_create(&e.options, &random, &why);
	ok = db != NULL && registry_db_state(db, &s, &why);
	page = s.until == 0 ? page_reset(1) : page_from(s.until, s.until + 1);
	page_add_flock(&page, 0x100, 2, (unsigned)s.until + 1);
	ok = ok && registry_db_put(db, &page, &changed, &random, &why) && changed;
	if (!ok)
		fprintf(stderr, "# %s\n", why.text);
	record_page_free(&page);
	registry_db_close(db);
	return ok;
}

static bool
read_one(void)
{
	const struct registry_db_options o = { .path = e.path.path, .key = reads_key.path };
	struct registry_db *db = registry_db_open(&o, &why);
	struct known got = { .given = 0 };
	uint64_t from = 0;
	bool ok = db != NULL && known_read(&got, db, &from, &why) && got.flock_count == 1;

	if (!ok)
		fprintf(stderr, "# %s\n", why.text);
	known_free(&got);
	registry_db_close(db);
	return ok;
}

static void
copy_key(void)
{
	uint8_t *bytes;
	size_t len;

	assert_true(file_read(&bytes, &len, e.key.path, 64, &why));
	assert_true(file_create(reads_key.path, 0400, bytes, len, &why));
	assert_int_equal(chown(reads_key.path, READS_USER, GROUP), 0);
	free(bytes);
}

/* They take turns in making the files that come and go beside it. */
static void
reader_and_writer_may_be_two_users(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("# only root can be two users: not tried\n");
		return;
	}
	ends_close(&e);
	remove_file();
	assert_int_equal(unlink(e.key.path), 0);
	assert_int_equal(chown(e.folder.path, WRITES_USER, GROUP), 0);
	assert_int_equal(chmod(e.folder.path, 02770), 0);
	reads_key = scratch_name(&e.folder, "reads.key");

	assert_true(as_user(WRITES_USER, write_one));
	assert_int_equal(stat(e.path.path, &st), 0);
	assert_int_equal(st.st_uid, WRITES_USER);
	assert_int_equal(st.st_gid, GROUP);
	copy_key();
	for (unsigned i = 0; i < 3; i++) {
		assert_true(as_user(READS_USER, read_one));
		assert_true(as_user(WRITES_USER, write_one));
	}
	/* With the key of another, it is another's: nobody reads it. */
	assert_int_equal(chown(reads_key.path, WRITES_USER, GROUP), 0);
	assert_false(as_user(READS_USER, read_one));
}

/* ---- what went is not remembered for ever ---- */

static void
who_is_far_behind_is_given_everything(void **state)
{
	struct record_page page;
	struct known got = { .given = 0 };
	uint64_t behind, near;

	(void)state;
	put_something();
	assert_true(ends_put_flock(&e, 3, 0x300, 1, 1));
	ends_read(&e);
	behind = e.version;
	assert_int_equal(behind, 2);
	/* So many went since. */
	assert_int_equal(ends_sql(&e, "UPDATE counters SET value = 3 WHERE name = 'version';"
				      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
				      "FROM n WHERE i < 99999)"
				      "INSERT INTO gone SELECT i << 16, i << 16, 3 FROM n"),
	    SQLITE_OK);
	near = 3;
	page = page_from(4, 5);
	page_add_flock_gone(&page, 0x200);
	assert_true(ends_put(&e, &page)); /* its xflock, too: one is too many */
	assert_int_equal(ends_number(&e, "SELECT count(*) FROM gone"), 2);

	/* The last two went together, after near: it still hears of them. */
	known_put_flock(&got, known_flock(&e.held, 0x200));
	assert_true(known_read(&got, e.reader, &near, &why));
	assert_int_equal(got.gone, 2);
	assert_int_equal(got.flock_count, 0);
	assert_int_equal(near, 4);

	/* Without hearing of what went, its books are right all the same. */
	e.version = behind;
	ends_read(&e);
	assert_int_equal(e.held.gone, 0);
	assert_int_equal(e.held.given, 2);
	assert_null(known_flock(&e.held, 0x200));
	assert_int_equal(e.held.xflock_count, 0);
	assert_int_equal(e.version, near);
	known_free(&got);
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(another_key_is_refused),
		IN_PLACE(a_key_that_lacks_is_not_made_anew),
		IN_PLACE(a_key_that_others_may_read_is_refused),
		IN_PLACE(a_key_that_is_there_already_is_taken),
		IN_PLACE(no_secret_is_in_any_file),
		IN_PLACE(a_row_that_others_wrote_is_noticed),
		IN_PLACE(a_file_that_is_damaged_is_told),
		IN_PLACE(a_file_of_others_or_of_tomorrow_is_refused),
		IN_PLACE(who_reads_makes_nothing),
		IN_PLACE(a_file_that_is_removed_is_made_anew_and_read_anew),
		IN_PLACE(files_are_for_the_group_where_the_folder_is),
		IN_PLACE(reader_and_writer_may_be_two_users),
		IN_PLACE(who_is_far_behind_is_given_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

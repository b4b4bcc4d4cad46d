/* SPDX-License-Identifier: ISC */
/* Copies of a running database, and the check that says whether a database is sound. */
#include "database/session.h"
#include "tests/support/store.h"
#include "tests/support/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct test_store t;
static struct scratch_name to;
static struct fault why;

static int
setup(void **state)
{
	(void)state;
	why.text[0] = '\0';
	test_store_begin(&t, NULL);
	to = scratch_name(&t.scratch, "copy.db");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_store_end(&t);
	return 0;
}

/* The copy as a store of its own; ends it. */
static struct store *
copy_opened(struct session **s)
{
	struct store_options o = t.options;
	struct store *copy;

	o.path = to.path;
	o.vfs = NULL;
	copy = store_open(&o, &t.random, &why);
	if (copy == NULL)
		fail_msg("%s", why.text);
	*s = session_open_reader(copy, &why);
	assert_non_null(*s);
	return copy;
}

static void
assert_copy_is_sound(void)
{
	struct session *s;
	struct store *copy = copy_opened(&s);

	if (!store_check(s, &why))
		fail_msg("%s", why.text);
	session_close(s);
	store_close(copy);
}

static size_t
files_there(void)
{
	DIR *folder = opendir(t.scratch.path);
	size_t count = 0;

	assert_non_null(folder);
	for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder))
		count += e->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void
a_copy_has_all_that_was_committed(void **state)
{
	struct account_id anna = test_account(t.writer, "anna");
	struct account got;
	struct session *s;
	struct store *copy;
	struct stat st;
	char id[STORE_LABEL], same[STORE_LABEL];

	(void)state;
	test_flock(t.writer, anna, 0x6442a01510d91a00);
	assert_int_equal(fact_get(t.reader, "id", id), STORE_OK);
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "not yet", "1"), STORE_OK);
	if (!store_backup(&t.options, to.path, &why))
		fail_msg("%s", why.text);
	assert_int_equal(group_commit(t.writer), STORE_OK);

	assert_int_equal(stat(to.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_copy_is_sound();
	copy = copy_opened(&s);
	assert_int_equal(account_by_share_id(s, "anna", &got), STORE_OK);
	assert_int_equal(got.flocks, 1);
	assert_int_equal(fact_get(s, "id", same), STORE_OK);
	assert_string_equal(same, id);
	assert_int_equal(fact_get(s, "not yet", same), STORE_NONE);
	session_close(s);
	store_close(copy);
}

/* What was deleted is in no byte of it. */
static void
a_copy_has_nothing_that_was_deleted(void **state)
{
	static const char secret[] = "the quick brown fox was here";
	uint8_t *data;
	struct stat st;
	FILE *file;

	(void)state;
	assert_int_equal(fact_set(t.writer, "x", secret), STORE_OK);
	free(test_sql(&t, "PRAGMA secure_delete = OFF; DELETE FROM facts WHERE name = 'x'"));
	assert_true(store_backup(&t.options, to.path, &why));
	assert_int_equal(stat(to.path, &st), 0);
	data = malloc((size_t)st.st_size);
	file = fopen(to.path, "re");
	assert_true(data != NULL && file != NULL);
	assert_int_equal(fread(data, 1, (size_t)st.st_size, file), st.st_size);
	fclose(file);
	assert_null(memmem(data, (size_t)st.st_size, secret, strlen(secret)));
	free(data);
}

static void
what_cannot_be_copied_is_said(void **state)
{
	struct scratch_name none = scratch_name(&t.scratch, "none.db");
	struct scratch_name deep = scratch_name(&t.scratch, "none/copy.db");
	struct scratch_name alias = scratch_name(&t.scratch, "alias.db");
	struct store_options o = t.options;
	struct fault want;

	(void)state;
	o.path = none.path;
	assert_false(store_backup(&o, to.path, &why));
	fault_set(&want, "%s: there is no database yet", none.path);
	assert_string_equal(why.text, want.text);

	assert_false(store_backup(&t.options, deep.path, &why));
	fault_set(&want, "%s: %s", deep.path, strerror(ENOENT));
	assert_string_equal(why.text, want.text);

	assert_false(store_backup(&t.options, t.path.path, &why));
	fault_set(&want, "%s: this is the database itself", t.path.path);
	assert_string_equal(why.text, want.text);
	assert_int_equal(symlink(t.path.path, alias.path), 0);
	assert_false(store_backup(&t.options, alias.path, &why));
	fault_set(&want, "%s: this is the database itself", alias.path);
	assert_string_equal(why.text, want.text);
	assert_true(store_check(t.reader, &why));
}

/* Of bytes that are no database. */
static void
file_of_bytes(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite("thirty-two bytes that are no key", 32, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

static void
only_older_copies_give_way(void **state)
{
	struct scratch_name key = scratch_name(&t.scratch, "key");
	struct scratch_name link = scratch_name(&t.scratch, "link.db");
	struct scratch_name below = scratch_name(&t.scratch, "key/copy.db");
	struct session *session;
	struct store *copy;
	struct fault want;

	(void)state;
	assert_true(store_backup_place(&t.options, to.path, &why)); /* nothing is there */
	assert_true(store_backup(&t.options, to.path, &why));
	assert_true(store_backup_place(&t.options, to.path, &why));

	file_of_bytes(key.path);
	assert_false(store_backup_place(&t.options, key.path, &why));
	fault_set(&want, "nothing but an older backup is replaced: %s: ", key.path);
	assert_memory_equal(why.text, want.text, strlen(want.text));

	assert_false(store_backup_place(&t.options, below.path, &why));
	fault_set(&want, "%s: %s", below.path, strerror(ENOTDIR));
	assert_string_equal(why.text, want.text);

	assert_false(store_backup_place(&t.options, t.path.path, &why));
	fault_set(&want, "%s: this is the database itself", t.path.path);
	assert_string_equal(why.text, want.text);
	assert_int_equal(symlink(t.path.path, link.path), 0);
	assert_false(store_backup_place(&t.options, link.path, &why));

	copy = copy_opened(&session); /* another service begins to work on it */
	session_close(session);
	store_close(copy);
	assert_false(store_backup_place(&t.options, to.path, &why));
	fault_set(&want, "%s: a database that a service works on, no backup", to.path);
	assert_string_equal(why.text, want.text);
}

static atomic_bool writing;

static void *
write_on(void *arg)
{
	struct session *s = arg;
	uintptr_t failed = 0;

	/* Pairs: a copy that holds one without the other is not of one moment. */
	for (unsigned i = 0; atomic_load(&writing); i++) {
		char name[2][32];

		snprintf(name[0], sizeof(name[0]), "left %u", i);
		snprintf(name[1], sizeof(name[1]), "right %u", i);
		if (group_begin(s) != STORE_OK || fact_set(s, name[0], "") != STORE_OK ||
		    fact_set(s, name[1], "") != STORE_OK || group_commit(s) != STORE_OK)
			failed++;
	}
	return (void *)failed;
}

static void
a_writer_goes_on_meanwhile(void **state)
{
	struct test_store at = t;
	pthread_t writer;
	void *failed;
	bool copied = true;
	char *odd;

	(void)state;
	atomic_store(&writing, true);
	assert_int_equal(pthread_create(&writer, NULL, write_on, t.writer), 0);
	for (size_t i = 0; copied && i < 5; i++)
		copied = store_backup(&t.options, to.path, &why);
	atomic_store(&writing, false);
	assert_int_equal(pthread_join(writer, &failed), 0);
	assert_true(copied);
	assert_null(failed);
	assert_copy_is_sound();
	at.path = to;
	odd = test_sql(&at, "SELECT (SELECT count(*) FROM facts WHERE name LIKE 'left %') -"
			    " (SELECT count(*) FROM facts WHERE name LIKE 'right %')");
	assert_string_equal(odd, "0\n");
	free(odd);
}

/* A backup that fails, wherever it does, leaves the one from yesterday, and nothing else. */
static void
a_failure_leaves_the_old_copy(void **state)
{
	struct vfs *vfs = vfs_make("failing");
	struct stat before, after;
	uint64_t nth = 0;
	bool ok = false;

	(void)state;
	assert_true(store_backup(&t.options, to.path, &why));
	assert_int_equal(stat(to.path, &before), 0);
	t.options.vfs = "failing";
	while (!ok) {
		struct vfs_failure f = { VFS_ANY & ~VFS_LOCK, ++nth, SQLITE_FULL, 0, true };
		size_t files = files_there();

		vfs_fail(vfs, &f);
		ok = store_backup(&t.options, to.path, &why);
		if (vfs_failed(vfs) == 0)
			break;
		assert_false(ok);
		assert_int_equal(files_there(), files);
		assert_int_equal(stat(to.path, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
	}
	assert_true(ok);
	assert_true(nth > 20);
	t.options.vfs = NULL;
	vfs_end(vfs);
	assert_copy_is_sound();
}

static void
a_sound_database_passes(void **state)
{
	struct account_id anna = test_account(t.writer, "anna"), boris;
	struct flock_id a, b;
	bool established;

	(void)state;
	boris = test_account(t.writer, "boris");
	a = test_flock(t.writer, anna, 0x1100);
	b = test_flock(t.writer, boris, 0x2200);
	assert_int_equal(
	    xflock_consent(t.writer, anna, a, b, 8, STORE_NOW, &established), STORE_OK);
	assert_int_equal(
	    xflock_consent(t.writer, boris, b, a, 8, STORE_NOW, &established), STORE_OK);
	assert_true(established);
	if (!store_check(t.reader, &why))
		fail_msg("%s", why.text);
}

/* Each breaks one rule behind the store's back. */
static void
what_is_wrong_is_said_in_words(void **state)
{
#define HASH "zeroblob(32)"
	static const struct {
		const char *sql;
		const char *want;
	} cases[] = {
		{ "DELETE FROM facts", "the database has no name of its own" },
		{ "INSERT INTO flocks VALUES (1, 4353, '', 0)", "a flock's id has a domain" },
		{ "INSERT INTO devices VALUES (4352, 5, 1, " HASH ", x'00', '', 1, 0, 0);"
		  "INSERT INTO joins VALUES (4352, 5, " HASH ", x'00', '', 0)",
		    "a device is approved and pending at once" },
		{ "INSERT INTO bundles VALUES (4352, 8704, 1, 9, 0, 5, " HASH ", 'f')",
		    "a bundle lies between flocks that have not agreed" },
		{ "INSERT INTO bundles VALUES (4352, 8704, 1, 9, 0, 5, " HASH ", 'f');"
		  "INSERT INTO xflocks VALUES (4352, 8704, 0)",
		    "a bundle lies between flocks that have not agreed" },
		{ "INSERT INTO bundles VALUES (4352, 4352, 1, 9, 0, 5, " HASH ", 'f');"
		  "INSERT INTO leftovers VALUES ('f')",
		    "a bundle's file is to be removed" },
		{ "INSERT INTO changes VALUES (1, 1, 1000000, 0, 0)",
		    "the changes are not numbered up to their counter" },
		{ "DELETE FROM counters", "the changes are not numbered up to their counter" },
		{ "UPDATE counters SET value = 9; INSERT INTO changes VALUES (2, 1, 9, 0, 0)",
		    "a change names its flocks the wrong way round" },
		{ "UPDATE accounts SET flocks = 1", "an account's flocks are miscounted" },
		{ "UPDATE accounts SET max_flocks = -1", "an account's quota is below zero" },
		{ "PRAGMA foreign_keys = OFF; INSERT INTO enrolments"
		  " VALUES (1, 1, " HASH ", '', 1, 0, 0)",
		    "the table \"enrolments\" has a row without what it belongs to" },
		{ "PRAGMA ignore_check_constraints = ON; UPDATE accounts SET suspended = 7",
		    "the database is damaged: CHECK constraint failed in accounts" },
		{ "PRAGMA user_version = 7", "the schema has version 7, not 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct account_id anna;

		test_store_end(&t);
		test_store_begin(&t, NULL);
		anna = test_account(t.writer, "anna");
		test_flock(t.writer, anna, 0x1100);
		test_flock(t.writer, anna, 0x2200);
		assert_true(store_check(t.reader, &why));
		free(test_sql(&t, cases[i].sql));
		assert_false(store_check(t.reader, &why));
		assert_string_equal(why.text, cases[i].want);
		assert_false(t.reader->reading);
	}
}

static void
a_damaged_page_is_noticed(void **state)
{
	char junk[4096];
	uint64_t left;
	FILE *file;

	(void)state;
	for (char name[] = "a"; name[0] <= 'z'; name[0]++)
		test_account(t.writer, name);
	assert_int_equal(store_checkpoint(t.writer, &left), STORE_OK);
	test_store_close(&t);
	memset(junk, 0x5a, sizeof(junk));
	file = fopen(t.path.path, "r+e");
	assert_non_null(file);
	assert_int_equal(fseek(file, 4 * 4096, SEEK_SET), 0);
	assert_int_equal(fwrite(junk, sizeof(junk), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	test_store_open(&t);
	assert_false(store_check(t.reader, &why));
	assert_non_null(strstr(why.text, "the database is damaged: "));
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_copy_has_all_that_was_committed),
		IN_PLACE(a_copy_has_nothing_that_was_deleted),
		IN_PLACE(what_cannot_be_copied_is_said),
		IN_PLACE(only_older_copies_give_way),
		IN_PLACE(a_writer_goes_on_meanwhile),
		IN_PLACE(a_failure_leaves_the_old_copy),
		IN_PLACE(a_sound_database_passes),
		IN_PLACE(what_is_wrong_is_said_in_words),
		IN_PLACE(a_damaged_page_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

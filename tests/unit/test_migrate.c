/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/parts.h"

#include "base/file.h"
#include "database/session.h"
#include "tests/support/store.h"
#include "tests/support/vfs.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SCHEMA_FOLDER "schema/reliquary"

static struct test_store t;
static struct fault why;

static int
setup(void **state)
{
	(void)state;
	why.text[0] = '\0';
	test_store_begin(&t, NULL);
	test_store_close(&t);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	scratch_remove(&t.scratch);
	return 0;
}

/* What a next version of the program would bring: the first are the real ones, by main(). */
static struct migration next[] = {
	{ 1, "0001-accounts", NULL },
	{ 2, "0002-behind", NULL },
	{ 3, "0003-moods",
	    "CREATE TABLE moods (name TEXT NOT NULL PRIMARY KEY) STRICT;"
	    "INSERT INTO moods (name) SELECT name FROM facts;" },
	{ 0, NULL, NULL },
};

/* With a table of the test's own. */
static bool
version_by(const struct store_options *o, const struct migration *table, struct schema_version *ret,
    struct fault *reason)
{
	const struct schema schema = { STORE_APPLICATION, table };
	struct database d;

	return store_database(&d, o, reason) && schema_version(&d, &schema, ret, reason);
}

static bool
apply(const struct store_options *o, const struct migration *table, struct fault *reason)
{
	const struct schema schema = { STORE_APPLICATION, table };
	struct database d;

	return store_database(&d, o, reason) && schema_apply(&d, &schema, reason);
}

static void
assert_sql(const char *path, const char *sql, const char *want)
{
	struct test_store at = t;
	char *text;

	snprintf(at.path.path, sizeof(at.path.path), "%s", path);
	text = test_sql(&at, sql);
	assert_string_equal(text, want);
	free(text);
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Every file of the folder is in the table, as it stands there, in its place. */
static void
the_table_is_the_folder(void **state)
{
	DIR *folder = opendir(SCHEMA_FOLDER);
	const struct dirent *entry;
	size_t files = 0, rows = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] != '.')
			files++;
	}
	closedir(folder);

	for (const struct migration *m = store_schema.table; m->name != NULL; m++) {
		char path[256], begin[16];
		uint8_t *data;
		size_t len;

		snprintf(path, sizeof(path), SCHEMA_FOLDER "/%s.sql", m->name);
		snprintf(begin, sizeof(begin), "%04u-", m->number);
		if (!file_read(&data, &len, path, 1 << 20, &why))
			fail_msg("%s", why.text);
		assert_string_equal((const char *)data, m->sql);
		assert_int_equal(m->number, rows + 1);
		assert_memory_equal(m->name, begin, 5);
		free(data);
		rows++;
	}
	assert_int_equal(rows, files);
	assert_int_equal(schema_last(&store_schema), rows);
}

static void
versions_are_told_without_a_touch(void **state)
{
	struct scratch_name none = scratch_name(&t.scratch, "none.db");
	struct store_options o = t.options;
	struct schema_version v;

	(void)state;
	assert_true(store_version(&t.options, &v, &why));
	assert_int_equal(v.have, schema_last(&store_schema));
	assert_int_equal(v.want, v.have);
	assert_true(version_by(&t.options, next, &v, &why));
	assert_int_equal(v.have, 2);
	assert_int_equal(v.want, 3);

	o.path = none.path;
	assert_true(store_version(&o, &v, &why));
	assert_int_equal(v.have, 0);
	assert_false(exists(none.path));
}

static void
a_database_that_is_there_is_kept_before_it_is_changed(void **state)
{
	struct scratch_name kept = scratch_name(&t.scratch, "reliquary.db.before-0003");
	struct stat st;

	(void)state;
	assert_false(exists(kept.path));
	if (!apply(&t.options, next, &why))
		fail_msg("%s", why.text);
	assert_sql(t.path.path, "PRAGMA user_version", "3\n");
	assert_sql(t.path.path, "SELECT name FROM moods", "id\n");

	assert_int_equal(stat(kept.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_sql(kept.path, "PRAGMA user_version", "2\n");
	assert_sql(kept.path, "PRAGMA application_id", "1380733273\n");
	assert_sql(kept.path, "PRAGMA integrity_check", "ok\n");
	assert_sql(kept.path, "SELECT name FROM facts", "id\n");

	/* Once is enough. */
	assert_int_equal(unlink(kept.path), 0);
	assert_true(apply(&t.options, next, &why));
	assert_false(exists(kept.path));
}

/* What was committed is in the log, not yet in the file: the copy has it all the same. */
static void
what_is_kept_is_what_was_committed_last(void **state)
{
	struct scratch_name kept = scratch_name(&t.scratch, "reliquary.db.before-0003");

	(void)state;
	test_store_open(&t);
	assert_int_equal(fact_set(t.writer, "late", "1"), STORE_OK);
	if (!apply(&t.options, next, &why))
		fail_msg("%s", why.text);
	test_store_close(&t);
	assert_sql(kept.path, "SELECT name FROM facts ORDER BY name", "id\nlate\n");
	assert_sql(t.path.path, "SELECT name FROM moods ORDER BY name", "id\nlate\n");
}

static void
a_new_database_has_nothing_to_keep(void **state)
{
	struct scratch_name fresh = scratch_name(&t.scratch, "fresh.db");
	struct scratch_name kept = scratch_name(&t.scratch, "fresh.db.before-0001");
	struct store_options o = t.options;

	(void)state;
	o.path = fresh.path;
	if (!apply(&o, next, &why))
		fail_msg("%s", why.text);
	assert_false(exists(kept.path));
	assert_sql(fresh.path, "PRAGMA user_version", "3\n");

	/* An empty file is no database yet: what a start that was cut short leaves. */
	assert_int_equal(unlink(fresh.path), 0);
	scratch_write(&t.scratch, "fresh.db", "");
	assert_true(apply(&o, next, &why));
	assert_sql(fresh.path, "PRAGMA user_version", "3\n");
}

/* Bytes of a file, the caller's to free. */
static uint8_t *
bytes_of(const char *path, size_t *len)
{
	uint8_t *data;

	if (!file_read(&data, len, path, 16 << 20, &why))
		fail_msg("%s", why.text);
	return data;
}

static void
assert_refused_untouched(const char *reason)
{
	size_t before_len, after_len;
	uint8_t *before = bytes_of(t.path.path, &before_len), *after;
	struct schema_version v;
	char want[700];

	assert_null(store_open(&t.options, &t.random, &why));
	snprintf(want, sizeof(want), "%s: %s", t.path.path, reason);
	assert_string_equal(why.text, want);
	assert_false(store_version(&t.options, &v, &why));
	assert_string_equal(why.text, want);
	after = bytes_of(t.path.path, &after_len);
	assert_int_equal(after_len, before_len);
	assert_memory_equal(after, before, before_len);
	free(after);
	free(before);
}

static void
a_newer_database_is_refused_and_left_as_it_is(void **state)
{
	(void)state;
	assert_true(apply(&t.options, next, &why));
	assert_refused_untouched("version 3 of the database, this program knows up to 2: it was "
				 "written by a newer one");
}

/* Even one that was not ended well: its log must not be moved into it by the look at it. */
static void
a_newer_one_with_a_log_is_left_as_it_is(void **state)
{
	struct scratch_name log = scratch_name(&t.scratch, "reliquary.db-wal");
	struct stat before, after;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		test_store_open(&t);
		_exit(apply(&t.options, next, &why) ? 0 : 1); /* nothing is closed */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(stat(log.path, &before), 0);
	assert_true(before.st_size > 0);
	assert_refused_untouched("version 3 of the database, this program knows up to 2: it was "
				 "written by a newer one");
	assert_int_equal(stat(log.path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
}

static void
what_is_not_ours_is_refused_and_left_as_it_is(void **state)
{
	static const struct {
		const char *sql;
		const char *reason;
	} cases[] = {
		{ "PRAGMA application_id = 7", "a database of another program" },
		{ "PRAGMA application_id = 0", "a database of another program" },
		{ "PRAGMA application_id = 1380733273; PRAGMA user_version = 0",
		    "a database of another program" },
		{ "PRAGMA user_version = -1", "a database of another program" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		free(test_sql(&t, cases[i].sql));
		assert_refused_untouched(cases[i].reason);
	}
	assert_int_equal(unlink(t.path.path), 0);
	scratch_write(&t.scratch, "reliquary.db", "a letter to my aunt, who likes long ones\n");
	assert_refused_untouched("file is not a database");
	assert_int_equal(unlink(t.path.path), 0);
	assert_int_equal(mkdir(t.path.path, 0700), 0);
	assert_null(store_open(&t.options, &t.random, &why));
	assert_non_null(strstr(why.text, "reliquary.db: disk I/O error (Is a directory)"));
}

static void
a_migration_that_fails_changes_nothing(void **state)
{
	static const struct {
		const char *sql;
		const char *reason;
	} cases[] = {
		{ "CREATE TABLE moods (a INTEGER); CREATE TABLE moods (a INTEGER);",
		    "migration 0003-bad: %s: SQL logic error" },
		{ "INSERT INTO facts VALUES ('id', 'x');",
		    "migration 0003-bad: %s: constraint failed" },
		{ "CREATE TABLE moods (a INTEGER); COMMIT;",
		    "migration 0003-bad: %s: authorization denied" },
		/* Keys are off while tables are made anew, hence looked at when all is done. */
		{ "INSERT INTO tokens VALUES (9, 1, zeroblob(32), '', 1, 0, NULL, 0);",
		    "%s: the migrations leave rows without what they belong to" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct migration bad[] = { next[0], next[1], { 3, "0003-bad", cases[i].sql },
			{ 0 } };
		struct fault want;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fault_set(&want, cases[i].reason, t.path.path);
#pragma GCC diagnostic pop
		assert_false(apply(&t.options, bad, &why));
		assert_string_equal(why.text, want.text);
		assert_sql(t.path.path, "PRAGMA user_version", "2\n");
		assert_sql(t.path.path, "SELECT name FROM sqlite_schema WHERE name = 'moods'", "");
		assert_sql(t.path.path, "SELECT count(*) FROM tokens", "0\n");
	}
	/* And the real one works after that. */
	assert_true(apply(&t.options, next, &why));
}

static void
two_that_start_at_once_migrate_once(void **state)
{
	struct scratch_name fresh = scratch_name(&t.scratch, "fresh.db");
	struct store_options o = t.options;
	pid_t children[6];
	int status;

	(void)state;
	o.path = fresh.path;
	o.busy_ms = 10000;
	for (size_t i = 0; i < 6; i++) {
		children[i] = fork();
		assert_int_not_equal(children[i], -1);
		if (children[i] == 0) {
			struct store *s = store_open(&o, &t.random, &why);

			if (s == NULL)
				fprintf(stderr, "%s\n", why.text);
			_exit(s == NULL ? 1 : 0);
		}
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_sql(fresh.path, "SELECT count(*) FROM facts", "1\n");
	assert_sql(fresh.path, "PRAGMA integrity_check", "ok\n");
}

/* The copy cannot be made: nothing is changed without it. */
static void
without_a_copy_nothing_is_changed(void **state)
{
	struct scratch_name kept = scratch_name(&t.scratch, "reliquary.db.before-0003");
	struct scratch_name inside = scratch_name(&t.scratch, "reliquary.db.before-0003/x");

	(void)state;
	assert_int_equal(mkdir(kept.path, 0700), 0);
	assert_int_equal(mkdir(inside.path, 0700), 0);
	assert_false(apply(&t.options, next, &why));
	assert_non_null(strstr(why.text, "before-0003: Is a directory"));
	assert_sql(t.path.path, "PRAGMA user_version", "2\n");
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_the_folder),
		IN_PLACE(versions_are_told_without_a_touch),
		IN_PLACE(a_database_that_is_there_is_kept_before_it_is_changed),
		IN_PLACE(what_is_kept_is_what_was_committed_last),
		IN_PLACE(a_new_database_has_nothing_to_keep),
		IN_PLACE(a_newer_database_is_refused_and_left_as_it_is),
		IN_PLACE(a_newer_one_with_a_log_is_left_as_it_is),
		IN_PLACE(what_is_not_ours_is_refused_and_left_as_it_is),
		IN_PLACE(a_migration_that_fails_changes_nothing),
		IN_PLACE(two_that_start_at_once_migrate_once),
		IN_PLACE(without_a_copy_nothing_is_changed),
	};
	next[0] = store_schema.table[0];
	next[1] = store_schema.table[1];
	next[0] = store_schema.table[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/store.h"

#include "database/session.h"
#include "database/sql.h"
#include "tests/support/store.h"
#include "tests/support/vfs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct test_store t;
static struct fault why;

static int
setup(void **state)
{
	(void)state;
	why.text[0] = '\0';
	test_store_begin(&t, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_store_end(&t);
	return 0;
}

static enum store_result
fact(struct session *s, const char *name)
{
	char value[STORE_LABEL];

	return fact_get(s, name, value);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
assert_sql(const char *sql, const char *want)
{
	char *text = test_sql(&t, sql);

	assert_string_equal(text, want);
	free(text);
}

static void
the_file_is_ours_alone(void **state)
{
	struct scratch_name log = scratch_name(&t.scratch, "reliquary.db-wal");

	(void)state;
	assert_int_equal(mode_of(t.path.path), 0600);
	assert_int_equal(mode_of(log.path), 0600);
	assert_sql("PRAGMA application_id", "1380733273\n");
	assert_sql("PRAGMA journal_mode", "wal\n");
}

/* Behind root's back, too: who is not root can still read what root made in their folder. */
static void
the_file_is_its_folders_owners(void **state)
{
	struct scratch_name folder = scratch_name(&t.scratch, "theirs");
	struct scratch_name db = scratch_name(&t.scratch, "theirs/reliquary.db");
	struct scratch_name copy = scratch_name(&t.scratch, "theirs/copy");
	struct store_options o = t.options;
	uid_t want = geteuid() == 0 ? 65534 : geteuid();
	struct store *store;
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(folder.path, 0700), 0);
	assert_int_equal(chown(folder.path, want, (gid_t)-1), 0);
	o.path = db.path;
	store = store_open(&o, &t.random, &why);
	assert_non_null(store);
	store_close(store);
	assert_true(store_backup(&o, copy.path, &why));
	assert_int_equal(stat(db.path, &st), 0);
	assert_int_equal(st.st_uid, want);
	assert_int_equal(stat(copy.path, &st), 0);
	assert_int_equal(st.st_uid, want);
}

static void
sessions_are_set_up(void **state)
{
	static const struct {
		const char *pragma;
		int64_t writer, reader;
	} cases[] = {
		{ "PRAGMA synchronous", 2, 2 },
		{ "PRAGMA foreign_keys", 1, 1 },
		{ "PRAGMA trusted_schema", 0, 0 },
		{ "PRAGMA secure_delete", 2, 2 },
		{ "PRAGMA temp_store", 2, 2 },
		{ "PRAGMA cell_size_check", 1, 1 },
		{ "PRAGMA wal_autocheckpoint", 0, 0 },
		{ "PRAGMA mmap_size", 0, 0 },
		{ "PRAGMA cache_size", -1024, -1024 },
		{ "PRAGMA busy_timeout", 2000, 2000 },
		{ "PRAGMA query_only", 0, 1 },
	};
	int64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].pragma);
		assert_true(connection_number(t.writer->db, cases[i].pragma, &got));
		assert_int_equal(got, cases[i].writer);
		assert_true(connection_number(t.reader->db, cases[i].pragma, &got));
		assert_int_equal(got, cases[i].reader);
	}
}

static void
it_bears_one_name_for_ever(void **state)
{
	char first[STORE_LABEL], later[STORE_LABEL];

	(void)state;
	assert_int_equal(fact_get(t.reader, "id", first), STORE_OK);
	assert_int_equal(strlen(first), 32);
	test_store_again(&t);
	assert_int_equal(fact_get(t.reader, "id", later), STORE_OK);
	assert_string_equal(first, later);
	assert_int_equal(fact_set(t.writer, "id", "another"), STORE_CONFLICT);
	assert_int_equal(fact_get(t.reader, "id", later), STORE_OK);
	assert_string_equal(first, later);
	assert_int_equal(fact(t.reader, "vault"), STORE_NONE);
	assert_int_equal(fact_set(t.writer, "vault", "x"), STORE_OK);
	assert_int_equal(fact(t.reader, "vault"), STORE_OK);
}

/* Unless it takes the place of another one: then by a name that none had. */
static void
a_copy_gets_another_name(void **state)
{
	char first[STORE_LABEL], second[STORE_LABEL], third[STORE_LABEL];

	(void)state;
	assert_int_equal(fact_get(t.reader, "id", first), STORE_OK);
	assert_int_equal(store_rename(t.writer, &t.random), STORE_OK);
	assert_int_equal(fact_get(t.reader, "id", second), STORE_OK);
	assert_int_equal(strlen(second), 32);
	assert_string_not_equal(first, second);
	assert_int_equal(store_rename(t.writer, &t.random), STORE_OK);
	test_store_again(&t);
	assert_int_equal(fact_get(t.reader, "id", third), STORE_OK);
	assert_string_not_equal(second, third);
}

static void
a_reader_cannot_write(void **state)
{
	(void)state;
	assert_int_not_equal(fact_set(t.reader, "a", "b"), STORE_OK);
	assert_int_equal(fact(t.reader, "a"), STORE_NONE);
}

static void
what_is_committed_is_kept(void **state)
{
	(void)state;
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_true(group_alive(t.writer));
	assert_int_equal(fact_set(t.writer, "a", "1"), STORE_OK);
	assert_int_equal(fact(t.reader, "a"), STORE_NONE);
	assert_int_equal(group_commit(t.writer), STORE_OK);
	assert_false(group_alive(t.writer));
	assert_int_equal(fact(t.reader, "a"), STORE_OK);

	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "b", "1"), STORE_OK);
	group_abandon(t.writer);
	assert_int_equal(fact(t.writer, "b"), STORE_NONE);

	/* Ended by a crash of the session. */
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "c", "1"), STORE_OK);
	test_store_again(&t);
	assert_int_equal(fact(t.writer, "c"), STORE_NONE);
	assert_int_equal(fact(t.writer, "a"), STORE_OK);
}

static void
steps_are_undone_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "kept", "1"), STORE_OK);
	assert_int_equal(step_keep(t.writer), STORE_OK);

	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "undone", "1"), STORE_OK);
	step_undo(t.writer);

	/* One inside another goes with it. */
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "outer", "1"), STORE_OK);
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "inner", "1"), STORE_OK);
	assert_int_equal(step_keep(t.writer), STORE_OK);
	step_undo(t.writer);

	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "inner", "1"), STORE_OK);
	step_undo(t.writer);
	assert_int_equal(fact_set(t.writer, "outer again", "1"), STORE_OK);
	assert_int_equal(step_keep(t.writer), STORE_OK);
	assert_int_equal(group_commit(t.writer), STORE_OK);
	assert_sql(
	    "SELECT name FROM facts WHERE name <> 'id' ORDER BY name", "kept\nouter again\n");
}

static enum store_result
two_facts(struct session *s, void *arg)
{
	enum store_result result = fact_set(s, "one", "1");

	return result == STORE_OK ? fact_set(s, arg, "2") : result;
}

static void
work_is_done_whole_or_not_at_all(void **state)
{
	char id[] = "id", two[] = "two";

	(void)state;
	assert_int_equal(store_atomically(t.writer, two_facts, id), STORE_CONFLICT);
	assert_int_equal(fact(t.reader, "one"), STORE_NONE);
	assert_int_equal(store_atomically(t.writer, two_facts, two), STORE_OK);
	assert_int_equal(fact(t.reader, "one"), STORE_OK);

	/* Inside of a group it is a step of it. */
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "before", "1"), STORE_OK);
	assert_int_equal(store_atomically(t.writer, two_facts, two), STORE_CONFLICT);
	assert_true(group_alive(t.writer));
	assert_int_equal(group_commit(t.writer), STORE_OK);
	assert_int_equal(fact(t.reader, "before"), STORE_OK);
}

/* A column that does not fit means that somebody else writes here: nothing of the step is kept. */
static void
a_step_with_an_error_in_it_cannot_be_kept(void **state)
{
	static const char broken[] = "SELECT 'four', 1";
	struct query q;
	char text[4];

	(void)state;
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "before", "1"), STORE_OK);
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "with it", "1"), STORE_OK);
	q = query_begin(t.writer, broken);
	assert_true(query_row(&q));
	assert_false(column_text(&q, 0, text, sizeof(text)));
	assert_int_equal(column_int(&q, 1), 0); /* the error sticks */
	assert_int_equal(query_end(&q, true), STORE_FAILED);
	assert_int_equal(step_keep(t.writer), STORE_FAILED);

	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "after", "1"), STORE_OK);
	assert_int_equal(step_keep(t.writer), STORE_OK);
	assert_int_equal(group_commit(t.writer), STORE_OK);
	assert_sql("SELECT name FROM facts WHERE name <> 'id' ORDER BY name", "after\nbefore\n");

	/* Outside of steps it is the whole group's. */
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "lost", "1"), STORE_OK);
	q = query_begin(t.writer, broken);
	assert_true(query_row(&q));
	assert_false(column_blob(&q, 0, text, sizeof(text) - 1));
	assert_int_equal(query_end(&q, true), STORE_FAILED);
	assert_int_equal(group_commit(t.writer), STORE_FAILED);
	assert_int_equal(fact(t.writer, "lost"), STORE_NONE);
}

/* As the engine does when the disk is full: what follows must not run on its own. */
static void
a_group_that_the_engine_ended_takes_nothing_more(void **state)
{
	(void)state;
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(fact_set(t.writer, "before", "1"), STORE_OK);
	assert_int_equal(step_begin(t.writer), STORE_OK);
	assert_int_equal(sqlite3_exec(t.writer->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_false(group_alive(t.writer));
	assert_int_equal(fact_set(t.writer, "after", "1"), STORE_FAILED);
	assert_int_equal(fact(t.writer, "id"), STORE_FAILED);
	assert_int_equal(step_keep(t.writer), STORE_FAILED);
	assert_int_equal(step_begin(t.writer), STORE_FAILED);
	assert_int_equal(group_commit(t.writer), STORE_FAILED);
	assert_sql("SELECT count(*) FROM facts", "1\n");
	assert_int_equal(fact_set(t.writer, "later", "1"), STORE_OK);
}

static void
a_reader_stays_in_its_moment(void **state)
{
	(void)state;
	assert_int_equal(session_read_begin(t.reader), STORE_OK);
	assert_int_equal(fact(t.reader, "a"), STORE_NONE);
	assert_int_equal(fact_set(t.writer, "a", "1"), STORE_OK);
	assert_int_equal(fact(t.reader, "a"), STORE_NONE);
	session_read_end(t.reader);
	assert_int_equal(fact(t.reader, "a"), STORE_OK);
}

static void
two_writers_wait_then_are_told(void **state)
{
	struct session *other;

	(void)state;
	t.options.busy_ms = 20;
	test_store_again(&t);
	other = session_open_writer(t.store, &why);
	assert_non_null(other);
	assert_int_equal(group_begin(t.writer), STORE_OK);
	assert_int_equal(group_begin(other), STORE_BUSY);
	assert_int_equal(fact_set(other, "a", "1"), STORE_BUSY);
	assert_int_equal(fact(other, "id"), STORE_OK); /* nobody waits to read */
	assert_int_equal(group_commit(t.writer), STORE_OK);
	assert_int_equal(fact_set(other, "a", "1"), STORE_OK);
	session_close(other);
}

/* What an error is called decides between 409, 503 and 500. */
static void
errors_have_their_meaning(void **state)
{
	static const struct {
		int code, system_errno;
		enum store_result want;
	} cases[] = {
		{ SQLITE_OK, 0, STORE_OK },
		{ SQLITE_CONSTRAINT_UNIQUE, 0, STORE_CONFLICT },
		{ SQLITE_CONSTRAINT_PRIMARYKEY, 0, STORE_CONFLICT },
		{ SQLITE_CONSTRAINT_FOREIGNKEY, 0, STORE_CONFLICT },
		{ SQLITE_CONSTRAINT_NOTNULL, 0, STORE_FAILED },
		{ SQLITE_CONSTRAINT_DATATYPE, 0, STORE_FAILED },
		{ SQLITE_BUSY_SNAPSHOT, 0, STORE_BUSY },
		{ SQLITE_BUSY_RECOVERY, 0, STORE_BUSY },
		{ SQLITE_PROTOCOL, 0, STORE_BUSY },
		{ SQLITE_FULL, 0, STORE_NO_SPACE },
		{ SQLITE_READONLY_DIRECTORY, 0, STORE_NO_SPACE },
		{ SQLITE_IOERR_WRITE, 5 /* EIO */, STORE_FAILED },
		{ SQLITE_IOERR_WRITE, 122 /* EDQUOT */, STORE_NO_SPACE },
		{ SQLITE_CANTOPEN, 30 /* EROFS */, STORE_NO_SPACE },
		{ SQLITE_CANTOPEN, 24 /* EMFILE */, STORE_FAILED },
		{ SQLITE_NOMEM, 0, STORE_FAILED },
		{ SQLITE_CORRUPT, 0, STORE_FAILED },
		{ SQLITE_ABORT_ROLLBACK, 0, STORE_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    engine_result(cases[i].code, cases[i].system_errno), cases[i].want);
}

/* Runs a statement that fails and returns what was logged. */
static void
log_of_a_failure(char *text, size_t size)
{
	static const char sql[] = "UPDATE facts SET value = NULL WHERE name = ?";
	struct scratch_name log = scratch_name(&t.scratch, "log");
	int saved = dup(STDERR_FILENO), fd = open(log.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(saved != -1 && fd != -1);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	for (size_t i = 0; i < 100; i++) {
		struct query q = query_begin(t.writer, sql);

		query_text(&q, "id");
		(void)query_run(&q);
	}
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	n = pread(fd, text, size - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
}

static void
failures_are_logged_without_values_and_not_without_end(void **state)
{
	char text[16384];
	size_t lines = 0;

	(void)state;
	assert_int_equal(fact_set(t.writer, "password", "hunter2"), STORE_OK);
	log_of_a_failure(text, sizeof(text));
	assert_non_null(
	    strstr(text, "store: constraint failed (1299) in \"UPDATE facts SET value"));
	assert_null(strstr(text, "hunter2"));
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_in_range(lines, 10, 12); /* a second may begin meanwhile */
}

/* A statement is prepared once, and what was bound to it is forgotten. */
static void
statements_are_found_again_empty(void **state)
{
	static const char sql[] = "SELECT ?";
	struct query q = query_begin(t.reader, sql);
	sqlite3_stmt *statement = q.statement;

	(void)state;
	query_text(&q, "a secret");
	assert_true(query_row(&q));
	assert_int_equal(query_end(&q, true), STORE_OK);
	assert_null(q.statement);

	q = query_begin(t.reader, sql);
	assert_ptr_equal(q.statement, statement);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_type(statement, 0), SQLITE_NULL);
	q.code = SQLITE_ROW;
	assert_int_equal(query_end(&q, true), STORE_OK);
}

static void
columns_come_back_as_they_went(void **state)
{
	static const char sql[] = "SELECT ?, ?, ?, ?, ?";
	struct query q = query_begin(t.reader, sql);
	uint8_t bytes[4], none[1] = { 7 };
	char text[5];
	size_t len;

	(void)state;
	query_int(&q, INT64_MIN);
	query_text(&q, "four");
	query_blob(&q, "\0\1\2\3", 4);
	query_null(&q);
	query_blob(&q, "", 0);
	assert_true(query_row(&q));
	assert_true(column_int(&q, 0) == INT64_MIN);
	assert_true(column_text(&q, 1, text, sizeof(text)));
	assert_string_equal(text, "four");
	assert_true(column_blob(&q, 2, bytes, sizeof(bytes)));
	assert_memory_equal(bytes, "\0\1\2\3", 4);
	assert_true(column_is_null(&q, 3));
	assert_false(column_is_null(&q, 4));
	assert_null(column_view(&q, 4, &len));
	assert_int_equal(len, 0);
	assert_true(column_blob(&q, 4, none, 0));
	assert_int_equal(none[0], 7);
	assert_false(query_row(&q));
	assert_false(query_row(&q)); /* and not again from the start */
	assert_int_equal(query_end(&q, true), STORE_OK);
}

static void
the_log_is_moved_into_the_file(void **state)
{
	uint64_t left = 0;

	(void)state;
	assert_int_equal(session_read_begin(t.reader), STORE_OK);
	assert_int_equal(fact(t.reader, "id"), STORE_OK);
	assert_int_equal(fact_set(t.writer, "a", "1"), STORE_OK);
	assert_int_equal(store_checkpoint(t.writer, &left), STORE_OK);
	assert_true(left > 0); /* what the reader does not see yet stays in the log */
	session_read_end(t.reader);
	assert_int_equal(store_checkpoint(t.writer, &left), STORE_OK);
	assert_int_equal(left, 0);
}

/* Nobody who commits copies the log, and a commit is one sync of it. */
static void
a_commit_is_one_sync(void **state)
{
	struct vfs *vfs = vfs_make("counting");
	struct test_store counted;
	char name[] = "a";
	uint64_t before;

	(void)state;
	test_store_begin(&counted, "counting");
	assert_int_equal(fact_set(counted.writer, "warm", "1"), STORE_OK);
	before = vfs_syncs(vfs);
	assert_int_equal(group_begin(counted.writer), STORE_OK);
	for (; name[0] < 'z'; name[0]++) {
		assert_int_equal(step_begin(counted.writer), STORE_OK);
		assert_int_equal(fact_set(counted.writer, name, "1"), STORE_OK);
		assert_int_equal(step_keep(counted.writer), STORE_OK);
	}
	assert_int_equal(vfs_syncs(vfs), before);
	assert_int_equal(group_commit(counted.writer), STORE_OK);
	assert_int_equal(vfs_syncs(vfs), before + 1);
	test_store_end(&counted);
	vfs_end(vfs);
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(the_file_is_ours_alone),
		IN_PLACE(the_file_is_its_folders_owners),
		IN_PLACE(sessions_are_set_up),
		IN_PLACE(it_bears_one_name_for_ever),
		IN_PLACE(a_copy_gets_another_name),
		IN_PLACE(a_reader_cannot_write),
		IN_PLACE(what_is_committed_is_kept),
		IN_PLACE(steps_are_undone_one_by_one),
		IN_PLACE(work_is_done_whole_or_not_at_all),
		IN_PLACE(a_step_with_an_error_in_it_cannot_be_kept),
		IN_PLACE(a_group_that_the_engine_ended_takes_nothing_more),
		IN_PLACE(a_reader_stays_in_its_moment),
		IN_PLACE(two_writers_wait_then_are_told),
		cmocka_unit_test(errors_have_their_meaning),
		IN_PLACE(failures_are_logged_without_values_and_not_without_end),
		IN_PLACE(statements_are_found_again_empty),
		IN_PLACE(columns_come_back_as_they_went),
		IN_PLACE(the_log_is_moved_into_the_file),
		cmocka_unit_test(a_commit_is_one_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Everything that can fail below the store fails once, and then for good: the first call, the
 * second, … until what was asked for succeeds.  Whatever fails, the store says so; what it says it
 * kept is there whole, all else is not there at all; and the same session works again afterwards.
 */
#include "database/session.h"
#include "tests/support/store.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SHIM "faults"

static struct test_store t;
static struct vfs *vfs;
static struct fault why;

/* Memory that fails; in the place of SQLite's. */
static struct {
	sqlite3_mem_methods real;
	uint64_t nth, calls, failed; /* nth 0: never */
	bool lasting;
} memory;

static bool
memory_fails(void)
{
	if (memory.nth == 0)
		return false;
	memory.calls++;
	if (memory.calls != memory.nth && !(memory.lasting && memory.calls > memory.nth))
		return false;
	memory.failed++;
	return true;
}

static void *
memory_take(int size)
{
	return memory_fails() ? NULL : memory.real.xMalloc(size);
}

static void *
memory_resize(void *at, int size)
{
	return memory_fails() ? NULL : memory.real.xRealloc(at, size);
}

/* One way to fail. */
struct trouble {
	const char *name;
	struct vfs_failure failure; /* calls 0: it is memory that fails */
	enum store_result want[3];  /* what may come of it beside STORE_OK */
};

#define ALWAYS(result)                                                                             \
	{                                                                                          \
		result, result, result                                                             \
	}

static const struct trouble troubles[] = {
	{ "a write that fails", { VFS_WRITE, 0, SQLITE_IOERR_WRITE, EIO, false },
	    ALWAYS(STORE_FAILED) },
	{ "a disk that is full", { VFS_WRITE, 0, SQLITE_FULL, ENOSPC, false },
	    ALWAYS(STORE_NO_SPACE) },
	{ "a quota that is used up", { VFS_WRITE, 0, SQLITE_IOERR_WRITE, EDQUOT, false },
	    ALWAYS(STORE_NO_SPACE) },
	{ "a disk that became read-only", { VFS_WRITE, 0, SQLITE_READONLY, EROFS, false },
	    ALWAYS(STORE_NO_SPACE) },
	{ "a sync that fails", { VFS_SYNC, 0, SQLITE_IOERR_FSYNC, EIO, false },
	    ALWAYS(STORE_FAILED) },
	{ "a read that fails", { VFS_READ, 0, SQLITE_IOERR_READ, EIO, false },
	    ALWAYS(STORE_FAILED) },
	{ "a lock that another holds", { VFS_LOCK, 0, SQLITE_BUSY, 0, false }, ALWAYS(STORE_BUSY) },
	{ "a lock that fails", { VFS_LOCK, 0, SQLITE_IOERR_LOCK, EIO, false },
	    ALWAYS(STORE_FAILED) },
	{ "anything that fails", { VFS_ANY, 0, SQLITE_IOERR, EIO, false }, ALWAYS(STORE_FAILED) },
	{ "memory that is short", { 0, 0, 0, 0, false }, ALWAYS(STORE_FAILED) },
};

static void
trouble_begin(const struct trouble *trouble, uint64_t nth, bool lasting)
{
	struct vfs_failure f = trouble->failure;

	f.nth = nth;
	f.lasting = lasting;
	memory.calls = memory.failed = 0;
	memory.lasting = lasting;
	memory.nth = f.calls == 0 ? nth : 0;
	vfs_fail(vfs, &f);
}

/* True when something failed since it began. */
static bool
trouble_end(void)
{
	memory.nth = 0;
	vfs_mend(vfs);
	return memory.failed + vfs_failed(vfs) > 0;
}

static void
assert_expected(const struct trouble *trouble, enum store_result result)
{
	for (size_t i = 0; i < 3; i++) {
		if (result == trouble->want[i])
			return;
	}
	fail_msg("%s: result %d", trouble->name, (int)result);
}

static int64_t
number(const char *sql)
{
	char *text = test_sql(&t, sql);
	int64_t value = strtoll(text, NULL, 10);

	free(text);
	return value;
}

static struct account_new
account_named(unsigned name)
{
	struct account_new a = {
		.now = STORE_NOW, .expires = STORE_NOW + 1, .max_flocks = 3, .registration = "open"
	};

	snprintf(a.share_id, sizeof(a.share_id), "account %u", name);
	a.key_hash = test_hash(a.share_id);
	return a;
}

/* What is tried; after it, if it is whole, count rows more (or fewer) are there. */
struct deed {
	void (*before)(unsigned name);
	enum store_result (*run)(unsigned name);
	const char *count; /* a statement that counts */
	int64_t more;
};

static enum store_result
create_one(unsigned name)
{
	struct account_new a = account_named(name);
	struct account_id id;

	return account_create(t.writer, &a, &id);
}

/* In a step, as the writer of the service does it; STORE_OK when it is kept. */
static enum store_result
step(enum store_result (*work)(unsigned name), unsigned name)
{
	enum store_result result = step_begin(t.writer);

	if (result != STORE_OK)
		return result;
	result = work(name);
	if (result == STORE_OK)
		return step_keep(t.writer);
	step_undo(t.writer);
	return result;
}

static enum store_result
group_of_three(unsigned name)
{
	enum store_result result = group_begin(t.writer);

	if (result != STORE_OK)
		return result;
	for (unsigned i = 0; result == STORE_OK && i < 3; i++)
		result = step(create_one, name + i);
	if (result == STORE_OK)
		return group_commit(t.writer);
	group_abandon(t.writer);
	return result;
}

static void
create_with_flock(unsigned name)
{
	struct account_new a = account_named(name);
	struct account_id id;

	assert_int_equal(account_create(t.writer, &a, &id), STORE_OK);
	test_flock(t.writer, id, ((uint64_t)name + 1) << 8);
}

static enum store_result
delete_one(unsigned name)
{
	struct account_new a = account_named(name);
	struct account got;
	enum store_result result = account_by_key(t.writer, &a.key_hash, &got);

	return result == STORE_OK ? account_delete(t.writer, got.id, STORE_NOW) : result;
}

static const struct deed deeds[] = {
	{ NULL, create_one, "SELECT count(*) FROM accounts", 1 },
	{ NULL, group_of_three, "SELECT count(*) FROM accounts", 3 },
	{ create_with_flock, delete_one,
	    "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM flocks)", -2 },
};

/* The deed under trouble; true when nothing was left to fail. */
static bool
attempt(const struct deed *deed, const struct trouble *trouble, uint64_t nth, bool lasting)
{
	static unsigned name;
	enum store_result result;
	int64_t before;
	bool failed;

	name += 3; /* a group makes so many */
	if (deed->before != NULL)
		deed->before(name);
	before = number(deed->count);
	trouble_begin(trouble, nth, lasting);
	result = deed->run(name);
	failed = trouble_end();

	assert_false(group_alive(t.writer));
	if (result != STORE_OK) {
		assert_true(failed);
		assert_expected(trouble, result);
		assert_int_equal(number(deed->count), before);
		assert_int_equal(deed->run(name), STORE_OK);
	}
	assert_int_equal(number(deed->count), before + deed->more);
	return !failed;
}

static void
nothing_is_kept_by_halves(void **state)
{
	(void)state;
	test_store_begin(&t, SHIM);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		for (size_t d = 0; d < sizeof(deeds) / sizeof(deeds[0]); d++) {
			uint64_t stride = troubles[i].failure.calls == 0 ? 5 : 1;
			uint64_t once = 1, lasting = 1;

			while (!attempt(&deeds[d], &troubles[i], once, false))
				once += stride;
			/* The engine waits ten seconds for a lock that should be free soon. */
			while (troubles[i].failure.code != SQLITE_BUSY &&
			       !attempt(&deeds[d], &troubles[i], lasting, true))
				lasting += stride;
			print_message("# %s, deed %zu: %ju places\n", troubles[i].name, d,
			    (uintmax_t)once - 1);
		}
	}
	assert_true(store_check(t.reader, &why));
	test_store_end(&t);
}

/* Much in a small cache: pages are written before the commit, and the engine may end it all. */
#define CROWD 60

static enum store_result
crowd(unsigned name, unsigned *kept)
{
	enum store_result result = group_begin(t.writer);

	*kept = 0;
	if (result != STORE_OK)
		return result;
	/* As the service does: a step that failed is not the end for the others. */
	for (unsigned i = 0; group_alive(t.writer) && i < CROWD; i++)
		*kept += step(create_one, name + i) == STORE_OK;
	return group_commit(t.writer);
}

static void
a_crowd_is_kept_as_it_was_said(void **state)
{
	static const char count[] = "SELECT count(*) FROM accounts";
	unsigned name = 0, kept, ended = 0, thinned = 0;

	(void)state;
	test_store_begin(&t, SHIM);
	/* So small that it must write pages that are not committed. */
	assert_int_equal(sqlite3_exec(t.writer->db, "PRAGMA cache_size = 2; PRAGMA cache_spill = 2",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		bool failed = true;

		/* Primes: not always the same place of what repeats. */
		for (uint64_t nth = 1; failed; nth += 29, name += CROWD) {
			int64_t before = number(count);
			enum store_result result;

			trouble_begin(&troubles[i], nth, nth % 2 == 0);
			result = crowd(name, &kept);
			failed = trouble_end();
			if (result != STORE_OK)
				assert_expected(&troubles[i], result);
			assert_int_equal(number(count), before + (result == STORE_OK ? kept : 0));
			ended += result != STORE_OK;
			thinned += result == STORE_OK && kept < CROWD;
			if (troubles[i].failure.code == SQLITE_BUSY)
				break;
		}
	}
	print_message("# %u groups ended, %u lost some of their steps\n", ended, thinned);
	assert_true(ended > 0 && thinned > 0);
	assert_true(store_check(t.reader, &why));
	test_store_end(&t);
}

static void
a_read_that_fails_says_so_and_the_next_one_works(void **state)
{
	struct account_new a = account_named(1);
	enum store_result result = STORE_FAILED;
	struct account got;
	unsigned places = 0;

	(void)state;
	test_store_begin(&t, SHIM);
	assert_int_equal(create_one(1), STORE_OK);
	for (uint64_t nth = 1; result != STORE_OK; nth++) {
		struct trouble reads = { "a read that fails",
			{ VFS_READ, 0, SQLITE_IOERR_READ, EIO, false }, ALWAYS(STORE_FAILED) };
		bool failed;

		test_store_again(&t); /* nothing is in its cache */
		trouble_begin(&reads, nth, false);
		memset(&got, 0, sizeof(got));
		result = account_by_key(t.reader, &a.key_hash, &got);
		failed = trouble_end();
		assert_int_equal(result, failed ? STORE_FAILED : STORE_OK);
		places += failed;
		assert_string_equal(got.share_id, failed ? "" : a.share_id);
		assert_int_equal(account_by_key(t.reader, &a.key_hash, &got), STORE_OK);
		assert_string_equal(got.share_id, a.share_id);
	}
	assert_true(places > 1);
	test_store_end(&t);
}

static void
a_checkpoint_that_fails_loses_nothing(void **state)
{
	unsigned places = 0;

	(void)state;
	test_store_begin(&t, SHIM);
	for (uint64_t nth = 1;; nth++) {
		struct trouble any = { "anything that fails",
			{ VFS_ANY, 0, SQLITE_IOERR, EIO, nth % 2 == 0 }, ALWAYS(STORE_FAILED) };
		enum store_result result;
		uint64_t left;
		int64_t before;
		bool failed;

		assert_int_equal(create_one((unsigned)nth), STORE_OK);
		before = number("SELECT count(*) FROM accounts");
		trouble_begin(&any, nth, false);
		result = store_checkpoint(t.writer, &left);
		failed = trouble_end();
		assert_int_equal(result, failed ? STORE_FAILED : STORE_OK);
		assert_int_equal(number("SELECT count(*) FROM accounts"), before);
		assert_true(store_check(t.reader, &why));
		if (!failed)
			break;
		places++;
	}
	assert_true(places > 3);
	assert_int_equal(create_one(0), STORE_OK);
	test_store_end(&t);
}

static bool
open_all(void)
{
	t.store = store_open(&t.options, &t.random, &why);
	if (t.store == NULL)
		return false;
	t.writer = session_open_writer(t.store, &why);
	t.reader = t.writer == NULL ? NULL : session_open_reader(t.store, &why);
	if (t.reader != NULL)
		return true;
	test_store_close(&t);
	return false;
}

/* The first start of all: migration, name, sessions. */
static void
a_start_that_fails_can_be_tried_again(void **state)
{
	static const struct trouble starts[] = {
		{ "a file that cannot be opened", { VFS_OPEN, 0, SQLITE_CANTOPEN, EMFILE, false },
		    ALWAYS(STORE_FAILED) },
		{ "a disk that is full", { VFS_WRITE, 0, SQLITE_FULL, ENOSPC, false },
		    ALWAYS(STORE_NO_SPACE) },
		{ "a sync that fails", { VFS_SYNC, 0, SQLITE_IOERR_FSYNC, EIO, false },
		    ALWAYS(STORE_FAILED) },
		{ "memory that is short", { 0, 0, 0, 0, false }, ALWAYS(STORE_FAILED) },
	};
	static const uint64_t strides[] = { 1, 11, 1, 409 };

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		/* What is done hundreds of times cannot all be tried in a second. */
		uint64_t stride = strides[i];
		bool failed = true;

		for (uint64_t nth = 1; failed; nth += stride) {
			bool opened;

			test_store_begin(&t, SHIM);
			test_store_close(&t);
			assert_int_equal(unlink(t.path.path), 0);
			why.text[0] = '\0';
			trouble_begin(&starts[i], nth, nth % 2 == 0);
			opened = open_all();
			failed = trouble_end();
			if (!opened) {
				assert_true(failed);
				assert_non_null(strstr(why.text, "reliquary.db: "));
				test_store_open(&t);
			}
			assert_true(store_check(t.reader, &why));
			assert_int_equal(create_one(1), STORE_OK);
			test_store_end(&t);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_kept_by_halves),
		cmocka_unit_test(a_crowd_is_kept_as_it_was_said),
		cmocka_unit_test(a_read_that_fails_says_so_and_the_next_one_works),
		cmocka_unit_test(a_checkpoint_that_fails_loses_nothing),
		cmocka_unit_test(a_start_that_fails_can_be_tried_again),
	};
	sqlite3_mem_methods failing;
	int status;

	/* Before anything else of SQLite is used. */
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real);
	failing = memory.real;
	failing.xMalloc = memory_take;
	failing.xRealloc = memory_resize;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
	vfs = vfs_make(SHIM);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	vfs_end(vfs);
	return status;
}

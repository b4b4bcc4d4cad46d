/* SPDX-License-Identifier: ISC */
/*
 * Everything that can fail below registry.db fails once, and then for good: the first call, the
 * second, … until what was asked for succeeds.  A page is there whole or not at all, for who reads
 * at that moment and for who opens the file after it; and the next try works.
 */
#include "tests/support/captured.h"
#include "tests/support/ends.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SHIM "faults"

static struct ends e;
static struct vfs *vfs;
static struct fault why;

static const struct trouble {
	const char *name;
	struct vfs_failure failure;
	const char *reason;
} troubles[] = {
	{ "a write that fails", { VFS_WRITE, 0, SQLITE_IOERR_WRITE, EIO, false },
	    "registry.db: disk I/O error" },
	{ "a disk that is full", { VFS_WRITE, 0, SQLITE_FULL, ENOSPC, false },
	    "registry.db: the disk is full, or read-only" },
	{ "a quota that is used up", { VFS_WRITE, 0, SQLITE_IOERR_WRITE, EDQUOT, false },
	    "registry.db: the disk is full, or read-only" },
	{ "a sync that fails", { VFS_SYNC, 0, SQLITE_IOERR_FSYNC, EIO, false },
	    "registry.db: disk I/O error" },
	{ "a read that fails", { VFS_READ, 0, SQLITE_IOERR_READ, EIO, false },
	    "registry.db: disk I/O error" },
	{ "a lock that another holds", { VFS_LOCK, 0, SQLITE_BUSY, 0, false },
	    "registry.db: another process holds it" },
	{ "a lock that fails", { VFS_LOCK, 0, SQLITE_IOERR_LOCK, EIO, false },
	    "registry.db: disk I/O error" },
	{ "anything that fails", { VFS_ANY, 0, SQLITE_IOERR, EIO, false },
	    "registry.db: disk I/O error" },
};

#define TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

static void
trouble_begin(const struct trouble *t, uint64_t nth, bool lasting)
{
	struct vfs_failure f = t->failure;

	f.nth = nth;
	f.lasting = lasting;
	vfs_fail(vfs, &f);
}

/* True when something failed since it began. */
static bool
trouble_end(void)
{
	vfs_mend(vfs);
	return vfs_failed(vfs) > 0;
}

static void
assert_reason(const char *reason)
{
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" is not in: %s", reason, why.text);
}

/*
 * The nth page after a beginning: it changes flock 1, brings a flock and an xflock, takes those of
 * two pages ago away, and changes the fleet.  The model goes along.
 */
static struct record_page
page_of(uint64_t n, struct known *model)
{
	struct record_page p = n == 0 ? page_reset(1) : page_from(n, n + 1);
	uint64_t mine = (n + 2) << 8, old = n << 8;

	page_add_flock(&p, 0x100, 3, (unsigned)n + 1);
	page_add_flock(&p, mine, 2, (unsigned)n + 1);
	page_add_xflock(&p, 0x100, mine, (unsigned)n + 1);
	page_add_cathedral(&p, "a", (unsigned)n);
	for (size_t i = 0; i < 2; i++)
		known_put_flock(model, &p.flocks[i]);
	known_put_xflock(model, &p.xflocks[0]);
	known_put_fleet(model, p.fleet, 1);
	if (n >= 2) {
		page_add_flock_gone(&p, old);
		known_drop_flock(model, (struct flock_id){ old });
		known_drop_xflock(model, (struct flock_pair){ { 0x100 }, { old } });
	}
	return p;
}

static void
copy(struct known *to, const struct known *from)
{
	known_free(to);
	for (size_t i = 0; i < from->flock_count; i++)
		known_put_flock(to, &from->flocks[i]);
	for (size_t i = 0; i < from->xflock_count; i++)
		known_put_xflock(to, &from->xflocks[i]);
	known_put_fleet(to, from->fleet, from->fleet_count);
}

/* What the file holds now, and what it is to hold after the next page. */
struct course {
	struct known now, next;
	uint64_t n; /* the next page's number */
};

/* Tries to put the next page, in trouble.  True when nothing was left to fail. */
static bool
attempt(struct course *c, const struct trouble *t, uint64_t nth, bool lasting)
{
	struct record_page page;
	bool ok, failed, changed;

	copy(&c->next, &c->now);
	page = page_of(c->n, &c->next);
	trouble_begin(t, nth, lasting);
	ok = registry_db_put(e.writer, &page, &changed, &e.random, &why);
	failed = trouble_end();
	if (!ok) {
		assert_true(failed);
		assert_false(changed);
		assert_reason(t->reason);
		ends_assert_hold(&e, &c->now);
		assert_int_equal(ends_state(&e).until, c->n);
		ok = registry_db_put(e.writer, &page, &changed, &e.random, &why);
		if (!ok)
			fail_msg("%s, and then: %s", t->name, why.text);
	}
	assert_true(changed);
	record_page_free(&page);
	ends_assert_hold(&e, &c->next);
	copy(&c->now, &c->next);
	c->n++;
	return !failed;
}

static void
a_page_is_there_whole_or_not_at_all(void **state)
{
	struct course c = { .n = 0 };

	(void)state;
	ends_begin(&e);
	for (size_t i = 0; i < TROUBLES; i++) {
		uint64_t once = 1, lasting = 1;

		while (!attempt(&c, &troubles[i], once, false))
			once++;
		/* The engine waits for a lock that should be free soon. */
		while (troubles[i].failure.code != SQLITE_BUSY &&
		       !attempt(&c, &troubles[i], lasting, true))
			lasting++;
		print_message("# %s: %ju places\n", troubles[i].name, (uintmax_t)once - 1);
	}
	known_free(&c.now);
	known_free(&c.next);
	ends_end(&e);
}

/* Like a process that dies: from the nth call on nothing reaches the disk any more. */
static bool
die_at(struct course *c, uint64_t nth)
{
	static const struct trouble dead = { "death", { VFS_ANY, 0, SQLITE_IOERR, EIO, true }, "" };
	struct record_page page;
	struct registry_db_state s;
	bool ok, failed, changed;

	copy(&c->next, &c->now);
	page = page_of(c->n, &c->next);
	trouble_begin(&dead, nth, true);
	ok = registry_db_put(e.writer, &page, &changed, &e.random, &why);
	ends_close(&e);
	failed = trouble_end();
	ends_open(&e);
	s = ends_state(&e);
	assert_true(s.until == c->n + 1 || (!ok && s.until == c->n));
	if (s.until == c->n) {
		ends_assert_hold(&e, &c->now);
		assert_true(ends_put(&e, &page));
	} else {
		record_page_free(&page);
	}
	ends_assert_hold(&e, &c->next);
	copy(&c->now, &c->next);
	c->n++;
	return !failed;
}

static void
who_opens_it_after_a_crash_finds_whole_pages(void **state)
{
	struct course c = { .n = 0 };
	uint64_t nth = 1;

	(void)state;
	ends_begin(&e);
	while (!die_at(&c, nth))
		nth++;
	assert_true(nth > 20);
	print_message("# died at %ju places\n", (uintmax_t)nth - 1);
	assert_int_equal(ends_number(&e, "SELECT count(*) FROM pragma_integrity_check"
					 " WHERE integrity_check = 'ok'"),
	    1);
	known_free(&c.now);
	known_free(&c.next);
	ends_end(&e);
}

static void
a_read_that_fails_says_so_and_the_next_one_works(void **state)
{
	static const struct trouble reads = { "a read that fails",
		{ VFS_READ, 0, SQLITE_IOERR_READ, EIO, false }, "registry.db: disk I/O error" };
	struct known model = { .given = 0 };
	struct record_page page = page_of(0, &model);
	unsigned places = 0;
	bool failed = true;

	(void)state;
	ends_begin(&e);
	ends_put(&e, &page);
	for (uint64_t nth = 1; failed; nth++) {
		struct known got = { .given = 0 };
		uint64_t from = 0;
		bool ok;

		ends_close(&e);
		ends_open(&e); /* nothing is in its cache */
		trouble_begin(&reads, nth, false);
		ok = known_read(&got, e.reader, &from, &why);
		failed = trouble_end();
		assert_int_equal(ok, !failed);
		if (!ok)
			assert_reason(reads.reason);
		assert_int_equal(from == 0, !ok);
		known_free(&got);
		ends_assert_hold(&e, &model);
		places += failed;
	}
	assert_true(places > 3);
	known_free(&model);
	ends_end(&e);
}

static void
the_log_says_which_database_fails(void **state)
{
	struct known model = { .given = 0 };
	struct record_page page = page_of(0, &model);
	struct captured log;
	bool changed;
	char *text;

	(void)state;
	ends_begin(&e);
	captured_begin(&log);
	trouble_begin(&troubles[0], 1, true);
	assert_false(registry_db_put(e.writer, &page, &changed, &e.random, &why));
	assert_true(trouble_end());
	text = captured_text(&log);
	captured_end(&log);
	if (strstr(text, "<3>registry: disk I/O error (") == NULL)
		fail_msg("it says: %s", text);
	assert_null(strstr(text, "store"));
	free(text);
	record_page_free(&page);
	known_free(&model);
	ends_end(&e);
}

static bool
open_both(void)
{
	e.writer = registry_db_create(&e.options, &e.random, &why);
	if (e.writer == NULL)
		return false;
	e.reader = registry_db_open(&e.options, &why);
	if (e.reader != NULL)
		return true;
	ends_close(&e);
	return false;
}

/* The first start of all: key, file, schema, name. */
static void
a_start_that_fails_can_be_tried_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < TROUBLES; i++) {
		/* What is done hundreds of times cannot all be tried in a second. */
		uint64_t stride = troubles[i].failure.calls == VFS_ANY ? 7 : 3;
		bool failed = troubles[i].failure.code != SQLITE_BUSY;

		for (uint64_t nth = 1; failed; nth += stride) {
			struct record_page page;
			struct known model = { .given = 0 };
			bool opened;

			ends_begin(&e);
			ends_close(&e);
			assert_int_equal(unlink(e.path.path), 0);
			assert_int_equal(unlink(e.key.path), 0);
			trouble_begin(&troubles[i], nth, nth % 2 == 0);
			opened = open_both();
			failed = trouble_end();
			if (!opened) {
				assert_true(failed);
				assert_reason("registry.db: ");
				ends_open(&e);
			}
			page = page_of(0, &model);
			assert_true(ends_put(&e, &page));
			ends_assert_hold(&e, &model);
			known_free(&model);
			ends_end(&e);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_there_whole_or_not_at_all),
		cmocka_unit_test(who_opens_it_after_a_crash_finds_whole_pages),
		cmocka_unit_test(a_read_that_fails_says_so_and_the_next_one_works),
		cmocka_unit_test(the_log_says_which_database_fails),
		cmocka_unit_test(a_start_that_fails_can_be_tried_again),
	};
	int status;

	vfs = vfs_make(SHIM);
	/* Nobody names a file system to registry.db: it takes the usual one. */
	if (sqlite3_vfs_register(sqlite3_vfs_find(SHIM), 1) != SQLITE_OK)
		return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	vfs_end(vfs);
	return status;
}

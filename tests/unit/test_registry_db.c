/* SPDX-License-Identifier: ISC */
#include "registry/registry_db.h"

#include "tests/support/ends.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

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

/* ---- what is put comes back ---- */

static void
known_put_page(struct known *k, const struct record_page *p)
{
	for (size_t i = 0; i < p->flock_count; i++)
		known_put_flock(k, &p->flocks[i]);
	for (size_t i = 0; i < p->xflock_count; i++)
		known_put_xflock(k, &p->xflocks[i]);
	if (p->has_fleet)
		known_put_fleet(k, p->fleet, p->fleet_count);
}

static void
everything_comes_back_as_it_was_put(void **state)
{
	struct record_page page = page_reset(7);
	struct known want = { .given = 0 };

	(void)state;
	page_add_flock(&page, 0x100, 3, 1);
	page_add_flock(&page, 0xffffffffffffff00, 255, 2);
	page_add_flock(&page, 0x8000000000000000, 0, 5);
	page_add_xflock(&page, 0x100, 0xffffffffffffff00, 8);
	page_add_xflock(&page, 0x8000000000000000, 0xffffffffffffff00, 5);
	page_add_cathedral(&page, "zurich", 1);
	page_add_cathedral(&page, "athens", 12);
	known_put_page(&want, &page);
	assert_true(ends_put(&e, &page));
	ends_assert_hold(&e, &want);
	assert_int_equal(ends_state(&e).devices, 258);
	ends_close(&e);
	ends_open(&e);
	ends_assert_hold(&e, &want);
	known_free(&want);
}

static void
devices_come_and_go_and_change(void **state)
{
	struct record_page page = page_reset(1);
	const struct record_flock *f;

	(void)state;
	assert_false(ends_put(&e, &page));
	for (unsigned what = 1; what < 12; what++) {
		unsigned devices = (what * 7) % 5;
		struct known want = { .given = 0 };
		struct record_page next = page_from(what, what + 1);

		page_add_flock(&next, 0x100, devices, what);
		known_put_page(&want, &next);
		assert_true(ends_put(&e, &next));
		ends_assert_hold(&e, &want);
		known_free(&want);
		f = known_flock(&e.held, 0x100);
		assert_int_equal(f->device_count, devices);
	}
}

/* A cap and a key that change while all else stays; and a slice. */
static void
the_smallest_change_is_one(void **state)
{
	struct record_page page = page_reset(1);

	(void)state;
	page_add_flock(&page, 0x100, 2, 1);
	ends_put(&e, &page);
	for (unsigned i = 0; i < 8; i++) {
		struct record_page next = page_from(1, 1);
		struct record_flock *f = page_add_flock(&next, 0x100, 2, 1);
		struct known want = { .given = 0 };

		if (i == 1)
			f->devices[1].mbit++;
		else if (i == 2)
			f->devices[1].cs.bytes[31] ^= 1;
		else if (i == 3)
			f->devices[0].cosk.bytes[0] ^= 1;
		else if (i == 4)
			f->devices[0].id.value ^= 0x80000000;
		else if (i == 5)
			f->devices[1].kek = 255;
		else if (i == 6)
			f->slice.bytes[f->slice.len - 1] ^= 1;
		else if (i == 7)
			f->slice.len--;
		known_put_page(&want, &next);
		/* The first is as it is in the file; each after it is not. */
		assert_int_equal(ends_put(&e, &next), i > 0);
		ends_assert_hold(&e, &want);
		known_free(&want);
	}
}

static void
what_is_as_it_was_keeps_its_version(void **state)
{
	struct record_page page;
	uint64_t before;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		page = page_reset(5);
		page_add_flock(&page, 0x200, 4, 3);
		page_add_flock(&page, 0x100, 2, 1);
		page_add_xflock(&page, 0x100, 0x200, 2);
		page_add_cathedral(&page, "b", 1);
		page_add_cathedral(&page, "a", 2);
		if (round == 2) {
			/* Another order is no change. */
			struct record_cathedral c = page.fleet[0];
			struct record_device d = page.flocks[0].devices[0];

			page.fleet[0] = page.fleet[1];
			page.fleet[1] = c;
			page.flocks[0].devices[0] = page.flocks[0].devices[3];
			page.flocks[0].devices[3] = d;
		}
		before = e.version;
		assert_int_equal(ends_put(&e, &page), round == 0);
		assert_int_equal(registry_db_changed(e.reader, e.version), round == 0);
		ends_read(&e);
		assert_int_equal(e.version, round == 0 ? before + 1 : before);
		assert_int_equal(e.held.given, round == 0 ? 3 : 0);
		assert_int_equal(e.held.fleets, round == 0 ? 1 : 0);
	}
	/* What changed is given, and nothing else. */
	assert_true(ends_put_flock(&e, 5, 0x100, 3, 1));
	assert_true(registry_db_changed(e.reader, e.version));
	ends_read(&e);
	assert_int_equal(e.held.given, 1);
	assert_int_equal(e.held.fleets, 0);
	assert_int_equal(known_flock(&e.held, 0x100)->device_count, 3);
	assert_false(registry_db_changed(e.reader, e.version));
}

/* ---- pages follow one another ---- */

static void
assert_refused(struct record_page *page, const char *reason)
{
	struct registry_db_state before = ends_state(&e), after;
	bool changed = true;

	assert_false(registry_db_put(e.writer, page, &changed, &e.random, &why));
	if (strstr(why.text, reason) == NULL)
		fail_msg("\"%s\" is not in: %s", reason, why.text);
	assert_false(changed);
	after = ends_state(&e);
	assert_memory_equal(&before, &after, sizeof(after));
	record_page_free(page);
}

static void
a_page_that_does_not_follow_is_refused(void **state)
{
	struct record_page page = page_from(0, 3);

	(void)state;
	page_add_flock(&page, 0x100, 1, 1);
	assert_refused(&page, "a page of database \"one\" from 0 on does not follow what is there: "
			      "database \"\" up to 0");
	page = page_reset(10);
	page_add_flock(&page, 0x200, 1, 1);
	ends_put(&e, &page);

	page = page_from(9, 11);
	page_add_flock_gone(&page, 0x200);
	assert_refused(&page, "from 9 on does not follow what is there: database \"one\" up to 10");
	page = page_from(11, 12);
	page_add_flock(&page, 0x100, 1, 1);
	assert_refused(&page, "from 11 on does not follow");
	page = page_from(10, 12);
	snprintf(page.database, sizeof(page.database), "another");
	page_add_flock_gone(&page, 0x200);
	assert_refused(&page, "a page of database \"another\" from 10 on does not follow what is "
			      "there: database \"one\" up to 10");

	ends_read(&e);
	assert_int_equal(e.held.flock_count, 1);
	assert_non_null(known_flock(&e.held, 0x200));
}

static void
what_no_page_may_say_is_refused(void **state)
{
	struct record_page page = page_reset(1);
	struct record_flock *f;

	(void)state;
	page.database[0] = '\0';
	assert_refused(&page, "a page of no database");
	page = page_reset(1);
	memset(page.database, 'x', sizeof(page.database));
	assert_refused(&page, "a page of no database");
	page = page_from(5, 4);
	assert_refused(&page, "a page from 5 to 4");
	page = page_reset(UINT64_C(1) << 63);
	assert_refused(&page, "a page from 0 to 9223372036854775808");

	page = page_reset(1);
	f = page_add_flock(&page, 0x100, 2, 1);
	f->devices[1].kek = 1;
	assert_refused(&page, "flock 0000000000000100: KEK number 1 is none, or two devices'");
	page = page_reset(1);
	f = page_add_flock(&page, 0x100, 2, 1);
	f->devices[0].kek = 0;
	assert_refused(&page, "KEK number 0 is none");
	page = page_reset(1);
	f = page_add_flock(&page, 0x100, 3, 1);
	f->devices[2].id = f->devices[0].id;
	assert_refused(&page, "flock 0000000000000100: a device is there twice");
	page = page_reset(1);
	f = page_add_flock(&page, 0x100, 256, 1);
	assert_refused(&page, "flock 0000000000000100: 256 devices, more than 255");

	page = page_reset(1);
	page_add_xflock(&page, 0x200, 0x100, 1);
	assert_refused(
	    &page, "xflock 0000000000000200 0000000000000100: the first is not the lower");
	page = page_reset(1);
	page_add_cathedral(&page, "a", 1);
	page_add_cathedral(&page, "b", 1);
	page_add_cathedral(&page, "a", 2);
	assert_refused(&page, "cathedral a: is there twice");
	page = page_reset(1);
	memset(page_add_cathedral(&page, "a", 1)->region, 'x', RECORD_NAME);
	assert_refused(&page, "cathedral 0: its name has no end");
}

/* ---- what goes ---- */

static void
put_household(void)
{
	struct record_page page = page_reset(1);

	page_add_flock(&page, 0x100, 2, 1);
	page_add_flock(&page, 0x200, 2, 1);
	page_add_flock(&page, 0xff00000000000000, 2, 1);
	page_add_xflock(&page, 0x100, 0x200, 1);
	page_add_xflock(&page, 0x100, 0xff00000000000000, 1);
	page_add_xflock(&page, 0x200, 0xff00000000000000, 1);
	ends_put(&e, &page);
	ends_read(&e);
	assert_int_equal(e.held.xflock_count, 3);
}

static void
a_flock_that_goes_takes_along_what_is_its(void **state)
{
	struct record_page page;

	(void)state;
	put_household();
	page = page_from(1, 2);
	page_add_flock_gone(&page, 0x200);
	page_add_flock_gone(&page, 0x900); /* nobody knows it */
	assert_true(ends_put(&e, &page));
	ends_read(&e);
	assert_int_equal(e.held.gone, 3);
	assert_null(known_flock(&e.held, 0x200));
	assert_int_equal(e.held.xflock_count, 1);
	assert_non_null(known_xflock(&e.held, 0x100, 0xff00000000000000));
	assert_int_equal(ends_state(&e).devices, 4);

	/* It comes back: without xflocks, until they come, too. */
	assert_true(ends_put_flock(&e, 2, 0x200, 1, 1));
	ends_read(&e);
	assert_int_equal(e.held.gone, 0);
	assert_int_equal(e.held.xflock_count, 1);
	page = page_from(3, 4);
	page_add_xflock(&page, 0x100, 0x200, 1);
	page_add_xflock_gone(&page, 0x100, 0xff00000000000000);
	page_add_xflock_gone(&page, 0x300, 0x400);
	assert_true(ends_put(&e, &page));
	ends_read(&e);
	assert_int_equal(e.held.gone, 1);
	assert_non_null(known_xflock(&e.held, 0x100, 0x200));
	assert_null(known_xflock(&e.held, 0x100, 0xff00000000000000));

	page = page_from(4, 5);
	page_add_flock_gone(&page, 0x900);
	assert_false(ends_put(&e, &page));
}

/* Whoever is both there and gone, is gone. */
static void
a_page_that_contradicts_itself_lets_nobody_in(void **state)
{
	struct record_page page = page_reset(1);

	(void)state;
	page_add_flock(&page, 0x100, 2, 1);
	page_add_flock(&page, 0x200, 2, 1);
	page_add_xflock(&page, 0x100, 0x200, 1);
	page_add_flock_gone(&page, 0x100);
	ends_put(&e, &page);
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 1);
	assert_int_equal(e.held.xflock_count, 0);
	assert_null(known_flock(&e.held, 0x100));
}

static void
what_does_not_come_up_again_is_gone(void **state)
{
	struct record_page page;

	(void)state;
	put_household();
	page = page_reset(7);
	page.more = true;
	page_add_flock(&page, 0x100, 2, 1);
	page_add_xflock(&page, 0x100, 0x200, 1);
	assert_false(ends_put(&e, &page)); /* nothing is gone yet, and this is as it was */
	assert_true(ends_state(&e).sweeping);
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 3);

	page = page_from(7, 9);
	page_add_flock(&page, 0xff00000000000000, 2, 1);
	page_add_xflock(&page, 0x100, 0xff00000000000000, 1);
	assert_true(ends_put(&e, &page));
	assert_false(ends_state(&e).sweeping);
	assert_int_equal(ends_state(&e).until, 9);
	ends_read(&e);
	assert_int_equal(e.held.gone, 3); /* 0x200, and both its xflocks, though one came up */
	assert_int_equal(e.held.given, 0);
	assert_int_equal(e.held.flock_count, 2);
	assert_int_equal(e.held.xflock_count, 1);
}

static void
a_new_beginning_in_the_middle_of_one_counts(void **state)
{
	struct record_page page;

	(void)state;
	put_household();
	page = page_reset(7);
	page.more = true;
	page_add_flock(&page, 0x200, 2, 1);
	ends_put(&e, &page);
	page = page_reset(8);
	snprintf(page.database, sizeof(page.database), "another");
	page.more = true;
	page_add_flock(&page, 0x100, 2, 1);
	ends_put(&e, &page);
	assert_string_equal(ends_state(&e).database, "another");
	ends_close(&e); /* it goes on after a restart */
	ends_open(&e);
	page = page_from(8, 8);
	snprintf(page.database, sizeof(page.database), "another");
	ends_put(&e, &page);
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 1);
	assert_non_null(known_flock(&e.held, 0x100));
	assert_int_equal(e.held.xflock_count, 0);
}

static void
the_fleet_comes_whole_and_goes(void **state)
{
	struct record_page page = page_reset(1);

	(void)state;
	page_add_cathedral(&page, "a", 1);
	page_add_cathedral(&page, "b", 2);
	ends_put(&e, &page);
	ends_read(&e);
	assert_int_equal(e.held.fleet_count, 2);

	page = page_from(1, 2);
	page_add_cathedral(&page, "b", 3);
	assert_true(ends_put(&e, &page));
	ends_read(&e);
	assert_int_equal(e.held.fleet_count, 1);
	assert_int_equal(e.held.fleet[0].at.port, 4);
	assert_int_equal(ends_state(&e).cathedrals, 1);

	assert_true(ends_put_flock(&e, 2, 0x100, 1, 1)); /* does not concern it */
	ends_read(&e);
	assert_int_equal(e.held.fleets, 0);
	page = page_reset(3); /* it does not come up */
	assert_true(ends_put(&e, &page));
	ends_read(&e);
	assert_int_equal(e.held.fleets, 1);
	assert_int_equal(e.held.fleet_count, 0);
	page = page_reset(4);
	page.has_fleet = true;
	assert_false(ends_put(&e, &page));
}

/* ---- readers ---- */

static void
a_reader_that_gives_up_says_why_and_may_try_again(void **state)
{
	struct record_page page = page_reset(1);
	uint64_t before = e.version;

	(void)state;
	page_add_flock(&page, 0x100, 1, 1);
	page_add_flock(&page, 0x200, 1, 1);
	ends_put(&e, &page);
	e.held.refuse = "no room";
	assert_false(known_read(&e.held, e.reader, &e.version, &why));
	assert_string_equal(why.text, "no room");
	assert_int_equal(e.version, before);
	e.held.refuse = NULL;
	ends_read(&e);
	assert_int_equal(e.held.flock_count, 2);
	assert_true(e.version > before);
}

static bool
look_while_it_is_written(void *arg, struct record_flock *f, struct fault *reason)
{
	(void)reason;
	if (*(unsigned *)arg == 0) {
		struct record_page page = page_from(1, 2);

		page_add_flock_gone(&page, 0x100);
		page_add_flock_gone(&page, 0x200);
		assert_true(ends_put(&e, &page));
	}
	++*(unsigned *)arg;
	return f->device_count == 1;
}

static bool
no_xflock(void *arg, struct record_xflock *x, struct fault *reason)
{
	(void)arg, (void)x, (void)reason;
	return false;
}

static bool
no_flock_gone(void *arg, struct flock_id flock, struct fault *reason)
{
	(void)arg, (void)flock, (void)reason;
	return false;
}

static bool
no_xflock_gone(void *arg, struct flock_pair pair, struct fault *reason)
{
	(void)arg, (void)pair, (void)reason;
	return false;
}

static bool
any_fleet(void *arg, const struct record_cathedral *fleet, size_t count, struct fault *reason)
{
	(void)arg, (void)fleet, (void)count, (void)reason;
	return true;
}

/* Without having been asked to wait for each other. */
static void
what_is_read_is_of_one_moment(void **state)
{
	struct record_page page = page_reset(1);
	unsigned seen = 0;
	const struct registry_db_visitor to = { look_while_it_is_written, no_xflock, no_flock_gone,
		no_xflock_gone, any_fleet, &seen };
	bool whole;

	(void)state;
	page_add_flock(&page, 0x100, 1, 1);
	page_add_flock(&page, 0x200, 1, 1);
	ends_put(&e, &page);
	assert_true(registry_db_read(e.reader, 0, &to, &whole, &e.version, &why));
	assert_true(whole);
	assert_int_equal(seen, 2);
	assert_true(registry_db_changed(e.reader, e.version));
	ends_read(&e);
	assert_int_equal(e.held.gone, 2);
	assert_false(registry_db_changed(e.reader, e.version));
}

/* A reader on its own thread, with its own session, for as long as pages come. */
struct follower {
	struct known held;
	uint64_t version, reads;
	struct fault why;
	bool ok;
};

#define PAGES_WHILE 300

/* Of each page both flocks, or none. */
static bool
is_whole(const struct follower *f)
{
	const struct record_flock *a = known_flock(&f->held, 0x100);
	const struct record_flock *b = known_flock(&f->held, 0x200);

	if (a == NULL && b == NULL)
		return f->version == 0;
	return a != NULL && b != NULL && a->slice.len == b->slice.len &&
	       a->slice.len == 100 + f->version * 5 + 1;
}

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct registry_db *db = registry_db_open(&e.options, &f->why);

	f->ok = db != NULL;
	while (f->ok && f->version < PAGES_WHILE) {
		if (!registry_db_changed(db, f->version)) {
			sched_yield();
			continue;
		}
		f->ok = known_read(&f->held, db, &f->version, &f->why) &&
			(is_whole(f) || fault_set(&f->why, "not of one moment"));
		f->reads++;
	}
	registry_db_close(db);
	return NULL;
}

static void
one_reads_while_the_other_writes(void **state)
{
	static struct follower f;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	for (unsigned i = 1; i <= PAGES_WHILE; i++) {
		struct record_page page = i == 1 ? page_reset(1) : page_from(i - 1, i);

		page_add_flock(&page, 0x100, 2, 5 * i + 1);
		page_add_flock(&page, 0x200, 2, 5 * i + 1);
		ends_put(&e, &page);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (!f.ok)
		fail_msg("%s", f.why.text);
	print_message("# %ju reads of %d pages\n", (uintmax_t)f.reads, PAGES_WHILE);
	known_free(&f.held);
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(everything_comes_back_as_it_was_put),
		IN_PLACE(devices_come_and_go_and_change),
		IN_PLACE(the_smallest_change_is_one),
		IN_PLACE(what_is_as_it_was_keeps_its_version),
		IN_PLACE(a_page_that_does_not_follow_is_refused),
		IN_PLACE(what_no_page_may_say_is_refused),
		IN_PLACE(a_flock_that_goes_takes_along_what_is_its),
		IN_PLACE(a_page_that_contradicts_itself_lets_nobody_in),
		IN_PLACE(what_does_not_come_up_again_is_gone),
		IN_PLACE(a_new_beginning_in_the_middle_of_one_counts),
		IN_PLACE(the_fleet_comes_whole_and_goes),
		IN_PLACE(a_reader_that_gives_up_says_why_and_may_try_again),
		IN_PLACE(what_is_read_is_of_one_moment),
		IN_PLACE(one_reads_while_the_other_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

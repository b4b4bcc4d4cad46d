/* SPDX-License-Identifier: ISC */
/* Who waits for a change: until when, of whom how many, and that no change slips through. */
#include "reliquary-api/service/waiting.h"

#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/parts.h"
#include "tests/support/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LONG_S 1000

enum wakened { ASLEEP = 0, WOKEN_BY_NEWS, WOKEN_AT_THE_END };

struct test_waiter {
	struct waiter waiter; /* first */
	_Atomic int woken;
};

struct bench {
	struct test_store store;
	struct counts counts;
	struct waiting *waiting;
};

static _Atomic uint64_t passed_s;

static struct instant
test_clock(void)
{
	return (struct instant){ .mono_ns = atomic_load(&passed_s) * NS_PER_S, .wall_s = 1 };
}

static int
begin(void **state)
{
	static struct bench b;
	struct waiting_options o = { .counts = &b.counts, .clock = test_clock };
	struct fault why;

	test_store_begin(&b.store, NULL);
	o.store = b.store.store;
	memset(&b.counts, 0, sizeof(b.counts));
	atomic_store(&passed_s, 0);
	b.waiting = waiting_create(&o, &why);
	assert_non_null(b.waiting);
	*state = &b;
	return 0;
}

static int
end(void **state)
{
	struct bench *b = *state;

	waiting_destroy(b->waiting);
	assert_int_equal(counts_read(&b->counts.waiting), 0);
	test_store_end(&b->store);
	return 0;
}

static void
wake(struct waiter *w, bool over)
{
	struct test_waiter *t = (struct test_waiter *)w;

	atomic_store(&t->woken, over ? WOKEN_AT_THE_END : WOKEN_BY_NEWS);
}

/* owner's, for some seconds from the beginning. */
static struct test_waiter
waiter(const char *owner, uint64_t until_s)
{
	return (struct test_waiter){
		.waiter = { .until_ns = until_s * NS_PER_S, .owner = owner, .wake = wake }
	};
}

static void
expect_waits(struct bench *b, struct test_waiter *t)
{
	assert_int_equal(
	    waiting_add(b->waiting, &t->waiter, waiting_seen(b->waiting)), WAITING_YES);
}

static void
expect_woken(struct test_waiter *t, enum wakened how)
{
	static const struct timespec step = { .tv_nsec = NS_PER_MS };

	for (int i = 0; i < 5000 && atomic_load(&t->woken) == ASLEEP; i++)
		nanosleep(&step, NULL);
	assert_int_equal(atomic_load(&t->woken), how);
}

/* For longer than it takes to look around. */
static void
expect_asleep(struct test_waiter *t)
{
	static const struct timespec a_while = { .tv_nsec = 400 * NS_PER_MS };

	nanosleep(&a_while, NULL);
	assert_int_equal(atomic_load(&t->woken), ASLEEP);
}

/* One change more; its number. */
static uint64_t
commit(struct bench *b)
{
	struct session *s = b->store.writer;
	const struct flock_id flock = { 0x100 };

	assert_int_equal(group_begin(s), STORE_OK);
	assert_int_equal(change_note(s, flock, flock, CHANGE_MADE, STORE_NOW), STORE_OK);
	assert_int_equal(group_commit(s), STORE_OK);
	return group_noted(s);
}

static void
news_wake_all(void **state)
{
	struct bench *b = *state;
	struct test_waiter one = waiter("vesper", LONG_S), other = waiter("matins", LONG_S);

	expect_waits(b, &one);
	expect_waits(b, &other);
	assert_int_equal(counts_read(&b->counts.waiting), 2);
	waiting_news(b->waiting, commit(b));
	expect_woken(&one, WOKEN_BY_NEWS);
	expect_woken(&other, WOKEN_BY_NEWS);
	assert_int_equal(waiting_seen(b->waiting), 1);
	assert_int_equal(counts_read(&b->counts.waiting), 0);
}

/* So does what another process commits, who tells nobody. */
static void
what_is_not_told_is_seen(void **state)
{
	struct bench *b = *state;
	struct test_waiter t = waiter("vesper", LONG_S);

	expect_waits(b, &t);
	commit(b);
	expect_woken(&t, WOKEN_BY_NEWS);
}

/* A change between looking and waiting. */
static void
who_looked_too_early_looks_again(void **state)
{
	struct bench *b = *state;
	struct test_waiter first = waiter("matins", LONG_S), t = waiter("vesper", LONG_S);
	uint64_t seen = waiting_seen(b->waiting);

	expect_waits(b, &first);
	waiting_news(b->waiting, commit(b));
	expect_woken(&first, WOKEN_BY_NEWS);
	assert_int_equal(waiting_add(b->waiting, &t.waiter, seen), WAITING_NEWS);
	assert_int_equal(atomic_load(&t.woken), ASLEEP);
	assert_int_equal(counts_read(&b->counts.waiting), 0);
}

/* What was noted and undone gives its number to the next change, which is news all the same. */
static void
a_number_may_come_again(void **state)
{
	struct bench *b = *state;
	struct test_waiter t = waiter("vesper", LONG_S);

	expect_waits(b, &t);
	waiting_news(b->waiting, 1);
	waiting_news(b->waiting, 2);
	waiting_news(b->waiting, 0);
	expect_asleep(&t);
	assert_int_equal(waiting_seen(b->waiting), 0);
	waiting_news(b->waiting, commit(b));
	expect_woken(&t, WOKEN_BY_NEWS);
	assert_int_equal(waiting_seen(b->waiting), 1);
}

static void
each_waits_for_its_own_time(void **state)
{
	struct bench *b = *state;
	struct test_waiter a = waiter("vesper", 10), c = waiter("vesper", 20);

	expect_waits(b, &a);
	expect_waits(b, &c);
	atomic_store(&passed_s, 9);
	expect_asleep(&a);
	atomic_store(&passed_s, 10);
	expect_woken(&a, WOKEN_AT_THE_END);
	expect_asleep(&c);
	atomic_store(&passed_s, 20);
	expect_woken(&c, WOKEN_AT_THE_END);
}

/* The first that asked goes first, and nobody else's does. */
static void
of_each_owner_only_some_wait(void **state)
{
	struct bench *b = *state;
	/* These two have one ring: 31 * 'a' + 'a' == 31 * '`' + 0x80. */
	struct test_waiter other = waiter("`\x80", LONG_S), t[2 * WAITING_EACH];

	expect_waits(b, &other);
	for (size_t i = 0; i < 2 * WAITING_EACH; i++) {
		t[i] = waiter("aa", LONG_S);
		expect_waits(b, &t[i]);
		if (i >= WAITING_EACH)
			expect_woken(&t[i - WAITING_EACH], WOKEN_AT_THE_END);
		for (size_t n = i < WAITING_EACH ? 0 : i - WAITING_EACH + 1; n <= i; n++)
			assert_int_equal(atomic_load(&t[n].woken), ASLEEP);
	}
	assert_int_equal(counts_read(&b->counts.waiting), WAITING_EACH + 1);
	assert_int_equal(atomic_load(&other.woken), ASLEEP);
	waiting_news(b->waiting, commit(b));
	expect_woken(&other, WOKEN_BY_NEWS);
	for (size_t i = WAITING_EACH; i < 2 * WAITING_EACH; i++)
		expect_woken(&t[i], WOKEN_BY_NEWS);
}

static void
the_end_wakes_all_and_lets_nobody_wait(void **state)
{
	struct bench *b = *state;
	struct test_waiter t = waiter("vesper", LONG_S), late = waiter("vesper", LONG_S);

	expect_waits(b, &t);
	waiting_end(b->waiting);
	expect_woken(&t, WOKEN_AT_THE_END);
	assert_int_equal(
	    waiting_add(b->waiting, &late.waiter, waiting_seen(b->waiting)), WAITING_OVER);
	assert_int_equal(atomic_load(&late.woken), ASLEEP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(news_wake_all),
		TEST(what_is_not_told_is_seen),
		TEST(who_looked_too_early_looks_again),
		TEST(a_number_may_come_again),
		TEST(each_waits_for_its_own_time),
		TEST(of_each_owner_only_some_wait),
		TEST(the_end_wakes_all_and_lets_nobody_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

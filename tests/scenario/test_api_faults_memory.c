/* SPDX-License-Identifier: ISC */
/*
 * The whole service when memory is short: whichever allocation it is that fails, of the service's
 * own, of the JSON library's or of SQLite's, the request is answered with success or with a problem
 * of 5xx, and the next one is served as ever.  The test's own thread always gets what it wants.
 */
#include "base/log.h"
#include "tests/support/api.h"
#include "tests/support/mixed.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#define HOUR_S     3600
#define TIDY_EVERY 16  /* lives: each leaves a bundle's file */
#define TRIES      100 /* allocations that fail in a sweep, spread over all there are */

/* One of the three places that memory comes from. */
struct tap {
	const char *name;
	_Atomic uint64_t calls, nth, failed; /* nth: 0 while none is to fail */
};

static struct tap own = { .name = "own" }, json = { .name = "Jansson's" },
		  engine = { .name = "SQLite's" };
static _Thread_local bool spared;

/* Nobody can be told anything whose connection is not there yet: that thread is left alone. */
static bool
of_the_door(void)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name, 0, 0, 0);
	return strcmp(name, "http-door") == 0;
}

static bool
is_empty(struct tap *tap)
{
	uint64_t nth;

	if (spared || of_the_door())
		return false;
	nth = atomic_load(&tap->nth);
	if (atomic_fetch_add(&tap->calls, 1) + 1 != nth)
		return false;
	atomic_fetch_add(&tap->failed, 1);
	return true;
}

/* The linker puts these in the place of what our own code calls, and nobody else's (Makefile). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_malloc(size_t size)
{
	return is_empty(&own) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return is_empty(&own) ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return is_empty(&own) ? NULL : __real_realloc(old, size);
}

static void *
json_take(size_t size)
{
	return is_empty(&json) ? NULL : __real_malloc(size);
}

static sqlite3_mem_methods real;

static void *
engine_take(int size)
{
	return is_empty(&engine) ? NULL : real.xMalloc(size);
}

static void *
engine_take_more(void *old, int size)
{
	return is_empty(&engine) ? NULL : real.xRealloc(old, size);
}

static void
taps_open(void)
{
	sqlite3_mem_methods mine;

	spared = true;
	json_set_alloc_funcs(json_take, free);
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
		abort();
	mine = real;
	mine.xMalloc = engine_take;
	mine.xRealloc = engine_take_more;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK)
		abort();
}

struct scene {
	struct test_api t;
	struct mixed m;
	struct mixed_life lives[TRIES + 2];
	size_t count;
};

/* A life in which the nth allocation fails; 0: none.  Returns how many there were. */
static uint64_t
live(struct scene *s, struct tap *tap, uint64_t nth)
{
	struct mixed_life *life = &s->lives[s->count++];

	atomic_store(&tap->calls, 0);
	atomic_store(&tap->nth, nth);
	mixed_run(&s->m, life);
	atomic_store(&tap->nth, 0);
	mixed_verify(&s->t, life);
	if (s->count % TIDY_EVERY == 0)
		api_upkeep_now(s->t.api);
	return atomic_load(&tap->calls);
}

static void
sweep(struct scene *s, struct tap *tap)
{
	uint64_t all, step, failed;

	/* The first life also prepares statements, the second one what all later ones take. */
	live(s, tap, 0);
	all = live(s, tap, 0);
	step = all / TRIES + 1;
	for (uint64_t nth = 1; nth <= all; nth += step)
		live(s, tap, nth + random_below(&s->t.random, (uint32_t)step));
	failed = atomic_load(&tap->failed);
	printf("# %s: %ju allocations, %ju of them failed, %u requests\n", tap->name,
	    (uintmax_t)all, (uintmax_t)failed, s->m.failed + s->m.busy);
	assert_true(failed > 10);
	assert_true(s->m.failed + s->m.busy > 10);
	assert_int_equal(s->m.no_space, 0);
}

static void
run(struct tap *tap)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct session *session;
	struct fault why;

	test_api_prepare(&s->t);
	s->t.store_options.cache_kib = 1;
	test_api_start(&s->t);
	mixed_begin(&s->m, &s->t);
	sweep(s, tap);

	test_api_stop(&s->t);
	test_api_start(&s->t);
	for (size_t i = 0; i < s->count; i++)
		mixed_verify(&s->t, &s->lives[i]);
	session = session_open_reader(s->t.store, &why);
	assert_non_null(session);
	if (!store_check(session, &why))
		fail_msg("%s", why.text);
	session_close(session);
	test_api_pass(2 * HOUR_S);
	api_upkeep_now(s->t.api);
	test_api_has_bundles(&s->t, 0);
	mixed_end(&s->m);
	test_api_end(&s->t);
	free(s);
}

static void
json_may_lack_memory(void **state)
{
	(void)state;
	run(&json);
}

static void
the_database_may_lack_memory(void **state)
{
	(void)state;
	run(&engine);
}

static void
the_service_may_lack_memory(void **state)
{
	(void)state;
	run(&own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_may_lack_memory),
		cmocka_unit_test(the_database_may_lack_memory),
		cmocka_unit_test(the_service_may_lack_memory),
	};

	taps_open();
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_faults_memory", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * The whole service when memory is short: whichever allocation it is that fails, of the service's
 * own, of the JSON library's or of SQLite's, the request is answered with success or with a problem
 * of 5xx, and the next one is served as ever.  The test's own thread always gets what it wants.
 */
#include "base/log.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "tests/support/errand.h"
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

#define HOUR_S      3600
#define TIDY_EVERY  16 /* lives: each leaves a bundle's file */
#define ROUTE_TRIES 3
#define TRIES       100 /* allocations that fail in a sweep, spread over all there are */

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
	/* Of the routes one by one. */
	char cathedral[33];
	struct household h;
	bool used;                  /* it is not what it was made as */
	unsigned problems, bundles; /* that somebody owns */
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

/* Every route, also those that are no part of such a life; true when it was a success. */
static bool
route_run(struct scene *s, const struct route *r, struct tap *tap, uint64_t nth)
{
	struct errand e;
	struct got a;
	bool ok;

	if (s->used)
		household_make(&s->t, &s->h);
	s->t.settings.registration =
	    r->handle == handle_challenge ? REGISTRATION_POW : REGISTRATION_OPEN;
	errand_make(&e, r, &s->h, s->cathedral);
	atomic_store(&tap->calls, 0);
	atomic_store(&tap->nth, nth);
	a = ask(&s->t, &e.q.ask);
	atomic_store(&tap->nth, 0);
	s->t.settings.registration = REGISTRATION_OPEN;
	errand_free(&e);

	ok = a.status >= 200 && a.status <= 299;
	if (!ok && !(a.status == 500 && got_is_problem(&a, "failed")) &&
	    !(a.status == 503 && got_is_problem(&a, "busy")))
		fail_msg("%s: %u %s", r->path, a.status, a.body);
	got_free(a);
	s->used = ok && r->effect == EFFECT_WRITES;
	s->problems += !ok;
	s->bundles += ok && r->body == BODY_UPLOAD;
	return ok;
}

static void
route_sweep(struct scene *s, const struct route *r, struct tap *tap)
{
	int tries = r->body == BODY_UPLOAD ? 1 : ROUTE_TRIES; /* they take long */
	uint32_t all;

	assert_true(route_run(s, r, tap, 0));
	all = (uint32_t)atomic_load(&tap->calls);
	for (int n = 0; n < tries && all > 0; n++)
		route_run(s, r, tap, 1 + random_below(&s->t.random, all));
	if (!s->used)
		assert_true(route_run(s, r, tap, 0));
}

static void
all_routes(struct scene *s, struct tap *tap)
{
	unsigned routes_count = 0;

	s->used = true;
	errand_cathedral(&s->t, s->cathedral);
	for (const struct route *r = routes; r->path != NULL; r++, routes_count++)
		route_sweep(s, r, tap);
	printf("# %u routes, %u problems\n", routes_count, s->problems);
	assert_true(s->problems > routes_count / 2);
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
	all_routes(s, tap);

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
	test_api_has_bundles(&s->t, s->bundles);
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

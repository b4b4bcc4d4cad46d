/* SPDX-License-Identifier: ISC */
/*
 * Every route on a disk that fails in whichever call below the store: the answer is success or a
 * problem of 500 or 503, what failed has changed nothing, and the same request succeeds afterwards.
 */
#include "base/log.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "tests/support/errand.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EACH_UNTIL 5
#define STEP_MOST  6

struct scene {
	struct test_api t;
	struct vfs *v;
	struct onlooker o;
	char cathedral[33];
	struct household h;
	bool used; /* the household is not what it was made as */
	unsigned failed, problems;
};

static void
scene_begin(struct scene *s, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->used = true;
	s->v = vfs_make(name);
	test_api_prepare(&s->t);
	s->t.store_options.vfs = name;
	s->t.store_options.cache_kib = 1; /* so there is much to read */
	s->t.store_options.busy_ms = 10;
	test_api_start(&s->t);
	errand_cathedral(&s->t, s->cathedral);
	onlooker_open(&s->o, s->t.db);
}

static void
scene_end(struct scene *s)
{
	struct session *session;
	struct fault why = { "" };

	printf("# %u failures, %u problems\n", s->failed, s->problems);
	session = session_open_reader(s->t.store, &why);
	assert_non_null(session);
	if (!store_check(session, &why))
		fail_msg("%s", why.text);
	session_close(session);
	onlooker_close(&s->o);
	test_api_end(&s->t);
	vfs_end(s->v);
}

/* A disk without room is something else than one that fails. */
static bool
is_problem(const struct got *a, const struct vfs_failure *f)
{
	if (f->code == SQLITE_FULL)
		return a->status == 503 && got_is_problem(a, "no-space") &&
		       got_field(a, "Retry-After") != NULL;
	return a->status == 500 && got_is_problem(a, "failed");
}

/* The route's request while that fails; true when it was a success. */
static bool
succeeds(struct scene *s, const struct route *r, const struct vfs_failure *f)
{
	struct errand e;
	struct got a;
	bool ok;

	if (s->used)
		household_make(&s->t, &s->h);
	s->t.settings.registration =
	    r->handle == handle_challenge ? REGISTRATION_POW : REGISTRATION_OPEN;
	errand_make(&e, r, &s->h, s->cathedral);
	onlooker_look(&s->o);
	vfs_fail(s->v, f);
	a = ask(&s->t, &e.q.ask);
	vfs_mend(s->v);
	s->t.settings.registration = REGISTRATION_OPEN;
	errand_free(&e);

	ok = a.status >= 200 && a.status <= 299;
	s->used = ok && r->effect == EFFECT_WRITES;
	s->problems += !ok;
	s->failed += vfs_failed(s->v) > 0;
	if (!ok && (!is_problem(&a, f) || vfs_failed(s->v) == 0))
		fail_msg("%s %s: %u %s", e.q.ask.method, r->path, a.status, a.body);
	if (!ok && !onlooker_unchanged(&s->o))
		fail_msg("%s %s: %u, but the database changed", e.q.ask.method, r->path, a.status);
	got_free(a);
	return ok;
}

/* Each of the first calls that the request makes, of the later ones some. */
static void
route_sweep(struct scene *s, const struct route *r, struct vfs_failure f)
{
	do {
		f.nth += f.nth < EACH_UNTIL ? 1 : 1 + random_below(&s->t.random, STEP_MOST);
	} while (!succeeds(s, r, &f) || vfs_failed(s->v) > 0);
}

static void
sweep(const char *name, const struct vfs_failure *f, unsigned least)
{
	struct scene *s = malloc(sizeof(*s));

	scene_begin(s, name);
	for (const struct route *r = routes; r->path != NULL; r++)
		route_sweep(s, r, *f);
	assert_true(s->failed >= least && s->problems >= least / 2);
	scene_end(s);
	free(s);
}

static void
a_write_may_fail(void **state)
{
	(void)state;
	sweep("route-write", &(struct vfs_failure){ VFS_WRITE, 0, SQLITE_FULL, ENOSPC, false }, 40);
}

static void
a_sync_may_fail(void **state)
{
	(void)state;
	sweep(
	    "route-sync", &(struct vfs_failure){ VFS_SYNC, 0, SQLITE_IOERR_FSYNC, EIO, false }, 20);
}

static void
a_read_may_fail(void **state)
{
	(void)state;
	sweep(
	    "route-read", &(struct vfs_failure){ VFS_READ, 0, SQLITE_IOERR_READ, EIO, false }, 40);
}

static void
a_lock_may_fail(void **state)
{
	(void)state;
	sweep(
	    "route-lock", &(struct vfs_failure){ VFS_LOCK, 0, SQLITE_IOERR_LOCK, EIO, false }, 40);
}

/* Whatever needs the store says so for as long as it lasts, and no longer. */
static void
a_disk_may_be_broken_for_long(void **state)
{
	const struct vfs_failure broken = { VFS_WRITE | VFS_LOCK, 1, SQLITE_IOERR, EIO, true };
	const struct vfs_failure none = { .nth = 1 };
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "route-broken");
	for (const struct route *r = routes; r->path != NULL; r++) {
		bool stored = r->handle != handle_openapi && r->handle != handle_challenge;

		if (succeeds(s, r, &broken) == stored)
			fail_msg("%s %s", r->path, stored ? "is served all the same" : "is not");
		if (!s->used && !succeeds(s, r, &none))
			fail_msg("%s does not recover", r->path);
	}
	scene_end(s);
	free(s);
}

/* Another process writes, and does not end: who reads does not notice. */
static void
a_database_may_be_locked_for_long(void **state)
{
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "route-busy");
	for (const struct route *r = routes; r->path != NULL; r++) {
		struct errand e;
		struct got a;

		household_make(&s->t, &s->h);
		s->t.settings.registration =
		    r->handle == handle_challenge ? REGISTRATION_POW : REGISTRATION_OPEN;
		errand_make(&e, r, &s->h, s->cathedral);
		onlooker_change(&s->o, "BEGIN IMMEDIATE", NULL);
		a = ask(&s->t, &e.q.ask);
		onlooker_change(&s->o, "ROLLBACK", NULL);
		if (r->effect != EFFECT_WRITES ? a.status != 200
					       : a.status != 503 || !got_is_problem(&a, "busy"))
			fail_msg("%s: %u %s", r->path, a.status, a.body);
		s->problems += a.status == 503;
		got_free(a);
		a = ask(&s->t, &e.q.ask);
		assert_in_range(a.status, 200, 299);
		got_free(a);
		errand_free(&e);
		s->t.settings.registration = REGISTRATION_OPEN;
	}
	assert_true(s->problems > 20);
	scene_end(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_may_fail),
		cmocka_unit_test(a_sync_may_fail),
		cmocka_unit_test(a_read_may_fail),
		cmocka_unit_test(a_lock_may_fail),
		cmocka_unit_test(a_database_may_be_locked_for_long),
		cmocka_unit_test(a_disk_may_be_broken_for_long),
	};

	log_set_level(0); /* what fails here is meant to */
	return cmocka_run_group_tests_name("api_faults_route", tests, NULL, NULL);
}

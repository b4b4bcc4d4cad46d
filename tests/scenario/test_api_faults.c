/* SPDX-License-Identifier: ISC */
/*
 * The whole service on a disk that fails: whatever call it is that fails, each request is answered
 * with success or with a problem that says whose fault it is, and the next one is served as ever.
 * And on a disk that does not: nothing is answered before it would survive a power cut.
 */
#include "base/clock.h"
#include "base/log.h"
#include "tests/support/api.h"
#include "tests/support/mixed.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_S     3600
#define LIVES_MOST 256
#define TIDY_EVERY 16 /* lives: each leaves a bundle's file */

struct scene {
	struct test_api t;
	struct vfs *v;
	struct mixed m;
	struct mixed_life lives[LIVES_MOST];
	size_t count;
};

/* A cache that holds next to nothing: so there is much to read. */
static void
scene_begin(struct scene *s, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->v = vfs_make(name);
	test_api_prepare(&s->t);
	s->t.store_options.vfs = name;
	s->t.store_options.cache_kib = 1;
	test_api_start(&s->t);
	mixed_begin(&s->m, &s->t);
}

static void
verify_all(struct scene *s)
{
	for (size_t i = 0; i < s->count; i++)
		mixed_verify(&s->t, &s->lives[i]);
}

/* What was answered has to be there for the next service, too. */
static void
scene_end(struct scene *s)
{
	struct session *session;
	struct fault why;

	vfs_mend(s->v);
	verify_all(s);
	test_api_stop(&s->t);
	test_api_start(&s->t);
	verify_all(s);
	session = session_open_reader(s->t.store, &why);
	assert_non_null(session);
	if (!store_check(session, &why))
		fail_msg("%s", why.text);
	session_close(session);
	/* Of what may be committed or not the file stays, until nobody can want it. */
	test_api_pass(2 * HOUR_S);
	api_upkeep_now(s->t.api);
	test_api_has_bundles(&s->t, 0);
	mixed_end(&s->m);
	test_api_end(&s->t);
	vfs_end(s->v);
}

/* A life in which the nth of these calls fails; false when there were not so many. */
static bool
live(struct scene *s, const struct vfs_failure *f)
{
	assert_true(s->count < LIVES_MOST);
	vfs_fail(s->v, f);
	mixed_run(&s->m, &s->lives[s->count]);
	vfs_mend(s->v);
	mixed_verify(&s->t, &s->lives[s->count]);
	if (++s->count % TIDY_EVERY == 0)
		api_upkeep_now(s->t.api);
	return vfs_failed(s->v) > 0;
}

/* One after the other, each in a life of its own; which of the reasons it is goes round. */
struct sweep {
	unsigned calls;
	struct {
		int code, system_errno;
	} why[3];
	unsigned reasons;
	unsigned least; /* so many of the calls at least there must be in a life */
};

/* Each of the first ones, of the later ones some. */
#define EACH_UNTIL 48
#define STEP_MOST  8

static void
sweep_run(struct scene *s, const struct sweep *w)
{
	unsigned first = random_below(&s->t.random, w->reasons), tried = 0;
	unsigned problems = s->m.failed + s->m.busy + s->m.no_space;
	bool failed = true;

	for (unsigned n = 1; failed;
	     n += n < EACH_UNTIL ? 1 : 1 + random_below(&s->t.random, STEP_MOST)) {
		unsigned why = (first + n) % w->reasons;
		const struct vfs_failure f = { w->calls, n, w->why[why].code,
			w->why[why].system_errno, false };

		failed = live(s, &f);
		tried += failed;
	}
	problems = s->m.failed + s->m.busy + s->m.no_space - problems;
	printf("# %u calls failed one by one, %u requests of it\n", tried, problems);
	assert_true(tried >= w->least);
}

static void
writes_may_fail(void **state)
{
	static const struct sweep writes = { VFS_WRITE,
		{ { SQLITE_IOERR_WRITE, EIO }, { SQLITE_FULL, ENOSPC },
		    { SQLITE_READONLY, EROFS } },
		3, 20 };
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "faults-write");
	sweep_run(s, &writes);
	assert_true(s->m.failed > 0 && s->m.no_space > 0);
	scene_end(s);
	free(s);
}

static void
reads_may_fail(void **state)
{
	static const struct sweep reads = { VFS_READ,
		{ { SQLITE_IOERR_READ, EIO }, { SQLITE_IOERR_SHORT_READ, 0 } }, 1, 20 };
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "faults-read");
	sweep_run(s, &reads);
	assert_true(s->m.failed > 0);
	scene_end(s);
	free(s);
}

static void
syncs_may_fail(void **state)
{
	static const struct sweep syncs = { VFS_SYNC,
		{ { SQLITE_IOERR_FSYNC, EIO }, { SQLITE_IOERR_FSYNC, ENOSPC } }, 2, 15 };
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "faults-sync");
	sweep_run(s, &syncs);
	assert_true(s->m.failed > 0 && s->m.no_space > 0);
	scene_end(s);
	free(s);
}

static void
locks_may_fail(void **state)
{
	static const struct sweep locks = { VFS_LOCK,
		{ { SQLITE_BUSY, 0 }, { SQLITE_IOERR_LOCK, EIO } }, 2, 40 };
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "faults-lock");
	sweep_run(s, &locks);
	assert_true(s->m.failed > 0);
	scene_end(s);
	free(s);
}

/* A disk that stays full: who reads does not notice, who writes is told, /readyz says why. */
static void
a_full_disk_is_said_until_there_is_room(void **state)
{
	const struct vfs_failure full = { VFS_WRITE, 1, SQLITE_FULL, ENOSPC, true };
	struct scene *s = malloc(sizeof(*s));
	const struct mixed_life *life = &s->lives[0];
	struct ask a = { .method = "POST", .path = "/v1/flocks", .token = life->who.token };
	struct fault why;
	struct got got;

	(void)state;
	scene_begin(s, "faults-full");
	mixed_run(&s->m, &s->lives[s->count++]);
	assert_true(api_ready(s->t.api, &why));

	vfs_fail(s->v, &full);
	for (int n = 0; n < 3; n++) {
		got = ask(&s->t, &a);
		assert_int_equal(got.status, 503);
		assert_true(got_is_problem(&got, "no-space"));
		assert_non_null(got_field(&got, "Retry-After"));
		got_free(got);
		mixed_verify(&s->t, life);
	}
	assert_false(api_ready(s->t.api, &why));
	assert_string_equal(why.text, "the last write to the database failed");
	vfs_mend(s->v);
	mixed_run(&s->m, &s->lives[s->count++]);
	assert_true(api_ready(s->t.api, &why));
	scene_end(s);
	free(s);
}

/* While the log is moved into the database: it stays where it is, and is moved the next time. */
static void
checkpoints_may_fail(void **state)
{
	static const unsigned kinds[] = { VFS_READ, VFS_WRITE, VFS_SYNC, VFS_LOCK };
	struct scene *s = malloc(sizeof(*s));
	uint64_t before;

	(void)state;
	scene_begin(s, "faults-move");
	for (unsigned n = 1; n <= 10; n++) {
		for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
			const struct vfs_failure f = { kinds[kind], n, SQLITE_IOERR, EIO, false };

			mixed_run(&s->m, &s->lives[s->count++]);
			vfs_fail(s->v, &f);
			api_upkeep_now(s->t.api);
			vfs_mend(s->v);
		}
	}
	before = counts_read(&api_counts(s->t.api)->checkpoints);
	api_upkeep_now(s->t.api);
	assert_true(counts_read(&api_counts(s->t.api)->checkpoints) > before);
	scene_end(s);
	free(s);
}

/* What a service does with its database before it serves; false when that failed, with a reason. */
static bool
opens(struct test_api *t)
{
	struct fault why = { "" };
	struct session *session = NULL;
	struct store *store = store_open(&t->store_options, &t->random, &why);

	if (store != NULL)
		session = session_open_writer(store, &why);
	session_close(session);
	if (session == NULL && why.text[0] == '\0')
		fail_msg("no reason is given");
	if (store != NULL)
		store_close(store);
	return session != NULL;
}

/* The first start, with all migrations, and a later one. */
static void
starts_may_fail(void **state)
{
	static const int codes[] = { SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_FULL };
	unsigned failed = 0;
	struct test_api t;
	struct vfs *v;
	bool more = true;

	(void)state;
	v = vfs_make("faults-start");
	for (unsigned n = 1; more; n++) {
		const struct vfs_failure f = { VFS_ANY, n, codes[n % 3], EIO, false };

		test_api_prepare(&t);
		t.store_options.vfs = "faults-start";
		for (int start = 0; start < 2; start++) {
			vfs_fail(v, &f);
			failed += !opens(&t);
			more = vfs_failed(v) > 0;
			vfs_mend(v);
			assert_true(opens(&t));
		}
		test_api_end(&t);
	}
	printf("# %u starts failed\n", failed);
	assert_true(failed > 20);
	vfs_end(v);
}

/* ---- power cuts ---- */

/* What the process told the disk, in order; the names are those of files, not their paths. */
struct traced {
	char what; /* 's'ync, 'r'ename */
	char name[64];
};

static struct traced traces[256];
static _Atomic unsigned traced;

static void
trace(char what, const char *path)
{
	unsigned n = atomic_fetch_add(&traced, 1);
	const char *slash = strrchr(path, '/');

	if (n >= sizeof(traces) / sizeof(traces[0]))
		return;
	traces[n].what = what;
	snprintf(traces[n].name, sizeof(traces[n].name), "%s", slash == NULL ? path : slash + 1);
}

static void
trace_file(int fd)
{
	char link[64], path[512] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) != -1)
		trace('s', path);
}

/* In the place of the C library's, for the service and SQLite alike. */
int
fsync(int fd)
{
	trace_file(fd);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	trace_file(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	trace('r', to);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

static bool
traced_as(unsigned n, char what, const char *name)
{
	return traces[n].what == what && strcmp(traces[n].name, name) == 0;
}

/* The bundle's bytes, its place, the folder's entry, and only then the row that names it. */
static void
upload_is_in_order(void)
{
	const char *name = traces[0].name;

	assert_int_equal(atomic_load(&traced), 4);
	assert_int_equal(strlen(name), 32);
	assert_true(traced_as(0, 's', name));
	assert_true(traced_as(1, 'r', name));
	assert_true(traced_as(2, 's', "bundles"));
	assert_true(traced_as(3, 's', "reliquary.db-wal"));
}

static void
outlives_a_power_cut(void *arg, const struct ask *a, const struct got *got)
{
	struct scene *s = arg;
	bool first_again = got_field(got, "Idempotency-Replayed") != NULL;
	bool reads = strcmp(a->method, "GET") == 0;
	unsigned count = atomic_load(&traced);

	if (vfs_log_unsynced(s->v))
		fail_msg("%s %s was answered too early", a->method, a->path);
	if (strcmp(a->method, "PUT") == 0 && a->body != NULL)
		upload_is_in_order();
	else if (!reads && !first_again && (count != 1 || !traced_as(0, 's', "reliquary.db-wal")))
		fail_msg("%s %s: %u syncs, not one of the log", a->method, a->path, count);
	else if (reads && count != 0)
		fail_msg("%s %s waits for the disk", a->method, a->path);
	atomic_store(&traced, 0);
}

static void
what_is_answered_is_on_disk(void **state)
{
	struct scene *s = malloc(sizeof(*s));

	(void)state;
	scene_begin(s, "faults-none");
	/* The first write of all also begins the log. */
	mixed_run(&s->m, &s->lives[s->count++]);
	atomic_store(&traced, 0);
	s->m.answered = outlives_a_power_cut;
	s->m.arg = s;
	mixed_run(&s->m, &s->lives[s->count++]);
	assert_int_equal(s->m.failed + s->m.busy + s->m.no_space, 0);
	scene_end(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_may_fail),
		cmocka_unit_test(reads_may_fail),
		cmocka_unit_test(syncs_may_fail),
		cmocka_unit_test(locks_may_fail),
		cmocka_unit_test(a_full_disk_is_said_until_there_is_room),
		cmocka_unit_test(checkpoints_may_fail),
		cmocka_unit_test(starts_may_fail),
		cmocka_unit_test(what_is_answered_is_on_disk),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_faults", tests, NULL, NULL);
}

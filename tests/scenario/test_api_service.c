/* SPDX-License-Identifier: ISC */
/* What the service does around its handlers: standing of accounts, limits, drain, faults, work in
 * the background. */
#include "base/log.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/api.h"
#include "tests/support/vfs.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_S 86400

static void
refused(const struct test_api *t, unsigned status, const char *kind, const struct ask *a)
{
	struct got got = ask(t, a);

	if (got.status != status || !got_is_problem(&got, kind))
		fail_msg("%s %s: %u %s", a->method, a->path, got.status, got.body);
	if (status == 429 || status == 503)
		assert_non_null(got_field(&got, "Retry-After"));
	got_free(got);
}

static void
an_expired_account_can_only_be_extended_or_deleted(void **state)
{
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	test_api_pass(t.settings.account_s);
	refused(&t, 403, "account-expired",
	    &(struct ask){ .method = "GET", .path = "/v1/account", .token = anna.token });
	refused(&t, 403, "account-expired",
	    &(struct ask){ .method = "POST", .path = "/v1/flocks", .token = anna.token });
	got_free(expect(&t, 200, "POST", "/v1/account/extend", anna.token, NULL));
	got_free(expect(&t, 200, "GET", "/v1/account", anna.token, NULL));
	got_free(expect(&t, 201, "POST", "/v1/flocks", anna.token, NULL));

	/* In time, so that the token is not a month old; then let it end again. */
	test_api_pass(20 * DAY_S);
	got_free(expect(&t, 200, "GET", "/v1/account", anna.token, NULL));
	api_upkeep_now(t.api); /* behind the note that the token was used */
	test_api_pass(15 * DAY_S);
	refused(&t, 403, "account-expired",
	    &(struct ask){ .method = "GET", .path = "/v1/flocks", .token = anna.token });
	got_free(expect(&t, 204, "DELETE", "/v1/account", anna.token, NULL));
	refused(&t, 401, "token",
	    &(struct ask){ .method = "GET", .path = "/v1/account", .token = anna.token });
	test_api_end(&t);
}

static enum store_result
suspend(struct session *s, void *share_id)
{
	struct account a;
	enum store_result result = account_by_share_id(s, share_id, &a);

	if (result != STORE_OK)
		return result;
	return account_set_suspended(s, a.id, true, test_api_clock().wall_s);
}

static void
a_suspended_account_can_do_nothing(void **state)
{
	static const char *const calls[][2] = { { "GET", "/v1/account" }, { "POST", "/v1/flocks" },
		{ "POST", "/v1/account/extend" }, { "DELETE", "/v1/account" } };
	struct fault why = { "" };
	struct session *office;
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	office = session_open_writer(t.store, &why);
	assert_non_null(office);
	assert_int_equal(store_atomically(office, suspend, anna.share_id), STORE_OK);
	session_close(office);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		refused(&t, 403, "account-suspended",
		    &(struct ask){
			.method = calls[i][0], .path = calls[i][1], .token = anna.token });
	test_api_end(&t);
}

static void
a_token_may_do_what_its_scope_says(void **state)
{
	struct test_api t;
	struct tenant anna, reads, approves;
	char flock[17], device[9];
	const char *path;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_token(&t, &anna, "read", reads.token);
	tenant_token(&t, &anna, "approve", approves.token);
	tenant_flock(&t, &anna, flock);
	tenant_join(&t, flock, device);
	path = path_of("/v1/flocks/%s/devices/%s/approve", flock, device);

	got_free(expect(&t, 200, "GET", "/v1/flocks", reads.token, NULL));
	refused(&t, 403, "scope",
	    &(struct ask){ .method = "POST", .path = path, .token = reads.token });
	refused(&t, 403, "scope",
	    &(struct ask){ .method = "POST", .path = "/v1/flocks", .token = approves.token });
	got_free(expect(&t, 200, "POST", path, approves.token, NULL));
	test_api_end(&t);
}

static void
bodies_are_what_the_route_takes(void **state)
{
	static const struct {
		const char *json, *raw, *kind;
		unsigned status;
	} cases[] = {
		{ "{\"label\": \"a\"}", NULL, NULL, 201 },
		{ NULL, NULL, NULL, 201 },
		{ NULL, "{\"label\": \"a\"}", "type", 415 },
		{ "{\"label\": \"a\"", NULL, "malformed", 400 },
		{ "[]", NULL, "malformed", 400 },
		{ "{\"label\": \"a\", \"label\": \"b\"}", NULL, "malformed", 400 },
		{ "{\"label\": \"a\\u0000b\"}", NULL, "malformed", 400 },
		{ "{\"lable\": \"a\"}", NULL, "field", 400 },
	};
	struct test_api t;
	struct tenant anna;
	char *deep, *large;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ask a = { .method = "POST",
			.path = "/v1/flocks",
			.token = anna.token,
			.json = cases[i].json,
			.body = cases[i].raw,
			.body_len = cases[i].raw == NULL ? 0 : strlen(cases[i].raw) };

		if (cases[i].kind == NULL)
			got_free(
			    expect(&t, cases[i].status, "POST", a.path, anna.token, cases[i].json));
		else
			refused(&t, cases[i].status, cases[i].kind, &a);
	}
	deep = malloc(BODY_JSON_MAX + 1);
	memset(deep, '[', BODY_JSON_MAX);
	deep[BODY_JSON_MAX] = '\0';
	refused(&t, 400, "malformed",
	    &(struct ask){
		.method = "POST", .path = "/v1/flocks", .token = anna.token, .json = deep });
	large = malloc(BODY_JSON_MAX + 2);
	memset(large, ' ', BODY_JSON_MAX + 1);
	large[BODY_JSON_MAX + 1] = '\0';
	refused(&t, 413, "too-large",
	    &(struct ask){
		.method = "POST", .path = "/v1/flocks", .token = anna.token, .json = large });
	refused(&t, 413, "too-large",
	    &(struct ask){
		.method = "GET", .path = "/v1/flocks", .token = anna.token, .json = "{}" });
	free(deep);
	free(large);
	test_api_end(&t);
}

static void
sources_have_limits(void **state)
{
	static const char garbage[] = "0123456789abcdef0123456789abcdef";
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	t.options.rates[RATE_REGISTER] = (struct rate){ .per_minute = 1, .burst = 2 };
	t.options.rates[RATE_WRONG_TOKEN] = (struct rate){ .per_minute = 1, .burst = 3 };
	test_api_start(&t);
	tenant_make(&t, &anna);
	got_free(expect(&t, 201, "POST", "/v1/register", NULL, NULL));
	refused(&t, 429, "rate", &(struct ask){ .method = "POST", .path = "/v1/register" });
	for (int n = 0; n < 3; n++)
		got_free(expect(&t, 401, "GET", "/v1/flocks", garbage, NULL));
	refused(&t, 429, "rate",
	    &(struct ask){ .method = "GET", .path = "/v1/flocks", .token = garbage });
	/* Who has a right one is not kept out by neighbours who have not. */
	got_free(expect(&t, 200, "GET", "/v1/flocks", anna.token, NULL));
	assert_int_equal(counts_read(&api_counts(t.api)->rate_limited), 2);
	test_api_pass(120);
	got_free(expect(&t, 201, "POST", "/v1/register", NULL, NULL));
	test_api_end(&t);
}

static void
all_requests_together_have_a_limit_too(void **state)
{
	struct test_api t;

	(void)state;
	test_api_prepare(&t);
	t.options.rates[RATE_REQUEST] = (struct rate){ .per_minute = 1, .burst = 5 };
	test_api_start(&t);
	for (int n = 0; n < 5; n++)
		got_free(expect(&t, 404, "GET", "/", NULL, NULL));
	refused(&t, 429, "rate", &(struct ask){ .method = "GET", .path = "/" });
	test_api_end(&t);
}

#define CROWD 6

struct one_of_many {
	const struct test_api *t;
	const struct tenant *who;
	pthread_t thread;
	struct got got;
};

static void *
make_a_flock(void *arg)
{
	struct one_of_many *one = arg;
	const struct ask a = { .method = "POST", .path = "/v1/flocks", .token = one->who->token };

	ask_try(one->t, &a, &one->got);
	return NULL;
}

static void
wait_for_refusals(const struct test_api *t, uint64_t count)
{
	uint64_t end_ns = clock_now().mono_ns + 5 * NS_PER_S;

	while (counts_read(&api_counts(t->api)->queue_full) < count) {
		assert_true(clock_now().mono_ns < end_ns);
		usleep(1000);
	}
}

/* Another process holds the database: one or two writes are tried, two wait, the others hear so at
 * once; and reads go on. */
static void
a_queue_that_is_full_is_said_at_once(void **state)
{
	struct one_of_many crowd[CROWD];
	unsigned made = 0, busy = 0;
	struct fault why = { "" };
	struct session *office;
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	t.options.queue_max = 2;
	t.store_options.busy_ms = 60000; /* however long the machine takes for this crowd */
	t.settings.account_flocks = CROWD;
	test_api_start(&t);
	tenant_make(&t, &anna);
	office = session_open_writer(t.store, &why);
	assert_non_null(office);
	assert_int_equal(group_begin(office), STORE_OK);
	for (int n = 0; n < CROWD; n++) {
		crowd[n] = (struct one_of_many){ .t = &t, .who = &anna };
		pthread_create(&crowd[n].thread, NULL, make_a_flock, &crowd[n]);
	}
	wait_for_refusals(&t, CROWD - 4);
	got_free(expect(&t, 200, "GET", "/v1/flocks", anna.token, NULL));
	group_abandon(office);
	session_close(office);
	for (int n = 0; n < CROWD; n++) {
		pthread_join(crowd[n].thread, NULL);
		made += crowd[n].got.status == 201;
		busy += got_is_problem(&crowd[n].got, "busy");
		if (crowd[n].got.status == 503)
			assert_string_equal(got_field(&crowd[n].got, "Retry-After"), "1");
		got_free(crowd[n].got);
	}
	/* Two in the queue, and what the writer had taken by then. */
	assert_in_range(made, 2, 4);
	assert_int_equal(made + busy, CROWD);
	test_api_end(&t);
}

static void
who_drains_takes_nothing_new(void **state)
{
	struct test_api t;
	struct tenant anna;
	struct fault why;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	assert_true(api_ready(t.api, &why));
	api_drain(t.api);
	refused(&t, 503, "draining",
	    &(struct ask){ .method = "GET", .path = "/v1/account", .token = anna.token });
	refused(&t, 503, "draining", &(struct ask){ .method = "POST", .path = "/v1/register" });
	assert_false(api_ready(t.api, &why));
	assert_string_equal(why.text, "draining");
	test_api_end(&t);
}

/* The writer's own count says how often it wrote: notes of days are jobs like any others. */
static uint64_t
jobs(const struct test_api *t)
{
	return counts_read(&api_counts(t->api)->group_jobs);
}

static void
reading_is_not_writing(void **state)
{
	struct test_api t;
	struct tenant anna;
	uint64_t before;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	before = jobs(&t);
	for (int n = 0; n < 20; n++)
		got_free(expect(&t, 200, "GET", "/v1/account", anna.token, NULL));
	got_free(expect(&t, 201, "POST", "/v1/flocks", anna.token, NULL));
	assert_int_equal(jobs(&t) - before, 1); /* the flock */

	/* Another day: once, however often. */
	got_free(expect(&t, 200, "POST", "/v1/account/extend", anna.token, NULL));
	test_api_pass(DAY_S);
	before = jobs(&t);
	for (int n = 0; n < 20; n++)
		got_free(expect(&t, 200, "GET", "/v1/account", anna.token, NULL));
	got_free(expect(&t, 201, "POST", "/v1/flocks", anna.token, NULL));
	assert_int_equal(jobs(&t) - before, 2); /* its day, and the flock */
	test_api_end(&t);
}

/* A disk that does not take the note is not asked again with every request. */
static void
a_day_that_cannot_be_noted_is_tried_once_an_hour(void **state)
{
	const struct vfs_failure full = { .calls = VFS_WRITE,
		.nth = 1,
		.code = SQLITE_FULL,
		.system_errno = ENOSPC,
		.lasting = true };
	struct vfs *vfs = vfs_make("days");
	uint64_t before;
	struct test_api t;
	struct tenant anna;

	(void)state;
	test_api_prepare(&t);
	t.store_options.vfs = "days";
	test_api_start(&t);
	tenant_make(&t, &anna);
	got_free(expect(&t, 200, "POST", "/v1/account/extend", anna.token, NULL));
	test_api_pass(DAY_S);
	vfs_fail(vfs, &full);
	before = counts_read(&api_counts(t.api)->group_failures);
	for (int n = 0; n < 20; n++)
		got_free(expect(&t, 200, "GET", "/v1/account", anna.token, NULL));
	/* This one fails as well, after the note. */
	refused(&t, 503, "no-space",
	    &(struct ask){ .method = "POST", .path = "/v1/flocks", .token = anna.token });
	assert_in_range(counts_read(&api_counts(t.api)->group_failures) - before, 2, 3);
	vfs_mend(vfs);
	test_api_end(&t);
	vfs_end(vfs);
}

/* What could not be written is not said to be, and afterwards all is as before. */
static void
a_disk_that_fails_is_survived(void **state)
{
	static const struct {
		struct vfs_failure failure;
		unsigned status;
		const char *kind;
	} cases[] = {
		{ { .calls = VFS_WRITE, .code = SQLITE_FULL, .system_errno = ENOSPC }, 503,
		    "no-space" },
		{ { .calls = VFS_SYNC, .code = SQLITE_IOERR_FSYNC, .system_errno = EIO }, 500,
		    "failed" },
		{ { .calls = VFS_WRITE, .code = SQLITE_READONLY, .system_errno = EROFS }, 503,
		    "no-space" },
	};
	struct vfs *vfs = vfs_make("failing");
	struct test_api t;
	struct tenant anna;
	struct fault why;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	t.store_options.vfs = "failing";
	t.settings.account_flocks = 10;
	test_api_start(&t);
	tenant_make(&t, &anna);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vfs_failure f = cases[i].failure;

		f.nth = 1;
		f.lasting = true;
		vfs_fail(vfs, &f);
		refused(&t, cases[i].status, cases[i].kind,
		    &(struct ask){ .method = "POST", .path = "/v1/flocks", .token = anna.token });
		assert_false(api_ready(t.api, &why));
		assert_string_equal(why.text, "the last write to the database failed");
		got_free(expect(&t, 200, "GET", "/v1/flocks", anna.token, NULL));
		vfs_mend(vfs);
		got_free(expect(&t, 201, "POST", "/v1/flocks", anna.token, NULL));
		assert_true(api_ready(t.api, &why));
	}
	a = expect(&t, 200, "GET", "/v1/flocks", anna.token, NULL);
	assert_int_equal(
	    json_array_size(json_object_get(a.json, "flocks")), sizeof(cases) / sizeof(cases[0]));
	got_free(a);
	test_api_end(&t);
	vfs_end(vfs);
}

/* When nobody writes, upkeep does, so that a disk that no longer takes writes is noticed. */
static void
a_quiet_service_shows_that_it_can_write(void **state)
{
	struct vfs *vfs = vfs_make("quiet");
	struct test_api t;
	struct fault why;
	unsigned silent_s;

	(void)state;
	test_api_prepare(&t);
	t.store_options.vfs = "quiet";
	t.options.upkeep_every_s = 60;
	test_api_start(&t);
	api_upkeep_now(t.api);
	assert_true(api_ready(t.api, &why));
	test_api_pass(151); /* two rounds, and some patience */
	assert_false(api_ready(t.api, &why));
	assert_int_equal(sscanf(why.text, "no write to the database for %u s", &silent_s), 1);
	assert_in_range(silent_s, 151, 200); /* time passes by itself, too */
	api_upkeep_now(t.api);
	assert_true(api_ready(t.api, &why));

	vfs_fail(vfs, &(struct vfs_failure){ .calls = VFS_WRITE,
			  .nth = 1,
			  .code = SQLITE_IOERR_WRITE,
			  .system_errno = EROFS,
			  .lasting = true });
	api_upkeep_now(t.api);
	assert_false(api_ready(t.api, &why));
	vfs_mend(vfs);
	api_upkeep_now(t.api);
	assert_true(api_ready(t.api, &why));
	test_api_end(&t);
	vfs_end(vfs);
}

static void
upkeep_lets_things_end(void **state)
{
	struct test_api t;
	struct tenant anna;
	char flock[17], device[9];
	struct got a;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	tenant_join(&t, flock, device);
	got_free(expect(&t, 200, "POST", "/v1/account/extend", anna.token, NULL));
	test_api_pass(t.settings.join_s + 1);
	api_upkeep_now(t.api);
	assert_int_equal(counts_read(&api_counts(t.api)->upkeep_ended), 1);
	assert_true(counts_read(&api_counts(t.api)->checkpoints) > 0);
	a = expect(&t, 200, "GET", path_of("/v1/flocks/%s/devices", flock), anna.token, NULL);
	assert_int_equal(json_array_size(json_object_get(a.json, "devices")), 0);
	got_free(a);
	test_api_end(&t);
}

/* A machine that wakes up with a wrong date has all its accounts when it is put right. */
static void
a_leap_of_the_clock_deletes_nothing(void **state)
{
	const uint64_t leap_s = 400 * 86400;
	struct test_api t;
	struct tenant anna;
	char flock[17];

	(void)state;
	test_api_prepare(&t);
	t.options.upkeep_every_s = 60;
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	api_upkeep_now(t.api);
	test_api_pass(leap_s);
	api_upkeep_now(t.api);
	api_upkeep_now(t.api);
	got_free(expect(&t, 401, "GET", "/v1/account", anna.token, NULL));
	test_api_pass(-leap_s);
	api_upkeep_now(t.api);
	got_free(expect(&t, 200, "GET", path_of("/v1/flocks/%s/devices", flock), anna.token, NULL));
	test_api_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expired_account_can_only_be_extended_or_deleted),
		cmocka_unit_test(a_suspended_account_can_do_nothing),
		cmocka_unit_test(a_token_may_do_what_its_scope_says),
		cmocka_unit_test(bodies_are_what_the_route_takes),
		cmocka_unit_test(sources_have_limits),
		cmocka_unit_test(all_requests_together_have_a_limit_too),
		cmocka_unit_test(a_queue_that_is_full_is_said_at_once),
		cmocka_unit_test(who_drains_takes_nothing_new),
		cmocka_unit_test(reading_is_not_writing),
		cmocka_unit_test(a_day_that_cannot_be_noted_is_tried_once_an_hour),
		cmocka_unit_test(a_disk_that_fails_is_survived),
		cmocka_unit_test(a_quiet_service_shows_that_it_can_write),
		cmocka_unit_test(upkeep_lets_things_end),
		cmocka_unit_test(a_leap_of_the_clock_deletes_nothing),
	};

	log_set_level(0); /* what fails here is meant to */
	return cmocka_run_group_tests_name("api_service", tests, NULL, NULL);
}

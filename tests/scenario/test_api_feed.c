/* SPDX-License-Identifier: ISC */
/* Cathedrals that wait for what changes: who wakes them, when, and what ends their waiting. */
#include "base/log.h"
#include "tests/support/fleet.h"
#include "tests/support/throng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CROWD 100

struct vigil {
	struct test_api t;
	struct tenant anna;
	char flock[17], device[9]; /* which waits to be approved */
	char token[33];            /* of a cathedral */
	uint64_t known;
	struct http_client c;
};

static void
field(const char *token, char out[static 64])
{
	snprintf(out, 64, "x-token: %s\r\n", token);
}

static struct got
feed(struct vigil *v, const char *path)
{
	return ask(&v->t, &(struct ask){ .method = "GET", .path = path, .token = v->token });
}

static uint64_t
until(const struct got *a)
{
	return (uint64_t)json_integer_value(json_object_get(a->json, "until"));
}

static int
begin(void **state)
{
	static struct vigil v;
	struct got a;

	memset(&v, 0, sizeof(v));
	test_api_prepare(&v.t);
	v.t.server_options.connections_per_source = 0;
	test_api_start(&v.t);
	tenant_make(&v.t, &v.anna);
	tenant_flock(&v.t, &v.anna, v.flock);
	tenant_join(&v.t, v.flock, v.device);
	fleet_add(&v.t, "vesper", 1, v.token);
	a = feed(&v, "/v1/cathedral/feed");
	assert_int_equal(a.status, 200);
	v.known = until(&a);
	got_free(a);
	*state = &v;
	return 0;
}

static int
end(void **state)
{
	struct vigil *v = *state;

	test_api_end(&v->t);
	return 0;
}

static uint64_t
waiting(struct vigil *v)
{
	return counts_read(&api_counts(v->t.api)->waiting);
}

/* Until so many wait. */
static void
wait_for_waiters(struct vigil *v, uint64_t count)
{
	static const struct timespec step = { .tv_nsec = 1000000 };

	for (int i = 0; i < 10000 && waiting(v) != count; i++)
		nanosleep(&step, NULL);
	assert_int_equal(waiting(v), count);
}

/* Asks for what comes next, and waits. */
static void
listen_up(struct vigil *v)
{
	const char *path =
	    path_of("/v1/cathedral/feed?since=%llu&wait=50", (unsigned long long)v->known);
	char head[64];

	field(v->token, head);
	assert_true(http_open(&v->c, &v->t.at));
	assert_true(http_send_request(
	    &v->c, &(struct http_request){ .method = "GET", .path = path, .fields = head }));
	wait_for_waiters(v, 1);
}

/* What came; the caller frees it. */
static struct http_answer
heard(struct vigil *v)
{
	struct http_answer a;

	assert_true(http_read(&v->c, &a, HTTP_PATIENCE_MS));
	http_close(&v->c);
	assert_int_equal(waiting(v), 0);
	return a;
}

static void
expect_heard(struct vigil *v, const char *part)
{
	struct http_answer a = heard(v);

	assert_int_equal(a.status, 200);
	if (strstr(a.body, part) == NULL)
		fail_msg("%s is not in %s", part, a.body);
	http_answer_free(&a);
}

static void
a_commit_wakes_who_waits(void **state)
{
	struct vigil *v = *state;

	listen_up(v);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
}

/* What changes nothing that cathedrals know, does not. */
static void
other_commits_wake_nobody(void **state)
{
	struct vigil *v = *state;

	listen_up(v);
	got_free(expect(&v->t, 201, "POST", "/v1/flocks", v->anna.token, NULL));
	got_free(expect(&v->t, 201, "POST", "/v1/tokens", v->anna.token, "{\"scope\": \"read\"}"));
	got_free(expect(
	    &v->t, 200, "POST", "/v1/cathedral/heartbeat", v->token, "{\"version\": \"1\"}"));
	assert_true(http_silent(&v->c, 600));
	assert_int_equal(waiting(v), 1);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
}

static void
so_does_another_process(void **state)
{
	struct vigil *v = *state;
	char token[33];

	listen_up(v);
	fleet_add(&v->t, "matins", 2, token);
	expect_heard(v, "\"matins\"");
}

static void
time_runs_out(void **state)
{
	struct vigil *v = *state;

	listen_up(v);
	test_api_pass(49);
	assert_true(http_silent(&v->c, 600));
	test_api_pass(1);
	expect_heard(v, "\"flocks\":[]");
}

static void
a_cathedral_that_is_removed_hears_no_more(void **state)
{
	struct vigil *v = *state;
	struct http_answer a;

	listen_up(v);
	fleet_remove(&v->t, "vesper");
	a = heard(v);
	assert_int_equal(a.status, 401);
	http_answer_free(&a);
}

static void
draining_ends_all_waiting(void **state)
{
	struct vigil *v = *state;

	listen_up(v);
	api_drain(v->t.api);
	expect_heard(v, "\"flocks\":[]");
}

/* All hear the same, and nobody is forgotten. */
static void
one_change_wakes_a_hundred(void **state)
{
	struct vigil *v = *state;
	static struct http_client clients[CROWD];
	const char *path =
	    path_of("/v1/cathedral/feed?since=%llu&wait=50", (unsigned long long)v->known);
	char head[64];

	field(v->token, head);
	for (size_t i = 0; i < CROWD; i++) {
		assert_true(http_open(&clients[i], &v->t.at));
		assert_true(http_send_request(&clients[i],
		    &(struct http_request){ .method = "GET", .path = path, .fields = head }));
	}
	wait_for_waiters(v, CROWD);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	for (size_t i = 0; i < CROWD; i++) {
		struct http_answer a;

		assert_true(http_read(&clients[i], &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.body, v->device));
		http_answer_free(&a);
		http_close(&clients[i]);
	}
	assert_int_equal(waiting(v), 0);
}

#define CHANGES   40
#define LISTENERS 8

struct race {
	struct vigil *v;
	char devices[CHANGES][9];
	size_t heard[LISTENERS + 1]; /* devices, at last */
};

static void
approve_all(struct race *r, struct http_client *c)
{
	struct ask a = { .method = "POST", .token = r->v->anna.token };
	char path[80];
	struct got got;

	a.path = path;
	for (int i = 0; i < CHANGES; i++) {
		snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s/approve", r->v->flock,
		    r->devices[i]);
		if (!ask_on(c, &a, &got))
			return;
		got_free(got);
	}
}

/* Goes on from page to page until it has heard of all devices; false when something is missed. */
static bool
hear_one(struct race *r, struct http_client *c, uint64_t *since, size_t *devices)
{
	struct ask a = { .method = "GET", .token = r->v->token };
	struct got got;
	char path[80];
	json_t *flock;

	snprintf(path, sizeof(path), "/v1/cathedral/feed?since=%llu&wait=50",
	    (unsigned long long)*since);
	a.path = path;
	if (!ask_on(c, &a, &got))
		return false;
	flock = json_array_get(json_object_get(got.json, "flocks"), 0);
	*since = until(&got);
	if (flock != NULL)
		*devices = json_array_size(json_object_get(flock, "devices"));
	got_free(got);
	return flock != NULL;
}

static void
change_or_listen(void *arg, struct http_client *c, unsigned n)
{
	struct race *r = arg;
	uint64_t since = r->v->known;

	if (c->fd == -1)
		return;
	if (n == 0)
		approve_all(r, c);
	while (n > 0 && r->heard[n] < CHANGES && hear_one(r, c, &since, &r->heard[n]))
		continue;
}

/* However commits and questions meet: who goes on from where he was misses nothing. */
static void
nothing_is_missed(void **state)
{
	struct race r = { .v = *state };

	for (int i = 0; i < CHANGES; i++)
		tenant_join(&r.v->t, r.v->flock, r.devices[i]);
	assert_true(throng(&r.v->t, LISTENERS + 1, change_or_listen, &r));
	for (int n = 1; n <= LISTENERS; n++)
		assert_int_equal(r.heard[n], CHANGES);
	assert_int_equal(waiting(r.v), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit_wakes_who_waits, begin, end),
		cmocka_unit_test_setup_teardown(other_commits_wake_nobody, begin, end),
		cmocka_unit_test_setup_teardown(so_does_another_process, begin, end),
		cmocka_unit_test_setup_teardown(time_runs_out, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_cathedral_that_is_removed_hears_no_more, begin, end),
		cmocka_unit_test_setup_teardown(draining_ends_all_waiting, begin, end),
		cmocka_unit_test_setup_teardown(one_change_wakes_a_hundred, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_missed, begin, end),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

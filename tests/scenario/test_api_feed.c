/* SPDX-License-Identifier: ISC */
/* Cathedrals that wait for what changes: who wakes them, when, and what ends their waiting. */
#include "base/log.h"
#include "reliquary-api/service/waiting.h"
#include "tests/support/bundles.h"
#include "tests/support/captured.h"
#include "tests/support/fleet.h"
#include "tests/support/throng.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FLEET 50
#define CROWD (2 * FLEET)

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
	v.t.server_options.clock = test_api_clock;
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

/* Asks for what comes next, with a cathedral's token. */
static void
ask_for_news(struct vigil *v, struct http_client *c, const char *method, const char *token)
{
	const char *path =
	    path_of("/v1/cathedral/feed?since=%llu&wait=50", (unsigned long long)v->known);
	char head[64];

	field(token, head);
	assert_true(http_send_request(
	    c, &(struct http_request){ .method = method, .path = path, .fields = head }));
}

/* On a connection of its own, and waits. */
static void
listen_up(struct vigil *v)
{
	assert_true(http_open(&v->c, &v->t.at));
	ask_for_news(v, &v->c, "GET", v->token);
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

/* ---- many ---- */

static struct http_client clients[CROWD];

/* Two requests of each of the fleet wait. */
static void
gather(struct vigil *v)
{
	char tokens[FLEET][33], name[32];
	struct got a;

	for (unsigned i = 0; i < FLEET; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		fleet_add(&v->t, name, 10 + i, tokens[i]);
	}
	a = feed(v, "/v1/cathedral/feed");
	v->known = until(&a);
	got_free(a);
	for (size_t i = 0; i < CROWD; i++) {
		assert_true(http_open(&clients[i], &v->t.at));
		ask_for_news(v, &clients[i], "GET", tokens[i % FLEET]);
	}
	wait_for_waiters(v, CROWD);
}

static void
expect_all_heard(struct vigil *v, const char *part)
{
	for (size_t i = 0; i < CROWD; i++) {
		struct http_answer a;

		assert_true(http_read(&clients[i], &a, HTTP_PATIENCE_MS));
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.body, part));
		http_answer_free(&a);
		http_close(&clients[i]);
	}
	assert_int_equal(waiting(v), 0);
}

/* All hear the same, and nobody is forgotten. */
static void
one_change_wakes_a_hundred(void **state)
{
	struct vigil *v = *state;

	gather(v);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_all_heard(v, v->device);
}

static void
draining_ends_all_waiting(void **state)
{
	struct vigil *v = *state;

	gather(v);
	api_drain(v->t.api);
	expect_all_heard(v, "\"flocks\":[]");
}

/* Of one cathedral only some wait: who asks once more has given up what it asked first. */
static void
a_fifth_request_ends_the_first(void **state)
{
	struct vigil *v = *state;
	struct http_client c[WAITING_EACH + 1];
	struct http_answer a;
	char token[33];

	fleet_add(&v->t, "matins", 2, token);
	v->known++;
	for (unsigned i = 0; i <= WAITING_EACH; i++) {
		assert_true(http_open(&c[i], &v->t.at));
		ask_for_news(v, &c[i], "GET", v->token);
		wait_for_waiters(v, i < WAITING_EACH ? i + 1 : WAITING_EACH);
	}
	assert_true(http_read(&c[0], &a, HTTP_PATIENCE_MS));
	assert_non_null(strstr(a.body, "\"flocks\":[]"));
	http_answer_free(&a);

	/* Which is nobody else's business. */
	assert_true(http_open(&v->c, &v->t.at));
	ask_for_news(v, &v->c, "GET", token);
	wait_for_waiters(v, WAITING_EACH + 1);
	assert_true(http_silent(&c[1], 300));
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
	for (unsigned i = 0; i <= WAITING_EACH; i++)
		http_close(&c[i]);
}

static void
remove_bundles(const struct test_api *t)
{
	DIR *folder = opendir(t->bundles);
	const struct dirent *e;

	assert_non_null(folder);
	while ((e = readdir(folder)) != NULL) {
		if (e->d_type == DT_REG)
			assert_int_equal(unlinkat(dirfd(folder), e->d_name, 0), 0);
	}
	closedir(folder);
}

/* ---- clients that do otherwise ---- */

static void
who_went_away_harms_nobody(void **state)
{
	struct vigil *v = *state;
	struct http_client gone;

	listen_up(v);
	gone = v->c;
	assert_true(http_open(&v->c, &v->t.at));
	ask_for_news(v, &v->c, "GET", v->token);
	wait_for_waiters(v, 2);
	http_close(&gone);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
}

static void
what_is_asked_meanwhile_is_answered_afterwards(void **state)
{
	struct vigil *v = *state;
	struct http_answer a;

	listen_up(v);
	ask_for_news(v, &v->c, "GET", "0123456789abcdef0123456789abcdef");
	assert_true(http_silent(&v->c, 300));
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	assert_true(http_read(&v->c, &a, HTTP_PATIENCE_MS));
	assert_non_null(strstr(a.body, v->device));
	http_answer_free(&a);
	a = heard(v);
	assert_int_equal(a.status, 401);
	http_answer_free(&a);
}

static void
a_head_waits_as_well(void **state)
{
	struct vigil *v = *state;
	struct http_answer a;

	assert_true(http_open(&v->c, &v->t.at));
	ask_for_news(v, &v->c, "HEAD", v->token);
	wait_for_waiters(v, 1);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	assert_true(http_read_head(&v->c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	assert_true(http_silent(&v->c, 100));
	http_close(&v->c);
}

/* A cathedral hears of all else, and at once. */
static void
a_lost_bundle_is_told_as_none(void **state)
{
	struct vigil *v = *state;
	struct flock_id flock;
	struct made_bundle own;
	struct got a;
	json_t *ambry;

	flock.value = strtoull(v->flock, NULL, 16);
	own = bundle_make(flock, flock, 7, test_api_clock().wall_s, 31);
	a = ask(&v->t, &(struct ask){ .method = "PUT",
			   .path = path_of("/v1/flocks/%s/ambry", v->flock),
			   .token = v->anna.token,
			   .body = own.bytes,
			   .body_len = own.len });
	assert_int_equal(a.status, 200);
	got_free(a);
	free(own.bytes);
	remove_bundles(&v->t);
	a = feed(v, "/v1/cathedral/feed");
	assert_int_equal(a.status, 200);
	ambry = json_object_get(json_array_get(json_object_get(a.json, "flocks"), 0), "ambry");
	assert_true(json_is_null(ambry));
	got_free(a);
}

/* ---- what is said about it ---- */

/* Until so many requests were answered: that is noted after their answers. */
static void
wait_for_answers(struct vigil *v, uint64_t count)
{
	static const struct timespec step = { .tv_nsec = 1000000 };
	const struct counts *c = api_counts(v->t.api);

	for (int i = 0; i < 5000 && counts_read(&c->status[2]) != count; i++)
		nanosleep(&step, NULL);
	assert_int_equal(counts_read(&c->status[2]), count);
}

/* To wait is no work: the time that requests take stays what it was. */
static void
waiting_is_not_counted_as_work(void **state)
{
	struct vigil *v = *state;
	const struct counts *c = api_counts(v->t.api);

	wait_for_answers(v, 4); /* all that begin() asked */
	listen_up(v);
	test_api_pass(40);
	assert_true(http_silent(&v->c, 300));
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
	wait_for_answers(v, 6);
	assert_true(counts_read(&c->duration_ns) < 10 * NS_PER_S);
	assert_int_equal(counts_read(&c->duration[COUNTS_BUCKETS]), 0);
}

static void
the_log_says_how_long_it_was(void **state)
{
	struct vigil *v = *state;
	unsigned long long ms, waited_ms;
	bool found = false;
	struct captured c;
	const char *line;
	char *text;

	captured_begin(&c);
	log_set_level(LOG_LEVEL_INFO);
	listen_up(v);
	test_api_pass(40);
	tenant_approve(&v->t, &v->anna, v->flock, v->device);
	expect_heard(v, v->device);
	test_api_stop(&v->t);
	log_set_level(LOG_LEVEL_ERROR);
	text = captured_text(&c);
	captured_end(&c);
	for (line = text; !found && line != NULL; line = strchr(line + 1, '\n'))
		found = sscanf(line + (line != text),
			    "<6>request method=GET route=/v1/cathedral/feed status=200 "
			    "ms=%llu.%*u in=0 out=%*u waited_ms=%llu\n",
			    &ms, &waited_ms) == 2;
	free(text);
	assert_true(found);
	assert_in_range(ms, 0, 9999);
	assert_in_range(waited_ms, 40000, 49999);
}

/* ---- races ---- */

#define CHANGES   40
#define LISTENERS (2 * WAITING_EACH) /* of two cathedrals */

struct race {
	struct vigil *v;
	char other[33]; /* a token */
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
hear_one(struct http_client *c, const char *token, uint64_t *since, size_t *devices)
{
	struct ask a = { .method = "GET", .token = token };
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
	const char *token = n % 2 == 0 ? r->v->token : r->other;
	uint64_t since = r->v->known;

	if (c->fd == -1)
		return;
	if (n == 0)
		approve_all(r, c);
	while (n > 0 && r->heard[n] < CHANGES && hear_one(c, token, &since, &r->heard[n]))
		continue;
}

/* However commits and questions meet: who goes on from where he was misses nothing. */
static void
nothing_is_missed(void **state)
{
	struct race r = { .v = *state };

	fleet_add(&r.v->t, "matins", 2, r.other);
	r.v->known++;
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
		cmocka_unit_test_setup_teardown(one_change_wakes_a_hundred, begin, end),
		cmocka_unit_test_setup_teardown(draining_ends_all_waiting, begin, end),
		cmocka_unit_test_setup_teardown(a_fifth_request_ends_the_first, begin, end),
		cmocka_unit_test_setup_teardown(who_went_away_harms_nobody, begin, end),
		cmocka_unit_test_setup_teardown(
		    what_is_asked_meanwhile_is_answered_afterwards, begin, end),
		cmocka_unit_test_setup_teardown(a_head_waits_as_well, begin, end),
		cmocka_unit_test_setup_teardown(a_lost_bundle_is_told_as_none, begin, end),
		cmocka_unit_test_setup_teardown(waiting_is_not_counted_as_work, begin, end),
		cmocka_unit_test_setup_teardown(the_log_says_how_long_it_was, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_missed, begin, end),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

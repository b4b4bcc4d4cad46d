/* SPDX-License-Identifier: ISC */
/* Bundles over HTTP: what is answered is on disk, and what is not wanted is never sent. */
#include "base/hex.h"
#include "base/log.h"
#include "protocol/wire/bundle.h"
#include "reliquary-api/store/flocks.h"
#include "tests/support/api.h"
#include "tests/support/bundles.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_S      3600
#define PATIENCE_MS 5000

static struct flock_id
flock_of(const char *text)
{
	struct flock_id id = { 0 };

	assert_true(hex_u64(&id.value, text, UINT64_MAX));
	return id;
}

static struct got
upload(const struct test_api *t, const struct tenant *who, const char *path,
    const struct made_bundle *m)
{
	return ask(t, &(struct ask){ .method = "PUT",
			  .path = path,
			  .token = who->token,
			  .body = m->bytes,
			  .body_len = m->len });
}

struct scene {
	struct test_api t;
	struct tenant anna;
	char flock[17];
	struct made_bundle bundle; /* of the flock, generation 1, for 30 days */
};

static void
scene_begin(struct scene *s)
{
	test_api_prepare(&s->t);
	test_api_start(&s->t);
	tenant_make(&s->t, &s->anna);
	tenant_flock(&s->t, &s->anna, s->flock);
	s->bundle =
	    bundle_make(flock_of(s->flock), flock_of(s->flock), 1, test_api_clock().wall_s, 30);
}

static void
scene_end(struct scene *s)
{
	free(s->bundle.bytes);
	test_api_end(&s->t);
}

static const char *
ambry_path(const struct scene *s)
{
	return path_of("/v1/flocks/%s/ambry", s->flock);
}

/* Within a moment, whenever the next round of upkeep is due. */
static bool
files_went(const struct scene *s, uint64_t count)
{
	for (int n = 0; n < PATIENCE_MS; n++) {
		if (counts_read(&api_counts(s->t.api)->upkeep_files) == count)
			return true;
		usleep(1000);
	}
	return false;
}

static void
a_bundle_is_kept_until_the_next_one(void **state)
{
	struct scene s;
	struct got a;
	const json_t *ambry;

	(void)state;
	scene_begin(&s);
	a = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
	assert_int_equal(a.status, 200);
	assert_string_equal(got_text(&a, "generation"), "0x00000001");
	assert_int_equal(json_integer_value(json_object_get(a.json, "tunnels")), 32385);
	got_free(a);
	test_api_has_bundles(&s.t, 1);

	a = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
	assert_int_equal(a.status, 409);
	assert_true(got_is_problem(&a, "conflict"));
	got_free(a);
	test_api_has_bundles(&s.t, 1);

	/* By the older path; who uploads without end must not fill the disk meanwhile. */
	bundle_renumber(&s.bundle, 2);
	a = ask(&s.t, &(struct ask){ .method = "POST",
			  .path = path_of("/v1/ambry/%s", s.flock),
			  .token = s.anna.token,
			  .body = s.bundle.bytes,
			  .body_len = s.bundle.len });
	assert_int_equal(a.status, 200);
	got_free(a);
	assert_true(files_went(&s, 1));
	test_api_has_bundles(&s.t, 1);
	assert_int_equal(counts_read(&api_counts(s.t.api)->uploads), 2);

	a = expect(&s.t, 200, "GET", "/v1/flocks", s.anna.token, NULL);
	ambry = json_object_get(json_array_get(json_object_get(a.json, "flocks"), 0), "ambry");
	assert_string_equal(json_string_value(json_object_get(ambry, "generation")), "0x00000002");
	got_free(a);

	got_free(
	    expect(&s.t, 204, "DELETE", path_of("/v1/flocks/%s", s.flock), s.anna.token, NULL));
	api_upkeep_now(s.t.api);
	test_api_has_bundles(&s.t, 0);
	scene_end(&s);
}

/* The older path is a POST: it may bear a key, and then a second one is no conflict. */
static void
an_upload_that_comes_again_is_answered_again(void **state)
{
	struct scene s;
	struct got first, again;
	struct ask a;

	(void)state;
	scene_begin(&s);
	a = (struct ask){ .method = "POST",
		.path = path_of("/v1/ambry/%s", s.flock),
		.token = s.anna.token,
		.body = s.bundle.bytes,
		.body_len = s.bundle.len,
		.repeat = "0123456789abcdef" };
	first = ask(&s.t, &a);
	assert_int_equal(first.status, 200);
	again = ask(&s.t, &a);
	assert_int_equal(again.status, 200);
	assert_string_equal(again.body, first.body);
	assert_string_equal(got_field(&again, "Idempotency-Replayed"), "true");
	got_free(first);
	got_free(again);
	test_api_has_bundles(&s.t, 1);

	bundle_renumber(&s.bundle, 2);
	again = ask(&s.t, &a);
	assert_int_equal(again.status, 409);
	assert_true(got_is_problem(&again, "repeat-mismatch"));
	got_free(again);
	test_api_has_bundles(&s.t, 1);
	assert_int_equal(counts_read(&api_counts(s.t.api)->uploads), 1);
	assert_int_equal(counts_read(&api_counts(s.t.api)->uploads_refused), 1);
	scene_end(&s);
}

static void
a_wrong_bundle_leaves_nothing(void **state)
{
	static const struct {
		const char *why;
		size_t at; /* of the byte that is wrong */
		const char *says;
	} cases[] = {
		{ "another flock", BUNDLE_HEAD_SIZE, "flock" },
		{ "another tunnel", BUNDLE_HEAD_SIZE + 9, "" },
		{ "the last entry's tunnel", BUNDLE_ONE_FLOCK_SIZE - BUNDLE_ENTRY_SIZE + 9, "" },
		{ "ended long ago", 0, "ended at" },
	};
	struct scene s;
	struct got a;

	(void)state;
	scene_begin(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t right = s.bundle.bytes[cases[i].at];

		s.bundle.bytes[cases[i].at] = cases[i].at == 0 ? 0 : (uint8_t)(right ^ 0x40);
		a = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
		s.bundle.bytes[cases[i].at] = right;
		if (a.status != 400 || !got_is_problem(&a, "bundle") ||
		    strstr(a.body, cases[i].says) == NULL)
			fail_msg("%s: %u %s", cases[i].why, a.status, a.body);
		got_free(a);
		test_api_has_bundles(&s.t, 0);
	}
	assert_int_equal(counts_read(&api_counts(s.t.api)->uploads), 0);
	scene_end(&s);
}

/* Only the head, with Expect: 100-continue: the answer comes before a byte of the body is sent. */
static void
refused_at_the_head(
    const struct scene *s, unsigned status, const char *kind, const char *path, const char *fields)
{
	struct http_client c;
	struct http_answer a = { 0 };
	char word[64];

	snprintf(word, sizeof(word), "urn:reliquary:problem:%s\"", kind);
	assert_true(http_open(&c, &s->t.at));
	assert_true(http_print(
	    &c, "PUT %s HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\n%s\r\n", path, fields));
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	if (a.status != status || strstr(a.body, word) == NULL)
		fail_msg("%s %s: %u %s", path, fields, a.status, a.body);
	http_answer_free(&a);
	http_close(&c);
}

#define LENGTH "Content-Length: 3756730\r\n"

static void
what_is_refused_is_not_sent(void **state)
{
	struct scene s;
	struct tenant bert;
	char own[64], bert_s[64], read_only[64], path[64], token[33];
	char text[256];

	(void)state;
	scene_begin(&s);
	tenant_make(&s.t, &bert);
	tenant_token(&s.t, &s.anna, "read", token);
	snprintf(own, sizeof(own), "x-token: %s\r\n", s.anna.token);
	snprintf(bert_s, sizeof(bert_s), "x-token: %s\r\n", bert.token);
	snprintf(read_only, sizeof(read_only), "x-token: %s\r\n", token);
	snprintf(path, sizeof(path), "%s", ambry_path(&s));

	refused_at_the_head(&s, 401, "token", path, LENGTH);
	snprintf(text, sizeof(text), LENGTH "%s", bert_s);
	refused_at_the_head(&s, 404, "not-found", path, text);
	refused_at_the_head(&s, 404, "not-found", "/v1/flocks/6442a01510d91a00/ambry", text);
	snprintf(text, sizeof(text), LENGTH "%s", read_only);
	refused_at_the_head(&s, 403, "scope", path, text);
	snprintf(text, sizeof(text), "Content-Length: 7542970\r\n%s", own);
	refused_at_the_head(&s, 413, "too-large", path, text);
	snprintf(text, sizeof(text), "Content-Length: 3756729\r\n%s", own);
	refused_at_the_head(&s, 400, "bundle", path, text);
	snprintf(text, sizeof(text), "Transfer-Encoding: chunked\r\n%s", own);
	refused_at_the_head(&s, 411, "length", path, text);

	test_api_has_bundles(&s.t, 0);
	assert_int_equal(counts_read(&api_counts(s.t.api)->upload_bytes), 0);
	scene_end(&s);
}

/* Sends a head and waits to be asked for the body. */
static bool
upload_opens(const struct scene *s, const struct tenant *who, const char *path,
    struct http_client *c, struct http_answer *a)
{
	*a = (struct http_answer){ 0 };
	return http_open(c, &s->t.at) &&
	       http_print(c,
		   "PUT %s HTTP/1.1\r\nHost: here\r\nx-token: %s\r\nExpect: 100-continue\r\n" LENGTH
		   "\r\n",
		   path, who->token) &&
	       http_read(c, a, HTTP_PATIENCE_MS);
}

static void
one_account_does_not_take_all_places(void **state)
{
	struct http_client c[4];
	struct http_answer a;
	struct tenant bert;
	struct scene s;
	char flock[17];
	struct got whole;

	(void)state;
	scene_begin(&s);
	tenant_make(&s.t, &bert);
	tenant_flock(&s.t, &bert, flock);
	for (int n = 0; n < 4; n++) { /* a quarter of 16 */
		assert_true(upload_opens(&s, &s.anna, ambry_path(&s), &c[n], &a));
		assert_int_equal(a.status, 100);
		http_answer_free(&a);
	}
	whole = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
	assert_int_equal(whole.status, 503);
	assert_true(got_is_problem(&whole, "busy"));
	assert_non_null(got_field(&whole, "Retry-After"));
	got_free(whole);

	/* Others do not notice; and who goes away makes room. */
	http_close(&c[0]);
	assert_true(upload_opens(&s, &bert, path_of("/v1/flocks/%s/ambry", flock), &c[0], &a));
	assert_int_equal(a.status, 100);
	http_answer_free(&a);
	for (int n = 0; n < 4; n++)
		http_close(&c[n]);
	for (int tries = 0;; tries++) {
		whole = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
		if (whole.status == 200)
			break;
		assert_true(tries < 100);
		got_free(whole);
		usleep(20000);
	}
	got_free(whole);
	test_api_has_bundles(&s.t, 1);
	scene_end(&s);
}

static void
without_room_on_the_disk_none_is_taken(void **state)
{
	struct scene s;
	struct fault why;
	struct got a;

	(void)state;
	scene_begin(&s);
	test_api_stop(&s.t);
	s.t.options.disk_free_min = UINT64_MAX / 2;
	test_api_start(&s.t);
	a = upload(&s.t, &s.anna, ambry_path(&s), &s.bundle);
	assert_int_equal(a.status, 503);
	assert_true(got_is_problem(&a, "no-space"));
	assert_non_null(got_field(&a, "Retry-After"));
	got_free(a);
	assert_false(api_ready(s.t.api, &why));
	assert_non_null(strstr(why.text, "MiB are left on the disk"));
	scene_end(&s);
}

static void
file_make(const char *folder, const char *name, int64_t age_s)
{
	struct timespec times[2] = { { .tv_sec = (time_t)(test_api_clock().wall_s - age_s) } };
	char path[512];
	int fd;

	times[1] = times[0];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static bool
file_there(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

/* What a crash left between a file and its row; and what only looks like it. */
static void
files_of_nobody_go_after_an_hour(void **state)
{
	static const struct {
		const char *name;
		int64_t age_s;
		bool stays;
	} cases[] = {
		{ "0123456789abcdef0123456789abcdef", HOUR_S + 60, false },
		{ "0123456789abcdef0123456789abcde0", HOUR_S - 60, true },
		{ "0123456789abcdef0123456789abcde", 2 * HOUR_S, true },
		{ "README", 2 * HOUR_S, true },
	};
	struct scene s;

	(void)state;
	scene_begin(&s);
	got_free(upload(&s.t, &s.anna, ambry_path(&s), &s.bundle));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		file_make(s.t.bundles, cases[i].name, cases[i].age_s);
	api_upkeep_now(s.t.api);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (file_there(s.t.bundles, cases[i].name) != cases[i].stays)
			fail_msg("%s", cases[i].name);
	}
	test_api_has_bundles(&s.t, 2);

	/* However old: what a row owns stays. */
	test_api_pass(2 * HOUR_S);
	api_upkeep_now(s.t.api);
	test_api_has_bundles(&s.t, 1);
	assert_false(file_there(s.t.bundles, cases[1].name));
	scene_end(&s);
}

static void
a_pair_of_flocks_has_its_own(void **state)
{
	struct made_bundle pair;
	struct tenant bert;
	struct scene s;
	char other[17], path[96];
	struct got a;

	(void)state;
	scene_begin(&s);
	tenant_make(&s.t, &bert);
	tenant_flock(&s.t, &bert, other);
	pair = bundle_make(flock_of(s.flock), flock_of(other), 7, test_api_clock().wall_s, 30);
	snprintf(path, sizeof(path), "/v1/flocks/%s/xflocks/%s", s.flock, other);
	got_free(expect(&s.t, 200, "PUT", path, s.anna.token, NULL));

	strcat(path, "/ambry");
	a = upload(&s.t, &s.anna, path, &pair);
	assert_int_equal(a.status, 409);
	got_free(a);
	assert_int_equal(counts_read(&api_counts(s.t.api)->upload_bytes), 0);

	got_free(expect(&s.t, 200, "PUT", path_of("/v1/flocks/%s/xflocks/%s", other, s.flock),
	    bert.token, NULL));
	a = upload(&s.t, &s.anna, path, &pair);
	if (a.status != 200)
		fail_msg("%u %s", a.status, a.body);
	got_free(a);
	/* The other owner's turn: the same bundle is the one that is there already. */
	a = upload(&s.t, &bert, path_of("/v1/flocks/%s/xflocks/%s/ambry", other, s.flock), &pair);
	assert_int_equal(a.status, 409);
	got_free(a);
	test_api_has_bundles(&s.t, 1);
	free(pair.bytes);
	scene_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_is_kept_until_the_next_one),
		cmocka_unit_test(an_upload_that_comes_again_is_answered_again),
		cmocka_unit_test(a_wrong_bundle_leaves_nothing),
		cmocka_unit_test(what_is_refused_is_not_sent),
		cmocka_unit_test(one_account_does_not_take_all_places),
		cmocka_unit_test(without_room_on_the_disk_none_is_taken),
		cmocka_unit_test(files_of_nobody_go_after_an_hour),
		cmocka_unit_test(a_pair_of_flocks_has_its_own),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_upload", tests, NULL, NULL);
}

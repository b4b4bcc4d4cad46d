/* SPDX-License-Identifier: ISC */
/* Idempotency-Key: a request that comes again is answered as before, and does nothing. */
#include "base/log.h"
#include "tests/support/api.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY       "0123456789abcdef"
#define OTHER_KEY "0123456789abcdeX"
#define LONG_KEY  KEY KEY

static struct got
create(const struct test_api *t, const char *token, const char *json, const char *key)
{
	return ask(t, &(struct ask){ .method = "POST",
			  .path = "/v1/flocks",
			  .token = token,
			  .json = json,
			  .repeat = key });
}

static unsigned
flocks_of(const struct test_api *t, const struct tenant *who)
{
	struct got a = expect(t, 200, "GET", "/v1/flocks", who->token, NULL);
	unsigned count = (unsigned)json_array_size(json_object_get(a.json, "flocks"));

	got_free(a);
	return count;
}

static void
the_first_answer_comes_again(void **state)
{
	struct test_api t;
	struct tenant anna;
	struct got first, again;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	first = create(&t, anna.token, "{\"label\": \"home\"}", KEY);
	assert_int_equal(first.status, 201);
	assert_null(got_field(&first, "Idempotency-Replayed"));
	again = create(&t, anna.token, "{\"label\": \"home\"}", KEY);
	assert_int_equal(again.status, 201);
	assert_string_equal(got_field(&again, "Idempotency-Replayed"), "true");
	assert_string_equal(got_field(&again, "Content-Type"), "application/json");
	assert_string_equal(again.body, first.body);
	assert_int_equal(flocks_of(&t, &anna), 1);
	assert_int_equal(counts_read(&api_counts(t.api)->repeats), 1);
	got_free(again);

	/* Over a new start, too; but not for ever. */
	test_api_stop(&t);
	test_api_start(&t);
	again = create(&t, anna.token, "{\"label\": \"home\"}", KEY);
	assert_string_equal(again.body, first.body);
	got_free(again);
	got_free(expect(&t, 200, "POST", "/v1/account/extend", anna.token, NULL));
	test_api_pass(t.settings.repeat_s + 1);
	again = create(&t, anna.token, "{\"label\": \"home\"}", KEY);
	assert_int_equal(again.status, 201);
	assert_string_not_equal(again.body, first.body);
	assert_int_equal(flocks_of(&t, &anna), 2);
	got_free(again);
	got_free(first);
	test_api_end(&t);
}

static void
a_line_of_text_comes_again_as_text(void **state)
{
	struct ask a = { .method = "POST", .path = "/v1/flocks", .repeat = KEY, .text = true };
	struct test_api t;
	struct tenant anna;
	struct got first, again;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	a.token = anna.token;
	first = ask(&t, &a);
	again = ask(&t, &a);
	assert_int_equal(first.len, 17);
	assert_string_equal(again.body, first.body);
	assert_string_equal(got_field(&again, "Content-Type"), "text/plain; charset=utf-8");
	got_free(first);
	got_free(again);
	test_api_end(&t);
}

/* Another request, another account, another path: what is another one, and what is not. */
static void
only_the_same_request_is_the_same(void **state)
{
	struct test_api t;
	struct tenant anna, bert;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_make(&t, &bert);
	got_free(create(&t, anna.token, "{\"label\": \"home\"}", KEY));

	a = create(&t, anna.token, "{\"label\": \"away\"}", KEY);
	assert_int_equal(a.status, 409);
	assert_true(got_is_problem(&a, "repeat-mismatch"));
	got_free(a);
	a = create(&t, anna.token, "{\"label\": \"home\"}", OTHER_KEY);
	assert_null(got_field(&a, "Idempotency-Replayed"));
	got_free(a);
	assert_int_equal(flocks_of(&t, &anna), 2);
	a = create(&t, bert.token, "{\"label\": \"home\"}", KEY);
	assert_int_equal(a.status, 201);
	assert_null(got_field(&a, "Idempotency-Replayed"));
	got_free(a);
	assert_int_equal(flocks_of(&t, &bert), 1);
	a = ask(&t, &(struct ask){ .method = "POST",
			.path = "/v1/tokens",
			.token = anna.token,
			.json = "{}",
			.repeat = KEY });
	assert_int_equal(a.status, 201);
	got_free(a);
	test_api_end(&t);
}

static void
what_failed_runs_again(void **state)
{
	struct test_api t;
	struct tenant anna;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	t.settings.account_flocks = 1;
	test_api_start(&t);
	tenant_make(&t, &anna);
	a = create(&t, anna.token, "{\"label\": \"one\"}", OTHER_KEY);
	assert_int_equal(a.status, 201);
	for (int n = 0; n < 2; n++) {
		struct got full = create(&t, anna.token, "{\"label\": \"two\"}", KEY);

		assert_int_equal(full.status, 409);
		assert_true(got_is_problem(&full, "quota"));
		got_free(full);
	}
	got_free(expect(
	    &t, 204, "DELETE", path_of("/v1/flocks/%s", got_text(&a, "id")), anna.token, NULL));
	got_free(a);
	a = create(&t, anna.token, "{\"label\": \"two\"}", KEY);
	assert_int_equal(a.status, 201);
	got_free(a);
	test_api_end(&t);
}

static void
keys_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *path, *key;
		unsigned status;
	} cases[] = {
		{ "/v1/flocks", "0123456789abcde", 400 },
		{ "/v1/flocks", "0123456789 abcdef", 400 },
		{ "/v1/flocks", "0123456789abcdef\xc3\xa4", 400 },
		{ "/v1/flocks", KEY, 201 },
		/* All that stands between the answer and everybody. */
		{ "/v1/register", "0123456789abcdef0123456789abcde", 400 },
		{ "/v1/register", LONG_KEY, 201 },
	};
	char too_long[300];
	struct test_api t;
	struct tenant anna;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = ask(&t, &(struct ask){ .method = "POST",
				.path = cases[i].path,
				.token = anna.token,
				.repeat = cases[i].key });
		if (a.status != cases[i].status)
			fail_msg("%s %s: %u %s", cases[i].path, cases[i].key, a.status, a.body);
		if (a.status == 400)
			assert_non_null(strstr(a.body, "Idempotency-Key has 16 to 255 visible"));
		got_free(a);
	}
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	a = create(&t, anna.token, NULL, too_long);
	assert_int_equal(a.status, 400);
	got_free(a);
	test_api_end(&t);
}

/* A registration that comes again shows the same account key, and makes no second account. */
static void
strangers_have_keys_too(void **state)
{
	const struct ask a = { .method = "POST", .path = "/v1/register", .repeat = LONG_KEY };
	struct test_api t;
	struct got first, again;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	first = ask(&t, &a);
	again = ask(&t, &a);
	assert_string_equal(again.body, first.body);
	assert_string_equal(got_field(&again, "Cache-Control"), "no-store");
	assert_int_equal(counts_read(&api_counts(t.api)->registrations), 1);
	got_free(first);
	got_free(again);
	test_api_end(&t);
}

/* The answer may hold what only the living may see. */
static void
a_token_that_was_revoked_gets_no_first_answer(void **state)
{
	struct test_api t;
	struct tenant anna;
	char token[33];
	struct got a, list;
	const char *id = NULL;
	const json_t *row;
	size_t n;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_token(&t, &anna, "full", token);
	got_free(create(&t, token, NULL, KEY));
	list = expect(&t, 200, "GET", "/v1/tokens", anna.token, NULL);
	json_array_foreach(json_object_get(list.json, "tokens"), n, row)
	{
		const char *label = json_string_value(json_object_get(row, "label"));

		if (label != NULL && strcmp(label, "register") != 0)
			id = json_string_value(json_object_get(row, "id"));
	}
	assert_non_null(id);
	got_free(expect(&t, 204, "DELETE", path_of("/v1/tokens/%s", id), anna.token, NULL));
	got_free(list);
	a = create(&t, token, NULL, KEY);
	assert_int_equal(a.status, 401);
	got_free(a);
	test_api_end(&t);
}

#define CROWD 16

struct one_of_many {
	const struct test_api *t;
	const struct tenant *who;
	pthread_barrier_t *start;
	pthread_t thread;
	struct got got;
};

static void *
create_with_the_others(void *arg)
{
	struct one_of_many *one = arg;
	const struct ask a = { .method = "POST",
		.path = "/v1/flocks",
		.token = one->who->token,
		.json = "{\"label\": \"home\"}",
		.repeat = KEY };

	pthread_barrier_wait(one->start);
	ask_try(one->t, &a, &one->got);
	return NULL;
}

static void
many_at_once_have_one_effect(void **state)
{
	struct one_of_many crowd[CROWD];
	pthread_barrier_t start;
	struct test_api t;
	struct tenant anna;
	unsigned first = 0;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	pthread_barrier_init(&start, NULL, CROWD);
	for (int n = 0; n < CROWD; n++) {
		crowd[n] = (struct one_of_many){ .t = &t, .who = &anna, .start = &start };
		pthread_create(&crowd[n].thread, NULL, create_with_the_others, &crowd[n]);
	}
	for (int n = 0; n < CROWD; n++)
		pthread_join(crowd[n].thread, NULL);
	for (int n = 0; n < CROWD; n++) {
		assert_int_equal(crowd[n].got.status, 201);
		assert_string_equal(crowd[n].got.body, crowd[0].got.body);
		first += got_field(&crowd[n].got, "Idempotency-Replayed") == NULL;
	}
	assert_int_equal(first, 1);
	assert_int_equal(flocks_of(&t, &anna), 1);
	for (int n = 0; n < CROWD; n++)
		got_free(crowd[n].got);
	pthread_barrier_destroy(&start);
	test_api_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_answer_comes_again),
		cmocka_unit_test(a_line_of_text_comes_again_as_text),
		cmocka_unit_test(only_the_same_request_is_the_same),
		cmocka_unit_test(what_failed_runs_again),
		cmocka_unit_test(keys_that_are_none_are_refused),
		cmocka_unit_test(strangers_have_keys_too),
		cmocka_unit_test(a_token_that_was_revoked_gets_no_first_answer),
		cmocka_unit_test(many_at_once_have_one_effect),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_repeat", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* A tenant's life over HTTP, against the whole service in this process. */
#include "base/log.h"
#include "tests/support/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
who_asks_decides_what_is_answered(void **state)
{
	static const struct {
		const char *why, *method, *path, *token;
		unsigned status;
		const char *kind;
	} cases[] = {
		{ "nothing there", "GET", "/", NULL, 404, "not-found" },
		{ "nothing there either", "GET", "/v1/flocks/", NULL, 404, "not-found" },
		{ "no token", "GET", "/v1/flocks", NULL, 401, "token" },
		{ "garbage", "GET", "/v1/flocks", "x", 401, "token" },
		{ "nobody's token", "GET", "/v1/flocks", "0123456789abcdef0123456789abcdef", 401,
		    "token" },
		{ "an account's where a cathedral's is due", "POST", "/v1/cathedral/heartbeat",
		    "0123456789abcdef0123456789abcdef", 401, "token" },
		{ "no token for a write", "POST", "/v1/flocks", NULL, 401, "token" },
		{ "another method", "PUT", "/v1/flocks", NULL, 405, "method" },
		{ "a method of its own", "OPTIONS", "/v1/flocks", NULL, 405, "method" },
	};
	struct test_api t;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct got a = expect(
		    &t, cases[i].status, cases[i].method, cases[i].path, cases[i].token, NULL);

		if (!got_is_problem(&a, cases[i].kind))
			fail_msg("%s: %s", cases[i].why, a.body);
		if (a.status == 401)
			assert_string_equal(got_field(&a, "WWW-Authenticate"), "Bearer");
		if (a.status == 405)
			assert_string_equal(got_field(&a, "Allow"), "GET, HEAD, POST");
		got_free(a);
	}
	assert_int_equal(counts_read(&api_counts(t.api)->token_wrong), 3);
	test_api_end(&t);
}

static void
a_flock_gets_a_device(void **state)
{
	struct test_api t;
	struct tenant anna;
	char flock[17], device[9];
	const json_t *d;
	struct got a;

	(void)state;
	test_api_prepare(&t);
	test_api_start(&t);
	tenant_make(&t, &anna);
	tenant_flock(&t, &anna, flock);
	tenant_join(&t, flock, device);

	a = expect(&t, 200, "GET", path_of("/v1/flocks/%s/devices", flock), anna.token, NULL);
	d = json_array_get(json_object_get(a.json, "devices"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "device_cathedral_id")), device);
	assert_string_equal(json_string_value(json_object_get(d, "device_approved")), "f");
	got_free(a);

	tenant_approve(&t, &anna, flock, device);
	a = expect(&t, 200, "GET", path_of("/v1/device/list/%s", flock), anna.token, NULL);
	d = json_array_get(json_object_get(a.json, "devices"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "device_approved")), "t");
	assert_string_equal(json_string_value(json_object_get(d, "device_kek")), "1");
	got_free(a);

	assert_int_equal(counts_read(&api_counts(t.api)->registrations), 1);
	got_free(expect(&t, 204, "DELETE", path_of("/v1/flocks/%s", flock), anna.token, NULL));
	got_free(expect(&t, 404, "GET", path_of("/v1/flocks/%s/devices", flock), anna.token, NULL));
	test_api_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_decides_what_is_answered),
		cmocka_unit_test(a_flock_gets_a_device),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_life", tests, NULL, NULL);
}

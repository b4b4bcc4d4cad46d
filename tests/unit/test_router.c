/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/router.h"

#include "base/random.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A row of a caller's table: the pattern is only its beginning. */
struct wide_row {
	struct pattern pattern;
	int number;
	const char *more;
};

#define ROW(method, path)                                                                          \
	{                                                                                          \
		{ METHOD_##method, path }, 0, NULL                                                 \
	}

static const struct wide_row rows[] = {
	ROW(GET, "/"),
	ROW(POST, "/v1/register"),
	ROW(GET, "/v1/register/challenge"),
	ROW(GET, "/v1/flocks"),
	ROW(POST, "/v1/flocks"),
	ROW(PATCH, "/v1/flocks/{flock}"),
	ROW(DELETE, "/v1/flocks/{flock}"),
	ROW(PUT, "/v1/flocks/{flock}/ambry"),
	ROW(GET, "/v1/flocks/{flock}/devices"),
	ROW(POST, "/v1/flocks/{flock}/devices"),
	ROW(POST, "/v1/flocks/{flock}/devices/{id}/approve"),
	ROW(PATCH, "/v1/flocks/{flock}/devices/{id}"),
	ROW(PUT, "/v1/flocks/{a}/xflocks/{b}"),
	ROW(PUT, "/v1/flocks/{a}/xflocks/{b}/ambry"),
	ROW(POST, "/v1/device/{flock}/create"),
	ROW(GET, "/v1/device/list/{flock}"),
	ROW(POST, "/v1/device/{flock}/{id}/delete"),
	ROW(GET, "/v1/openapi.json"),
	ROW(POST, "/a/{x}/{y}"),
	ROW(POST, "/a/{x}/c"),
	ROW(POST, "/a/b/{y}"),
	ROW(DELETE, "/a/{x}/c"),
	ROW(DELETE, "/1/2/3/4/5/6/7/8"),
	ROW(GET, "/all/{x}"),
	ROW(POST, "/all/{x}"),
	ROW(PUT, "/all/{x}"),
	ROW(PATCH, "/all/{x}"),
	ROW(DELETE, "/all/{x}"),
	{ { METHOD_GET, NULL }, 0, NULL },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]) - 1)

static struct router *
new_router(void)
{
	struct router *r = router_create(&rows[0].pattern, sizeof(rows[0]));

	assert_non_null(r);
	return r;
}

static void
request_fill(struct request *rq, enum method method, const char *path)
{
	memset(rq, 0, sizeof(*rq));
	rq->method = method;
	assert_true(strlen(path) < sizeof(rq->path));
	strcpy(rq->path, path);
	strcpy(rq->param[0], "left over");
	strcpy(rq->param[1], "left over");
}

static void
rows_are_found(void **state)
{
	static const struct {
		enum method method;
		const char *path;
		const char *row;
		const char *params[2];
	} cases[] = {
		{ METHOD_GET, "/", "/", { "", "" } },
		{ METHOD_HEAD, "/", "/", { "", "" } },
		{ METHOD_POST, "/v1/register", "/v1/register", { "", "" } },
		{ METHOD_GET, "/v1/register/challenge", "/v1/register/challenge", { "", "" } },
		{ METHOD_GET, "/v1/flocks", "/v1/flocks", { "", "" } },
		{ METHOD_HEAD, "/v1/flocks", "/v1/flocks", { "", "" } },
		{ METHOD_POST, "/v1/flocks", "/v1/flocks", { "", "" } },
		{ METHOD_DELETE, "/v1/flocks/6442a01510d91a00", "/v1/flocks/{flock}",
		    { "6442a01510d91a00", "" } },
		{ METHOD_POST, "/v1/flocks/f/devices/d/approve",
		    "/v1/flocks/{flock}/devices/{id}/approve", { "f", "d" } },
		{ METHOD_PUT, "/v1/flocks/one/xflocks/two/ambry",
		    "/v1/flocks/{a}/xflocks/{b}/ambry", { "one", "two" } },
		{ METHOD_PUT, "/v1/flocks/one/xflocks/two", "/v1/flocks/{a}/xflocks/{b}",
		    { "one", "two" } },
		{ METHOD_GET, "/v1/device/list/f", "/v1/device/list/{flock}", { "f", "" } },
		{ METHOD_POST, "/v1/device/list/x/delete", "/v1/device/{flock}/{id}/delete",
		    { "list", "x" } },
		/* A name in braces takes whatever is one segment: handlers look at it. */
		{ METHOD_DELETE, "/v1/flocks/{flock}", "/v1/flocks/{flock}", { "{flock}", "" } },
		{ METHOD_DELETE, "/v1/flocks/...", "/v1/flocks/{flock}", { "...", "" } },
		{ METHOD_DELETE, "/v1/flocks/.a", "/v1/flocks/{flock}", { ".a", "" } },
		{ METHOD_DELETE, "/v1/flocks/!~", "/v1/flocks/{flock}", { "!~", "" } },
		{ METHOD_DELETE, "/v1/flocks/?a=b", "/v1/flocks/{flock}", { "?a=b", "" } },
		/* Literals first, those in front before those behind. */
		{ METHOD_POST, "/a/b/c", "/a/b/{y}", { "c", "" } },
		{ METHOD_POST, "/a/x/c", "/a/{x}/c", { "x", "" } },
		{ METHOD_POST, "/a/x/y", "/a/{x}/{y}", { "x", "y" } },
		{ METHOD_DELETE, "/a/b/c", "/a/{x}/c", { "b", "" } },
		{ METHOD_DELETE, "/1/2/3/4/5/6/7/8", "/1/2/3/4/5/6/7/8", { "", "" } },
	};
	struct router *r = new_router();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request rq;
		char allow[64] = "left over";
		size_t row = ROWS;

		request_fill(&rq, cases[i].method, cases[i].path);
		if (router_find(r, &rq, &row, allow) != ROUTE_FOUND)
			fail_msg("%s is not found", cases[i].path);
		assert_string_equal(rows[row].pattern.path, cases[i].row);
		assert_true(
		    rows[row].pattern.method == cases[i].method || cases[i].method == METHOD_HEAD);
		assert_string_equal(rq.param[0], cases[i].params[0]);
		assert_string_equal(rq.param[1], cases[i].params[1]);
		assert_string_equal(allow, "");
	}
	router_destroy(r);
}

#define SIXTY_THREE "123456789012345678901234567890123456789012345678901234567890123"

static void
other_paths_are_nobodys(void **state)
{
	static const char *const paths[] = {
		"", /* what was too long */
		"v1/flocks",
		"*",
		"//",
		"/v1",
		"/v1/",
		"/v1/flocks/",
		"/v1//flocks",
		"//v1/flocks",
		"/v1/flocks//ambry",
		"/v1/flocks/.",
		"/v1/flocks/..",
		"/v1/flocks/x/../../flocks",
		"/v1/./flocks",
		"/V1/flocks",
		"/v1/Flocks",
		"/v1/flock",
		"/v1/flockss",
		"/v1/flocks/%31",
		"/v1/flocks/a%2fambry",
		"/v1/flocks/a b",
		"/v1/flocks/a\tb",
		"/v1/flocks/a\x7f",
		"/v1/flocks/a\x80",
		"/v1/flocks/\xc3\xa4",
		"/v1/flocks/a\n",
		"/v1/flocks\r",
		"/v1/flocks/" SIXTY_THREE "4",
		"/v1/flocks/f/devices/" SIXTY_THREE "4/approve",
		"/1/2/3/4/5/6/7/8/9",
		"/1/2/3/4/5/6/7/8/",
		"http://host/v1/flocks",
	};
	struct router *r = new_router();

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (enum method m = METHOD_GET; m <= METHOD_OTHER; m++) {
			struct request rq;
			char allow[64] = "left over";
			size_t row = ROWS;

			request_fill(&rq, m, paths[i]);
			if (router_find(r, &rq, &row, allow) != ROUTE_UNKNOWN)
				fail_msg("%s is not unknown", paths[i]);
			assert_string_equal(rq.param[0], "");
			assert_string_equal(rq.param[1], "");
			assert_string_equal(allow, "");
			assert_int_equal(row, ROWS);
		}
	router_destroy(r);
}

static void
longest_parameters_fit(void **state)
{
	struct router *r = new_router();
	struct request rq;
	char allow[64];
	size_t row;

	(void)state;
	request_fill(
	    &rq, METHOD_POST, "/v1/flocks/" SIXTY_THREE "/devices/" SIXTY_THREE "/approve");
	assert_int_equal(router_find(r, &rq, &row, allow), ROUTE_FOUND);
	assert_string_equal(rq.param[0], SIXTY_THREE);
	assert_string_equal(rq.param[1], SIXTY_THREE);
	router_destroy(r);
}

static void
wrong_methods_are_told_the_right_ones(void **state)
{
	static const struct {
		enum method method;
		const char *path;
		const char *allow;
	} cases[] = {
		{ METHOD_POST, "/", "GET, HEAD" },
		{ METHOD_GET, "/v1/register", "POST" },
		{ METHOD_HEAD, "/v1/register", "POST" },
		{ METHOD_OTHER, "/v1/register", "POST" },
		{ METHOD_PUT, "/v1/flocks", "GET, HEAD, POST" },
		{ METHOD_GET, "/v1/flocks/f", "PATCH, DELETE" },
		{ METHOD_OTHER, "/all/x", "GET, HEAD, POST, PUT, PATCH, DELETE" },
		/* All rows that the path fits count. */
		{ METHOD_DELETE, "/v1/device/list/create", "GET, HEAD, POST" },
		{ METHOD_GET, "/a/b/c", "POST, DELETE" },
	};
	struct router *r = new_router();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request rq;
		char allow[64] = "";
		size_t row = ROWS;

		request_fill(&rq, cases[i].method, cases[i].path);
		assert_int_equal(router_find(r, &rq, &row, allow), ROUTE_WRONG_METHOD);
		assert_string_equal(allow, cases[i].allow);
		assert_string_equal(rq.param[0], "");
		assert_int_equal(row, ROWS);
	}
	router_destroy(r);
}

/* The rules once more, slowly: does the pattern fit, and which segments are literals? */
static bool
fits_slowly(const char *pattern, const char *path, char literals[static 16])
{
	char p[REQUEST_PATH_MAX], q[REQUEST_PATH_MAX], *at_p = p, *at_q = q, *a, *b;

	snprintf(p, sizeof(p), "%s", pattern + 1);
	snprintf(q, sizeof(q), "%s", path + 1);
	for (;;) {
		a = strsep(&at_p, "/");
		b = strsep(&at_q, "/");
		if (a == NULL || b == NULL)
			break;
		*literals++ = a[0] == '{' ? '0' : '1';
		if (a[0] != '{' && strcmp(a, b) != 0)
			return false;
	}
	*literals = '\0';
	return a == NULL && b == NULL;
}

static size_t
find_slowly(enum method method, const char *path, bool *any)
{
	char best[16] = "", literals[16];
	size_t found = ROWS;

	*any = false;
	for (size_t i = 0; i < ROWS; i++) {
		if (!fits_slowly(rows[i].pattern.path, path, literals))
			continue;
		*any = true;
		if (rows[i].pattern.method != method || strcmp(literals, best) <= 0)
			continue;
		strcpy(best, literals);
		found = i;
	}
	return found;
}

static void
random_paths_go_where_the_rules_say(void **state)
{
	static const char *const words[] = { "v1", "flocks", "devices", "device", "list", "create",
		"register", "a", "b", "c", "x", "approve", "ambry", "xflocks", "all", "delete" };
	struct router *r = new_router();
	size_t found = 0;
	struct random chance;

	(void)state;
	random_for_test(&chance);
	for (size_t n = 0; n < 50000; n++) {
		struct request rq;
		char path[REQUEST_PATH_MAX] = "", allow[64];
		enum method m = random_below(&chance, METHOD_OTHER);
		size_t row = ROWS, want;
		bool any;

		for (uint32_t left = 1 + random_below(&chance, 6); left > 0; left--) {
			bool first = path[0] == '\0' && random_below(&chance, 4) > 0;
			uint32_t word = first ? 0 : random_below(&chance, 16);

			strcat(strcat(path, "/"), words[word]);
		}
		request_fill(&rq, m, path);
		want = find_slowly(m == METHOD_HEAD ? METHOD_GET : m, path, &any);
		switch (router_find(r, &rq, &row, allow)) {
		case ROUTE_FOUND:
			assert_int_equal(row, want);
			found++;
			break;
		case ROUTE_WRONG_METHOD:
			assert_true(any && want == ROWS);
			break;
		case ROUTE_UNKNOWN:
			assert_false(any);
			break;
		}
	}
	assert_in_range(found, 500, 50000);
	router_destroy(r);
}

static void
an_empty_table_knows_nothing(void **state)
{
	static const struct pattern none[] = { { METHOD_GET, NULL } };
	struct router *r = router_create(none, sizeof(none[0]));
	struct request rq;
	char allow[64];
	size_t row;

	(void)state;
	assert_non_null(r);
	request_fill(&rq, METHOD_GET, "/");
	assert_int_equal(router_find(r, &rq, &row, allow), ROUTE_UNKNOWN);
	router_destroy(r);
	router_destroy(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_found),
		cmocka_unit_test(other_paths_are_nobodys),
		cmocka_unit_test(longest_parameters_fit),
		cmocka_unit_test(wrong_methods_are_told_the_right_ones),
		cmocka_unit_test(random_paths_go_where_the_rules_say),
		cmocka_unit_test(an_empty_table_knows_nothing),
	};

	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}

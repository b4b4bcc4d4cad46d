/* SPDX-License-Identifier: ISC */
/* Paths against the whole table of routes.  The input is a byte for the method, then the path. */
#include "reliquary-api/http/router.h"
#include "reliquary-api/routes.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const struct router *
the_router(void)
{
	static const struct router *router;

	if (router == NULL) {
		const void *patterns = routes;

		router = router_create(patterns, sizeof(routes[0]));
		fuzz_expect(router != NULL);
	}
	return router;
}

/* A parameter is one segment of the path as it was sent; returns what is behind it. */
static const char *
expect_param(const char *param, const char *path)
{
	fuzz_expect(param[0] != '\0' && strcmp(param, ".") != 0 && strcmp(param, "..") != 0);
	for (; *param != '\0'; param++, path++) {
		fuzz_expect(*param == *path);
		fuzz_expect(*param > 0x20 && *param < 0x7f && strchr("/%", *param) == NULL);
	}
	return path;
}

/* The pattern with the parameters put in is the path that was asked for. */
static void
expect_path(const struct request *rq, const char *pattern)
{
	const char *at = rq->path;
	size_t params = 0;

	while (*pattern != '\0') {
		if (*pattern != '{') {
			fuzz_expect(*at++ == *pattern++);
			continue;
		}
		fuzz_expect(params < REQUEST_PARAMS_MAX);
		at = expect_param(rq->param[params++], at);
		pattern = strchr(pattern, '}') + 1;
	}
	fuzz_expect(*at == '\0');
	for (; params < REQUEST_PARAMS_MAX; params++)
		fuzz_expect(rq->param[params][0] == '\0');
}

static enum route_found
find(struct request *rq, enum method method, char allow[static 64])
{
	enum method row_method = method == METHOD_HEAD ? METHOD_GET : method;
	enum route_found found;
	size_t row;

	rq->method = method;
	found = router_find(the_router(), rq, &row, allow);
	if (found == ROUTE_FOUND) {
		fuzz_expect(routes[row].method == row_method);
		expect_path(rq, routes[row].path);
	}
	fuzz_expect((allow[0] != '\0') == (found == ROUTE_WRONG_METHOD));
	return found;
}

/* What Allow lists is found, and nothing else is; a path is unknown for all methods or for none. */
static void
expect_methods(struct request *rq, enum route_found found, const char *allow)
{
	for (enum method m = METHOD_GET; m < METHOD_OTHER; m++) {
		char again[64];
		enum route_found other = find(rq, m, again);

		fuzz_expect((other == ROUTE_UNKNOWN) == (found == ROUTE_UNKNOWN));
		if (found == ROUTE_WRONG_METHOD)
			fuzz_expect(
			    (strstr(allow, method_name(m)) != NULL) == (other == ROUTE_FOUND));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct request rq = { .length = -1 };
	char allow[64];
	enum route_found found;

	if (len < 1 || len > REQUEST_PATH_MAX)
		return 0;
	memcpy(rq.path, data + 1, len - 1);
	found = find(&rq, data[0] % (METHOD_OTHER + 1), allow);
	expect_methods(&rq, found, allow);
	return 0;
}

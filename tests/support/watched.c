/* SPDX-License-Identifier: ISC */
#include "tests/support/watched.h"

#include "reliquary-api/http/router.h"
#include "reliquary-api/routes.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define ROUTES_MOST 128

static struct route watched[ROUTES_MOST];
static struct router *router;
static _Atomic uint64_t runs;

static struct reply
count_and_handle(const struct call *c)
{
	struct request rq = *c->rq;
	char allow[64];
	size_t row;

	atomic_fetch_add(&runs, 1);
	if (router_find(router, &rq, &row, allow) != ROUTE_FOUND)
		return reply_failed();
	return routes[row].handle(c);
}

const struct route *
watched_routes(void)
{
	const void *patterns = routes;

	if (router != NULL)
		return watched;
	for (size_t n = 0; routes[n].path != NULL; n++) {
		assert(n + 1 < ROUTES_MOST);
		watched[n] = routes[n];
		watched[n].handle = count_and_handle;
	}
	router = router_create(patterns, sizeof(routes[0]));
	if (router == NULL)
		abort();
	return watched;
}

uint64_t
watched_runs(void)
{
	return atomic_load(&runs);
}

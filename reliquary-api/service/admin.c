/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/admin.h"

#include "reliquary-api/service/disk.h"
#include "reliquary-api/service/metrics_text.h"
#include "reliquary-api/service/parts.h"

#include <stdlib.h>
#include <string.h>

/* To count all rows takes a while: who asks more often gets the same numbers again. */
#define TOTALS_NS (10 * NS_PER_S)

#define CONNECTIONS_MAX 64
#define IDLE_S          30
#define HEADER_MAX      4096

/* Its server has one thread, which is the only one that uses all this. */
struct admin {
	struct api *api;
	const struct server *public_server;
	struct instant (*clock)(void);
	int64_t started_s;
	struct session *session;
	struct store_totals totals;
	bool totals_known;
	uint64_t totals_ns; /* when they were counted */
	struct metrics_fleet fleet;
	struct server *server;
};

static struct reply
health(struct admin *a)
{
	(void)a;
	return reply_text(200, "alive");
}

static struct reply
readiness(struct admin *a)
{
	struct fault why;

	if (api_ready(a->api, &why))
		return reply_text(200, "ready");
	return reply_text(503, "not ready: %s", why.text);
}

static void
totals_refresh(struct admin *a, uint64_t now_ns)
{
	if (a->totals_known && now_ns - a->totals_ns < TOTALS_NS)
		return;
	a->totals_known = store_totals(a->session, &a->totals) == STORE_OK;
	a->totals_ns = now_ns;
}

static bool
fleet_add(void *arg, const struct cathedral_row *c)
{
	struct metrics_fleet *f = arg;

	f->rows[f->count++] = *c;
	return f->count < METRICS_FLEET;
}

/* Tens of rows: they are looked at each time. */
static const struct metrics_fleet *
fleet_look(struct admin *a, int64_t now)
{
	a->fleet.count = 0;
	a->fleet.now = now;
	return cathedral_list(a->session, fleet_add, &a->fleet) == STORE_OK ? &a->fleet : NULL;
}

static struct reply
metrics(struct admin *a)
{
	struct metrics_source m = { .counts = api_counts(a->api), .started_s = a->started_s };
	struct reply reply = { .status = 200, .type = METRICS_TYPE };
	struct fault why;

	totals_refresh(a, a->clock().mono_ns);
	m.totals = a->totals;
	m.totals_known = a->totals_known;
	m.fleet = fleet_look(a, a->clock().wall_s);
	m.ready = api_ready(a->api, &why);
	m.disk_known = disk_free(a->api->o.bundles, &m.disk_free);
	if (a->public_server != NULL)
		server_counts(a->public_server, &m.server);
	reply.text = metrics_text(&m);
	return reply.text != NULL ? reply : reply_failed();
}

static const struct {
	const char *path;
	struct reply (*answer)(struct admin *a);
} pages[] = {
	{ "/healthz", health },
	{ "/readyz", readiness },
	{ "/metrics", metrics },
};

static struct reply
reply_wrong_method(void)
{
	struct reply r = reply_problem(405, "method", "this path takes GET, HEAD");

	memcpy(r.allow, "GET, HEAD", sizeof("GET, HEAD"));
	return r;
}

/* There is never a body that matters. */
static bool
admin_begin(struct exchange *x, void *arg)
{
	struct admin *a = arg;

	for (size_t n = 0; n < sizeof(pages) / sizeof(pages[0]); n++) {
		if (strcmp(pages[n].path, x->rq.path) != 0)
			continue;
		x->reply = x->rq.method == METHOD_GET || x->rq.method == METHOD_HEAD
			       ? pages[n].answer(a)
			       : reply_wrong_method();
		return false;
	}
	x->reply = reply_problem(404, "not-found", "there is nothing at this path");
	return false;
}

/* Never called: all was answered when it began. */
static enum server_next
admin_run(struct exchange *x, void *arg)
{
	(void)arg;
	x->reply = reply_failed();
	return SERVER_REPLY;
}

static void
admin_done(struct exchange *x, uint64_t now_ns, void *arg)
{
	(void)x;
	(void)now_ns;
	(void)arg;
}

static bool
admin_start(struct admin *a, const struct endpoint *at, struct fault *why)
{
	static const struct server_calls calls = { admin_begin, admin_run, admin_done };
	const struct server_options options = { .listen = *at,
		.listen_fd = -1,
		.threads = 1,
		.connections_max = CONNECTIONS_MAX,
		.idle_s = IDLE_S,
		.body_s = IDLE_S,
		.header_max = HEADER_MAX,
		.clock = a->clock };

	a->session = session_open_reader(a->api->o.store, why);
	if (a->session == NULL)
		return false;
	a->server = server_create(&options, &calls, a, why);
	return a->server != NULL;
}

struct admin *
admin_create(const struct endpoint *at, struct api *api, const struct server *public_server,
    struct instant (*clock)(void), struct fault *why)
{
	char text[ENDPOINT_TEXT];
	struct admin *a;

	if (!endpoint_is_loopback(at)) {
		fault_set(why, "admin %s: not a loopback address", endpoint_format(at, text));
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		fault_set(why, "admin: out of memory");
		return NULL;
	}
	a->api = api;
	a->public_server = public_server;
	a->clock = clock;
	a->started_s = clock().wall_s;
	if (admin_start(a, at, why))
		return a;
	fault_prefix(why, "admin");
	admin_destroy(a);
	return NULL;
}

struct endpoint
admin_where(const struct admin *a)
{
	return server_where(a->server);
}

void
admin_destroy(struct admin *a)
{
	if (a == NULL)
		return;
	if (a->server != NULL)
		server_destroy(a->server);
	session_close(a->session);
	free(a);
}

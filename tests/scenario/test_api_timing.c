/* SPDX-License-Identifier: ISC */
/*
 * How long it takes to be told "there is no such thing" must not tell whether there is one that is
 * somebody else's.  Requests of the two kinds go out in pairs, in an order that is drawn, and their
 * times are compared by rank.
 *
 * A difference that matters to whoever measures often enough is one of effect, not of significance:
 * with enough samples any is significant.  So the limit is on the effect (how often the one takes
 * longer than the other), many standard errors away from nothing, and one that is above it is
 * measured again with more samples, that chance may have no part in it.  And, so that nobody is
 * content with a clock that sees nothing, the same clock must tell apart what is known to differ.
 */
#include "base/log.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "tests/support/household.h"
#include "tests/support/rank.h"
#include "tests/support/stopwatch.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PAIRS 400
#else
#define PAIRS 2500
#endif
#define MORE    4 /* times as many in another try */
#define TRIES   3
#define WARM    50
#define ALIKE   0.05 /* from one half */
#define UNALIKE 0.10

#define REQUEST_SIZE (ROUTE_PATH_MAX + 1024)

/* The two kinds: what is somebody else's, and what is not there. */
enum side { FOREIGN = 0, NOWHERE };

struct clash {
	const char *why;
	unsigned status; /* of both; 0: whatever it is */
	/* The request of pair n, with a head and a body. */
	void (*write)(void *arg, enum side side, size_t n, char text[static REQUEST_SIZE]);
	void *arg;
};

struct arena {
	struct test_api t;
	struct random random;
	struct stopwatch watch;
	struct household victim, asker;
	struct things nowhere;
	char text[2][REQUEST_SIZE];
	uint64_t *ns[2];
	size_t used; /* pairs so far, of the current clash */
};

/* A disk's moods would hide what is looked for: where there is memory that is a file system, the
 * database is in it. */
static void
go_to_memory(struct test_api *t)
{
	struct scratch memory = { "/dev/shm/reliquary-test.XXXXXX" };

	if (mkdtemp(memory.path) == NULL)
		return;
	scratch_remove(&t->scratch);
	t->scratch = memory;
	snprintf(t->db, sizeof(t->db), "%s/reliquary.db", memory.path);
	snprintf(t->key, sizeof(t->key), "%s/key", memory.path);
	snprintf(t->bundles, sizeof(t->bundles), "%s/bundles", memory.path);
}

static void
arena_open(struct arena *a)
{
	memset(a, 0, sizeof(*a));
	test_api_prepare(&a->t);
	go_to_memory(&a->t);
	a->t.settings.account_flocks = 10000;
	test_api_start(&a->t);
	random_split(&a->random, &a->t.random);
	household_make(&a->t, &a->victim);
	household_make(&a->t, &a->asker);
	a->nowhere = things_nowhere(&a->random);
	stopwatch_open(&a->watch, &a->t.at);
	for (int side = FOREIGN; side <= NOWHERE; side++) {
		a->ns[side] = calloc(PAIRS * MORE, sizeof(uint64_t));
		assert_non_null(a->ns[side]);
	}
}

static void
arena_close(struct arena *a)
{
	free(a->ns[FOREIGN]);
	free(a->ns[NOWHERE]);
	stopwatch_close(&a->watch);
	test_api_end(&a->t);
}

static void
sample(struct arena *a, const struct clash *c, enum side side, size_t n)
{
	const char *text = a->text[side];
	unsigned status = stopwatch_ask(&a->watch, text, strlen(text), &a->ns[side][n]);

	if (c->status != 0 && status != c->status)
		fail_msg("%s: %u instead of %u: %s", c->why, status, c->status, a->watch.in);
}

/* Both requests lie ready before the first goes out. */
static double
advantage(struct arena *a, const struct clash *c, size_t pairs)
{
	for (size_t n = 0; n < pairs + WARM; n++) {
		enum side first = random_u64(&a->random) & 1 ? FOREIGN : NOWHERE;
		size_t place = n < WARM ? n : n - WARM;

		c->write(c->arg, FOREIGN, a->used, a->text[FOREIGN]);
		c->write(c->arg, NOWHERE, a->used++, a->text[NOWHERE]);
		sample(a, c, first, place);
		sample(a, c, first == FOREIGN ? NOWHERE : FOREIGN, place);
	}
	return rank_advantage(a->ns[FOREIGN], a->ns[NOWHERE], pairs);
}

static double
from_half(double advantage)
{
	return advantage < 0.5 ? 0.5 - advantage : advantage - 0.5;
}

static void
alike(struct arena *a, const struct clash *c)
{
	size_t pairs = PAIRS;
	double is = 0;

	a->used = 0;
	for (int n = 0; n < TRIES; n++, pairs = PAIRS * MORE) {
		is = advantage(a, c, pairs);
		printf("# %-48s %.3f of %zu\n", c->why, is, pairs);
		if (from_half(is) <= ALIKE)
			return;
	}
	fail_msg("%s: the one takes longer %.1f %% of the time", c->why, 100 * is);
}

static void
unalike(struct arena *a, const struct clash *c)
{
	size_t pairs = PAIRS;
	double is = 0;

	a->used = 0;
	for (int n = 0; n < TRIES; n++, pairs = PAIRS * MORE) {
		is = advantage(a, c, pairs);
		printf("# %-48s %.3f of %zu\n", c->why, is, pairs);
		if (from_half(is) >= UNALIKE)
			return;
	}
	fail_msg("%s: %.3f: the clock does not see what is there", c->why, is);
}

/* A request for one route, the same each time. */
struct plain {
	const struct route *route;
	const char *token, *json;
	const struct things *things[2];
};

static void
write_request(char text[static REQUEST_SIZE], const struct route *r, const char *path,
    const char *token, const char *json)
{
	int used = snprintf(
	    text, REQUEST_SIZE, "%s %s HTTP/1.1\r\nHost: x\r\n", method_name(r->method), path);

	if (token != NULL)
		used +=
		    snprintf(text + used, REQUEST_SIZE - (size_t)used, "x-token: %s\r\n", token);
	if (r->body == BODY_UPLOAD)
		snprintf(text + used, REQUEST_SIZE - (size_t)used,
		    "Expect: 100-continue\r\nContent-Length: %" PRIu64 "\r\n\r\n", r->upload->size);
	else if (json != NULL)
		snprintf(text + used, REQUEST_SIZE - (size_t)used,
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(json),
		    json);
	else
		snprintf(text + used, REQUEST_SIZE - (size_t)used, "\r\n");
}

static void
write_plain(void *arg, enum side side, size_t n, char text[static REQUEST_SIZE])
{
	const struct plain *p = arg;
	char path[ROUTE_PATH_MAX];

	if (n > 0)
		return; /* it is there already */
	route_path(p->route, p->things[side], 0, NULL, path);
	write_request(text, p->route, path, p->token, p->json);
}

/* Aliases come behind what they stand for. */
static bool
is_alias(const struct route *r)
{
	for (const struct route *before = routes; before != r; before++) {
		if (before->handle == r->handle)
			return true;
	}
	return false;
}

static void
a_foreign_thing_takes_as_long_as_none(void **state)
{
	unsigned compared = 0;
	struct arena a;

	(void)state;
	arena_open(&a);
	for (const struct route *r = routes; r->path != NULL; r++) {
		struct plain p = { r, a.asker.who.token, route_json(r),
			{ &a.victim.has, &a.nowhere } };
		char why[96];
		const struct clash c = { why, 404, write_plain, &p };

		if (route_params(r) == 0 || r->access == ACCESS_ANYONE || is_alias(r))
			continue;
		snprintf(why, sizeof(why), "%s %s", method_name(r->method), r->path);
		alike(&a, &c);
		compared++;
	}
	assert_true(compared > 12);
	arena_close(&a);
}

static const struct route *
route_of(enum method method, struct reply (*handle)(const struct call *c))
{
	const struct route *r = routes;

	while (r->path != NULL && (r->method != method || r->handle != handle))
		r++;
	assert_non_null(r->path);
	return r;
}

/* One's own flock, with somebody else's or with none: consent is given and taken back alike. */
static void
consent_takes_as_long_for_a_foreign_flock(void **state)
{
	struct things theirs, none;
	struct plain p = { .things = { &theirs, &none } };
	struct clash c = { "consent to a flock", 200, write_plain, &p };
	struct arena a;

	(void)state;
	arena_open(&a);
	theirs = none = a.asker.has;
	memcpy(theirs.other, a.victim.has.flock, sizeof(theirs.other));
	memcpy(none.other, a.nowhere.flock, sizeof(none.other));
	p.route = route_of(METHOD_PUT, handle_xflock_create);
	p.token = a.asker.who.token;
	alike(&a, &c);
	p.route = route_of(METHOD_PUT, handle_xambry_put);
	c = (struct clash){ "bundle of a pair that is pending", 409, write_plain, &p };
	alike(&a, &c);
	arena_close(&a);
}

#define FLOCKS_MOST 512
#define JOINS_EACH  60

/* Flocks of the victim, with devices in them, and as many that are none. */
struct doors {
	struct arena *a;
	char ids[2][FLOCKS_MOST][17];
	size_t made;
	const char *json;
};

static void
doors_make(struct doors *d)
{
	struct arena *a = d->a;
	struct things none = things_nowhere(&a->random);
	char device[9];

	assert_true(d->made < FLOCKS_MOST);
	tenant_flock(&a->t, &a->victim.who, d->ids[FOREIGN][d->made]);
	memcpy(d->ids[NOWHERE][d->made], none.flock, sizeof(none.flock));
	for (int n = 0; n < 3; n++) {
		tenant_join(&a->t, d->ids[FOREIGN][d->made], device);
		tenant_approve(&a->t, &a->victim.who, d->ids[FOREIGN][d->made], device);
	}
	d->made++;
}

static void
write_join(void *arg, enum side side, size_t n, char text[static REQUEST_SIZE])
{
	struct doors *d = arg;
	char path[64];

	while (n / JOINS_EACH >= d->made)
		doors_make(d);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", d->ids[side][n / JOINS_EACH]);
	write_request(text, route_of(METHOD_POST, handle_join), path, NULL, d->json);
}

/* All of them at the first pair of flocks. */
static void
write_join_there(void *arg, enum side side, size_t n, char text[static REQUEST_SIZE])
{
	(void)n;
	write_join(arg, side, 0, text);
}

#define COSK "\"cosk\": \"0707070707070707070707070707070707070707070707070707070707070707\""

static void
joining_takes_as_long_where_no_flock_is(void **state)
{
	struct arena a;
	struct doors d = { .a = &a, .json = "{" COSK ", \"label\": \"phone\"}" };
	const struct clash join = { "join", 201, write_join, &d };
	const struct clash wrong = { "join with a wrong enrolment key", 403, write_join_there, &d };
	const struct clash full = { "join where no more may wait", 409, write_join_there, &d };
	char path[64];

	(void)state;
	arena_open(&a);
	alike(&a, &join);

	d.made = 0;
	doors_make(&d);
	got_free(expect(&a.t, 201, "POST", path_of("/v1/flocks/%s/enrolments", d.ids[FOREIGN][0]),
	    a.victim.who.token, NULL));
	d.json = "{" COSK ", \"enrolment_key\": \"0123456789abcdef0123456789abcdef\"}";
	alike(&a, &wrong);

	d.json = "{" COSK "}";
	for (int side = FOREIGN; side <= NOWHERE; side++) {
		snprintf(path, sizeof(path), "/v1/flocks/%s/devices", d.ids[side][0]);
		for (unsigned n = 0; n < a.t.settings.joins_most; n++)
			got_free(expect(&a.t, 201, "POST", path, NULL, d.json));
	}
	alike(&a, &full);
	arena_close(&a);
}

/* Enough of it to be seen on a machine that has much else to do. */
static void
furnish(struct arena *a)
{
	const struct household *h = &a->asker;
	char device[9];

	for (int n = 0; n < 60; n++)
		tenant_join(&a->t, h->has.flock, device);
	for (int n = 0; n < 30; n++)
		got_free(expect(&a->t, 201, "POST",
		    path_of("/v1/flocks/%s/enrolments", h->has.flock), h->who.token, NULL));
}

/* The same clock, the same numbers, and something to see. */
static void
what_differs_is_told_apart(void **state)
{
	struct arena a;
	struct plain p;
	struct clash c = { "one's own devices against none", 0, write_plain, &p };

	(void)state;
	arena_open(&a);
	furnish(&a);
	p = (struct plain){ route_of(METHOD_GET, handle_device_list), a.asker.who.token, NULL,
		{ &a.asker.has, &a.nowhere } };
	unalike(&a, &c);
	c.why = "a label of one's own against none";
	p.route = route_of(METHOD_PATCH, handle_flock_change);
	p.json = route_json(p.route);
	unalike(&a, &c);
	c.why = "one's own enrolment keys against none";
	p.route = route_of(METHOD_GET, handle_enrolment_list);
	p.json = NULL;
	unalike(&a, &c);
	arena_close(&a);
}

/* The measure itself. */
static void
ranks_are_counted_right(void **state)
{
	static const uint64_t low[] = { 1, 2, 3, 4 }, high[] = { 5, 6, 7, 8 };
	static const uint64_t odd[] = { 1, 3, 5, 7 }, even[] = { 2, 4, 6, 8 };
	static const uint64_t same[] = { 9, 9, 9, 9 };

	(void)state;
	assert_true(rank_advantage(low, high, 4) == 1);
	assert_true(rank_advantage(high, low, 4) == 0);
	assert_true(rank_advantage(low, low, 4) == 0.5);
	assert_true(rank_advantage(same, same, 4) == 0.5);
	assert_true(rank_advantage(odd, even, 4) == 10.0 / 16);
	assert_true(rank_advantage(even, odd, 4) == 6.0 / 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_are_counted_right),
		cmocka_unit_test(what_differs_is_told_apart),
		cmocka_unit_test(a_foreign_thing_takes_as_long_as_none),
		cmocka_unit_test(consent_takes_as_long_for_a_foreign_flock),
		cmocka_unit_test(joining_takes_as_long_where_no_flock_is),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_timing", tests, NULL, NULL);
}

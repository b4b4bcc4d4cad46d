/* SPDX-License-Identifier: ISC */
#include "tests/support/trial.h"

#include "tests/support/fleet.h"
#include "tests/support/watched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static const uint8_t cosk[32] = { 0x5c };

void
trial_prepare(struct trial *m)
{
	memset(m, 0, sizeof(*m));
	test_api_prepare(&m->t);
	m->t.options.routes = watched_routes();
	random_split(&m->random, &m->t.random);
}

void
trial_start(struct trial *m)
{
	test_api_start(&m->t);
	onlooker_open(&m->o, m->t.db);
	fleet_add(&m->t, "first", 1, m->cathedral);
	household_make(&m->t, &m->victim);
	m->nowhere = things_nowhere(&m->random);
	onlooker_look(&m->o);
}

void
trial_end(struct trial *m)
{
	if (m->asked > 0)
		printf("# %u requests\n", m->asked);
	onlooker_close(&m->o);
	test_api_end(&m->t);
}

/* To HEAD there is no body, whatever its length is said to be. */
static bool
ask_for_head(const struct test_api *t, const struct ask *a, struct got *ret)
{
	struct http_request rq = { .method = a->method, .path = a->path };
	struct http_answer got = { 0 };
	char fields[256] = "";
	struct http_client c;
	bool ok;

	if (a->token != NULL)
		snprintf(fields, sizeof(fields), "x-token: %s\r\n", a->token);
	rq.fields = fields;
	ok = http_open(&c, &t->at) && http_send_request(&c, &rq) &&
	     http_read_head(&c, &got, HTTP_PATIENCE_MS) && http_silent(&c, 0);
	http_close(&c);
	*ret = (struct got){ .status = ok ? got.status : 0, .head = got.head, .body = got.body };
	return ok;
}

static bool
asked(struct trial *m, const struct ask *a, struct got *ret)
{
	m->asked++;
	if (strcmp(a->method, "HEAD") == 0)
		return ask_for_head(&m->t, a, ret);
	return ask_try(&m->t, a, ret);
}

static const char *
shown(const struct got *a)
{
	return a->body != NULL ? a->body : "(nothing)";
}

static bool
is_wanted(const struct ask *a, const struct verdict *v, const struct got *got)
{
	if (v->status == 0)
		return got->status == 0 || (got->status >= 400 && got->status < 500);
	if (got->status != v->status)
		return false;
	return v->kind == NULL || strcmp(a->method, "HEAD") == 0 || got_is_problem(got, v->kind);
}

/* ok: an answer came. */
static void
judge(struct trial *m, const struct ask *a, const struct verdict *v, const struct got *got, bool ok)
{
	const char *told;

	if (!ok && v->status != 0)
		fail_msg("%s: %s %s: no answer", v->why, a->method, a->path);
	if (!is_wanted(a, v, got))
		fail_msg("%s: %s %s: %u instead of %u %s: %s", v->why, a->method, a->path,
		    got->status, v->status, v->kind != NULL ? v->kind : "", shown(got));
	if (!onlooker_unchanged(&m->o))
		fail_msg("%s: %s %s: the database changed", v->why, a->method, a->path);
	told = household_betrayed(&m->victim, got, NULL);
	if (told != NULL)
		fail_msg("%s: %s %s: tells %s: %s", v->why, a->method, a->path, told, shown(got));
}

struct got
trial_refused(struct trial *m, const struct ask *a, const struct verdict *v)
{
	uint64_t runs = watched_runs();
	struct got got;

	bool ok = asked(m, a, &got);

	judge(m, a, v, &got, ok);
	if (!v->handled && watched_runs() != runs)
		fail_msg("%s: %s %s: the handler ran", v->why, a->method, a->path);
	return got;
}

void
trial_refused_bytes(
    struct trial *m, const struct ask *a, const struct verdict *v, const void *bytes, size_t len)
{
	uint64_t runs = watched_runs();
	struct http_answer got = { 0 };
	struct http_client c;
	struct got shape;
	bool ok;

	m->asked++;
	/* It need not take all of them to have an opinion. */
	ok = http_open(&c, &m->t.at);
	if (ok)
		http_send(&c, bytes, len);
	ok = ok && http_read(&c, &got, HTTP_PATIENCE_MS);
	http_close(&c);
	shape = (struct got){ .status = ok ? got.status : 0, .head = got.head, .body = got.body };
	shape.json = ok ? json_loads(got.body, 0, NULL) : NULL;
	judge(m, a, v, &shape, ok);
	if (!v->handled && watched_runs() != runs)
		fail_msg("%s: %s %s: the handler ran", v->why, a->method, a->path);
	got_free(shape);
}

void
trial_granted(struct trial *m, const struct ask *a, const char *why, const struct household *owner)
{
	const char *told = NULL;
	struct got got;

	if (!asked(m, a, &got))
		fail_msg("%s: %s %s: no answer", why, a->method, a->path);
	if (got.status < 200 || got.status > 299)
		fail_msg("%s: %s %s: %u %s", why, a->method, a->path, got.status, shown(&got));
	if (owner != NULL)
		told = household_betrayed(owner, &got, a->path);
	if (told != NULL)
		fail_msg("%s: %s %s: tells %s: %s", why, a->method, a->path, told, shown(&got));
	got_free(got);
	onlooker_look(&m->o);
}

/* The next field of the head that is not Date's; "" at the end. */
static const char *
next_field(const char *line)
{
	while (*line != '\0' && strncasecmp(line, "Date:", 5) == 0)
		line += strlen(line) + 1;
	return line;
}

bool
trial_same(const struct got *a, const struct got *b)
{
	const char *one = next_field(a->head), *two = next_field(b->head);

	while (*one != '\0' && strcmp(one, two) == 0) {
		one = next_field(one + strlen(one) + 1);
		two = next_field(two + strlen(two) + 1);
	}
	return *one == *two && a->len == b->len && memcmp(a->body, b->body, a->len) == 0;
}

void
trial_ask_with(struct route_ask *ret, const struct route *r, const struct things *x,
    const char *token, size_t n, const char *text)
{
	route_path(r, x, n, text, ret->path);
	ret->fields[0] = '\0';
	ret->ask = (struct ask){ .method = method_name(r->method),
		.path = ret->path,
		.token = token,
		.json = route_json(r),
		.fields = ret->fields };
	if (r->body == BODY_UPLOAD)
		snprintf(ret->fields, sizeof(ret->fields), "Content-Length: %ju\r\n",
		    (uintmax_t)r->upload->size);
	if (r->body == BODY_RAW && route_params(r) > 0) {
		ret->ask.body = cosk;
		ret->ask.body_len = sizeof(cosk);
	}
}

void
trial_ask(struct route_ask *ret, const struct route *r, const struct things *x, const char *token)
{
	trial_ask_with(ret, r, x, token, 0, NULL);
}

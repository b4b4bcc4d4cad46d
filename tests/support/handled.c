/* SPDX-License-Identifier: ISC */
#include "tests/support/handled.h"

#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/routes.h"
#include "reliquary-api/store/cathedrals.h"
#include "tests/support/handled_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S 86400

static const struct settings usual = {
	.registration = REGISTRATION_OPEN,
	.account_s = DAY_S,
	.extension_s = 31 * DAY_S,
	.account_flocks = 3,
	.device_mbit = 25,
	.tokens_most = 4,
	.token_unused_s = 30 * DAY_S,
	.joins_most = 3,
	.join_s = 3 * DAY_S,
	.enrolments_most = 3,
	.xflocks_most = 2,
	.repeat_s = DAY_S,
	.page_most = 1000,
};

struct hash32
handled_hash(const struct handled *h, enum secret_kind kind, const char *text)
{
	struct secret_hash made = vault_hash(h->vault, kind, text, strlen(text));
	struct hash32 ret;

	memcpy(ret.bytes, made.bytes, sizeof(ret.bytes));
	return ret;
}

static void
make_tenant(struct handled *h, struct handled_tenant *t, const char *share_id, char digit)
{
	struct account_new a = { .now = STORE_NOW,
		.expires = STORE_NOW + DAY_S,
		.max_flocks = 3,
		.bw_limit = 25,
		.registration = "open" };

	memset(t->key, digit, sizeof(t->key) - 1);
	a.key_hash = handled_hash(h, SECRET_ACCOUNT_KEY, t->key);
	snprintf(a.share_id, sizeof(a.share_id), "%s", share_id);
	assert_int_equal(account_create(h->s, &a, &t->account), STORE_OK);
}

static void
open_vault(struct handled *h)
{
	struct scratch_name key = scratch_name(&h->db.scratch, "key");
	struct fault why;

	if (!vault_create(key.path, &h->random, &why))
		fail_msg("%s", why.text);
	h->vault = vault_open(key.path, &why);
	if (h->vault == NULL)
		fail_msg("%s", why.text);
	h->load = pow_load_create(4, 8, 10);
	assert_non_null(h->load);
}

int
handled_begin(void **state)
{
	struct handled *h = calloc(1, sizeof(*h));
	struct fault why;

	assert_non_null(h);
	test_store_begin(&h->db, NULL);
	h->s = h->db.writer;
	h->now = (struct instant){ .mono_ns = 3600 * NS_PER_S, .wall_s = STORE_NOW };
	random_from_seed(&h->random, 7);
	open_vault(h);
	h->settings = usual;
	h->site = (struct site){ .settings = &h->settings,
		.vault = h->vault,
		.load = h->load,
		.bundles = h->bundles.path };
	h->router = router_create((const struct pattern *)routes, sizeof(routes[0]));
	h->document = json_load_file("docs/openapi.json", JSON_REJECT_DUPLICATES, NULL);
	assert_true(h->router != NULL && h->document != NULL);
	h->bundles = scratch_name(&h->db.scratch, "bundles");
	if (!upload_folder_prepare(h->bundles.path, &why))
		fail_msg("%s", why.text);
	assert_int_equal(group_begin(h->s), STORE_OK);
	make_tenant(h, &h->anna, "a11a000000000001", 'a');
	make_tenant(h, &h->boris, "b0b0000000000002", 'b');
	*state = h;
	return 0;
}

int
handled_end(void **state)
{
	struct handled *h = *state;

	group_abandon(h->s);
	json_decref(h->document);
	router_destroy(h->router);
	pow_load_destroy(h->load);
	vault_close(h->vault);
	test_store_end(&h->db);
	free(h);
	return 0;
}

const struct route *
handled_route(const struct handled *h, const char *what, struct request *rq)
{
	char words[2 * REQUEST_PATH_MAX], *rest = words;
	const char *method, *path;
	char allow[64];
	size_t row;

	snprintf(words, sizeof(words), "%s", what);
	method = strsep(&rest, " ");
	path = strsep(&rest, "?");
	assert_non_null(path);
	if (rest != NULL)
		request_query_read(rq, rest);
	rq->method = method_parse(method);
	snprintf(rq->path, sizeof(rq->path), "%s", path);
	if (router_find(h->router, rq, &row, allow) != ROUTE_FOUND)
		fail_msg("%s: there is no such route", what);
	return &routes[row];
}

/* What the server and the service would make of the errand. */
static void
fill_body(struct request *rq, const struct errand *e, const struct route *route)
{
	const void *body = e->json != NULL ? (const void *)e->json : e->body;

	rq->body_len = e->json != NULL ? strlen(e->json) : e->body_len;
	rq->length = (int64_t)rq->body_len;
	rq->wants_text = e->text;
	rq->type = e->json != NULL ? CONTENT_JSON : CONTENT_FORM;
	if (rq->body_len == 0 || route->body == BODY_UPLOAD)
		return;
	rq->body = malloc(rq->body_len + 1);
	assert_non_null(rq->body);
	memcpy(rq->body, body, rq->body_len);
	rq->body[rq->body_len] = '\0';
	if (route->body != BODY_JSON)
		return;
	rq->json = json_loadb((const char *)rq->body, rq->body_len, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(rq->json));
}

/* False with the answer: it was not let in, or what came was wrong. */
static bool
receive(struct handled *h, const struct call *c, const struct route *route, const struct errand *e,
    struct reply *refused)
{
	struct request *rq = (struct request *)(uintptr_t)c->rq;
	const uint8_t *bytes = e->body;
	struct upload_check check;
	enum upload_status status = UPLOAD_OK;

	if (!route->upload->admit(c, &check, refused))
		return false;
	rq->upload = upload_begin(h->bundles.path, &check, &h->random);
	assert_non_null(rq->upload);
	for (size_t at = 0; at < e->body_len && status == UPLOAD_OK; at += 100000) {
		size_t left = e->body_len - at;

		status = upload_take(rq->upload, bytes + at, left < 100000 ? left : 100000);
	}
	if (status == UPLOAD_OK)
		status = upload_end(rq->upload);
	if (status == UPLOAD_OK)
		return upload_settle(rq->upload) == UPLOAD_OK;
	assert_int_equal(status, UPLOAD_WRONG);
	*refused = reply_problem(400, "bundle", "%s", upload_fault(rq->upload)->text);
	return false;
}

/* What a handler wrote as text at once, as the object that it is. */
static void
reply_read(struct reply *r)
{
	if (r->text == NULL || strcmp(reply_content_type(r), "application/json") != 0)
		return;
	r->json = json_loads(r->text, JSON_REJECT_DUPLICATES, NULL);
	if (r->json == NULL)
		fail_msg("this is no JSON: %s", r->text);
	free(r->text);
	r->text = NULL;
}

/* In a step, which is kept when wanted and well. */
static struct reply
run_once(struct handled *h, const struct call *c, const struct route *route, bool keep)
{
	struct request before = *c->rq;
	struct reply reply;

	assert_int_equal(step_begin(h->s), STORE_OK);
	reply = route->handle(c);
	reply_read(&reply);
	assert_memory_equal(c->rq, &before, sizeof(before));
	if (keep && reply.status < 400)
		assert_int_equal(step_keep(h->s), STORE_OK);
	else
		step_undo(h->s);
	return reply;
}

struct reply
handled_run(struct handled *h, const struct errand *e)
{
	struct request rq = { .length = 0 };
	const struct route *route = handled_route(h, e->what, &rq);
	struct call c = { .rq = &rq,
		.site = &h->site,
		.store = h->s,
		.random = &h->random,
		.now = h->now,
		.cathedral = h->cathedral };
	struct reply first, reply;

	if (e->who != NULL)
		c.who = (struct caller){
			.account = e->who->account, .token = HANDLED_TOKEN, .scope = SCOPE_FULL
		};
	fill_body(&rq, e, route);
	if (route->body != BODY_UPLOAD || receive(h, &c, route, e, &reply)) {
		first = run_once(h, &c, route, false);
		reply = run_once(h, &c, route, true);
		assert_int_equal(first.status, reply.status);
		reply_free(&first);
		if (rq.upload != NULL && reply.status < 400)
			upload_keep(rq.upload);
	}
	handled_check(h->document, route, &rq, &reply);
	request_free(&rq);
	return reply;
}

struct errand
errand(const struct handled_tenant *who, const char *what, const char *json)
{
	return (struct errand){ .what = what, .who = who, .json = json };
}

json_t *
handled_json(struct handled *h, unsigned status, const struct handled_tenant *who, const char *what,
    const char *json)
{
	struct errand e = errand(who, what, json);
	struct reply reply = handled_run(h, &e);
	json_t *ret = json_incref(reply.json);

	if (reply.status != status)
		fail_msg("%s: %u, not %u: %s", what, reply.status, status,
		    ret != NULL ? text_of(ret, "detail") : "");
	reply_free(&reply);
	return ret;
}

void
handled_ok(struct handled *h, unsigned status, const struct handled_tenant *who, const char *what,
    const char *json)
{
	json_decref(handled_json(h, status, who, what, json));
}

void
handled_problem(
    struct handled *h, unsigned status, const char *kind, const char *says, const struct errand *e)
{
	struct reply reply = handled_run(h, e);
	char type[64];

	if (reply.status != status || reply.json == NULL)
		fail_msg("%s: %u, not %u", e->what, reply.status, status);
	snprintf(type, sizeof(type), "urn:reliquary:problem:%s", kind);
	assert_string_equal(text_of(reply.json, "type"), type);
	assert_string_equal(text_of(reply.json, "detail"), says);
	reply_free(&reply);
}

const char *
text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	if (text == NULL)
		fail_msg("%s is no text", member);
	return text;
}

static bool
event_take(void *arg, const struct event *e)
{
	*(struct event *)arg = *e;
	return false;
}

void
handled_noted(struct handled *h, const struct handled_tenant *who, const char *is)
{
	struct event e = { .action = "" };
	char text[256];

	assert_int_equal(event_list(h->s, who->account, 0, 1, event_take, &e), STORE_OK);
	snprintf(text, sizeof(text), "%s %s by %s", e.action, e.subject, e.token);
	assert_string_equal(text, is);
	assert_int_equal(e.at, h->now.wall_s);
}

struct flock_id
handled_flock(struct handled *h, const struct handled_tenant *who, uint64_t id)
{
	return test_flock(h->s, who->account, id);
}

void
handled_pending(struct handled *h, struct flock_id flock, uint32_t id)
{
	struct join j = { .flock = flock, .id = { id }, .now = h->now.wall_s };

	memset(j.cosk.bytes, 0xd7, sizeof(j.cosk.bytes));
	assert_int_equal(join_create(h->s, &j, 1000, h->now.wall_s - DAY_S), STORE_OK);
}

void
handled_cathedral(
    struct handled *h, const char *name, const char *region, const char *address, uint16_t nat_port)
{
	struct cathedral_row row = { .port = 4500, .nat_port = nat_port, .shroud = true };
	struct heartbeat beat = { .name = name, .version = "0.1.0" };
	struct hash32 hash = test_hash(name);

	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(row.region, sizeof(row.region), "%s", region);
	snprintf(row.address, sizeof(row.address), "%s", address);
	assert_int_equal(cathedral_add(h->s, &row, &hash, h->now.wall_s), STORE_OK);
	assert_int_equal(cathedral_heartbeat(h->s, &beat, h->now.wall_s), STORE_OK);
	h->cathedral = row;
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/mixed.h"

#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GENERATION 7
#define DAYS       30

/* Of a step: a flock, a device and so on. */
struct step {
	const char *method, *path;
	unsigned status;
	const char *token, *json, *repeat;
	const void *body;
	size_t body_len;
};

void
mixed_begin(struct mixed *m, const struct test_api *t)
{
	struct flock_id none = { 0 };

	*m = (struct mixed){ .t = t };
	m->bundle = bundle_make(none, none, GENERATION, test_api_clock().wall_s, DAYS);
}

void
mixed_end(struct mixed *m)
{
	free(m->bundle.bytes);
}

static void
count_problem(struct mixed *m, const struct step *s, const struct got *a)
{
	const char *type = json_string_value(json_object_get(a->json, "type"));

	if (type == NULL)
		fail_msg("%s %s: %u %s", s->method, s->path, a->status, a->body);
	else if (a->status == 500 && got_is_problem(a, "failed"))
		m->failed++;
	else if (a->status == 503 && got_is_problem(a, "busy"))
		m->busy++;
	else if (a->status == 503 && got_is_problem(a, "no-space"))
		m->no_space++;
	else
		fail_msg("%s %s: %u %s", s->method, s->path, a->status, a->body);
	if (a->status == 503 && got_field(a, "Retry-After") == NULL)
		fail_msg("%s %s: %u without Retry-After", s->method, s->path, a->status);
}

/* Twice at most: what fails, fails once. */
static struct got
step(struct mixed *m, const struct step *s)
{
	const struct ask a = { .method = s->method,
		.path = s->path,
		.token = s->token,
		.json = s->json,
		.body = s->body,
		.body_len = s->body_len,
		.repeat = s->repeat };
	struct got got;

	for (int tries = 0; tries < 2; tries++) {
		got = ask(m->t, &a);
		if (m->answered != NULL)
			m->answered(m->arg, &a, &got);
		if (got.status == s->status)
			return got;
		count_problem(m, s, &got);
		got_free(got);
	}
	fail_msg("%s %s: does not recover", s->method, s->path);
	return (struct got){ 0 }; /* not reached */
}

static void
run_step(struct mixed *m, const struct step *s)
{
	got_free(step(m, s));
}

/* The same, and a text of its answer. */
static void
take_step(struct mixed *m, const struct step *s, const char *member, char *to, size_t size)
{
	struct got a = step(m, s);
	const char *text = got_text(&a, member);

	assert_int_equal(strlen(text), size - 1);
	memcpy(to, text, size);
	got_free(a);
}

static void
begin_life(struct mixed *m, struct tenant *who)
{
	const struct step s = { "POST", "/v1/register", 201, .json = "{}" };
	struct got a = step(m, &s);

	snprintf(who->account, sizeof(who->account), "%s", got_text(&a, "account"));
	snprintf(who->token, sizeof(who->token), "%s", got_text(&a, "token"));
	snprintf(who->share_id, sizeof(who->share_id), "%s", got_text(&a, "share_id"));
	got_free(a);
}

static void
make_flock(struct mixed *m, const struct tenant *who, const char *repeat, char flock[static 17])
{
	const struct step s = { "POST", "/v1/flocks", 201, .token = who->token,
		.json = "{\"label\": \"home\"}", .repeat = repeat };

	take_step(m, &s, "id", flock, 17);
}

/* A device by its key alone, which is approved; and one that brings an enrolment key. */
static void
make_devices(struct mixed *m, struct mixed_life *life)
{
	static const uint8_t cosk[32] = { 0x1b };
	char path[96], json[256], key[33];
	const struct step join = { "POST", path, 201, .body = cosk, .body_len = sizeof(cosk) };
	const struct step approve = { "POST", path, 200, .token = life->who.token };
	const struct step enrolment = { "POST", path, 201, .token = life->who.token,
		.json = "{\"uses\": 1}" };
	const struct step enrol = { "POST", path, 201, .json = json };
	const struct step change = { "PATCH", path, 200, .token = life->who.token,
		.json = "{\"label\": \"desk\", \"bw_limit\": 9}" };

	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", life->flock);
	take_step(m, &join, "cathedral_id", life->device, 9);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s/approve", life->flock, life->device);
	run_step(m, &approve);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s", life->flock, life->device);
	run_step(m, &change);
	strcat(path, "/secret");
	run_step(m, &approve);

	snprintf(path, sizeof(path), "/v1/flocks/%s/enrolments", life->flock);
	take_step(m, &enrolment, "enrolment_key", key, sizeof(key));
	snprintf(json, sizeof(json), "{\"cosk\": \"%064d\", \"enrolment_key\": \"%s\"}", 1, key);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", life->flock);
	take_step(m, &enrol, "cathedral_id", life->enrolled, 9);
}

static void
delete_device(struct mixed *m, const struct mixed_life *life)
{
	static const uint8_t cosk[32] = { 0x1c };
	char path[96], device[9];
	const struct step join = { "POST", path, 201, .body = cosk, .body_len = sizeof(cosk) };
	const struct step gone = { "DELETE", path, 204, .token = life->who.token };

	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", life->flock);
	take_step(m, &join, "cathedral_id", device, sizeof(device));
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s", life->flock, device);
	run_step(m, &gone);
}

static void
make_tokens(struct mixed *m, struct mixed_life *life)
{
	char path[64], id[17];
	const struct step create = { "POST", "/v1/tokens", 201, .token = life->who.token,
		.json = "{\"scope\": \"read\", \"label\": \"shelf\"}" };
	const struct step revoke = { "DELETE", path, 204, .token = life->who.token };
	const struct step login = { "POST", "/v1/login", 200, .body = life->who.account,
		.body_len = 64 };
	struct got a = step(m, &create);

	snprintf(life->revoked, sizeof(life->revoked), "%s", got_text(&a, "token"));
	snprintf(id, sizeof(id), "%s", got_text(&a, "id"));
	got_free(a);
	snprintf(path, sizeof(path), "/v1/tokens/%s", id);
	run_step(m, &revoke);
	take_step(m, &login, "token", life->token, sizeof(life->token));
}

/* Bundle and consent of a flock that is there for their sake only. */
static void
pass_flock(struct mixed *m, const struct mixed_life *life)
{
	char flock[17], path[96];
	const struct step put = { "PUT", path, 200, .token = life->who.token };
	const struct step gone = { "DELETE", path, 204, .token = life->who.token };
	struct step upload = { "PUT", path, 200, .token = life->who.token,
		.body_len = m->bundle.len };
	struct flock_id id = { 0 };

	make_flock(m, &life->who, NULL, flock);
	snprintf(path, sizeof(path), "/v1/flocks/%s/xflocks/%s", flock, life->flock);
	run_step(m, &put);
	run_step(m, &gone);

	assert_true(hex_u64(&id.value, flock, UINT64_MAX));
	bundle_rename(&m->bundle, id);
	upload.body = m->bundle.bytes;
	snprintf(path, sizeof(path), "/v1/flocks/%s/ambry", flock);
	run_step(m, &upload);
	snprintf(path, sizeof(path), "/v1/flocks/%s", flock);
	run_step(m, &gone);
}

static void
read_all(struct mixed *m, const struct mixed_life *life)
{
	char path[96];
	const char *paths[] = { path, "/v1/flocks", "/v1/account", "/v1/tokens", "/v1/xflocks",
		"/v1/events", "/v1/cathedrals" };

	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", life->flock);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct step s = { "GET", paths[i], 200, .token = life->token };

		run_step(m, &s);
	}
}

void
mixed_run(struct mixed *m, struct mixed_life *ret)
{
	char again[17];

	*ret = (struct mixed_life){ 0 };
	begin_life(m, &ret->who);
	make_flock(m, &ret->who, "a-key-of-one-flock", ret->flock);
	make_flock(m, &ret->who, "a-key-of-one-flock", again);
	assert_string_equal(again, ret->flock);
	make_devices(m, ret);
	delete_device(m, ret);
	make_tokens(m, ret);
	pass_flock(m, ret);
	read_all(m, ret);
}

static void
is_device(const json_t *device, const char *id, const char *kek)
{
	assert_string_equal(json_string_value(json_object_get(device, "device_cathedral_id")), id);
	assert_string_equal(json_string_value(json_object_get(device, "device_kek")), kek);
	assert_string_equal(json_string_value(json_object_get(device, "device_approved")), "t");
}

static json_t *
list_of(const struct got *a, const char *name, size_t count)
{
	json_t *list = json_object_get(a->json, name);

	if (json_array_size(list) != count)
		fail_msg("not %zu of \"%s\": %s", count, name, a->body);
	return list;
}

void
mixed_verify(const struct test_api *t, const struct mixed_life *life)
{
	const char *token = life->who.token;
	struct got a = expect(t, 200, "GET", "/v1/flocks", life->token, NULL);
	json_t *list = list_of(&a, "flocks", 1);

	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 0), "id")), life->flock);
	got_free(a);

	a = expect(t, 200, "GET", path_of("/v1/flocks/%s/devices", life->flock), token, NULL);
	list = list_of(&a, "devices", 2);
	is_device(json_array_get(list, 0), life->device, "1");
	is_device(json_array_get(list, 1), life->enrolled, "2");
	list = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(list, "label")), "desk");
	assert_int_equal(json_integer_value(json_object_get(list, "bw_limit")), 9);
	got_free(a);

	a = expect(t, 200, "GET", "/v1/tokens", token, NULL);
	list_of(&a, "tokens", 2);
	got_free(a);
	a = expect(t, 200, "GET", "/v1/xflocks", token, NULL);
	list_of(&a, "xflocks", 0);
	got_free(a);
	got_free(expect(t, 401, "GET", "/v1/account", life->revoked, NULL));
}

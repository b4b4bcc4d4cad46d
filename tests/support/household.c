/* SPDX-License-Identifier: ISC */
#include "tests/support/household.h"

#include "base/hex.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
mark(struct household *h, const char *text)
{
	assert_true(h->marks_count < MARKS_MOST && strlen(text) >= 8);
	snprintf(h->marks[h->marks_count++], sizeof(h->marks[0]), "%s", text);
}

/* A label that is nobody else's. */
static const char *
label(struct household *h, const char *of)
{
	static char json[128];
	char text[64];

	snprintf(text, sizeof(text), "%s-of-%.12s", of, h->who.share_id);
	mark(h, text);
	snprintf(json, sizeof(json), "{\"label\": \"%s\"}", text);
	return json;
}

/* A member of a JSON answer, also as a mark. */
static void
keep(struct household *h, char *to, size_t size, const struct got *a, const char *member)
{
	const char *text = got_text(a, member);

	assert_true(strlen(text) < size);
	strcpy(to, text);
	mark(h, text);
}

static void
make_flock(const struct test_api *t, struct household *h, char flock[static 17])
{
	struct got a = expect(t, 201, "POST", "/v1/flocks", h->who.token,
	    label(h, flock == h->has.flock ? "home" : "away"));

	keep(h, flock, 17, &a, "id");
	got_free(a);
}

static void
make_device(const struct test_api *t, struct household *h, char device[static 9], const char *of)
{
	char json[160], secret[65];
	struct got a;

	label(h, of);
	snprintf(json, sizeof(json), "{\"cosk\": \"%064x\", \"label\": \"%s\"}", 7,
	    h->marks[h->marks_count - 1]);
	a = expect(t, 201, "POST", path_of("/v1/flocks/%s/devices", h->has.flock), NULL, json);
	keep(h, device, 9, &a, "cathedral_id");
	keep(h, secret, sizeof(secret), &a, "cathedral_secret");
	got_free(a);
}

static void
make_token(const struct test_api *t, struct household *h, const char *scope, char value[static 33])
{
	char json[64];
	struct got a;

	snprintf(json, sizeof(json), "{\"scope\": \"%s\"}", scope);
	a = expect(t, 201, "POST", "/v1/tokens", h->who.token, json);
	keep(h, value, 33, &a, "token");
	got_free(a);
}

/* One that is to be revoked, so that nobody stands on it. */
static void
make_spare_token(const struct test_api *t, struct household *h)
{
	char value[33];
	struct got a = expect(t, 201, "POST", "/v1/tokens", h->who.token, label(h, "spare"));

	keep(h, h->has.token, sizeof(h->has.token), &a, "id");
	keep(h, value, sizeof(value), &a, "token");
	got_free(a);
}

static void
make_enrolment(const struct test_api *t, struct household *h)
{
	struct got a = expect(t, 201, "POST", path_of("/v1/flocks/%s/enrolments", h->has.flock),
	    h->who.token, label(h, "enrolment"));
	char key[65];

	keep(h, h->has.enrolment, sizeof(h->has.enrolment), &a, "id");
	keep(h, key, sizeof(key), &a, "enrolment_key");
	got_free(a);
}

void
household_make(const struct test_api *t, struct household *ret)
{
	struct household *h = ret;

	*h = (struct household){ .marks_count = 0 };
	tenant_make(t, &h->who);
	mark(h, h->who.account);
	mark(h, h->who.token);
	mark(h, h->who.share_id);
	make_token(t, h, "read", h->reads);
	make_token(t, h, "approve", h->approves);
	make_spare_token(t, h);
	make_flock(t, h, h->has.flock);
	make_flock(t, h, h->has.other);
	make_device(t, h, h->has.device, "laptop");
	tenant_approve(t, &h->who, h->has.flock, h->has.device);
	make_device(t, h, h->has.pending, "phone");
	make_enrolment(t, h);
	got_free(expect(t, 200, "PUT",
	    path_of("/v1/flocks/%s/xflocks/%s", h->has.flock, h->has.other), h->who.token, NULL));
	got_free(expect(t, 200, "PUT",
	    path_of("/v1/flocks/%s/xflocks/%s", h->has.other, h->has.flock), h->who.token, NULL));
}

static struct flock_id
flock_of(const char *text)
{
	struct flock_id id = { 0 };

	assert_true(hex_u64(&id.value, text, UINT64_MAX));
	return id;
}

struct made_bundle
household_bundle(const struct things *x, bool pair, uint32_t generation)
{
	return bundle_make(flock_of(x->flock), flock_of(pair ? x->other : x->flock), generation,
	    test_api_clock().wall_s, 30);
}

static void
upload(const struct test_api *t, const struct household *h, const char *path, struct made_bundle m)
{
	struct got a = ask(t, &(struct ask){ .method = "PUT",
				  .path = path,
				  .token = h->who.token,
				  .body = m.bytes,
				  .body_len = m.len });

	if (a.status != 200)
		fail_msg("%s: %u %s", path, a.status, a.body);
	got_free(a);
	free(m.bytes);
}

void
household_upload(const struct test_api *t, const struct household *h)
{
	const struct things *x = &h->has;

	upload(t, h, path_of("/v1/flocks/%s/ambry", x->flock), household_bundle(x, false, 7));
	upload(t, h, path_of("/v1/flocks/%s/xflocks/%s/ambry", x->flock, x->other),
	    household_bundle(x, true, 7));
}

struct things
things_nowhere(struct random *random)
{
	struct things x;

	snprintf(x.flock, sizeof(x.flock), "%014" PRIx64 "00", random_u64(random) >> 8);
	snprintf(x.other, sizeof(x.other), "%014" PRIx64 "00", random_u64(random) >> 8);
	snprintf(x.pending, sizeof(x.pending), "%08" PRIx64, random_u64(random) >> 32);
	snprintf(x.device, sizeof(x.device), "%08" PRIx64, random_u64(random) >> 32);
	snprintf(x.enrolment, sizeof(x.enrolment), "%016" PRIx64, random_u64(random));
	snprintf(x.token, sizeof(x.token), "%016" PRIx64, random_u64(random));
	return x;
}

const char *
household_betrayed(const struct household *h, const struct got *a, const char *named)
{
	for (size_t n = 0; n < h->marks_count; n++) {
		const char *m = h->marks[n];

		if (named != NULL && strstr(named, m) != NULL)
			continue;
		if (a->body != NULL && strcasestr(a->body, m) != NULL)
			return m;
		for (const char *line = a->head; line != NULL && *line != '\0';
		     line += strlen(line) + 1) {
			if (strcasestr(line, m) != NULL)
				return m;
		}
	}
	return NULL;
}

size_t
route_params(const struct route *r)
{
	size_t count = 0;

	for (const char *at = r->path; *at != '\0'; at++)
		count += *at == '{';
	return count;
}

/* The name in the braces that begin here is this. */
static bool
is(const char *at, const char *name)
{
	return strncmp(at, name, strlen(name)) == 0;
}

/* A device that is to be approved must wait; {id} is of whatever the path is about. */
static const char *
thing_at(const struct route *r, const struct things *x, const char *at)
{
	if (is(at, "{flock}") || is(at, "{a}"))
		return x->flock;
	if (is(at, "{b}"))
		return x->other;
	if (!is(at, "{id}"))
		fail_msg("%s: what is %s?", r->path, at);
	if (strstr(r->path, "/tokens/") != NULL)
		return x->token;
	if (strstr(r->path, "/enrolments/") != NULL)
		return x->enrolment;
	if (strstr(r->path, "/device") == NULL)
		fail_msg("%s: whose id?", r->path);
	return strstr(r->path, "/approve") != NULL ? x->pending : x->device;
}

static const char *
param_at(const struct route *r, size_t n)
{
	const char *at = strchr(r->path, '{');

	while (n-- > 0)
		at = strchr(at + 1, '{');
	return at;
}

const char *
route_thing(const struct route *r, const struct things *x, size_t n)
{
	return thing_at(r, x, param_at(r, n));
}

void
route_path(const struct route *r, const struct things *x, size_t n, const char *text,
    char path[static ROUTE_PATH_MAX])
{
	size_t used = 0, param = 0;

	for (const char *at = r->path; *at != '\0'; at++) {
		const char *thing;

		assert_true(used < ROUTE_PATH_MAX - 1);
		if (*at != '{') {
			path[used++] = *at;
			continue;
		}
		thing = text != NULL && param == n ? text : thing_at(r, x, at);
		assert_true(used + strlen(thing) < ROUTE_PATH_MAX);
		memcpy(path + used, thing, strlen(thing));
		used += strlen(thing);
		param++;
		at = strchr(at, '}');
	}
	path[used] = '\0';
}

const char *
route_json(const struct route *r)
{
	if (r->body != BODY_JSON)
		return NULL;
	if (strcmp(r->path, "/v1/cathedral/heartbeat") == 0)
		return "{\"version\": \"1\"}";
	return r->method == METHOD_PATCH ? "{\"label\": \"another\"}" : "{}";
}

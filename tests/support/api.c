/* SPDX-License-Identifier: ISC */
#include "tests/support/api.h"

#include "base/hex.h"
#include "reliquary-api/handlers/feed_pages.h"
#include "reliquary-api/http/upload.h"
#include "reliquary-api/routes.h"
#include "tests/support/seed.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define THREADS 2
#define DAY_S   86400

static _Atomic uint64_t passed_s;

struct instant
test_api_clock(void)
{
	uint64_t ahead = atomic_load(&passed_s);
	struct instant now = clock_now();

	now.mono_ns += ahead * NS_PER_S;
	now.wall_s += (int64_t)ahead;
	return now;
}

void
test_api_pass(uint64_t seconds)
{
	atomic_fetch_add(&passed_s, seconds);
}

static void
prepare_settings(struct settings *s)
{
	*s = (struct settings){ .registration = REGISTRATION_OPEN,
		.account_s = DAY_S,
		.extension_s = 31 * DAY_S,
		.account_flocks = 3,
		.device_mbit = 25,
		.tokens_most = 64,
		.token_unused_s = 30 * DAY_S,
		.joins_most = 64,
		.join_s = 3 * DAY_S,
		.enrolments_most = 32,
		.xflocks_most = 64,
		.repeat_s = DAY_S,
		.page_most = 1000 };
}

void
test_api_prepare(struct test_api *t)
{
	memset(t, 0, sizeof(*t));
	random_for_test(&t->random);
	t->scratch = scratch_make();
	snprintf(t->db, sizeof(t->db), "%s/reliquary.db", t->scratch.path);
	snprintf(t->key, sizeof(t->key), "%s/key", t->scratch.path);
	snprintf(t->bundles, sizeof(t->bundles), "%s/bundles", t->scratch.path);
	prepare_settings(&t->settings);
	t->pow_bits = 4;
	t->store_options =
	    (struct store_options){ .path = t->db, .cache_kib = 1024, .busy_ms = 2000 };
	t->options = (struct api_options){ .routes = routes,
		.bundles = t->bundles,
		.readers = THREADS + 1,
		.queue_max = 1024,
		.group_max = 64,
		.uploads_max = 16,
		.joins_total = 10000,
		.account_grace_s = 30 * DAY_S,
		.event_s = 90 * DAY_S,
		.upkeep_every_s = 100 * DAY_S,
		.clock = test_api_clock };
	/* Connections do not age when a test puts the clock forward. */
	t->server_options = (struct server_options){ .listen_fd = -1,
		.threads = THREADS,
		.connections_max = 1024,
		.idle_s = 30,
		.body_s = 30,
		.header_max = 6144,
		.clock = clock_now };
	endpoint_parse(&t->server_options.listen, "127.0.0.1:0");
}

static void
start_store(struct test_api *t, struct fault *why)
{
	t->vault = vault_open(t->key, why);
	if (t->vault == NULL && vault_create(t->key, &t->random, why))
		t->vault = vault_open(t->key, why);
	if (t->vault == NULL || !upload_folder_prepare(t->bundles, why))
		fail_msg("%s", why->text);
	t->store = store_open(&t->store_options, &t->random, why);
	if (t->store == NULL)
		fail_msg("%s", why->text);
}

void
test_api_start(struct test_api *t)
{
	struct fault why = { "" };
	struct endpoint admin_at;

	endpoint_parse(&admin_at, "127.0.0.1:0");
	start_store(t, &why);
	t->load = pow_load_create(t->pow_bits, 2 * t->pow_bits, 1000);
	assert_non_null(t->load);
	t->site = (struct site){ .settings = &t->settings,
		.vault = t->vault,
		.load = t->load,
		.bundles = t->bundles,
		.pages = feed_pages_create() };
	assert_non_null(t->site.pages);
	t->options.site = &t->site;
	t->options.store = t->store;
	t->api = api_create(&t->options, &t->random, &why);
	if (t->api == NULL)
		fail_msg("%s", why.text);
	t->server = server_create(&t->server_options, &api_calls, t->api, &why);
	if (t->server == NULL)
		fail_msg("%s", why.text);
	t->at = server_where(t->server);
	t->admin = admin_create(&admin_at, t->api, t->server, test_api_clock, &why);
	if (t->admin == NULL)
		fail_msg("%s", why.text);
	t->admin_at = admin_where(t->admin);
}

void
test_api_stop(struct test_api *t)
{
	if (t->api == NULL)
		return;
	api_drain(t->api);
	server_drain(t->server);
	admin_destroy(t->admin);
	server_destroy(t->server);
	api_destroy(t->api);
	store_close(t->store);
	feed_pages_destroy(t->site.pages);
	pow_load_destroy(t->load);
	vault_close(t->vault);
	t->api = NULL;
}

void
test_api_end(struct test_api *t)
{
	test_api_stop(t);
	scratch_remove(&t->scratch);
}

static void
field_add(char *fields, size_t size, const char *name, const char *value)
{
	size_t used = strlen(fields);

	if (value != NULL)
		snprintf(fields + used, size - used, "%s: %s\r\n", name, value);
}

bool
ask_on(struct http_client *c, const struct ask *a, struct got *ret)
{
	char fields[2048] = "";
	struct http_request rq = { .method = a->method, .path = a->path, .fields = fields };
	struct http_answer got = { 0 };
	bool ok;

	rq.body = a->json != NULL ? a->json : a->body;
	rq.body_len = a->json != NULL ? strlen(a->json) : a->body_len;
	field_add(fields, sizeof(fields), "x-token", a->token);
	field_add(fields, sizeof(fields), "Idempotency-Key", a->repeat);
	field_add(fields, sizeof(fields), "Accept", a->text ? "text/plain" : NULL);
	if (a->json != NULL)
		field_add(fields, sizeof(fields), "Content-Type", "application/json");
	else if (a->body != NULL)
		field_add(
		    fields, sizeof(fields), "Content-Type", "application/x-www-form-urlencoded");
	if (a->fields != NULL)
		snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), "%s", a->fields);

	ok = http_send_request(c, &rq) && http_read(c, &got, HTTP_PATIENCE_MS);
	*ret = (struct got){ .status = ok ? got.status : 0,
		.head = got.head,
		.body = got.body,
		.len = got.body_len };
	if (ok && got.body_len > 0)
		ret->json = json_loadb(got.body, got.body_len, JSON_REJECT_DUPLICATES, NULL);
	return ok;
}

bool
ask_try(const struct test_api *t, const struct ask *a, struct got *ret)
{
	struct http_client c;
	bool ok;

	*ret = (struct got){ 0 };
	if (!http_open(&c, &t->at))
		return false;
	ok = ask_on(&c, a, ret);
	http_close(&c);
	return ok;
}

struct got
ask(const struct test_api *t, const struct ask *a)
{
	struct got ret;

	if (!ask_try(t, a, &ret))
		fail_msg("%s %s: no answer", a->method, a->path);
	return ret;
}

struct got
expect(const struct test_api *t, unsigned status, const char *method, const char *path,
    const char *token, const char *json)
{
	const struct ask a = { .method = method, .path = path, .token = token, .json = json };
	struct got ret = ask(t, &a);

	if (ret.status != status)
		fail_msg("%s %s: %u instead of %u: %s", method, path, ret.status, status, ret.body);
	return ret;
}

void
got_free(struct got a)
{
	struct http_answer got = { .head = a.head, .body = a.body };

	json_decref(a.json);
	http_answer_free(&got);
}

const char *
got_field(const struct got *a, const char *name)
{
	const struct http_answer whole = { .head = a->head };

	return http_field(&whole, name);
}

const char *
got_text(const struct got *a, const char *member)
{
	const char *text = json_string_value(json_object_get(a->json, member));

	if (text == NULL)
		fail_msg("no \"%s\" in %s", member, a->body);
	return text;
}

bool
got_is_problem(const struct got *a, const char *kind)
{
	const char *type = got_field(a, "Content-Type");
	const char *own = json_string_value(json_object_get(a->json, "type"));
	json_int_t status = json_integer_value(json_object_get(a->json, "status"));

	return type != NULL && strcmp(type, "application/problem+json") == 0 && own != NULL &&
	       strncmp(own, "urn:reliquary:problem:", 22) == 0 && strcmp(own + 22, kind) == 0 &&
	       (unsigned)status == a->status && json_is_string(json_object_get(a->json, "title")) &&
	       json_is_string(json_object_get(a->json, "detail"));
}

static void
text_copy(char *to, size_t size, const struct got *a, const char *member)
{
	const char *text = got_text(a, member);

	assert_int_equal(strlen(text), size - 1);
	memcpy(to, text, size);
}

void
tenant_make(const struct test_api *t, struct tenant *ret)
{
	struct got a = expect(t, 201, "POST", "/v1/register", NULL, NULL);

	text_copy(ret->account, sizeof(ret->account), &a, "account");
	text_copy(ret->token, sizeof(ret->token), &a, "token");
	text_copy(ret->share_id, sizeof(ret->share_id), &a, "share_id");
	got_free(a);
}

void
tenant_flock(const struct test_api *t, const struct tenant *who, char flock[static 17])
{
	struct got a = expect(t, 201, "POST", "/v1/flocks", who->token, NULL);

	text_copy(flock, 17, &a, "id");
	got_free(a);
}

void
tenant_join(const struct test_api *t, const char *flock, char device[static 9])
{
	static const uint8_t cosk[32] = { 0x1b };
	struct got a = ask(t, &(struct ask){ .method = "POST",
				  .path = path_of("/v1/flocks/%s/devices", flock),
				  .body = cosk,
				  .body_len = sizeof(cosk) });

	if (a.status != 201)
		fail_msg("join: %u %s", a.status, a.body);
	text_copy(device, 9, &a, "cathedral_id");
	got_free(a);
}

void
tenant_approve(
    const struct test_api *t, const struct tenant *who, const char *flock, const char *device)
{
	got_free(expect(t, 200, "POST", path_of("/v1/flocks/%s/devices/%s/approve", flock, device),
	    who->token, NULL));
}

void
tenant_token(
    const struct test_api *t, const struct tenant *who, const char *scope, char token[static 33])
{
	char json[64];
	struct got a;

	snprintf(json, sizeof(json), "{\"scope\": \"%s\"}", scope);
	a = expect(t, 201, "POST", "/v1/tokens", who->token, json);
	text_copy(token, 33, &a, "token");
	got_free(a);
}

const char *
path_of(const char *format, ...)
{
	static char texts[4][256];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(texts[0]), format, args);
	va_end(args);
	return text;
}

static unsigned
bundles_count(const struct test_api *t)
{
	DIR *folder = opendir(t->bundles);
	const struct dirent *e;
	unsigned count = 0;
	uint8_t name[16];

	assert_non_null(folder);
	while ((e = readdir(folder)) != NULL)
		count += hex_decode(name, sizeof(name), e->d_name);
	closedir(folder);
	return count;
}

void
test_api_has_bundles(const struct test_api *t, unsigned count)
{
	static const struct timespec step = { .tv_nsec = 5 * (long)NS_PER_MS };
	uint64_t end_ns = clock_now().mono_ns + HTTP_PATIENCE_MS * NS_PER_MS;

	while (bundles_count(t) != count) {
		if (clock_now().mono_ns > end_ns)
			fail_msg("%u bundles instead of %u", bundles_count(t), count);
		nanosleep(&step, NULL);
	}
}

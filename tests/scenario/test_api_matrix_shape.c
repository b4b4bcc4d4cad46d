/* SPDX-License-Identifier: ISC */
/*
 * Every row of the route table, times everything that can be wrong with a request of somebody who
 * may make it: the victim itself asks, and nothing may come of it.
 */
#include "base/log.h"
#include "protocol/wire/bundle.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "tests/support/trial.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *
right_token(const struct trial *m, const struct route *r)
{
	return r->access == ACCESS_CATHEDRAL ? m->cathedral : m->victim.who.token;
}

static void
ask_right(const struct trial *m, const struct route *r, struct route_ask *a)
{
	trial_ask(a, r, &m->victim.has, right_token(m, r));
}

/* Does the pattern fit the path, segment by segment? */
static bool
fits(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t want = strcspn(++pattern, "/"), have = strcspn(++path, "/");

		if (*pattern != '{' && (want != have || memcmp(pattern, path, want) != 0))
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

/* Does the table have that method for the path?  HEAD is GET without the body. */
static bool
has_method(const char *path, const char *method)
{
	for (const struct route *r = routes; r->path != NULL; r++) {
		if (!fits(r->path, path))
			continue;
		if (strcmp(method_name(r->method), method) == 0 ||
		    (r->method == METHOD_GET && strcmp(method, "HEAD") == 0))
			return true;
	}
	return false;
}

/* All that Allow names are in the table, and the other way round. */
static void
allow_is_true(const char *path, const char *allow)
{
	static const char *const all[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
	char expected[64] = "";

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!has_method(path, all[i]))
			continue;
		if (expected[0] != '\0')
			strcat(expected, ", ");
		strcat(expected, all[i]);
	}
	assert_string_equal(allow, expected);
}

static void
wrong_methods_do_nothing(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
		"OPTIONS", "TRACE", "PROPFIND", "get", "POSTS", "X" };
	const struct verdict v = { "a wrong method", 405, "method", false };
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		for (size_t n = 0; n < sizeof(methods) / sizeof(methods[0]); n++) {
			struct route_ask a;
			struct got got;

			ask_right(&m, r, &a);
			if (has_method(a.path, methods[n]))
				continue;
			a.ask.method = methods[n];
			a.ask.fields = NULL;
			a.ask.body = NULL;
			if (strcmp(methods[n], "HEAD") == 0)
				a.ask.json = NULL;
			got = trial_refused(&m, &a.ask, &v);
			allow_is_true(a.path, got_field(&got, "Allow"));
			got_free(got);
		}
	}
	trial_end(&m);
}

/* What the route takes, as what it is not. */
static void
wrong_types_do_nothing(void **state)
{
	static const char *const types[] = { "", "Content-Type: text/plain\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n",
		"Content-Type: multipart/form-data; boundary=x\r\n",
		"Content-Type: application/jsonp\r\n", "Content-Type: text/json\r\n",
		"Content-Type: application/json-patch+json\r\n", "Content-Type: \r\n",
		"Content-Type: application/problem+json\r\n" };
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		for (size_t n = 0; r->body == BODY_JSON && n < sizeof(types) / sizeof(types[0]);
		     n++) {
			const struct verdict v = { "a wrong type", 415, "type", false };
			char fields[256], chunked[256];
			struct route_ask a;

			ask_right(&m, r, &a);
			snprintf(fields, sizeof(fields), "%sContent-Length: 2\r\n\r\n{}", types[n]);
			snprintf(chunked, sizeof(chunked),
			    "%sTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", types[n]);
			a.ask.json = NULL;
			a.ask.fields = fields;
			got_free(trial_refused(&m, &a.ask, &v));
			a.ask.fields = chunked;
			got_free(trial_refused(&m, &a.ask, &v));
		}
	}
	trial_end(&m);
}

static size_t
most(const struct route *r)
{
	switch (r->body) {
	case BODY_NONE:
		return 0;
	case BODY_JSON:
		return BODY_JSON_MAX;
	case BODY_RAW:
		return BODY_RAW_MAX;
	case BODY_UPLOAD:
		break;
	}
	return route_params(r) == 2 ? BUNDLE_TWO_FLOCKS_SIZE : BUNDLE_ONE_FLOCK_SIZE;
}

/* Only says how long it is: whoever is too long is told before it sends anything. */
static void
refuse_length(struct trial *m, const struct route *r, const char *length, struct verdict v)
{
	char fields[128];
	struct route_ask a;

	ask_right(m, r, &a);
	snprintf(fields, sizeof(fields), "%s%s",
	    r->body == BODY_JSON ? "Content-Type: application/json\r\n" : "", length);
	a.ask.json = NULL;
	a.ask.body = NULL;
	a.ask.fields = fields;
	got_free(trial_refused(m, &a.ask, &v));
}

/* Really sends it, with or without having said how much it is. */
static void
refuse_bytes(struct trial *m, const struct route *r, size_t len, bool chunked)
{
	const struct verdict v = { "a byte too much", 413, "too-large", false };
	struct route_ask a;
	char *text;
	FILE *to;
	size_t size;

	ask_right(m, r, &a);
	to = open_memstream(&text, &size);
	assert_non_null(to);
	fprintf(
	    to, "%s %s HTTP/1.1\r\nHost: x\r\nx-token: %s\r\n", a.ask.method, a.path, a.ask.token);
	if (r->body == BODY_JSON)
		fprintf(to, "Content-Type: application/json\r\n");
	if (chunked)
		fprintf(to, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%*s\r\n0\r\n\r\n", len,
		    (int)len, "");
	else
		fprintf(to, "Content-Length: %zu\r\n\r\n%*s", len, (int)len, "");
	fclose(to);
	trial_refused_bytes(m, &a.ask, &v, text, size);
	free(text);
}

#define WAITS "Expect: 100-continue\r\n"

static void
bodies_of_a_wrong_size_do_nothing(void **state)
{
	const struct verdict large = { "too large", 413, "too-large", false };
	const struct verdict unsaid = { "of no said length", 411, "length", false };
	const struct verdict small = { "too small", 400, "bundle", false };
	struct trial m;
	char length[64];

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n" WAITS, most(r) + 1);
		refuse_length(&m, r, length, large);
		refuse_length(&m, r, "Content-Length: 9223372036854775807\r\n" WAITS, large);
		if (r->body != BODY_UPLOAD) {
			refuse_bytes(&m, r, most(r) + 1, true);
			refuse_bytes(&m, r, most(r) + 1, false);
			continue;
		}
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n" WAITS, most(r) - 1);
		refuse_length(&m, r, length, small);
		refuse_length(&m, r, "Content-Length: 0\r\n", small);
		refuse_length(&m, r, "Transfer-Encoding: chunked\r\n" WAITS, unsaid);
		refuse_length(&m, r, "", unsaid);
	}
	test_api_has_bundles(&m.t, 0);
	trial_end(&m);
}

#define TIMES_8(x) x x x x x x x x

/* In place of an id.  What cannot stand in a path at all makes the request malformed. */
static const struct {
	const char *text;
	unsigned status;
} malformed[] = { { "..", 404 }, { ".", 404 }, { "", 404 }, { "%2e%2e", 404 }, { "%00", 404 },
	{ "0", 404 }, { "0x1", 404 }, { "-1", 404 }, { "*", 404 }, { "{flock}", 404 },
	{ "0000000000000000", 404 }, { "00000000000000ff", 404 }, { "gggggggggggggg00", 404 },
	{ "'OR''='", 404 }, { "1;DROP-TABLE-flocks", 404 }, { "\xc3\xa4\xff\x80", 404 },
	{ "%c0%ae%c0%ae", 404 }, { "..%2f..%2fkey", 404 }, { "..\\..\\key", 404 },
	{ "../../key", 404 }, { "//", 404 }, { "a b", 400 }, { "\t", 400 }, { "\x01", 400 },
	{ TIMES_8(TIMES_8("cafe")) "cafecafecafe", 404 },
	{ TIMES_8(TIMES_8(TIMES_8("00"))), 404 } };

/* What comes of a right id by little changes. */
static size_t
nearly_right(const char *right, char wrong[static 8][64])
{
	size_t len = strlen(right), n = 0;

	for (size_t i = 0; i <= len; i++)
		wrong[n][i] = (char)toupper((unsigned char)right[i]);
	n += strcmp(wrong[n], right) != 0;
	snprintf(wrong[n++], 64, "%s0", right);
	snprintf(wrong[n++], 64, "0%s", right);
	snprintf(wrong[n++], 64, "%s%%00", right);
	snprintf(wrong[n++], 64, "%s.json", right);
	snprintf(wrong[n++], 64, "%%%02x%s", (unsigned)right[0], right + 1);
	snprintf(wrong[n], 64, "%s", right);
	wrong[n++][len - 1] = '\0';
	return n;
}

static void
refuse_id(struct trial *m, const struct route *r, size_t n, const char *text, unsigned status)
{
	const struct verdict v = { "a malformed id", status,
		status == 404 ? "not-found" : "malformed",
		status == 404 && r->body != BODY_UPLOAD };
	struct route_ask a;

	trial_ask_with(&a, r, &m->victim.has, right_token(m, r), n, text);
	got_free(trial_refused(m, &a.ask, &v));
}

/* Another domain byte means the same flock to who joins, and nothing to all others. */
static void
refuse_domain(struct trial *m, const struct route *r, size_t n)
{
	char flock[17];

	memcpy(flock, route_thing(r, &m->victim.has, n), sizeof(flock));
	memcpy(flock + 14, "7f", 3);
	if (r->handle != handle_join)
		refuse_id(m, r, n, flock, 404);
}

static void
malformed_ids_name_nothing(void **state)
{
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		for (size_t n = 0; n < route_params(r); n++) {
			const char *right = route_thing(r, &m.victim.has, n);
			char wrong[8][64];
			size_t count = nearly_right(right, wrong);

			for (size_t i = 0; i < count; i++)
				refuse_id(&m, r, n, wrong[i], 404);
			for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
				refuse_id(&m, r, n, malformed[i].text, malformed[i].status);
			if (strlen(right) == 16 && strcmp(right + 14, "00") == 0)
				refuse_domain(&m, r, n);
		}
	}
	trial_end(&m);
}

/* No string of C can hold it, so it goes out by hand: within an id, behind it, behind all. */
static void
refuse_nul(struct trial *m, const struct route *r, size_t cut)
{
	const struct verdict v = { "a NUL in the path", 400, "malformed", false };
	struct route_ask a;
	char *text;
	FILE *to;
	size_t size;

	ask_right(m, r, &a);
	to = open_memstream(&text, &size);
	assert_non_null(to);
	fprintf(to, "%s %.*s%c%s HTTP/1.1\r\nHost: x\r\nx-token: %s\r\n", a.ask.method, (int)cut,
	    a.path, '\0', a.path + cut, a.ask.token);
	fprintf(to, "Content-Length: 0\r\n\r\n");
	fclose(to);
	trial_refused_bytes(m, &a.ask, &v, text, size);
	free(text);
}

static void
a_nul_in_a_path_names_nothing(void **state)
{
	char path[ROUTE_PATH_MAX];
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		route_path(r, &m.victim.has, 0, NULL, path);
		for (size_t cut = 1; cut <= strlen(path); cut++) {
			/* At least where another path may end. */
			if (path[cut] == '/' || path[cut] == '\0' || cut % 7 == 0)
				refuse_nul(&m, r, cut);
		}
	}
	trial_end(&m);
}

/* No JSON, or none that any route takes. */
static const char *const no_bodies[] = { "[]", "\"text\"", "1", "null", "true", "{", "}", "{]",
	"{\"label\"}", "{\"label\": }", "{'label': 'a'}", "{} {}", "{}x", "\xef\xbb\xbf{}",
	"{\"zzz\": 1}", "{\"\": 1}", "{\"Label\": \"a\"}", "{\"label\": \"a\", \"label\": \"a\"}",
	"{\"label\": \"\xff\xfe\"}", "{\"label\": \"\xc0\xaf\"}", "{\"label\": \"\xed\xa0\x80\"}",
	"{\"label\": \"\\ud800\"}", "{\"label\": \"\\u0000\"}", "{\"lab\\u0000el\": \"a\"}",
	"{\"kek\": 1e999}", "{\"kek\": 99999999999999999999}", "{\"kek\": 0x10}", "{\"kek\": 01}",
	"{\"kek\": NaN}", "{\"kek\": -0.0}", "{\"__proto__\": {}}", "{\"label\": \"a\"",
	"{\"a\": {\"b\": {\"c\": []}}}", "{\"account\": 1}", "{\"scope\": \"FULL\"}",
	"{\"label\": \"01234567890123456789012345678901234567890123456789012345678901234\"}",
	"{\"label\": \"a\\nb\"}", "{\"label\": \"\\u202eb\"}", "/**/{}" };

/* Members that one route or another knows, and values that suit none of them. */
static const char *const members[] = { "label", "scope", "expires_in", "kek", "uses", "bw_limit",
	"version", "load", "invite", "challenge", "nonce", "cosk", "enrolment_key" };
static const char *const values[] = { "[]", "{}", "true", "false", "-1", "1.5", "1e0",
	"18446744073709551615", "9223372036854775807", "[\"a\"]", "{\"a\": 1}", "\"\\u0007\"" };

static void
refuse_json(struct trial *m, const struct route *r, const char *json)
{
	const struct verdict v = { "JSON that is not for it", 400, NULL, true };
	struct route_ask a;

	ask_right(m, r, &a);
	a.ask.body = NULL;
	a.ask.json = json;
	got_free(trial_refused(m, &a.ask, &v));
}

/* '[[[[…' in an object, as deep as the body may be. */
static void
refuse_depth(struct trial *m, const struct route *r, const char *step, size_t len)
{
	char *deep = calloc(1, len + 1);
	size_t used = (size_t)sprintf(deep, "{\"label\": ");

	while (used + strlen(step) < len) {
		memcpy(deep + used, step, strlen(step));
		used += strlen(step);
	}
	refuse_json(m, r, deep);
	free(deep);
}

static void
wrong_json_does_nothing(void **state)
{
	size_t count = sizeof(no_bodies) / sizeof(no_bodies[0]);
	struct trial m;
	char json[256];

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	for (const struct route *r = routes; r->path != NULL; r++) {
		size_t largest = r->body == BODY_RAW ? BODY_RAW_MAX : BODY_JSON_MAX;

		if (r->body != BODY_JSON && r->handle != handle_join)
			continue;
		for (size_t i = 0; i < count; i++)
			refuse_json(&m, r, no_bodies[i]);
		refuse_depth(&m, r, "[", largest);
		refuse_depth(&m, r, "{\"a\":", largest);
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
			for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
				snprintf(json, sizeof(json), "{\"%s\": %s}", members[i], values[k]);
				refuse_json(&m, r, json);
			}
		}
	}
	trial_end(&m);
}

static void
refuse_rate(struct trial *m, const struct route *r, const char *from)
{
	char text[512];
	struct http_answer a;
	struct http_client c;
	struct route_ask ra;

	ask_right(m, r, &ra);
	for (int n = 0; n < 3; n++) {
		m->asked++;
		assert_true(http_open_from(&c, &m->t.at, from));
		snprintf(text, sizeof(text), "%s %.256s HTTP/1.1\r\nHost: x\r\n\r\n", ra.ask.method,
		    ra.path);
		assert_true(http_send(&c, text, strlen(text)));
		assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
		if ((a.status == 429) != (r->rate != RATE_REQUEST && n > 0))
			fail_msg("%s, time %d: %u %s", text, n + 1, a.status, a.body);
		if (a.status == 429)
			assert_non_null(http_field(&a, "Retry-After"));
		http_answer_free(&a);
		http_close(&c);
	}
}

/* The column of limits: whoever has one gives one answer to a source, and then no more. */
static void
limits_are_the_rows_own(void **state)
{
	struct trial m;
	char from[32];
	unsigned n = 0;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	test_api_stop(&m.t);
	for (int class = RATE_REQUEST + 1; class < RATE_WRONG_TOKEN; class ++)
		m.t.options.rates[class] = (struct rate){ .per_minute = 1, .burst = 1 };
	test_api_start(&m.t);
	for (const struct route *r = routes; r->path != NULL; r++) {
		snprintf(from, sizeof(from), "127.0.1.%u", ++n);
		refuse_rate(&m, r, from);
	}
	trial_end(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_methods_do_nothing),
		cmocka_unit_test(wrong_types_do_nothing),
		cmocka_unit_test(bodies_of_a_wrong_size_do_nothing),
		cmocka_unit_test(malformed_ids_name_nothing),
		cmocka_unit_test(a_nul_in_a_path_names_nothing),
		cmocka_unit_test(wrong_json_does_nothing),
		cmocka_unit_test(limits_are_the_rows_own),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_matrix_shape", tests, NULL, NULL);
}

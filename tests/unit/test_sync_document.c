/* SPDX-License-Identifier: ISC */
/* Pages of the feed as they should be, and as they should not: what is wrong is named. */
#include "tests/support/bundles.h"
#include "tools/cathedral-sync/document.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A      "6442a01510d91a00"
#define B      "0badcafe12345600"
#define SECRET "4be07c317c317c317c317c317c317c317c317c317c317c317c317c317c317c31"
#define COSK   "c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5"

#define DEVICE(id, kek)                                                                            \
	"{\"cathedral_id\": \"" id "\", \"kek\": " kek ", \"bw_limit\": 25,"                       \
	" \"cathedral_secret\": \"" SECRET "\", \"cosk\": \"" COSK "\"}"

static const char whole[] =
    "{\"database\": \"cf1f31fa\", \"since\": 7, \"until\": 12, \"begun\": 11, \"reset\": false, "
    "\"more\": true,"
    " \"cathedrals\": [{\"name\": \"vesper\", \"region\": \"eu\", \"address\": \"192.0.2.1\","
    " \"port\": 4500, \"nat_port\": 4501, \"shroud\": true, \"draining\": false},"
    " {\"name\": \"matins\", \"region\": \"\", \"address\": \"2001:db8::7\","
    " \"port\": 4500, \"nat_port\": null, \"shroud\": false, \"draining\": true}],"
    " \"flocks\": [{\"id\": \"" A "\", \"devices\": [" DEVICE("36d28dec", "1") ", " DEVICE(
	"00000000", "255") "], \"ambry\": null}, {\"id\": \"" B
			   "\", \"devices\": [], \"ambry\": null}],"
			   " \"xflocks\": [{\"flock_a\": \"" A "\", \"flock_b\": \"" B
			   "\", \"keks_a\": [1, 255], \"keks_b\": [], \"ambry\": null}],"
			   " \"gone\": {\"flocks\": [\"0123456789abcd00\"],"
			   " \"xflocks\": [[\"" A "\", \"0123456789abcd00\"]]}, \"later\": 1}";

static json_t *
page_new(void)
{
	json_t *page = json_loads(whole, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(page);
	return page;
}

static void
a_page_is_read(void **state)
{
	json_t *page = page_new();
	struct record_page d;
	struct fault why;

	(void)state;
	if (!document_read(&d, page, &why))
		fail_msg("%s", why.text);
	assert_string_equal(d.database, "cf1f31fa");
	assert_int_equal(d.since, 7);
	assert_int_equal(d.until, 12);
	assert_int_equal(d.begun, 11);
	assert_false(d.reset);
	assert_true(d.more && d.has_fleet);

	assert_int_equal(d.fleet_count, 2);
	assert_string_equal(d.fleet[0].name, "vesper");
	assert_string_equal(d.fleet[0].region, "eu");
	assert_true(endpoint_is_ipv4(&d.fleet[0].at) && d.fleet[0].at.port == 4500);
	assert_true(d.fleet[0].nat_port == 4501 && d.fleet[0].shroud && !d.fleet[0].draining);
	assert_true(!endpoint_is_ipv4(&d.fleet[1].at) && d.fleet[1].nat_port == 0);
	assert_true(!d.fleet[1].shroud && d.fleet[1].draining);

	assert_int_equal(d.flock_count, 2);
	assert_true(d.flocks[0].id.value == UINT64_C(0x6442a01510d91a00));
	assert_int_equal(d.flocks[0].device_count, 2);
	assert_int_equal(d.flocks[0].devices[0].id.value, 0x36d28dec);
	assert_int_equal(d.flocks[0].devices[0].mbit, 25);
	assert_int_equal(d.flocks[0].devices[0].cs.bytes[0], 0x4b);
	assert_int_equal(d.flocks[0].devices[0].cosk.bytes[31], 0xc5);
	assert_int_equal(d.flocks[0].devices[1].kek, 255);
	assert_int_equal(d.flocks[0].slice.len, 0);

	/* The lower one first, and its numbers with it. */
	assert_int_equal(d.xflock_count, 1);
	assert_true(d.xflocks[0].a.value == UINT64_C(0x0badcafe12345600));
	assert_int_equal(kek_set_count(&d.xflocks[0].slice.in_a), 0);
	assert_true(kek_set_has(&d.xflocks[0].slice.in_b, 255));
	assert_int_equal(d.flock_gone_count, 1);
	assert_int_equal(d.xflock_gone_count, 1);
	assert_true(d.xflocks_gone[0].a.value == UINT64_C(0x0123456789abcd00));
	record_page_free(&d);
	json_decref(page);
}

static json_t *
base64(const uint8_t *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *ret;

	assert_non_null(text);
	sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	ret = json_string(text);
	free(text);
	return ret;
}

/* A slice for numbers 1 and 255, as an ambry. */
static json_t *
ambry_new(struct flock_id a, struct flock_id b, size_t less)
{
	struct made_bundle m = bundle_make(a, b, 7, INT64_C(1790000000), 31);
	struct kek_set in = { { 0 } };
	struct bundle parsed;
	struct fault why;
	uint8_t bytes[1024];
	size_t len;

	kek_set_add(&in, 1);
	kek_set_add(&in, 255);
	assert_true(bundle_parse_whole(&parsed, m.bytes, m.len, a, b, &why));
	len = bundle_slice(&parsed, &in, &in, bytes, bundle_size(flock_equal(a, b), &in, &in));
	assert_true(len > less);
	free(m.bytes);
	return json_pack(
	    "{s:s, s:o}", "generation", "0x00000007", "slice", base64(bytes, len - less));
}

static void
expect(json_t *page, const char *fault)
{
	struct record_page d;
	struct fault why = { "" };
	bool ok = document_read(&d, page, &why);

	if (ok != (fault == NULL) || (fault != NULL && strcmp(why.text, fault) != 0))
		fail_msg("%s: %s", fault != NULL ? fault : "should be fine", why.text);
	record_page_free(&d);
}

static void
slices_are_parsed(void **state)
{
	const struct flock_id a = { UINT64_C(0x6442a01510d91a00) };
	const struct flock_id b = { UINT64_C(0x0badcafe12345600) };
	json_t *page = page_new();
	json_t *flock = json_array_get(json_object_get(page, "flocks"), 0);
	json_t *pair = json_array_get(json_object_get(page, "xflocks"), 0);
	json_t *numbers = json_object_get(pair, "keks_b");

	(void)state;
	json_object_set_new(flock, "ambry", ambry_new(a, a, 0));
	expect(page, NULL);
	json_object_set_new(flock, "ambry", ambry_new(a, a, 1));
	expect(page, "flocks[0]: ambry: slice: 185 bytes where 186 were expected");
	json_object_set_new(flock, "ambry", ambry_new(b, b, 0));
	expect(page,
	    "flocks[0]: ambry: slice: entry 1: tunnel 01ff of flock badcafe12345600 where 01ff of"
	    " flock 6442a01510d91a00 was expected");
	json_object_set_new(flock, "ambry", json_null());

	json_array_append_new(numbers, json_integer(1));
	json_array_append_new(numbers, json_integer(255));
	json_object_set_new(pair, "ambry", ambry_new(a, b, 0));
	expect(page, NULL);
	json_object_set_new(pair, "ambry", ambry_new(b, a, 0)); /* either may be named first */
	expect(page, NULL);
	json_array_remove(numbers, 0);
	expect(page, "xflocks[0]: ambry: slice: no base64 of 302 bytes");
	json_decref(page);
}

/* Sets what the path leads to ("flocks/0/id") to a value in JSON; "-" takes it away. */
static void
spoil(json_t *page, const char *path, const char *value)
{
	char part[32];
	const char *end = strchr(path, '/');
	size_t len = end != NULL ? (size_t)(end - path) : strlen(path);
	json_t *next, *new;

	snprintf(part, sizeof(part), "%.*s", (int)len, path);
	next = json_is_array(page) ? json_array_get(page, (size_t)atoi(part))
				   : json_object_get(page, part);
	if (end != NULL) {
		assert_non_null(next);
		spoil(next, end + 1, value);
		return;
	}
	if (strcmp(value, "-") == 0) {
		assert_int_equal(json_object_del(page, part), 0);
		return;
	}
	new = json_loads(value, JSON_DECODE_ANY, NULL);
	assert_non_null(new);
	if (json_is_array(page))
		json_array_set_new(page, (size_t)atoi(part), new);
	else
		json_object_set_new(page, part, new);
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *path, *value, *fault;
	} cases[] = {
		{ "database", "-", "database: is no text" },
		{ "database", "\"a\\u001bb\"", "database: is not printable" },
		{ "database", "\"\"", "database: is empty" },
		{ "begun", "-", NULL }, /* of a service that does not say it */
		{ "begun", "\"1\"", "begun: no number from 0 to 9223372036854775807" },
		{ "since", "-1", "since: no number from 0 to 9223372036854775807" },
		{ "since", "7.0", "since: no number from 0 to 9223372036854775807" },
		{ "until", "6", "until: no number from 7 to 9223372036854775807" },
		{ "reset", "1", "reset: neither true nor false" },
		{ "more", "-", "more: neither true nor false" },
		{ "cathedrals", "null", "cathedrals: is no list" },
		{ "cathedrals/0", "[]", "cathedrals[0]: name: is no text" },
		{ "cathedrals/0/name", "\"\"", "cathedrals[0]: name: is empty" },
		{ "cathedrals/0/name", "\"123456789012345678901234567890123\"",
		    "cathedrals[0]: name: is longer than 32 bytes" },
		{ "cathedrals/1/address", "\"vesper.example\"", "cathedrals[1]: address: is none" },
		{ "cathedrals/1/port", "0", "cathedrals[1]: port: no number from 1 to 65535" },
		{ "cathedrals/1/port", "65536", "cathedrals[1]: port: no number from 1 to 65535" },
		{ "cathedrals/1/nat_port", "0",
		    "cathedrals[1]: nat_port: no number from 1 to 65535" },
		{ "cathedrals/1/nat_port", "-",
		    "cathedrals[1]: nat_port: no number from 1 to 65535" },
		{ "cathedrals/1/shroud", "null", "cathedrals[1]: shroud: neither true nor false" },
		{ "flocks", "-", "flocks: is no list" },
		{ "flocks", "{}", "flocks: is no list" },
		{ "flocks/0", "null", "flocks[0]: id: no flock" },
		{ "flocks/0/id", "\"6442a01510d91a01\"", "flocks[0]: id: no flock" },
		{ "flocks/0/id", "\"0000000000000000\"", "flocks[0]: id: no flock" },
		{ "flocks/0/id", "\"6442A01510d91a00\"", "flocks[0]: id: no flock" },
		{ "flocks/0/id", "\"0x42a01510d91a00\"", "flocks[0]: id: no flock" },
		{ "flocks/0/devices", "-", "flocks[0]: devices: is no list" },
		{ "flocks/0/devices/1/cathedral_id", "\"36d28dec\"",
		    "flocks[0]: devices[1]: cathedral_id: is another device's, too" },
		{ "flocks/0/devices/1/cathedral_id", "\"36d28de\"",
		    "flocks[0]: devices[1]: cathedral_id: not 8 hex digits" },
		{ "flocks/0/devices/1/kek", "1",
		    "flocks[0]: devices[1]: kek: is another device's, too" },
		{ "flocks/0/devices/1/kek", "256",
		    "flocks[0]: devices[1]: kek: no number from 1 to 255" },
		{ "flocks/0/devices/1/bw_limit", "4294967296",
		    "flocks[0]: devices[1]: bw_limit: no number from 0 to 4294967295" },
		{ "flocks/0/devices/1/cathedral_secret", "\"" SECRET "00\"",
		    "flocks[0]: devices[1]: cathedral_secret: not 64 hex digits" },
		{ "flocks/0/devices/0/cosk", "-",
		    "flocks[0]: devices[0]: cosk: not 64 hex digits" },
		{ "flocks/0/ambry", "-", "flocks[0]: ambry: neither null nor with a slice" },
		{ "flocks/0/ambry", "{\"slice\": 1}",
		    "flocks[0]: ambry: neither null nor with a slice" },
		{ "flocks/0/ambry", "{\"slice\": \"%%%%\"}",
		    "flocks[0]: ambry: slice: no base64 of 186 bytes" },
		{ "flocks/0/ambry", "{\"slice\": \"\"}",
		    "flocks[0]: ambry: slice: 0 bytes where 186 were expected" },
		{ "xflocks/0/flock_b", "\"" A "\"", "xflocks[0]: flock_b: is flock_a" },
		{ "xflocks/0/keks_a/1", "1",
		    "xflocks[0]: keks_a[1]: no KEK number, or there twice" },
		{ "xflocks/0/keks_a/1", "0",
		    "xflocks[0]: keks_a[1]: no KEK number, or there twice" },
		{ "xflocks/0/keks_b", "-", "xflocks[0]: keks_b: is no list" },
		{ "gone", "-", "gone: flocks: is no list" },
		{ "gone/flocks/0", "7", "gone: flocks[0]: no flock" },
		{ "gone/xflocks/0", "\"" A "\"", "gone: xflocks[0]: no two flocks" },
		{ "gone/xflocks/0/1", "\"" A "\"", "gone: xflocks[0]: no two flocks" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *page = page_new();

		spoil(page, cases[i].path, cases[i].value);
		expect(page, cases[i].fault);
		json_decref(page);
	}
	expect(NULL, "no object");
}

/* As much as there can be: 256 devices are too many. */
static void
lists_have_an_end(void **state)
{
	json_t *page = page_new(), *list = json_array();
	json_t *flock = json_array_get(json_object_get(page, "flocks"), 0);

	(void)state;
	for (int i = 0; i < 256; i++)
		json_array_append_new(list, json_object());
	json_object_set_new(flock, "devices", list);
	expect(page, "flocks[0]: devices: more than 255");
	json_decref(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_read),
		cmocka_unit_test(slices_are_parsed),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(lists_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

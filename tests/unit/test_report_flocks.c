/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/report.h"
#include "protocol/wire/bundle.h"
#include "tests/support/bundles.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1790000000)

/* An overview of nothing but a registry, which is its own from then on. */
static struct overview
overview_of(struct registry *r)
{
	assert_non_null(r);
	return (struct overview){ .publish = publish_create(r, 1) };
}

static struct registry *
registry_new(void)
{
	struct random random;

	random_from_seed(&random, 1);
	return registry_empty(hash_key_new(&random));
}

/* A flock with devices of these numbers, whose identities are ten times as large. */
static struct registry_flock *
flock_of(uint64_t id, const char *numbers)
{
	struct registry_spec_device devices[16];
	size_t count = strlen(numbers);

	memset(devices, 0, sizeof(devices));
	for (size_t n = 0; n < count; n++) {
		devices[n].kek_number = (uint8_t)numbers[n];
		devices[n].id.value = 10u * (uint8_t)numbers[n];
		devices[n].mbit = (uint32_t)n;
		memset(&devices[n].cs, numbers[n], sizeof(devices[n].cs));
		memset(&devices[n].cosk, 0x80 | numbers[n], sizeof(devices[n].cosk));
	}
	return registry_flock_create((struct flock_id){ id }, devices, count);
}

static void
assert_json(json_t *doc, json_t *want)
{
	char *got = json_dumps(doc, JSON_SORT_KEYS), *expected = json_dumps(want, JSON_SORT_KEYS);

	assert_non_null(want);
	assert_string_equal(got, expected);
	free(got);
	free(expected);
	json_decref(doc);
	json_decref(want);
}

/* ---- pages ---- */

#define MANY 2500

/* Numbers in an order that is not theirs. */
static struct registry *
registry_of_many(unsigned count)
{
	struct registry *r = registry_new();

	for (unsigned n = 0; n < count; n++) {
		uint64_t id = (uint64_t)(n * 1009 % count + 1) << 8;

		assert_true(registry_put_flock(r, flock_of(id, "")));
	}
	return r;
}

static void
assert_page(json_t *doc, unsigned first, unsigned count, unsigned found, bool more)
{
	const json_t *list = json_object_get(doc, "flocks");
	const char *next = json_string_value(json_object_get(doc, "next"));
	char id[24];

	assert_int_equal(json_array_size(list), count);
	assert_int_equal(json_integer_value(json_object_get(doc, "found")), found);
	for (unsigned n = 0; n < count; n++) {
		snprintf(id, sizeof(id), "%x", (first + n) << 8);
		assert_string_equal(
		    json_string_value(json_object_get(json_array_get(list, n), "flock")), id);
	}
	assert_int_equal(next != NULL, more);
	if (more)
		assert_string_equal(next, id);
	json_decref(doc);
}

static void
test_pages(void **state)
{
	struct overview o = overview_of(registry_of_many(MANY));
	const struct instant now = { .wall_s = NOW_S };
	struct flock_id after = { 1000 << 8 };

	(void)state;
	assert_page(report_flocks(&o, NULL, now), 1, 1000, MANY, true);
	assert_page(report_flocks(&o, &after, now), 1001, 1000, MANY, true);
	after.value = 2000 << 8;
	assert_page(report_flocks(&o, &after, now), 2001, 500, MANY, false);
	after.value = 1500 << 8; /* exactly one page is left */
	assert_page(report_flocks(&o, &after, now), 1501, 1000, MANY, false);
	after.value = (1500 << 8) - 1; /* it need not be one that is there */
	assert_page(report_flocks(&o, &after, now), 1500, 1000, MANY, true);
	after.value = UINT64_MAX;
	assert_page(report_flocks(&o, &after, now), 0, 0, MANY, false);
	publish_destroy(o.publish);
}

static void
test_no_flocks(void **state)
{
	struct overview o = overview_of(registry_new());

	(void)state;
	assert_page(report_flocks(&o, NULL, (struct instant){ .wall_s = NOW_S }), 0, 0, 0, false);
	publish_destroy(o.publish);
}

/* ---- fingerprints ---- */

/* By another way than the report's: all of it in one piece. */
static const char *
fingerprint(const char *label, const void *bytes, size_t len, char text[static 17])
{
	size_t label_len = strlen(label) + 1;
	uint8_t hash[32], *all = malloc(label_len + len);

	assert_non_null(all);
	memcpy(all, label, label_len);
	memcpy(all + label_len, bytes, len);
	crypto_generichash(hash, sizeof(hash), all, label_len + len, NULL, 0);
	free(all);
	return sodium_bin2hex(text, 17, hash, 8);
}

static json_t *
device_json(char number, unsigned mbit)
{
	char secret[17], cosk[17], id[9], hex[3];
	uint8_t cs[32], public[32];

	memset(cs, number, sizeof(cs));
	memset(public, 0x80 | number, sizeof(public));
	snprintf(id, sizeof(id), "%08x", 10u * (uint8_t)number);
	snprintf(hex, sizeof(hex), "%02x", (uint8_t)number);
	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "device", id, "number", hex, "mbit",
	    (int)mbit, "secret", fingerprint("secret", cs, sizeof(cs), secret), "cosk",
	    fingerprint("cosk", public, sizeof(public), cosk));
}

static void
set_flock(struct registry_flock *f, uint32_t generation)
{
	struct made_bundle m = bundle_make(f->id, f->id, generation, NOW_S, 30);
	struct fault why;

	assert_true(registry_flock_set_ambries(f, m.bytes, m.len, &why));
	free(m.bytes);
}

static void
set_pair(struct registry_xflock *x, uint32_t generation)
{
	struct made_bundle m = bundle_make(x->b->id, x->a->id, generation, NOW_S, 30);
	struct fault why;

	assert_true(registry_xflock_set_ambries(x, m.bytes, m.len, &why));
	free(m.bytes);
}

static json_t *
ambries_json(
    const struct registry_ambries *a, const char *generation, const char *numbers, const char *peer)
{
	int64_t ends = bundle_ends((uint16_t)((NOW_S - AMBRY_EPOCH) / AMBRY_DAY + 30));
	char slice[17];
	json_t *doc = json_pack("{s:s, s:I, s:I, s:s, s:s}", "generation", generation, "expires",
	    (json_int_t)ends, "size", (json_int_t)a->size, "slice",
	    fingerprint("slice", a->bytes, a->size, slice), "numbers", numbers);

	if (peer != NULL)
		json_object_set_new(doc, "peer_numbers", json_string(peer));
	return doc;
}

/* An xflock is told from either side. */
static void
test_a_flock_with_all_there_is(void **state)
{
	struct registry *r = registry_new();
	struct registry_flock *a = flock_of(0xa00, "\x03\x01\x02\x0a\x7f\x0b");
	struct registry_flock *b = flock_of(0xb00, "\x05");
	struct overview o = overview_of(r);
	struct registry_xflock *x;

	(void)state;
	set_flock(a, 0x1234);
	x = registry_xflock_create(b, a);
	set_pair(x, 0x99);
	assert_true(registry_put_flock(r, a) && registry_put_flock(r, b));
	assert_true(registry_put_xflock(r, x));
	assert_true(registry_put_waiting(
	    r, (struct flock_id){ 0x900 }, a->id, &(struct registry_ambries){ .present = false }));
	assert_json(report_flock(&o, (struct flock_id){ 0xa77 }),
	    json_pack("{s:s, s:[o, o, o, o, o, o], s:o, s:[{s:s, s:b, s:n}, {s:s, s:b, s:o}]}",
		"flock", "a00", "devices", device_json(1, 1), device_json(2, 2), device_json(3, 0),
		device_json(0x0a, 3), device_json(0x0b, 5), device_json(0x7f, 4), "ambries",
		ambries_json(&a->ambries, "00001234", "01-03 0a-0b 7f", NULL), "xflocks", "flock",
		"900", "waiting", 1, "ambries", "flock", "b00", "waiting", 0, "ambries",
		ambries_json(&x->ambries, "00000099", "01-03 0a-0b 7f", "05")));
	assert_json(report_flock(&o, b->id),
	    json_pack("{s:s, s:[o], s:n, s:[{s:s, s:b, s:o}]}", "flock", "b00", "devices",
		device_json(5, 0), "ambries", "xflocks", "flock", "a00", "waiting", 0, "ambries",
		ambries_json(&x->ambries, "00000099", "05", "01-03 0a-0b 7f")));
	assert_json(report_flocks(&o, NULL, (struct instant){ .wall_s = NOW_S }),
	    json_pack("{s:[{s:s, s:i, s:s, s:[s]}, {s:s, s:i, s:n, s:[s]}], s:i, s:n}", "flocks",
		"flock", "a00", "devices", 6, "generation", "00001234", "xflocks", "b00", "flock",
		"b00", "devices", 1, "generation", "xflocks", "a00", "found", 2, "next"));
	assert_int_equal(registry_counts(r).waiting, 1);
	publish_destroy(o.publish);
}

static void
test_many_numbers(void **state)
{
	struct registry_flock *f;
	struct registry_spec_device devices[170];
	struct registry *r = registry_new();
	struct overview o = overview_of(r);
	char expected[512];
	size_t count = 0, len = 0;
	json_t *doc;

	(void)state;
	/* The longest that there is: pairs with a gap behind each. */
	memset(devices, 0, sizeof(devices));
	for (unsigned n = 1; n + 1 <= 255; n += 3) {
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%02x-%02x",
		    n > 1 ? " " : "", n, n + 1);
		for (unsigned i = 0; i < 2; i++, count++) {
			devices[count].kek_number = (uint8_t)(n + i);
			devices[count].id.value = n + i;
		}
	}
	f = registry_flock_create((struct flock_id){ 0x100 }, devices, count);
	set_flock(f, 1);
	assert_true(registry_put_flock(r, f));
	doc = report_flock(&o, f->id);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(doc, "ambries"), "numbers")),
	    expected);
	json_decref(doc);
	publish_destroy(o.publish);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_no_flocks),
		cmocka_unit_test(test_a_flock_with_all_there_is),
		cmocka_unit_test(test_many_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

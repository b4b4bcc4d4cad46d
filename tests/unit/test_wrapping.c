/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/wire/cursor.h"
#include "protocol/wrapping.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *vectors;

static int
load(void **state)
{
	(void)state;
	vectors = vectors_load("ambry.json");
	return aead_init() ? 0 : -1;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

/* All that one wrapped secret depends on. */
struct wrap {
	struct kek_unwrap_key k1;
	struct bundle_head head;
	struct ambry_place place;
	struct tunnel_secret secret;
	uint8_t key[32], tag[16];
};

static struct wrap
wrap_of(const json_t *v)
{
	struct wrap w;

	vector_bytes(v, "k1", w.k1.bytes, sizeof(w.k1.bytes));
	w.head.expires = (uint16_t)vector_number(v, "expires");
	w.head.generation = (uint32_t)vector_hex(v, "generation");
	vector_bytes(v, "seed", w.head.seed, sizeof(w.head.seed));
	w.place.flock_src.value = vector_hex(v, "flock_src");
	w.place.flock_dst.value = vector_hex(v, "flock_dst");
	w.place.tunnel.value = (uint16_t)vector_hex(v, "tunnel");
	vector_bytes(v, "secret", w.secret.bytes, sizeof(w.secret.bytes));
	vector_bytes(v, "key", w.key, sizeof(w.key));
	vector_bytes(v, "tag", w.tag, sizeof(w.tag));
	return w;
}

static bool
unwraps(const struct wrap *w, struct tunnel_secret *got)
{
	return ambry_unwrap(got, w->key, w->tag, &w->k1, &w->head, &w->place);
}

static void
wraps_and_unwraps_as_known(void **state)
{
	json_t *list = vector_list(vectors, "wrap"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 5);
	json_array_foreach(list, i, v)
	{
		struct wrap w = wrap_of(v);
		struct tunnel_secret got;
		uint8_t key[32], tag[16];

		ambry_wrap(key, tag, &w.secret, &w.k1, &w.head, &w.place);
		assert_memory_equal(key, w.key, sizeof(key));
		assert_memory_equal(tag, w.tag, sizeof(tag));
		assert_true(unwraps(&w, &got));
		assert_memory_equal(&got, &w.secret, sizeof(got));
	}
}

/* Both ends of a tunnel get the same secret out of their own ambries. */
static void
gives_both_ends_one_secret(void **state)
{
	json_t *list = vector_list(vectors, "wrap");
	unsigned pairs = 0;

	(void)state;
	for (size_t a = 0; a < json_array_size(list); a++) {
		for (size_t b = a + 1; b < json_array_size(list); b++) {
			struct wrap one = wrap_of(json_array_get(list, a));
			struct wrap two = wrap_of(json_array_get(list, b));
			struct tunnel_secret from_one, from_two;

			if (two.place.tunnel.value != tunnel_reverse(one.place.tunnel).value ||
			    !flock_equal(two.place.flock_src, one.place.flock_dst))
				continue;
			assert_true(unwraps(&one, &from_one));
			assert_true(unwraps(&two, &from_two));
			assert_memory_equal(&from_one, &from_two, sizeof(from_one));
			pairs++;
		}
	}
	assert_true(pairs >= 2);
}

/* The unwrap key of the device that entry is for, when a vector has its KEK. */
static bool
find_owner(const struct bundle_entry *entry, struct flock_id other, struct wrap *ret)
{
	json_t *list = vector_list(vectors, "wrap"), *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		struct wrap w = wrap_of(v);

		if (flock_equal(w.place.flock_src, entry->flock) &&
		    flock_equal(w.place.flock_dst, other) &&
		    tunnel_own(w.place.tunnel) == tunnel_own(entry->tunnel)) {
			*ret = w;
			return true;
		}
	}
	return false;
}

/* Opens and remakes those entries of a bundle whose owners' KEKs are known; returns how many. */
static unsigned
check_entries(
    const struct bundle_head *head, const json_t *entries, struct flock_id a, struct flock_id b)
{
	unsigned opened = 0;
	json_t *text;
	size_t i;

	json_array_foreach(entries, i, text)
	{
		size_t len;
		uint8_t *bytes = hex_alloc(json_string_value(text), &len), key[32], tag[16];
		struct cursor c = cursor_over(bytes, len);
		struct bundle_entry entry;
		struct tunnel_secret secret;
		struct wrap w;

		entry.flock.value = cursor_be64(&c);
		entry.tunnel.value = cursor_be16(&c);
		cursor_take(&c, entry.key, sizeof(entry.key));
		cursor_take(&c, entry.tag, sizeof(entry.tag));
		assert_true(cursor_done(&c));
		free(bytes);
		if (!find_owner(&entry, flock_equal(entry.flock, a) ? b : a, &w))
			continue;
		w.place.tunnel = entry.tunnel;
		assert_true(ambry_unwrap(&secret, entry.key, entry.tag, &w.k1, head, &w.place));
		ambry_wrap(key, tag, &secret, &w.k1, head, &w.place);
		assert_memory_equal(key, entry.key, sizeof(key));
		assert_memory_equal(tag, entry.tag, sizeof(tag));
		opened++;
	}
	return opened;
}

static void
opens_entries_of_bundles(void **state)
{
	const struct flock_id own = { 0xcafeba00 }, a = { 0xaaaaaa00 }, b = { 0xbbbbbb00 };
	const json_t *two = vector_object(vectors, "full_two_flocks");
	const json_t *few = vector_object(vectors, "few");
	uint8_t head_bytes[BUNDLE_HEAD_SIZE];
	struct bundle_head head;
	struct cursor c = cursor_over(head_bytes, sizeof(head_bytes));

	(void)state;
	vector_bytes(few, "head", head_bytes, sizeof(head_bytes));
	head.expires = cursor_be16(&c);
	head.generation = cursor_be32(&c);
	cursor_take(&c, head.seed, sizeof(head.seed));
	assert_true(cursor_done(&c));
	assert_true(check_entries(&head, vector_list(few, "entries"), own, own) >= 2);

	head.expires = (uint16_t)vector_number(two, "expires");
	head.generation = (uint32_t)vector_hex(two, "generation");
	vector_bytes(two, "seed", head.seed, sizeof(head.seed));
	assert_true(check_entries(&head, vector_list(two, "first_entries"), a, b) >= 2);
}

/* Everything that names an ambry's place is authenticated: nothing opens anywhere else. */
static void
refuses_another_place(void **state)
{
	const struct wrap good = wrap_of(json_array_get(vector_list(vectors, "wrap"), 2));
	struct wrap bad[9];
	const struct tunnel_secret before = { { 0x44 } };
	struct tunnel_secret got = before;

	(void)state;
	for (size_t i = 0; i < 9; i++)
		bad[i] = good;
	bad[0].head.expires++;
	bad[1].head.generation ^= 1;
	bad[2].head.seed[63] ^= 1;
	bad[3].place.flock_src.value ^= 0x100;
	bad[4].place.flock_dst.value ^= 0x100;
	bad[5].place.tunnel = tunnel_reverse(good.place.tunnel);
	bad[6].k1.bytes[0] ^= 1;
	bad[7].key[0] ^= 1;
	bad[8].tag[0] ^= 1;
	for (size_t i = 0; i < 9; i++) {
		if (unwraps(&bad[i], &got))
			fail_msg("change %zu went unnoticed", i);
		assert_memory_equal(&got, &before, sizeof(got));
	}
	assert_true(unwraps(&good, &got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_and_unwraps_as_known),
		cmocka_unit_test(gives_both_ends_one_secret),
		cmocka_unit_test(opens_entries_of_bundles),
		cmocka_unit_test(refuses_another_place),
	};

	return cmocka_run_group_tests_name("wrapping", tests, load, unload);
}

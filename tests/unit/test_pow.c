/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/pow.h"

#include "base/clock.h"
#include "base/work.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"
#include "tools/reliquary-pow/search.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW  INT64_C(1795000000)
#define HOUR (3600 * NS_PER_S)

static struct random randomness;
static struct scratch folder;
static struct vault *vault, *other;

static struct vault *
vault_new(const char *name)
{
	struct scratch_name file = scratch_name(&folder, name);
	struct fault why = { "" };

	if (!vault_create(file.path, &randomness, &why))
		fail_msg("%s", why.text);
	return vault_open(file.path, &why);
}

static void
solve(const char *challenge, unsigned bits, char nonce[static SEARCH_NONCE])
{
	const struct search s = { .challenge = challenge, .bits = bits, .threads = 2 };
	struct fault why = { "" };

	if (!search_run(&s, nonce, &why))
		fail_msg("%s", why.text);
}

/* The hashes are b2sum's. */
static void
zero_bits_are_counted(void **state)
{
	static const struct {
		const char *challenge, *nonce;
		unsigned want;
	} cases[] = {
		{ "abc", "0", 0 },
		{ "abc", "1", 1 },
		{ "abc", "40", 2 },
		{ "abc", "172", 5 },
		{ "abc", "309", 7 },
		{ "abc", "536", 8 },
		{ "abc", "2183", 9 },
		{ "abc", "343344", 15 },
		{ "abc", "116068", 16 },
		{ "abc", "385379", 17 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *c = cases[i].challenge, *n = cases[i].nonce;

		assert_int_equal(work_bits(c, strlen(c), n, strlen(n)), cases[i].want);
	}
}

static void
what_was_asked_for_and_found_is_taken(void **state)
{
	char challenge[POW_CHALLENGE_TEXT], nonce[SEARCH_NONCE];
	int64_t expires = 0;

	(void)state;
	for (unsigned bits = 0; bits <= 12; bits += 4) {
		pow_challenge(vault, bits, NOW, &randomness, challenge);
		solve(challenge, bits, nonce);
		assert_true(work_bits(challenge, strlen(challenge), nonce, strlen(nonce)) >= bits);
		assert_int_equal(pow_check(vault, challenge, nonce, NOW, &expires), POW_OK);
		assert_int_equal(expires, NOW + POW_TTL_S);
	}
}

static void
it_ends(void **state)
{
	char challenge[POW_CHALLENGE_TEXT], nonce[SEARCH_NONCE];
	int64_t expires;

	(void)state;
	pow_challenge(vault, 4, NOW, &randomness, challenge);
	solve(challenge, 4, nonce);
	assert_int_equal(pow_check(vault, challenge, nonce, NOW + POW_TTL_S - 1, &expires), POW_OK);
	assert_int_equal(
	    pow_check(vault, challenge, nonce, NOW + POW_TTL_S, &expires), POW_EXPIRED);
}

static void
no_other_challenge_is_taken(void **state)
{
	char challenge[POW_CHALLENGE_TEXT], changed[POW_CHALLENGE_TEXT + 8];
	int64_t expires;

	(void)state;
	pow_challenge(vault, 0, NOW, &randomness, challenge);
	assert_int_equal(pow_check(vault, challenge, "x", NOW, &expires), POW_OK);
	assert_int_equal(pow_check(other, challenge, "x", NOW, &expires), POW_FORGED);

	/* Another digit anywhere: version, end, bits, what is random, code. */
	for (size_t i = 0; i < strlen(challenge); i++) {
		strcpy(changed, challenge);
		changed[i] = changed[i] == '1' ? '2' : '1';
		assert_int_equal(pow_check(vault, changed, "x", NOW, &expires), POW_FORGED);
	}
	/* Shorter, longer, empty. */
	for (size_t len = 0; len < strlen(challenge); len++) {
		snprintf(changed, len + 1, "%s", challenge);
		assert_int_equal(pow_check(vault, changed, "x", NOW, &expires), POW_FORGED);
	}
	snprintf(changed, sizeof(changed), "%s00", challenge);
	assert_int_equal(pow_check(vault, changed, "x", NOW, &expires), POW_FORGED);
	snprintf(changed, sizeof(changed), "%s ", challenge);
	assert_int_equal(pow_check(vault, changed, "x", NOW, &expires), POW_FORGED);
}

/* The same challenge in two spellings could be spent twice. */
static void
it_has_one_spelling(void **state)
{
	char challenge[POW_CHALLENGE_TEXT];
	int64_t expires;
	size_t letter;

	(void)state;
	do {
		pow_challenge(vault, 0, NOW, &randomness, challenge);
		letter = strcspn(challenge, "abcdef");
	} while (challenge[letter] == '\0');
	challenge[letter] = (char)(challenge[letter] - 'a' + 'A');
	assert_int_equal(pow_check(vault, challenge, "x", NOW, &expires), POW_FORGED);
}

static void
only_a_nonce_that_took_work_is_taken(void **state)
{
	char challenge[POW_CHALLENGE_TEXT], nonce[POW_NONCE_MAX + 2];
	unsigned wrong = 0;
	int64_t expires;

	(void)state;
	pow_challenge(vault, 16, NOW, &randomness, challenge);
	for (unsigned n = 0; n < 50; n++) {
		snprintf(nonce, sizeof(nonce), "%u", n);
		wrong += pow_check(vault, challenge, nonce, NOW, &expires) == POW_TOO_EASY;
	}
	assert_true(wrong >= 48);

	/* Without any work wanted it is its form that counts. */
	pow_challenge(vault, 0, NOW, &randomness, challenge);
	memset(nonce, '~', sizeof(nonce));
	nonce[POW_NONCE_MAX] = '\0';
	assert_int_equal(pow_check(vault, challenge, nonce, NOW, &expires), POW_OK);
	nonce[POW_NONCE_MAX] = '~';
	nonce[POW_NONCE_MAX + 1] = '\0';
	assert_int_equal(pow_check(vault, challenge, nonce, NOW, &expires), POW_TOO_EASY);
	assert_int_equal(pow_check(vault, challenge, "", NOW, &expires), POW_TOO_EASY);
	assert_int_equal(pow_check(vault, challenge, "a\tb", NOW, &expires), POW_TOO_EASY);
	assert_int_equal(pow_check(vault, challenge, "\x7f", NOW, &expires), POW_TOO_EASY);
	assert_int_equal(pow_check(vault, challenge, "\xc3\xa4", NOW, &expires), POW_TOO_EASY);
}

static void
no_two_challenges_are_alike(void **state)
{
	char one[POW_CHALLENGE_TEXT], two[POW_CHALLENGE_TEXT];

	(void)state;
	pow_challenge(vault, 20, NOW, &randomness, one);
	pow_challenge(vault, 20, NOW, &randomness, two);
	assert_string_not_equal(one, two);
}

static void
register_many(struct pow_load *l, unsigned count, uint64_t now_ns)
{
	while (count-- > 0)
		pow_load_registered(l, now_ns);
}

/* 60 an hour are calm: ten in ten minutes. */
static void
every_doubling_costs_a_bit(void **state)
{
	static const struct {
		unsigned count, want;
	} cases[] = {
		{ 0, 20 },
		{ 10, 20 },
		{ 19, 20 },
		{ 20, 21 },
		{ 39, 21 },
		{ 40, 22 },
		{ 80, 23 },
		{ 160, 24 },
		{ 100000, 24 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pow_load *l = pow_load_create(20, 24, 60);

		register_many(l, cases[i].count, HOUR);
		assert_int_equal(pow_load_bits(l, HOUR), cases[i].want);
		pow_load_destroy(l);
	}
	pow_load_destroy(NULL);
}

static void
ten_minutes_later_it_is_forgotten(void **state)
{
	struct pow_load *l = pow_load_create(20, 30, 60);
	uint64_t minute = 60 * NS_PER_S, now = HOUR;

	(void)state;
	/* Four a minute, 240 an hour, are two doublings. */
	for (unsigned n = 0; n < 60; n++, now += minute) {
		register_many(l, 4, now);
		assert_int_equal(pow_load_bits(l, now), n < 4 ? 20 : n < 9 ? 21 : 22);
	}
	assert_int_equal(pow_load_bits(l, now + 3 * minute), 21);
	assert_int_equal(pow_load_bits(l, now + 8 * minute), 20);
	assert_int_equal(pow_load_bits(l, now + HOUR), 20);
	register_many(l, 20, now + HOUR);
	assert_int_equal(pow_load_bits(l, now + HOUR), 21);
	pow_load_destroy(l);
}

static void
the_first_minute_counts_as_any(void **state)
{
	struct pow_load *l = pow_load_create(4, 8, 6);

	(void)state;
	assert_int_equal(pow_load_bits(l, 0), 4);
	register_many(l, 4, 0);
	assert_int_equal(pow_load_bits(l, 0), 6);
	pow_load_destroy(l);
}

static void *
register_a_thousand(void *arg)
{
	register_many(arg, 1000, HOUR);
	return NULL;
}

static void
threads_lose_no_count(void **state)
{
	/* 8000 in ten minutes are 48,000 an hour, and one short of them are not twice 24,000. */
	struct pow_load *l = pow_load_create(0, 8, 24000);
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, register_a_thousand, l), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(pow_load_bits(l, HOUR), 1);
	pow_load_destroy(l);
}

static int
set_up(void **state)
{
	(void)state;
	random_for_test(&randomness);
	folder = scratch_make();
	vault = vault_new("key");
	other = vault_new("other");
	return vault == NULL || other == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	vault_close(vault);
	vault_close(other);
	scratch_remove(&folder);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_bits_are_counted),
		cmocka_unit_test(what_was_asked_for_and_found_is_taken),
		cmocka_unit_test(it_ends),
		cmocka_unit_test(no_other_challenge_is_taken),
		cmocka_unit_test(it_has_one_spelling),
		cmocka_unit_test(only_a_nonce_that_took_work_is_taken),
		cmocka_unit_test(no_two_challenges_are_alike),
		cmocka_unit_test(every_doubling_costs_a_bit),
		cmocka_unit_test(ten_minutes_later_it_is_forgotten),
		cmocka_unit_test(the_first_minute_counts_as_any),
		cmocka_unit_test(threads_lose_no_count),
	};

	return cmocka_run_group_tests_name("pow", tests, set_up, tear_down);
}

/* SPDX-License-Identifier: ISC */
/* Bundles for one flock that come at the same time: one of them is there in the end, whole. */
#include "base/hex.h"
#include "base/log.h"
#include "tests/support/household.h"
#include "tests/support/onlooker.h"
#include "tests/support/throng.h"

#include <dirent.h>
#include <gnutls/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UPLOADERS 8
#define BERTHS    (4 * UPLOADERS) /* one account gets a quarter */

struct scene {
	struct test_api t;
	struct household h;
	struct onlooker o;
};

static void
scene_begin(struct scene *s)
{
	test_api_prepare(&s->t);
	s->t.options.uploads_max = BERTHS;
	test_api_start(&s->t);
	household_make(&s->t, &s->h);
	onlooker_open(&s->o, s->t.db);
}

static void
scene_end(struct scene *s)
{
	onlooker_close(&s->o);
	test_api_end(&s->t);
}

/* The one file in the folder, which is a bundle's; its name. */
static void
only_file(const struct test_api *t, char name[static 33])
{
	DIR *folder = opendir(t->bundles);
	const struct dirent *e;
	uint8_t bytes[16];

	assert_non_null(folder);
	while ((e = readdir(folder)) != NULL) {
		if (hex_decode(bytes, sizeof(bytes), e->d_name))
			memcpy(name, e->d_name, 33);
	}
	closedir(folder);
}

static uint8_t *
read_file(const char *path, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	FILE *f = fopen(path, "r");

	assert_non_null(bytes);
	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, len + 1, f), len);
	fclose(f);
	return bytes;
}

static void
nothing_is_half(const struct test_api *t)
{
	char path[512];
	DIR *incoming;
	const struct dirent *e;

	snprintf(path, sizeof(path), "%s/incoming", t->bundles);
	incoming = opendir(path);
	assert_non_null(incoming);
	while ((e = readdir(incoming)) != NULL) {
		if (e->d_name[0] != '.')
			fail_msg("incoming/%s is left", e->d_name);
	}
	closedir(incoming);
}

/* The row, its file and one of the bundles are the same; no other file is there. */
static void
last_is_whole(struct scene *s, const struct made_bundle *all, size_t count)
{
	uint8_t hash[32], *bytes;
	char name[33] = "", path[512], text[65];
	size_t which = 0;

	api_upkeep_now(s->t.api);
	test_api_has_bundles(&s->t, 1);
	only_file(&s->t, name);
	snprintf(path, sizeof(path), "%s/%s", s->t.bundles, name);
	bytes = read_file(path, all[0].len);
	while (which < count && memcmp(all[which].bytes, bytes, all[0].len) != 0)
		which++;
	assert_in_range(which, 0, count - 1);
	assert_int_equal(
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, all[0].len, hash), GNUTLS_E_SUCCESS);
	hex_encode(text, hash, sizeof(hash));
	assert_int_equal(onlooker_number(&s->o, "SELECT count(*) FROM bundles", NULL), 1);
	assert_int_equal(onlooker_number(&s->o,
			     "SELECT count(*) FROM bundles WHERE lower(hex(hash)) = ?1", text),
	    1);
	assert_int_equal(
	    onlooker_number(&s->o, "SELECT count(*) FROM bundles WHERE file = ?1", name), 1);
	assert_int_equal(onlooker_number(&s->o, "SELECT generation FROM bundles", NULL), which + 1);
	assert_int_equal(onlooker_number(&s->o, "SELECT count(*) FROM leftovers", NULL), 0);
	nothing_is_half(&s->t);
	free(bytes);
}

/* all[i] is of generation i + 1. */
static struct deed *
upload_deeds(const struct scene *s, const char *path, const struct made_bundle *all)
{
	struct deed *deeds = deeds_make(UPLOADERS);

	for (size_t i = 0; i < UPLOADERS; i++) {
		deeds[i].method = "PUT";
		deeds[i].token = s->h.who.token;
		snprintf(deeds[i].path, sizeof(deeds[i].path), "%s", path);
		deeds[i].body = all[i].bytes;
		deeds[i].body_len = all[i].len;
	}
	return deeds;
}

static void
one_bundle_of_many_is_there_in_the_end(struct scene *s, bool pair)
{
	const struct things *x = &s->h.has;
	struct made_bundle all[UPLOADERS];
	struct deed *deeds;

	for (uint32_t i = 0; i < UPLOADERS; i++)
		all[i] = household_bundle(x, pair, i + 1);
	deeds = upload_deeds(s,
	    pair ? path_of("/v1/flocks/%s/xflocks/%s/ambry", x->flock, x->other)
		 : path_of("/v1/flocks/%s/ambry", x->flock),
	    all);
	deeds_do(&s->t, deeds, UPLOADERS, UPLOADERS);
	deeds_have(deeds, UPLOADERS, (const unsigned[3]){ 200, 0, 0 });
	last_is_whole(s, all, UPLOADERS);
	deeds_free(deeds, UPLOADERS);
	for (size_t i = 0; i < UPLOADERS; i++)
		free(all[i].bytes);
}

static void
bundles_of_a_flock_replace_each_other(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	one_bundle_of_many_is_there_in_the_end(&s, false);
	scene_end(&s);
}

static void
bundles_of_a_pair_replace_each_other(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	one_bundle_of_many_is_there_in_the_end(&s, true);
	scene_end(&s);
}

static void
one_generation_is_taken_once(void **state)
{
	struct made_bundle all[UPLOADERS];
	struct deed *deeds;
	struct scene s;

	(void)state;
	scene_begin(&s);
	all[0] = household_bundle(&s.h.has, false, 1);
	for (size_t i = 1; i < UPLOADERS; i++)
		all[i] = all[0];
	deeds = upload_deeds(&s, path_of("/v1/flocks/%s/ambry", s.h.has.flock), all);
	deeds_do(&s.t, deeds, UPLOADERS, UPLOADERS);
	deeds_have(deeds, UPLOADERS, (const unsigned[3]){ 200, 409, 0 });
	assert_int_equal(deeds_with(deeds, UPLOADERS, 200), 1);
	last_is_whole(&s, all, 1);
	deeds_free(deeds, UPLOADERS);
	free(all[0].bytes);
	scene_end(&s);
}

/* The flock goes while its bundles come: they go, too. */
static void
bundles_of_a_flock_that_ends_end_with_it(void **state)
{
	struct made_bundle all[UPLOADERS];
	struct deed *deeds;
	struct scene s;

	(void)state;
	scene_begin(&s);
	for (uint32_t i = 0; i < UPLOADERS; i++)
		all[i] = household_bundle(&s.h.has, false, i + 1);
	deeds = upload_deeds(&s, path_of("/v1/flocks/%s/ambry", s.h.has.flock), all);
	deeds[UPLOADERS / 2].method = "DELETE";
	snprintf(deeds[UPLOADERS / 2].path, sizeof(deeds[0].path), "/v1/flocks/%s", s.h.has.flock);
	deeds[UPLOADERS / 2].body = NULL;
	deeds_do(&s.t, deeds, UPLOADERS, UPLOADERS);
	assert_int_equal(deeds_with(deeds, UPLOADERS, 204), 1);
	/* Without an answer: the connection of an upload ends with a refusal before its bytes. */
	assert_int_equal(deeds_with(deeds, UPLOADERS, 200) + deeds_with(deeds, UPLOADERS, 404) +
			     deeds_with(deeds, UPLOADERS, 0),
	    UPLOADERS - 1);
	api_upkeep_now(s.t.api);
	test_api_has_bundles(&s.t, 0);
	assert_int_equal(onlooker_number(&s.o, "SELECT count(*) FROM bundles", NULL), 0);
	assert_int_equal(onlooker_number(&s.o, "SELECT count(*) FROM leftovers", NULL), 0);
	nothing_is_half(&s.t);
	deeds_free(deeds, UPLOADERS);
	for (size_t i = 0; i < UPLOADERS; i++)
		free(all[i].bytes);
	scene_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundles_of_a_flock_replace_each_other),
		cmocka_unit_test(bundles_of_a_pair_replace_each_other),
		cmocka_unit_test(one_generation_is_taken_once),
		cmocka_unit_test(bundles_of_a_flock_that_ends_end_with_it),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_race_upload", tests, NULL, NULL);
}

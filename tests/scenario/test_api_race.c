/* SPDX-License-Identifier: ISC */
/*
 * A hundred clients want the same at the same moment: KEK numbers, devices, uses of an enrolment
 * key, places to wait.  No number is given twice, none is lost, and who comes too late hears so.
 */
#include "base/log.h"
#include "tests/support/onlooker.h"
#include "tests/support/throng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS 100
#define KEKS    255 /* there are no more */
#define COSK    "0707070707070707070707070707070707070707070707070707070707070707"

struct name {
	char text[9]; /* of a device */
};

static const unsigned taken[3] = { 200, 409, 0 };

struct ground {
	struct test_api t;
	struct onlooker o;
	struct tenant anna;
	char flock[17];
};

static void
ground_begin(struct ground *g, unsigned joins_most)
{
	test_api_prepare(&g->t);
	g->t.settings.joins_most = joins_most;
	test_api_start(&g->t);
	tenant_make(&g->t, &g->anna);
	tenant_flock(&g->t, &g->anna, g->flock);
	onlooker_open(&g->o, g->t.db);
}

static void
ground_end(struct ground *g)
{
	onlooker_close(&g->o);
	test_api_end(&g->t);
}

/* All at once, so that joining is a race, too. */
static void
join_all(struct ground *g, struct name *devices, size_t count)
{
	struct deed *joins = deeds_make(count);

	for (size_t i = 0; i < count; i++) {
		joins[i].method = "POST";
		snprintf(joins[i].path, sizeof(joins[i].path), "/v1/flocks/%s/devices", g->flock);
		strcpy(joins[i].json, "{\"cosk\": \"" COSK "\"}");
	}
	deeds_do(&g->t, joins, count, CLIENTS);
	deeds_have(joins, count, (const unsigned[3]){ 201, 0, 0 });
	for (size_t i = 0; i < count; i++)
		memcpy(devices[i].text, got_text(&joins[i].got, "cathedral_id"), 9);
	deeds_free(joins, count);
}

static void
approve(const struct ground *g, struct deed *d, const struct name *device, const char *token)
{
	d->method = "POST";
	d->token = token;
	snprintf(
	    d->path, sizeof(d->path), "/v1/flocks/%s/devices/%.8s/approve", g->flock, device->text);
}

/* The numbers that were answered, and those in the list, are 1 to count, each once. */
static void
numbers_are_whole(struct ground *g, const struct deed *deeds, size_t count, unsigned numbers)
{
	unsigned answered[KEKS + 1] = { 0 }, listed[KEKS + 1] = { 0 };
	struct got list;
	json_t *row;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		if (deeds[i].got.status < 300)
			answered[atoi(got_text(&deeds[i].got, "device_kek"))]++;
	}
	list = expect(
	    &g->t, 200, "GET", path_of("/v1/flocks/%s/devices", g->flock), g->anna.token, NULL);
	json_array_foreach(json_object_get(list.json, "devices"), n, row)
	{
		int kek = atoi(json_string_value(json_object_get(row, "device_kek")));

		assert_in_range(kek, 0, KEKS);
		listed[kek]++;
	}
	got_free(list);
	assert_int_equal(answered[0], 0);
	for (unsigned kek = 1; kek <= KEKS; kek++) {
		if (answered[kek] != (kek <= numbers) || listed[kek] != answered[kek])
			fail_msg("KEK number %u of %u: answered %u times, listed %u times", kek,
			    numbers, answered[kek], listed[kek]);
	}
}

static void
each_approval_has_a_number_of_its_own(void **state)
{
	struct name devices[CLIENTS];
	struct deed *deeds = deeds_make(CLIENTS);
	struct ground g;

	(void)state;
	ground_begin(&g, CLIENTS);
	join_all(&g, devices, CLIENTS);
	for (size_t i = 0; i < CLIENTS; i++)
		approve(&g, &deeds[i], &devices[i], g.anna.token);
	deeds_do(&g.t, deeds, CLIENTS, CLIENTS);
	assert_int_equal(deeds_with(deeds, CLIENTS, 200), CLIENTS);
	numbers_are_whole(&g, deeds, CLIENTS, CLIENTS);
	deeds_free(deeds, CLIENTS);
	ground_end(&g);
}

/* Two people have tokens of the account, and approve all of it at the same time. */
static void
a_device_is_approved_once(void **state)
{
	size_t devices_count = CLIENTS / 2;
	struct name devices[CLIENTS / 2];
	char other[33];
	struct deed *deeds = deeds_make(CLIENTS);
	struct ground g;

	(void)state;
	ground_begin(&g, CLIENTS);
	tenant_token(&g.t, &g.anna, "approve", other);
	join_all(&g, devices, devices_count);
	for (size_t i = 0; i < CLIENTS; i++)
		approve(&g, &deeds[i], &devices[i / 2], i % 2 == 0 ? g.anna.token : other);
	deeds_do(&g.t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, taken);
	for (size_t i = 0; i < CLIENTS; i += 2) {
		if (deeds_with(&deeds[i], 2, 200) != 1)
			fail_msg("%s: %u and %u", deeds[i].path, deeds[i].got.status,
			    deeds[i + 1].got.status);
	}
	numbers_are_whole(&g, deeds, CLIENTS, CLIENTS / 2);
	deeds_free(deeds, CLIENTS);
	ground_end(&g);
}

static void
a_number_that_all_ask_for_is_given_once(void **state)
{
	struct name devices[CLIENTS];
	struct deed *deeds = deeds_make(CLIENTS);
	struct ground g;

	(void)state;
	ground_begin(&g, CLIENTS);
	join_all(&g, devices, CLIENTS);
	for (size_t i = 0; i < CLIENTS; i++) {
		approve(&g, &deeds[i], &devices[i], g.anna.token);
		strcpy(deeds[i].json, "{\"kek\": 7}");
	}
	deeds_do(&g.t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, taken);
	assert_int_equal(deeds_with(deeds, CLIENTS, 200), 1);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM devices", NULL), 1);
	assert_int_equal(onlooker_number(&g.o, "SELECT kek FROM devices", NULL), 7);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM joins", NULL), CLIENTS - 1);
	deeds_free(deeds, CLIENTS);
	ground_end(&g);
}

#define TOO_MANY 300

static void
there_are_no_more_numbers_than_there_are(void **state)
{
	struct name devices[TOO_MANY];
	struct deed *deeds = deeds_make(TOO_MANY);
	struct ground g;

	(void)state;
	ground_begin(&g, TOO_MANY);
	join_all(&g, devices, TOO_MANY);
	for (size_t i = 0; i < TOO_MANY; i++)
		approve(&g, &deeds[i], &devices[i], g.anna.token);
	deeds_do(&g.t, deeds, TOO_MANY, CLIENTS);
	deeds_have(deeds, TOO_MANY, taken);
	assert_int_equal(deeds_with(deeds, TOO_MANY, 200), KEKS);
	numbers_are_whole(&g, deeds, TOO_MANY, KEKS);
	assert_int_equal(
	    onlooker_number(&g.o, "SELECT count(*) FROM joins", NULL), TOO_MANY - KEKS);
	deeds_free(deeds, TOO_MANY);
	ground_end(&g);
}

/* Devices go while others come: every number is one device's, and the lowest free ones are taken.
 */
static void
numbers_of_devices_that_go_are_given_again(void **state)
{
	struct name devices[2 * CLIENTS];
	struct deed *deeds = deeds_make(2 * CLIENTS);
	struct ground g;

	(void)state;
	ground_begin(&g, 2 * CLIENTS);
	join_all(&g, devices, 2 * CLIENTS);
	for (size_t i = 0; i < CLIENTS; i++)
		tenant_approve(&g.t, &g.anna, g.flock, devices[i].text);
	for (size_t i = 0; i < CLIENTS; i++) {
		deeds[2 * i].method = "DELETE";
		deeds[2 * i].token = g.anna.token;
		snprintf(deeds[2 * i].path, sizeof(deeds[2 * i].path), "/v1/flocks/%s/devices/%.8s",
		    g.flock, devices[i].text);
		approve(&g, &deeds[2 * i + 1], &devices[CLIENTS + i], g.anna.token);
	}
	deeds_do(&g.t, deeds, 2 * CLIENTS, CLIENTS);
	deeds_have(deeds, 2 * CLIENTS, (const unsigned[3]){ 200, 204, 0 });
	assert_int_equal(deeds_with(deeds, 2 * CLIENTS, 204), CLIENTS);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM devices", NULL), CLIENTS);
	assert_int_equal(
	    onlooker_number(&g.o, "SELECT count(DISTINCT kek) FROM devices", NULL), CLIENTS);
	assert_in_range(
	    onlooker_number(&g.o, "SELECT max(kek) FROM devices", NULL), CLIENTS, 2 * CLIENTS);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM joins", NULL), 0);
	deeds_free(deeds, 2 * CLIENTS);
	ground_end(&g);
}

#define USES 10

static void
an_enrolment_key_has_its_uses_and_no_more(void **state)
{
	struct deed *deeds = deeds_make(CLIENTS);
	struct ground g;
	struct got key;

	(void)state;
	ground_begin(&g, CLIENTS);
	key = expect(&g.t, 201, "POST", path_of("/v1/flocks/%s/enrolments", g.flock), g.anna.token,
	    "{\"uses\": 10}");
	for (size_t i = 0; i < CLIENTS; i++) {
		deeds[i].method = "POST";
		snprintf(deeds[i].path, sizeof(deeds[i].path), "/v1/flocks/%s/devices", g.flock);
		snprintf(deeds[i].json, sizeof(deeds[i].json),
		    "{\"cosk\": \"" COSK "\", \"enrolment_key\": \"%s\"}",
		    got_text(&key, "enrolment_key"));
	}
	got_free(key);
	deeds_do(&g.t, deeds, CLIENTS, CLIENTS);
	deeds_have(deeds, CLIENTS, (const unsigned[3]){ 201, 403, 0 });
	assert_int_equal(deeds_with(deeds, CLIENTS, 201), USES);
	numbers_are_whole(&g, deeds, CLIENTS, USES);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM joins", NULL), 0);
	assert_int_equal(onlooker_number(&g.o, "SELECT uses_left FROM enrolments", NULL), 0);
	deeds_free(deeds, CLIENTS);
	ground_end(&g);
}

#define WAITING 64

/* Also where no flock is: there it looks the same. */
static void
no_more_wait_than_may(void **state)
{
	size_t count = 2 * 2 * CLIENTS;
	struct deed *deeds = deeds_make(count);
	struct ground g;

	(void)state;
	ground_begin(&g, WAITING);
	for (size_t i = 0; i < count; i++) {
		deeds[i].method = "POST";
		snprintf(deeds[i].path, sizeof(deeds[i].path), "/v1/flocks/%s/devices",
		    i < count / 2 ? g.flock : "00000000000abc00");
		strcpy(deeds[i].json, "{\"cosk\": \"" COSK "\"}");
	}
	deeds_do(&g.t, deeds, count, CLIENTS);
	deeds_have(deeds, count, (const unsigned[3]){ 201, 409, 0 });
	assert_int_equal(deeds_with(deeds, count / 2, 201), WAITING);
	assert_int_equal(deeds_with(deeds + count / 2, count / 2, 201), WAITING);
	assert_int_equal(onlooker_number(&g.o, "SELECT count(*) FROM joins", NULL), 2 * WAITING);
	deeds_free(deeds, count);
	ground_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_approval_has_a_number_of_its_own),
		cmocka_unit_test(a_device_is_approved_once),
		cmocka_unit_test(a_number_that_all_ask_for_is_given_once),
		cmocka_unit_test(there_are_no_more_numbers_than_there_are),
		cmocka_unit_test(numbers_of_devices_that_go_are_given_again),
		cmocka_unit_test(an_enrolment_key_has_its_uses_and_no_more),
		cmocka_unit_test(no_more_wait_than_may),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_race", tests, NULL, NULL);
}

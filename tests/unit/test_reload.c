/* SPDX-License-Identifier: ISC */
/* Files in, registry of a running site out. */
#include "cathedral/io/reload.h"

#include "base/file.h"
#include "base/log.h"
#include "tests/support/client.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE "flock cafeba00 {\n allow 1 spi 1 0\n}\n"
#define TWO "flock cafeba00 {\n allow 1 spi 1 0\n allow 2 spi 2 0\n}\n"

struct fixture {
	struct scratch s;
	struct scratch_name settings, secrets;
	struct event_base *base;
	struct random random;
	struct registry_source source;
	struct site *site;
	struct sender sender;
	struct stats *stats;
	struct pipeline *pipeline;
	struct reload *reload;
};

static void
send_nothing(struct sender *s, struct packet *const *packets, size_t count)
{
	(void)s;
	(void)packets;
	(void)count;
}

static void
write_key(struct fixture *f, const char *device)
{
	const char key[] = "0123456789abcdef0123456789abcdef";
	char name[64];

	snprintf(name, sizeof(name), "secrets/flock-cafeba00/%s.key", device);
	scratch_write(&f->s, name, key);
	snprintf(name, sizeof(name), "secrets/flock-cafeba00/%s.pub", device);
	scratch_write(&f->s, name, key);
}

static void
open_site(struct fixture *f)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct fault why = { "" };
	struct registry *first;

	f->settings = scratch_write(&f->s, "settings", ONE);
	f->secrets = scratch_name(&f->s, "secrets");
	f->source = (struct registry_source){ .settings = f->settings.path,
		.secretdir = f->secrets.path,
		.hash = hash_key_new(&f->random) };
	first = registry_load(&f->source, NULL, &why);
	if (first == NULL)
		fail_msg("%s", why.text);
	options.tunnels_max = options.liturgies_max = options.identities_max = options.replays_max =
	    1024;
	f->site = site_create(&options, first, 2, &f->random);
	f->stats = aligned_alloc(_Alignof(struct stats), sizeof(*f->stats));
	assert_non_null(f->site);
	assert_non_null(f->stats);
	memset(f->stats, 0, sizeof(*f->stats));
	f->sender.send = send_nothing;
	f->pipeline = pipeline_create(f->site, 0, &f->sender, f->stats, &f->random);
	assert_non_null(f->pipeline);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct reload_options options;
	struct fault why = { "" };

	assert_non_null(f);
	log_set_level(LOG_LEVEL_ERROR - 1); /* what is logged here is no news */
	random_from_seed(&f->random, 1);
	f->s = scratch_make();
	f->base = event_base_new();
	assert_true(
	    file_make_folder(scratch_name(&f->s, "secrets/flock-cafeba00").path, 0700, &why));
	write_key(f, "00000001");
	open_site(f);
	options = (struct reload_options){
		.source = &f->source, .site = f->site, .pipeline = f->pipeline
	};
	f->reload = reload_create(f->base, &options, &why);
	if (f->reload == NULL)
		fail_msg("%s", why.text);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	reload_destroy(f->reload);
	pipeline_destroy(f->pipeline);
	site_destroy(f->site);
	free(f->stats);
	event_base_free(f->base);
	scratch_remove(&f->s);
	free(f);
	return 0;
}

static size_t
devices(const struct fixture *f)
{
	return registry_counts(publish_current(f->site->publish)).devices;
}

static void
stay_empty(struct tunnel *t, bool created, void *arg)
{
	(void)t;
	(void)created;
	(void)arg;
}

/* A worker in the middle of a batch goes by what was in force when the batch began. */
static void
test_what_a_late_batch_remembers_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct flock_id flock = { 0xcafeba00 };
	struct tunnel_key key = tunnel_key(flock, flock, tunnel_between(2, 1));
	struct fault why = { "" };

	write_key(f, "00000002");
	scratch_write(&f->s, "settings", TWO);
	assert_true(reload_now(f->reload, &why));

	publish_enter(f->site->publish, 1);
	scratch_write(&f->s, "settings", ONE);
	assert_true(reload_now(f->reload, &why));
	assert_int_equal(tunnels_change(f->site->tunnels, &key, (struct device_id){ 2 }, true,
			     clock_now().mono_ns, stay_empty, NULL),
	    TUNNELS_OK);
	reload_settle(f->reload);
	assert_int_equal(tunnels_count(f->site->tunnels), 1);
	publish_leave(f->site->publish, 1);
	reload_settle(f->reload);
	assert_int_equal(tunnels_count(f->site->tunnels), 0);
	assert_true(publish_reclaim(f->site->publish));
}

static void
test_it_begins_well(void **state)
{
	const struct fixture *f = *state;
	const struct overview_reload *r = reload_state(f->reload);

	assert_true(r->ok);
	assert_int_equal(r->count, 1);
	assert_int_equal(devices(f), 1);
}

static void
test_a_good_change_is_put_in_force(void **state)
{
	struct fixture *f = *state;
	struct fault why = { "" };

	write_key(f, "00000002");
	scratch_write(&f->s, "settings", TWO);
	if (!reload_now(f->reload, &why))
		fail_msg("%s", why.text);
	assert_int_equal(devices(f), 2);
	assert_int_equal(reload_state(f->reload)->count, 2);
	assert_true(reload_state(f->reload)->ok);
}

static void
test_a_bad_change_changes_nothing_but_the_state(void **state)
{
	struct fixture *f = *state;
	struct fault why;
	char expected[1024];

	scratch_write(&f->s, "settings", TWO "x\n");
	assert_false(reload_now(f->reload, &why));
	snprintf(expected, sizeof(expected), "%s: line 5: unknown word \"x\"", f->settings.path);
	assert_string_equal(why.text, expected);
	assert_false(reload_state(f->reload)->ok);
	assert_string_equal(reload_state(f->reload)->fault.text, expected);
	assert_int_equal(devices(f), 1);

	scratch_write(&f->s, "settings", ONE);
	assert_true(reload_now(f->reload, &why));
	assert_true(reload_state(f->reload)->ok);
	assert_int_equal(reload_state(f->reload)->count, 3);
}

/* As the daemon does it: nobody asks for it. */
static void
test_changed_files_are_read_by_themselves(void **state)
{
	struct fixture *f = *state;

	write_key(f, "00000002");
	scratch_write(&f->s, "settings", TWO);
	for (int i = 0; i < 90 && devices(f) == 1; i++)
		client_wait(f->base, 10);
	assert_int_equal(devices(f), 2);

	scratch_write(&f->s, "settings", ONE);
	for (int i = 0; i < 90 && devices(f) == 2; i++)
		client_wait(f->base, 10);
	assert_int_equal(devices(f), 1);
}

/* The settings name a device whose key comes a moment later. */
static void
test_a_missing_key_is_taken_when_it_comes(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->s, "settings", TWO);
	for (int i = 0; i < 90 && reload_state(f->reload)->ok; i++)
		client_wait(f->base, 10);
	assert_false(reload_state(f->reload)->ok);
	write_key(f, "00000002");
	for (int i = 0; i < 90 && devices(f) == 1; i++)
		client_wait(f->base, 10);
	assert_int_equal(devices(f), 2);
	assert_true(reload_state(f->reload)->ok);
}

static void
test_many_changes_are_one(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++)
		reload_soon(f->reload);
	assert_int_equal(reload_state(f->reload)->count, 1);
	client_wait(f->base, 200);
	assert_int_equal(reload_state(f->reload)->count, 2);
}

static void
test_changes_without_end_do_not_put_it_off(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++) {
		reload_soon(f->reload);
		client_wait(f->base, 10);
	}
	assert_true(reload_state(f->reload)->count >= 3);
	assert_true(reload_state(f->reload)->count <= 20);
}

/* Repaired where no watch sees it: after a refusal the files are tried again. */
static void
test_refused_files_are_tried_again(void **state)
{
	struct fixture *f = *state;
	struct scratch_name flock = scratch_name(&f->s, "secrets/flock-cafeba00");
	struct scratch_name elsewhere = scratch_name(&f->s, "elsewhere");
	struct scratch_name inner = scratch_name(&f->s, "elsewhere/inner");
	struct scratch_name away = scratch_name(&f->s, "away");
	struct fault why;

	assert_true(file_make_folder(elsewhere.path, 0700, &why));
	assert_int_equal(rename(flock.path, inner.path), 0);
	assert_int_equal(symlink("../elsewhere/inner", flock.path), 0);
	client_wait(f->base, 300);
	assert_true(reload_state(f->reload)->ok);

	/* The watch stands on the folder itself, not on the one above it. */
	assert_int_equal(rename(elsewhere.path, away.path), 0);
	assert_false(reload_now(f->reload, &why));
	assert_int_equal(rename(away.path, elsewhere.path), 0);
	client_wait(f->base, 1000);
	assert_false(reload_state(f->reload)->ok);
	client_wait(f->base, 5000);
	assert_true(reload_state(f->reload)->ok);
}

static void
test_summary(void **state)
{
	const struct registry_counts before = { .flocks = 3, .devices = 10, .peers = 2 };
	const struct registry_counts after = { .flocks = 1, .devices = 12, .xflocks = 1 };
	const struct registry_counts most = {
		.flocks = SIZE_MAX, .devices = SIZE_MAX, .xflocks = SIZE_MAX, .peers = SIZE_MAX
	};
	const struct registry_counts none = { 0 };
	char text[RELOAD_TEXT];

	(void)state;
	assert_string_equal(reload_summary(&before, NULL, text),
	    "3 flocks, 10 devices, 0 xflocks, 2 other cathedrals");
	assert_string_equal(reload_summary(&after, &before, text),
	    "1 flock (-2), 12 devices (+2), 1 xflock (+1), 0 other cathedrals (-2)");
	assert_true(strlen(reload_summary(&most, &none, text)) < RELOAD_TEXT - 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_it_begins_well),
		TEST(test_what_a_late_batch_remembers_is_forgotten),
		TEST(test_a_good_change_is_put_in_force),
		TEST(test_a_bad_change_changes_nothing_but_the_state),
		TEST(test_changed_files_are_read_by_themselves),
		TEST(test_a_missing_key_is_taken_when_it_comes),
		TEST(test_many_changes_are_one),
		TEST(test_changes_without_end_do_not_put_it_off),
		TEST(test_refused_files_are_tried_again),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* registry.db in, registry of a running site out, by itself. */
#include "cathedral/io/reload.h"

#include "base/log.h"
#include "tests/support/client.h"
#include "tests/support/feeder.h"
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

#define FLOCK UINT64_C(0xcafeba00)

static const struct flock_id flock = { FLOCK };

struct fixture {
	struct scratch dir;
	struct scratch_name path, key;
	struct event_base *base;
	struct random random;
	struct registry_source source;
	struct feeder feeder;
	struct follow *follow;
	struct member members[2];
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
open_site(struct fixture *f)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	f->source.hash = hash_key_new(&f->random);
	options.tunnels_max = options.liturgies_max = options.identities_max = options.replays_max =
	    1024;
	f->site = site_create(&options, registry_empty(f->source.hash), 2, &f->random);
	f->stats = aligned_alloc(_Alignof(struct stats), sizeof(*f->stats));
	assert_non_null(f->site);
	assert_non_null(f->stats);
	memset(f->stats, 0, sizeof(*f->stats));
	f->sender.send = send_nothing;
	f->pipeline = pipeline_create(f->site, 0, &f->sender, f->stats, &f->random);
	assert_non_null(f->pipeline);
}

/* There is no registry.db yet. */
static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct reload_options options;
	struct fault why = { "" };

	assert_non_null(f);
	log_set_level(LOG_LEVEL_ERROR - 1); /* what is logged here is no news */
	random_from_seed(&f->random, 1);
	f->dir = scratch_make();
	f->path = scratch_name(&f->dir, "registry.db");
	f->key = scratch_name(&f->dir, "registry.db.key");
	f->base = event_base_new();
	f->follow = follow_create(f->path.path, f->key.path);
	assert_non_null(f->follow);
	for (uint8_t n = 0; n < 2; n++)
		f->members[n] = member_make(n + 1, (uint8_t)(n + 1), 0, &f->random);
	open_site(f);
	options = (struct reload_options){
		.source = &f->source, .follow = f->follow, .site = f->site, .pipeline = f->pipeline
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
	follow_destroy(f->follow);
	free(f->stats);
	event_base_free(f->base);
	if (f->feeder.db != NULL)
		feeder_close(&f->feeder);
	scratch_remove(&f->dir);
	free(f);
	return 0;
}

static size_t
devices(const struct fixture *f)
{
	return registry_counts(publish_current(f->site->publish)).devices;
}

static void
feed(struct fixture *f, size_t members)
{
	if (f->feeder.db == NULL)
		feeder_open(&f->feeder, f->dir.path, &f->random);
	feeder_flock(&f->feeder, flock, f->members, members, NULL);
	assert_true(feeder_put(&f->feeder));
}

static void
wait_for_devices(struct fixture *f, size_t count, int ms)
{
	for (int i = 0; i < ms / 10 && devices(f) != count; i++)
		client_wait(f->base, 10);
	assert_int_equal(devices(f), count);
}

static void
stay_empty(struct tunnel *t, bool created, void *arg)
{
	(void)t;
	(void)created;
	(void)arg;
}

/* The tunnel of a member to the other is known. */
static void
know(struct fixture *f, uint8_t own)
{
	struct tunnel_key key = tunnel_key(flock, flock, tunnel_between(own, own == 1 ? 2 : 1));

	assert_int_equal(tunnels_change(f->site->tunnels, &key, (struct device_id){ own }, true,
			     clock_now().mono_ns, stay_empty, NULL),
	    TUNNELS_OK);
}

static void
it_is_taken_over_as_soon_as_it_is_there(void **state)
{
	struct fixture *f = *state;

	client_wait(f->base, 1200);
	assert_true(reload_state(f->reload)->ok);
	assert_int_equal(reload_state(f->reload)->count, 1);
	feed(f, 1);
	wait_for_devices(f, 1, 1500);
	assert_int_equal(reload_state(f->reload)->count, 2);
	feed(f, 2);
	wait_for_devices(f, 2, 1500);
	assert_int_equal(reload_state(f->reload)->count, 3);
	client_wait(f->base, 1200);
	assert_int_equal(reload_state(f->reload)->count, 3);
}

static void
it_is_read_at_once_when_asked(void **state)
{
	struct fixture *f = *state;
	struct fault why = { "" };

	assert_false(reload_now(f->reload, &why));
	assert_non_null(strstr(why.text, "registry.db: No such file or directory"));
	feed(f, 2);
	if (!reload_now(f->reload, &why))
		fail_msg("%s", why.text);
	assert_int_equal(devices(f), 2);
	assert_true(reload_state(f->reload)->ok);
}

static void
count_one(void *arg)
{
	unsigned *count = arg;

	(*count)++;
}

/* Who watches the cathedral hears of it once a flock, and after what comes behind all of them. */
static void
reading_much_is_no_hanging(void **state)
{
	enum { MANY = 100 };
	struct fixture *f = *state;
	unsigned count = 0;
	struct fault why;

	f->source.alive = count_one;
	f->source.alive_arg = &count;
	feeder_open(&f->feeder, f->dir.path, &f->random);
	for (uint64_t n = 1; n <= MANY; n++)
		feeder_flock(&f->feeder, (struct flock_id){ n << 8 }, f->members, 2, NULL);
	feeder_xflock_record(&f->feeder, (struct flock_id){ 1 << 8 }, (struct flock_id){ 2 << 8 });
	assert_true(feeder_put(&f->feeder));
	if (!reload_now(f->reload, &why))
		fail_msg("%s", why.text);
	assert_int_equal(devices(f), 2 * MANY);
	assert_int_equal(count, MANY + 1 + 2);
}

static void
what_is_gone_is_forgotten_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct fault why;

	feed(f, 2);
	assert_true(reload_now(f->reload, &why));
	know(f, 1);
	know(f, 2);
	feed(f, 1);
	assert_true(reload_now(f->reload, &why));
	assert_int_equal(tunnels_count(f->site->tunnels), 1);
	reload_settle(f->reload);
}

/* Two changes while one batch goes on: what it remembers of either is forgotten when it ends. */
static void
what_a_late_batch_remembers_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct fault why;

	feed(f, 2);
	assert_true(reload_now(f->reload, &why));
	publish_enter(f->site->publish, 1);
	feed(f, 1);
	assert_true(reload_now(f->reload, &why));
	feeder_flock(&f->feeder, (struct flock_id){ 0x100 }, f->members, 1, NULL);
	feeder_put(&f->feeder);
	assert_true(reload_now(f->reload, &why));
	know(f, 2);
	reload_settle(f->reload);
	assert_int_equal(tunnels_count(f->site->tunnels), 1);
	publish_leave(f->site->publish, 1);
	reload_settle(f->reload);
	assert_int_equal(tunnels_count(f->site->tunnels), 0);
}

static void
a_file_that_is_gone_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct scratch_name log = scratch_name(&f->dir, "registry.db-wal");
	struct scratch_name index = scratch_name(&f->dir, "registry.db-shm");
	struct fault why;

	feed(f, 2);
	assert_true(reload_now(f->reload, &why));
	feeder_close(&f->feeder);
	assert_int_equal(unlink(f->path.path), 0);
	unlink(log.path);
	unlink(index.path);
	for (int i = 0; i < 150 && reload_state(f->reload)->ok; i++)
		client_wait(f->base, 10);
	assert_false(reload_state(f->reload)->ok);
	assert_non_null(
	    strstr(reload_state(f->reload)->fault.text, "registry.db: No such file or directory"));
	assert_int_equal(devices(f), 2);
	/* Not every second, since it was refused. */
	client_wait(f->base, 2000);
	assert_int_equal(reload_state(f->reload)->count, 3);
	feed(f, 1);
	wait_for_devices(f, 1, 5500);
	assert_true(reload_state(f->reload)->ok);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_taken_over_as_soon_as_it_is_there),
		TEST(it_is_read_at_once_when_asked),
		TEST(reading_much_is_no_hanging),
		TEST(what_is_gone_is_forgotten_and_nothing_else),
		TEST(what_a_late_batch_remembers_is_forgotten),
		TEST(a_file_that_is_gone_changes_nothing),
	};

	return cmocka_run_group_tests_name("registry.db in force", tests, NULL, NULL);
}

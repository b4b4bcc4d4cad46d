/* SPDX-License-Identifier: ISC */
#include "registry/registry_db.h"

#include "tests/support/known.h"
#include "tests/support/pages.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct scratch folder;
static struct scratch_name path, key;
static struct registry_db_options options;
static struct random entropy;
static struct registry_db *writer, *reader;
static struct known held; /* what the reader was given */
static uint64_t version;
static struct fault why;

static void
open_both(void)
{
	writer = registry_db_create(&options, &entropy, &why);
	if (writer == NULL)
		fail_msg("%s", why.text);
	reader = registry_db_open(&options, &why);
	if (reader == NULL)
		fail_msg("%s", why.text);
}

static void
close_both(void)
{
	registry_db_close(reader);
	registry_db_close(writer);
	reader = writer = NULL;
}

static int
setup(void **state)
{
	(void)state;
	folder = scratch_make();
	path = scratch_name(&folder, "registry.db");
	key = scratch_name(&folder, "registry.db.key");
	options =
	    (struct registry_db_options){ .path = path.path, .key = key.path, .busy_ms = 200 };
	random_from_seed(&entropy, 1);
	version = 0;
	open_both();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close_both();
	known_free(&held);
	scratch_remove(&folder);
	return 0;
}

/* Frees the page; did something change? */
static bool
put(struct record_page *page)
{
	bool changed;

	if (!registry_db_put(writer, page, &changed, &entropy, &why))
		fail_msg("%s", why.text);
	record_page_free(page);
	return changed;
}

static struct registry_db_state
state_now(void)
{
	struct registry_db_state s;

	if (!registry_db_state(reader, &s, &why))
		fail_msg("%s", why.text);
	return s;
}

/* What the reader holds after it has read on. */
static void
read_on(void)
{
	if (!known_read(&held, reader, &version, &why))
		fail_msg("%s", why.text);
}

static void
assert_holds(const struct known *want)
{
	struct known anew = { .given = 0 };
	uint64_t from = 0;

	read_on();
	if (!known_same(want, &held, &why))
		fail_msg("read on: %s", why.text);
	if (!known_read(&anew, reader, &from, &why) || !known_same(want, &anew, &why))
		fail_msg("read anew: %s", why.text);
	assert_int_equal(from, version);
	known_free(&anew);
}

/* ---- what is put comes back ---- */

static void
known_put_page(struct known *k, const struct record_page *p)
{
	for (size_t i = 0; i < p->flock_count; i++)
		known_put_flock(k, &p->flocks[i]);
	for (size_t i = 0; i < p->xflock_count; i++)
		known_put_xflock(k, &p->xflocks[i]);
	if (p->has_fleet)
		known_put_fleet(k, p->fleet, p->fleet_count);
}

static void
everything_comes_back_as_it_was_put(void **state)
{
	struct record_page page = page_reset(7);
	struct known want = { .given = 0 };

	(void)state;
	page_add_flock(&page, 0x100, 3, 1);
	page_add_flock(&page, 0xffffffffffffff00, 255, 2);
	page_add_flock(&page, 0x8000000000000000, 0, 5);
	page_add_xflock(&page, 0x100, 0xffffffffffffff00, 8);
	page_add_xflock(&page, 0x8000000000000000, 0xffffffffffffff00, 5);
	page_add_cathedral(&page, "zurich", 1);
	page_add_cathedral(&page, "athens", 12);
	known_put_page(&want, &page);
	assert_true(put(&page));
	assert_holds(&want);
	assert_int_equal(state_now().devices, 258);
	close_both();
	open_both();
	assert_holds(&want);
	known_free(&want);
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(everything_comes_back_as_it_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

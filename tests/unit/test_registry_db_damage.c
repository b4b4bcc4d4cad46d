/* SPDX-License-Identifier: ISC */
/*
 * A disk that lies: bytes of registry.db are other ones at random places.  Whatever is read is then
 * refused, or right: no device ever has another's key, cap or number.  The seed is printed.
 */
#include "base/file.h"
#include "tests/support/ends.h"
#include "tests/support/seed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TRIES  1500
#define FLOCKS 40

static struct ends e;
static struct known truth;
static struct random randomness;
static struct fault why;

static void
fill(void)
{
	struct record_page page = page_reset(1);

	for (unsigned i = 1; i <= FLOCKS; i++) {
		known_put_flock(&truth, page_add_flock(&page, (uint64_t)i << 8, i % 6, i));
		if (i > 1)
			known_put_xflock(&truth,
			    page_add_xflock(&page, (uint64_t)(i - 1) << 8, (uint64_t)i << 8, i));
	}
	page_add_cathedral(&page, "a", 1);
	page_add_cathedral(&page, "b", 2);
	known_put_fleet(&truth, page.fleet, page.fleet_count);
	assert_true(ends_put(&e, &page));
}

/* What was given stands in the truth, though some of it may lack. */
static bool
is_true(const struct known *got)
{
	struct known merged = { .given = 0 };
	bool same;

	for (size_t i = 0; i < truth.flock_count; i++)
		known_put_flock(&merged, &truth.flocks[i]);
	for (size_t i = 0; i < truth.xflock_count; i++)
		known_put_xflock(&merged, &truth.xflocks[i]);
	known_put_fleet(&merged, truth.fleet, truth.fleet_count);
	for (size_t i = 0; i < got->flock_count; i++)
		known_put_flock(&merged, &got->flocks[i]);
	for (size_t i = 0; i < got->xflock_count; i++)
		known_put_xflock(&merged, &got->xflocks[i]);
	if (got->fleet_count > 0)
		known_put_fleet(&merged, got->fleet, got->fleet_count);
	same = known_same(&truth, &merged, &why);
	known_free(&merged);
	return same;
}

/* The file as it was, with a few bytes other than they were; within one page, as disks do it. */
static void
spoil(uint8_t *bytes, size_t len)
{
	size_t page = random_below(&randomness, (uint32_t)(len / 4096)) * 4096;
	unsigned count = 1 + random_below(&randomness, 8);
	int fd = open(e.path.path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd != -1);
	for (unsigned i = 0; i < count; i++)
		bytes[page + random_below(&randomness, 4096)] ^=
		    (uint8_t)(1 + random_below(&randomness, 255));
	assert_true(file_write_all(fd, bytes, len));
	close(fd);
}

/* True when it was read. */
static bool
read_spoilt(unsigned try)
{
	struct known got = { .given = 0 };
	struct registry_db *db = registry_db_open(&e.options, &why);
	const struct registry_db_visitor to = known_visitor(&got);
	uint64_t version;
	bool whole, ok = false;

	if (db != NULL)
		ok = registry_db_read(db, 0, &to, &whole, &version, &why);
	if (!ok)
		assert_non_null(strstr(why.text, "registry.db: "));
	/* Even what came before it was refused. */
	if (!is_true(&got))
		fail_msg("try %u: %s", try, why.text);
	known_free(&got);
	registry_db_close(db);
	return ok;
}

static void
nothing_wrong_is_ever_read(void **state)
{
	uint8_t *good, *bad;
	size_t len;
	unsigned read = 0;

	(void)state;
	random_for_test(&randomness);
	ends_begin(&e);
	fill();
	ends_close(&e);
	assert_true(file_read(&good, &len, e.path.path, 16 << 20, &why));
	bad = malloc(len);
	assert_non_null(bad);
	for (unsigned i = 0; i < TRIES; i++) {
		memcpy(bad, good, len);
		spoil(bad, len);
		read += read_spoilt(i);
	}
	print_message("# of %d, %u were read all the same\n", TRIES, read);
	assert_true(read > 0 && read < TRIES);
	free(good);
	free(bad);
	known_free(&truth);
	ends_end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_is_ever_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Pages of the feed when files are lost and memory is short, and those that many ask for. */
#include "reliquary-api/handlers/feed_pages.h"
#include "tests/support/fed.h"

#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOCK UINT64_C(0x6442a01510d91a00)
#define OTHER UINT64_C(0x0badcafe12345600)
#define OF    "/v1/flocks/6442a01510d91a00"
#define BY    "/v1/flocks/0badcafe12345600"

/* Anna's flock has devices and a bundle, and Boris' flock has a device. */
static void
bundle_in_place(struct handled *h, unsigned devices, char path[static PATH_MAX])
{
	struct flock_id flock = handled_flock(h, &h->anna, FLOCK);
	struct made_bundle own = bundle_make(flock, flock, 7, STORE_NOW, 31);
	struct bundle_row row;

	fed_members(h, &h->anna, OF, devices);
	fed_upload(h, &h->anna, "PUT " OF "/ambry", &own);
	assert_int_equal(bundle_get(h->s, flock, flock, &row), STORE_OK);
	snprintf(path, PATH_MAX, "%s/%s", h->bundles.path, row.file);
	free(own.bytes);
	handled_flock(h, &h->boris, OTHER);
	fed_members(h, &h->boris, BY, 1);
}

/* Of Anna's devices so many are told, but no bundle; and nothing of Boris' is missing. */
static void
expect_without_bundle(struct handled *h, bool again, size_t devices)
{
	struct reply reply = fed_call(h, "GET /v1/cathedral/feed", false, again);

	assert_int_equal(reply.status, 200);
	assert_int_equal(fed_count(reply.json, "flocks"), 2);
	assert_int_equal(fed_count(fed_part(reply.json, "flocks", 0), "devices"), devices);
	assert_true(json_is_null(json_object_get(fed_part(reply.json, "flocks", 0), "ambry")));
	assert_true(fed_count(fed_part(reply.json, "flocks", 1), "devices") >= 1);
	reply_free(&reply);
}

/* It may have been replaced after this moment was looked at, but not after the next. */
static void
a_bundle_that_is_not_there_is_looked_for_again(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	struct reply reply;

	bundle_in_place(h, 2, path);
	assert_int_equal(unlink(path), 0);
	reply = fed_call(h, "GET /v1/cathedral/feed", false, false);
	assert_int_equal(reply.status, 503);
	assert_int_equal(reply.retry_after_s, 1);
	reply_free(&reply);
	expect_without_bundle(h, true, 2);
}

/* One tenant's bad sector must not keep from cathedrals what others changed. */
static void
what_is_damaged_holds_up_nobody_else(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX], sql[128];
	FILE *file;

	bundle_in_place(h, 2, path);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fwrite("nonsense", 1, 8, file), 8);
	fclose(file);
	expect_without_bundle(h, false, 2);
	assert_int_equal(truncate(path, 100), 0); /* a disk that lies */
	expect_without_bundle(h, false, 2);

	snprintf(sql, sizeof(sql),
	    "UPDATE devices SET sealed = zeroblob(length(sealed)) WHERE kek = 1 AND flock = %lld",
	    (long long)FLOCK);
	assert_int_equal(group_commit(h->s), STORE_OK);
	free(test_sql(&h->db, sql));
	assert_int_equal(group_begin(h->s), STORE_OK);
	expect_without_bundle(h, false, 1);
}

/* Nothing is known about a file that may not be opened: then all is said to have failed. */
static void
a_folder_that_is_none_is_a_failure(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	struct reply reply;

	bundle_in_place(h, 2, path);
	h->site.bundles = path; /* a file */
	reply = fed_call(h, "GET /v1/cathedral/feed", false, true);
	assert_int_equal(reply.status, 500);
	reply_free(&reply);
}

/* The page's text; the caller releases the reply. */
static const char *
shared_page(struct handled *h, struct reply *reply)
{
	*reply = fed_call(h, "GET /v1/cathedral/feed", false, true);
	assert_int_equal(reply->status, 200);
	assert_true(reply->secret);
	assert_non_null(reply->shared);
	return shared_text_bytes(reply->shared);
}

/* What is asked for often is made once, and again when something has changed. */
static void
the_same_page_is_made_once(void **state)
{
	struct handled *h = *state;
	struct reply one, two;
	char path[PATH_MAX];
	const char *text;
	json_t *page;

	bundle_in_place(h, 2, path);
	h->site.pages = feed_pages_create();
	assert_non_null(h->site.pages);
	text = shared_page(h, &one);
	assert_ptr_equal(shared_page(h, &two), text);
	reply_free(&two);
	page = json_loads(text, 0, NULL);
	json_decref(fed_understood(page));
	fed_members(h, &h->boris, BY, 1);
	assert_ptr_not_equal(shared_page(h, &two), text);
	reply_free(&two);
	reply_free(&one);

	/* What is lost may come back without a change. */
	fed_members(h, &h->boris, BY, 1);
	assert_int_equal(unlink(path), 0);
	expect_without_bundle(h, true, 2);
	feed_pages_destroy(h->site.pages);
	h->site.pages = NULL;
}

/* ---- secrets ---- */

static struct {
	long left; /* of Jansson's memory, until it is refused */
	const char *secret;
	bool seen; /* in memory that was given back */
} memory;

static void *
memory_take(size_t size)
{
	if (memory.left == 0)
		return NULL;
	memory.left--;
	return malloc(size);
}

static void
memory_give_back(void *p)
{
	size_t size = malloc_usable_size(p);

	if (p != NULL && memmem(p, size, memory.secret, strlen(memory.secret)) != NULL)
		memory.seen = true;
	free(p);
}

/* A call with so much memory: its status. */
static unsigned
watched_call(struct handled *h, long left, const char *secret)
{
	struct reply reply;
	unsigned status;

	memory.left = left;
	memory.secret = secret;
	memory.seen = false;
	json_set_alloc_funcs(memory_take, memory_give_back);
	reply = fed_call(h, "GET /v1/cathedral/feed", false, false);
	status = reply.status;
	reply_free(&reply);
	json_set_alloc_funcs(malloc, free);
	return status;
}

/* Whatever becomes of the page, no secret of it goes back to the heap. */
static void
secrets_are_wiped_on_every_way(void **state)
{
	struct handled *h = *state;
	char path[PATH_MAX];
	unsigned status = 0;
	json_t *joined;

	bundle_in_place(h, 1, path);
	joined = fed_member(h, &h->anna, OF);
	for (long left = 0; status != 200; left++) {
		assert_true(left < 1000);
		status = watched_call(h, left, text_of(joined, "cathedral_secret"));
		assert_true(status == 200 || status == 500);
		if (memory.seen)
			fail_msg("with memory for %ld pieces a secret is left behind", left);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(watched_call(h, -1, text_of(joined, "cathedral_secret")), 503);
	assert_false(memory.seen);
	json_decref(joined);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handled_begin, handled_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bundle_that_is_not_there_is_looked_for_again),
		TEST(what_is_damaged_holds_up_nobody_else),
		TEST(a_folder_that_is_none_is_a_failure),
		TEST(the_same_page_is_made_once),
		TEST(secrets_are_wiped_on_every_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

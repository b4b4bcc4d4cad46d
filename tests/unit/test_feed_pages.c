/* SPDX-License-Identifier: ISC */
/* Pages that are made once for all who ask for the same: which are kept, and for how long. */
#include "reliquary-api/handlers/feed_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static int
begin(void **state)
{
	*state = feed_pages_create();
	assert_non_null(*state);
	return 0;
}

static int
end(void **state)
{
	feed_pages_destroy(*state);
	return 0;
}

static struct shared_text *
text(const char *word, size_t len)
{
	struct json_text t = { .secret = true };
	char *filler = calloc(1, len + 1);

	memset(filler, 'x', len);
	json_text_open(&t, '[');
	json_text_string(&t, word);
	json_text_string(&t, filler);
	json_text_close(&t, ']');
	free(filler);
	return shared_text_make(&t);
}

static void
keep(struct feed_pages *p, struct feed_page page, const char *word, size_t len)
{
	struct shared_text *t = text(word, len);

	feed_pages_keep(p, &page, t);
	shared_text_release(t);
}

/* word: what the page begins with; NULL: it is not there. */
static void
expect(struct feed_pages *p, struct feed_page page, const char *word)
{
	struct shared_text *t = feed_pages_find(p, &page);

	if (word == NULL) {
		assert_null(t);
		return;
	}
	assert_non_null(t);
	assert_memory_equal(shared_text_bytes(t) + 2, word, strlen(word));
	assert_int_equal(strlen(shared_text_bytes(t)), shared_text_len(t));
	assert_true(shared_text_secret(t));
	shared_text_release(t);
}

static const struct feed_page page = { .since = 5, .begun = 5, .last = 9 };

static void
only_the_very_same_is_found(void **state)
{
	static const struct feed_page others[] = {
		{ .since = 4, .begun = 5, .last = 9 },
		{ .since = 5, .begun = 6, .last = 9 },
		{ .since = 5, .begun = 5, .last = 10 },
		{ .since = 5, .begun = 5, .last = 9, .reset = true },
	};
	struct feed_pages *p = *state;

	expect(p, page, NULL);
	keep(p, page, "one", 10);
	expect(p, page, "one");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect(p, others[i], NULL);
}

static void
a_change_drops_what_was_before(void **state)
{
	struct feed_page newer = { .since = 5, .begun = 5, .last = 10 };
	struct feed_pages *p = *state;

	keep(p, page, "one", 10);
	keep(p, newer, "two", 10);
	expect(p, page, NULL);
	expect(p, newer, "two");
}

/* Somebody is still being sent it. */
static void
what_is_held_stays(void **state)
{
	struct feed_page newer = { .since = 5, .begun = 5, .last = 10 };
	struct feed_pages *p = *state;
	struct shared_text *held;

	keep(p, page, "one", 10);
	held = feed_pages_find(p, &page);
	keep(p, newer, "two", 10);
	expect(p, page, NULL);
	assert_string_equal(shared_text_bytes(held), "[\"one\",\"xxxxxxxxxx\"]\n");
	shared_text_release(held);
}

static void
the_oldest_makes_room(void **state)
{
	static const char *const words[] = { "0", "1", "2", "3", "4", "5" };
	struct feed_pages *p = *state;

	for (uint64_t i = 0; i < 6; i++)
		keep(p, (struct feed_page){ .since = i, .last = 9 }, words[i], 10);
	for (uint64_t i = 0; i < 6; i++)
		expect(p, (struct feed_page){ .since = i, .last = 9 }, i < 2 ? NULL : words[i]);
}

static void
together_they_are_not_too_large(void **state)
{
	struct feed_pages *p = *state;

	keep(p, (struct feed_page){ .since = 1, .last = 9 }, "1", 6 * MIB);
	keep(p, (struct feed_page){ .since = 2, .last = 9 }, "2", 6 * MIB);
	keep(p, (struct feed_page){ .since = 3, .last = 9 }, "3", 6 * MIB);
	expect(p, (struct feed_page){ .since = 1, .last = 9 }, NULL);
	expect(p, (struct feed_page){ .since = 2, .last = 9 }, "2");
	expect(p, (struct feed_page){ .since = 3, .last = 9 }, "3");
	keep(p, (struct feed_page){ .since = 4, .last = 9 }, "4", 17 * MIB);
	expect(p, (struct feed_page){ .since = 4, .last = 9 }, NULL);
	expect(p, (struct feed_page){ .since = 3, .last = 9 }, "3");
}

static void
no_text_is_no_page(void **state)
{
	struct json_text t = { .secret = true };

	(void)state;
	json_text_value(&t, NULL); /* could not be made */
	assert_null(shared_text_make(&t));
	assert_null(t.text);
	shared_text_release(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_very_same_is_found),
		TEST(a_change_drops_what_was_before),
		TEST(what_is_held_stays),
		TEST(the_oldest_makes_room),
		TEST(together_they_are_not_too_large),
		TEST(no_text_is_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "tests/support/asked.h"
#include "tests/support/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY   INT64_C(86400)
#define TODAY (STORE_NOW / DAY)

static const struct account_id nobody = { 999 };

static struct token
token_of(uint64_t id, enum scope scope)
{
	struct token t = { .id = id, .scope = scope, .created = STORE_NOW, .used_day = TODAY };

	snprintf(t.label, sizeof(t.label), "token %ju", (uintmax_t)id);
	return t;
}

static struct hash32
hash_of(uint64_t id)
{
	char text[32];

	snprintf(text, sizeof(text), "token %ju", (uintmax_t)id);
	return test_hash(text);
}

static enum store_result
create(struct owners *o, struct account_id account, const struct token *t, uint32_t most,
    bool make_room)
{
	struct hash32 hash = hash_of(t->id);

	return token_create(o->s, account, t, &hash, most, make_room);
}

static enum store_result
caller(struct owners *o, uint64_t id, int64_t now, struct caller *ret)
{
	struct hash32 hash = hash_of(id);

	return caller_by_token(o->s, &hash, now, ret);
}

static void
a_token_says_who_calls(void **state)
{
	static const enum scope scopes[] = { SCOPE_READ, SCOPE_APPROVE, SCOPE_FULL };
	struct owners *o = *state;
	struct caller c;

	for (size_t i = 0; i < 3; i++) {
		struct token t = token_of(UINT64_MAX - i, scopes[i]);

		assert_int_equal(create(o, o->boris, &t, 9, false), STORE_OK);
		memset(&c, 0xff, sizeof(c));
		assert_int_equal(caller(o, t.id, STORE_NOW, &c), STORE_OK);
		assert_int_equal(c.account.value, o->boris.value);
		assert_true(c.token == t.id);
		assert_int_equal(c.scope, scopes[i]);
		assert_int_equal(c.expires, STORE_NOW + DAY);
		assert_false(c.suspended);
		assert_int_equal(c.used_day, TODAY);
	}
	assert_int_equal(caller(o, 1, STORE_NOW, &c), STORE_NONE);

	/* Whatever the account's state: what may be done then is not the store's to say. */
	assert_int_equal(account_set_suspended(o->s, o->boris, true, STORE_NOW), STORE_OK);
	assert_int_equal(caller(o, UINT64_MAX, STORE_NOW + 2 * DAY, &c), STORE_OK);
	assert_true(c.suspended);
}

static void
tokens_die(void **state)
{
	static const struct {
		int64_t expires; /* from STORE_NOW; 0: while it is used */
		int64_t after;   /* days */
		int64_t seconds;
		enum store_result want;
	} cases[] = {
		{ 0, 0, 0, STORE_OK },
		{ 0, 30, 0, STORE_OK },
		{ 0, 31, 0, STORE_NONE },
		{ 100, 0, 99, STORE_OK },
		{ 100, 0, 100, STORE_NONE },
		{ 60 * DAY, 31, 0, STORE_NONE },
	};
	struct owners *o = *state;
	struct caller c;

	for (uint64_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct token t = token_of(i + 1, SCOPE_FULL);

		if (cases[i].expires != 0)
			t.expires = STORE_NOW + cases[i].expires;
		assert_int_equal(create(o, o->anna, &t, 99, false), STORE_OK);
		assert_int_equal(
		    caller(o, t.id, STORE_NOW + cases[i].after * DAY + cases[i].seconds, &c),
		    cases[i].want);
	}
	/* Used again in time it lives on. */
	assert_int_equal(token_used(o->s, o->anna, 1, TODAY + 29), STORE_OK);
	assert_int_equal(caller(o, 1, STORE_NOW + 59 * DAY, &c), STORE_OK);
	assert_int_equal(c.used_day, TODAY + 29);
	assert_int_equal(caller(o, 1, STORE_NOW + 60 * DAY, &c), STORE_NONE);
}

static void
how_long_unused_is_an_option(void **state)
{
	struct token t = token_of(1, SCOPE_FULL);
	struct hash32 hash = hash_of(1);
	struct account_id anna;
	struct test_store db;
	struct caller c;

	(void)state;
	test_store_begin(&db, NULL);
	anna = test_account(db.writer, "anna");
	assert_int_equal(token_create(db.writer, anna, &t, &hash, 9, false), STORE_OK);
	db.options.token_unused_days = 2;
	test_store_again(&db);
	assert_int_equal(caller_by_token(db.reader, &hash, STORE_NOW + 2 * DAY, &c), STORE_OK);
	assert_int_equal(caller_by_token(db.reader, &hash, STORE_NOW + 3 * DAY, &c), STORE_NONE);
	test_store_end(&db);
}

static void
the_used_day_only_grows(void **state)
{
	struct owners *o = *state;
	struct token t = token_of(1, SCOPE_FULL);
	struct caller c;

	assert_int_equal(create(o, o->anna, &t, 9, false), STORE_OK);
	assert_int_equal(token_used(o->s, o->anna, 1, TODAY + 1), STORE_OK);
	assert_int_equal(token_used(o->s, o->anna, 1, TODAY), STORE_OK);
	assert_int_equal(caller(o, 1, STORE_NOW, &c), STORE_OK);
	assert_int_equal(c.used_day, TODAY + 1);
	assert_int_equal(token_used(o->s, o->boris, 1, TODAY), STORE_NONE);
}

static void
the_limit_is_exact(void **state)
{
	struct owners *o = *state;
	struct token t, ended;

	for (uint64_t id = 1; id <= 4; id++) {
		t = token_of(id, SCOPE_FULL);
		assert_int_equal(create(o, o->anna, &t, 3, false), id <= 3 ? STORE_OK : STORE_FULL);
	}
	assert_int_equal(create(o, o->boris, &t, 3, false), STORE_OK); /* not anna's */
	assert_int_equal(create(o, o->anna, &t, 0, false), STORE_FULL);
	assert_int_equal(token_delete(o->s, o->anna, 2), STORE_OK);
	t = token_of(5, SCOPE_FULL);
	assert_int_equal(create(o, o->anna, &t, 3, false), STORE_OK);

	/* The dead do not count, whether or not they are gone. */
	ended = token_of(6, SCOPE_FULL);
	ended.expires = STORE_NOW + 10;
	assert_int_equal(create(o, o->anna, &ended, 4, false), STORE_OK);
	t = token_of(7, SCOPE_FULL);
	assert_int_equal(create(o, o->anna, &t, 4, false), STORE_FULL);
	t.created += 10;
	assert_int_equal(create(o, o->anna, &t, 4, false), STORE_OK);
	assert_int_equal(create(o, nobody, &t, 4, false), STORE_FULL);
}

static bool
there(struct owners *o, uint64_t id)
{
	struct caller c;

	return caller(o, id, STORE_NOW, &c) == STORE_OK;
}

static void
room_is_made_by_the_longest_unused(void **state)
{
	struct owners *o = *state;
	struct token t;

	for (uint64_t id = 1; id <= 4; id++) {
		t = token_of(id, SCOPE_FULL);
		/* 1 is the oldest, but 3 was not used for longest. */
		t.created = STORE_NOW - 100 + (int64_t)id;
		t.used_day = TODAY - (id == 3 ? 5 : 0);
		assert_int_equal(create(o, o->anna, &t, 4, true), STORE_OK);
	}
	t = token_of(9, SCOPE_FULL);
	assert_int_equal(create(o, o->boris, &t, 4, true), STORE_OK);
	t = token_of(5, SCOPE_FULL);
	t.created += 5;
	assert_int_equal(create(o, o->anna, &t, 4, true), STORE_OK);
	assert_true(there(o, 1) && there(o, 2) && !there(o, 3) && there(o, 4) && there(o, 5));

	/* As recently used: the older. */
	t = token_of(6, SCOPE_FULL);
	t.created += 6;
	assert_int_equal(create(o, o->anna, &t, 4, true), STORE_OK);
	assert_true(!there(o, 1) && there(o, 2) && there(o, 4) && there(o, 5) && there(o, 6));

	/* A limit that was lowered meanwhile holds, too. */
	t = token_of(7, SCOPE_FULL);
	t.created += 7;
	assert_int_equal(create(o, o->anna, &t, 2, true), STORE_OK);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM tokens WHERE account = 1"), 2);
	assert_true(there(o, 6) && there(o, 7));
	assert_true(there(o, 9)); /* boris' */
	assert_int_equal(create(o, o->anna, &t, 0, true), STORE_FULL);
	assert_true(there(o, 6) && there(o, 7)); /* undone: it made room for nothing */
}

static void
the_dead_make_room_first(void **state)
{
	struct owners *o = *state;
	struct token dead = token_of(1, SCOPE_FULL), old = token_of(2, SCOPE_FULL),
		     new = token_of(3, SCOPE_FULL);

	dead.expires = STORE_NOW + 1;
	dead.used_day = TODAY + 1;
	new.created = STORE_NOW + 1;
	assert_int_equal(create(o, o->anna, &dead, 2, true), STORE_OK);
	assert_int_equal(create(o, o->anna, &old, 2, true), STORE_OK);
	assert_int_equal(create(o, o->anna, &new, 2, true), STORE_OK);
	assert_true(!there(o, 1) && there(o, 2) && there(o, 3));
}

static void
ids_and_hashes_are_taken_once(void **state)
{
	struct owners *o = *state;
	struct token t = token_of(1, SCOPE_FULL);
	struct hash32 other = test_hash("other"), same = hash_of(1);

	assert_int_equal(create(o, o->anna, &t, 9, false), STORE_OK);
	assert_int_equal(token_create(o->s, o->anna, &t, &other, 9, true), STORE_CONFLICT);
	assert_int_equal(token_create(o->s, o->boris, &t, &same, 9, true), STORE_CONFLICT);
	assert_int_equal(token_create(o->s, o->boris, &t, &other, 9, true), STORE_OK);
	assert_true(there(o, 1));
}

static void
only_ones_own_is_deleted(void **state)
{
	struct owners *o = *state;
	struct token t = token_of(UINT64_MAX, SCOPE_FULL);

	assert_int_equal(create(o, o->anna, &t, 9, false), STORE_OK);
	assert_int_equal(token_delete(o->s, o->boris, t.id), STORE_NONE);
	assert_true(there(o, t.id));
	assert_int_equal(token_delete(o->s, o->anna, t.id), STORE_OK);
	assert_false(there(o, t.id));
	assert_int_equal(token_delete(o->s, o->anna, t.id), STORE_NONE);
}

struct page {
	struct token tokens[16];
	size_t count, most;
};

static bool
page_add(void *arg, const struct token *t)
{
	struct page *p = arg;

	p->tokens[p->count++] = *t;
	return p->count < p->most;
}

static void
lists_come_in_pages(void **state)
{
	static const uint64_t ids[] = { 1, UINT64_MAX, 3, UINT64_C(1) << 63, INT64_MAX };
	struct owners *o = *state;
	struct page p = { .most = 16 };
	uint64_t after = 0;
	struct token t;

	for (size_t i = 0; i < 5; i++) {
		t = token_of(ids[i], SCOPE_READ);
		t.expires = i == 0 ? STORE_NOW + 50 : 0;
		assert_int_equal(create(o, o->anna, &t, 9, false), STORE_OK);
	}
	t = token_of(77, SCOPE_FULL);
	assert_int_equal(create(o, o->boris, &t, 9, false), STORE_OK);

	for (size_t pages = 0; pages < 3; pages++) {
		assert_int_equal(
		    token_list(o->s, o->anna, after, 2, STORE_NOW, page_add, &p), STORE_OK);
		after = p.tokens[p.count - 1].id;
	}
	assert_int_equal(p.count, 5);
	for (size_t i = 0; i < 5; i++) {
		size_t seen = 0;

		for (size_t j = 0; j < 5; j++)
			seen += p.tokens[j].id == ids[i];
		assert_int_equal(seen, 1);
	}

	p = (struct page){ .most = 16 };
	assert_int_equal(token_list(o->s, o->anna, 2, 1, STORE_NOW, page_add, &p), STORE_OK);
	assert_int_equal(p.tokens[0].id, 3);
	assert_string_equal(p.tokens[0].label, "token 3");
	assert_int_equal(p.tokens[0].scope, SCOPE_READ);
	assert_int_equal(p.tokens[0].created, STORE_NOW);
	assert_int_equal(p.tokens[0].expires, 0);
	assert_int_equal(p.tokens[0].used_day, TODAY);

	/* The dead are not listed. */
	p = (struct page){ .most = 16 };
	assert_int_equal(token_list(o->s, o->anna, 0, 9, STORE_NOW + 50, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 4);
	p = (struct page){ .most = 16 };
	assert_int_equal(
	    token_list(o->s, o->anna, 0, 9, STORE_NOW + 31 * DAY, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 0);
	p = (struct page){ .most = 2 };
	assert_int_equal(token_list(o->s, o->anna, 0, 9, STORE_NOW, page_add, &p), STORE_OK);
	assert_int_equal(p.count, 2);
}

static void
searches_only(void *arg, const char *sql)
{
	struct session *s = arg;
	char *plan = plan_of(s, sql);
	size_t lines = 0;

	for (char *line = strtok(plan, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		assert_non_null(strstr(line, "SEARCH "));
		lines++;
	}
	assert_int_equal(lines, 2);
	free(plan);
}

/* The way of every request: the index of hashes, then the account by its number, no scan. */
static void
looking_a_caller_up_costs_two_looks(void **state)
{
	struct hash32 hash = hash_of(1);
	struct test_store db;
	struct caller c;

	(void)state;
	test_store_begin(&db, NULL);
	assert_int_equal(caller_by_token(db.reader, &hash, STORE_NOW, &c), STORE_NONE);
	prepared_each(db.reader, searches_only, db.reader);
	test_store_end(&db);
}

int
main(void)
{
#define OWNED(test) cmocka_unit_test_setup_teardown(test, owners_begin, owners_end)
	const struct CMUnitTest tests[] = {
		OWNED(a_token_says_who_calls),
		OWNED(tokens_die),
		cmocka_unit_test(how_long_unused_is_an_option),
		OWNED(the_used_day_only_grows),
		OWNED(the_limit_is_exact),
		OWNED(room_is_made_by_the_longest_unused),
		OWNED(the_dead_make_room_first),
		OWNED(ids_and_hashes_are_taken_once),
		OWNED(only_ones_own_is_deleted),
		OWNED(lists_come_in_pages),
		cmocka_unit_test(looking_a_caller_up_costs_two_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

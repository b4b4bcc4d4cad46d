/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/ledger.h"

#include "tests/support/owners.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct account_id nobody = { 999 };

struct page {
	uint64_t numbers[EVENTS_KEPT + 1];
	size_t count, most;
	struct event event; /* the last one */
	struct invite invite;
};

static struct page page;

static bool
event_seen(void *arg, const struct event *e)
{
	struct page *p = arg;

	p->event = *e;
	p->numbers[p->count++] = e->number;
	return p->count < p->most;
}

static bool
invite_seen(void *arg, const struct invite *i)
{
	struct page *p = arg;

	p->invite = *i;
	p->numbers[p->count++] = i->id;
	return p->count < p->most;
}

static void
page_begin(size_t most)
{
	memset(&page, 0, sizeof(page));
	page.most = most;
}

static struct event
event_at(int64_t at)
{
	struct event e = { .at = at, .token = "00000000000000aa", .action = "device.approve" };

	snprintf(e.subject, sizeof(e.subject), "6442a01510d91a00/36d28dec");
	return e;
}

static void
events_are_listed_newest_first(void **state)
{
	struct owners *o = *state;
	struct event e;

	for (int64_t i = 1; i <= 5; i++) {
		e = event_at(STORE_NOW + i);
		assert_int_equal(event_add(o->s, o->anna, &e), STORE_OK);
	}
	e = event_at(STORE_NOW);
	assert_int_equal(event_add(o->s, o->boris, &e), STORE_OK);

	page_begin(99);
	assert_int_equal(event_list(o->s, o->anna, 0, 2, event_seen, &page), STORE_OK);
	assert_int_equal(
	    event_list(o->s, o->anna, page.numbers[1], 9, event_seen, &page), STORE_OK);
	assert_int_equal(page.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(page.numbers[i], 5 - i);
	assert_int_equal(page.event.number, 1);
	assert_int_equal(page.event.at, STORE_NOW + 1);
	assert_string_equal(page.event.token, "00000000000000aa");
	assert_string_equal(page.event.action, "device.approve");
	assert_string_equal(page.event.subject, "6442a01510d91a00/36d28dec");

	page_begin(99);
	assert_int_equal(event_list(o->s, o->boris, UINT64_MAX, 9, event_seen, &page), STORE_OK);
	assert_int_equal(page.count, 1);
	page_begin(2);
	assert_int_equal(event_list(o->s, o->anna, 0, 9, event_seen, &page), STORE_OK);
	assert_int_equal(page.count, 2);
	assert_int_equal(event_add(o->s, nobody, &e), STORE_NONE);
}

static void
the_oldest_events_go(void **state)
{
	struct owners *o = *state;
	struct event e = event_at(STORE_NOW);

	assert_int_equal(event_add(o->s, o->boris, &e), STORE_OK);
	for (size_t i = 0; i < EVENTS_KEPT + 3; i++)
		assert_int_equal(event_add(o->s, o->anna, &e), STORE_OK);
	page_begin(sizeof(page.numbers) / sizeof(page.numbers[0]));
	assert_int_equal(event_list(o->s, o->anna, 0, 9999, event_seen, &page), STORE_OK);
	assert_int_equal(page.count, EVENTS_KEPT);
	assert_int_equal(page.numbers[0], EVENTS_KEPT + 3);
	assert_int_equal(page.numbers[EVENTS_KEPT - 1], 4);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM events"), EVENTS_KEPT + 1);
}

static uint8_t sealed[] = { 1, 0, 2, 0, 3 };

static struct repeat
repeat_of(const char *key)
{
	return (struct repeat){
		.hash = test_hash(key),
		.request_hash = test_hash("request"),
		.status = 201,
		.sealed = sealed,
		.sealed_len = sizeof(sealed),
		.now = STORE_NOW,
		.expires = STORE_NOW + 100,
	};
}

static void
a_first_answer_is_found_until_it_ends(void **state)
{
	struct owners *o = *state;
	struct repeat r = repeat_of("a"), got = { .status = 7 };

	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW, &got), STORE_NONE);
	assert_int_equal(got.status, 7);
	assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW + 99, &got), STORE_OK);
	assert_memory_equal(got.hash.bytes, r.hash.bytes, STORE_HASH);
	assert_memory_equal(got.request_hash.bytes, r.request_hash.bytes, STORE_HASH);
	assert_int_equal(got.status, 201);
	assert_int_equal(got.expires, STORE_NOW + 100);
	assert_int_equal(got.sealed_len, sizeof(sealed));
	assert_memory_equal(got.sealed, sealed, sizeof(sealed));
	free(got.sealed);
	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW + 100, &got), STORE_NONE);
}

static void
a_first_answer_stays_the_first(void **state)
{
	struct owners *o = *state;
	struct repeat r = repeat_of("a"), got;

	assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	r.status = 200;
	assert_int_equal(repeat_keep(o->s, &r), STORE_CONFLICT);
	r.now = STORE_NOW + 99;
	assert_int_equal(repeat_keep(o->s, &r), STORE_CONFLICT);
	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW, &got), STORE_OK);
	assert_int_equal(got.status, 201);
	free(got.sealed);

	/* Where one ended the next is the first again. */
	r.now = STORE_NOW + 100;
	r.expires = STORE_NOW + 200;
	r.sealed_len = 0;
	assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW + 150, &got), STORE_OK);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.sealed_len, 0);
	assert_non_null(got.sealed);
	free(got.sealed);
}

/* Whoever asks for everything once only, and often, does not fill the disk with answers. */
static void
the_last_answers_of_an_account_are_kept(void **state)
{
	struct owners *o = *state;
	struct repeat r = repeat_of("boris"), got;
	struct hash32 first = { { 0 } }, last;
	char key[16];

	r.account = o->boris;
	assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	for (unsigned i = 0; i < REPEATS_KEPT + 5; i++) {
		snprintf(key, sizeof(key), "%u", i);
		r = repeat_of(key);
		r.account = o->anna;
		r.expires += i;
		if (i == 5)
			first = r.hash;
		assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	}
	last = r.hash;
	for (unsigned i = 0; i < REPEATS_KEPT + 5; i++) {
		snprintf(key, sizeof(key), "stranger %u", i);
		r = repeat_of(key);
		assert_int_equal(repeat_keep(o->s, &r), STORE_OK);
	}
	assert_int_equal(
	    owner_number(o, "SELECT count(*) FROM repeats"), 1 + REPEATS_KEPT + REPEATS_KEPT + 5);
	assert_int_equal(repeat_find(o->s, &last, STORE_NOW, &got), STORE_OK);
	free(got.sealed);
	assert_int_equal(repeat_find(o->s, &first, STORE_NOW, &got), STORE_OK);
	free(got.sealed);
	r = repeat_of("4");
	assert_int_equal(repeat_find(o->s, &r.hash, STORE_NOW, &got), STORE_NONE);

	/* With the account go the secrets that it was answered. */
	assert_int_equal(account_delete(o->s, o->anna, STORE_NOW), STORE_OK);
	assert_int_equal(owner_number(o, "SELECT count(*) FROM repeats"), 1 + REPEATS_KEPT + 5);
}

static void
a_challenge_is_spent_once(void **state)
{
	struct owners *o = *state;
	struct hash32 a = test_hash("a"), b = test_hash("b");

	assert_int_equal(challenge_spend(o->s, &a, STORE_NOW), STORE_OK);
	assert_int_equal(challenge_spend(o->s, &a, STORE_NOW + 1), STORE_CONFLICT);
	assert_int_equal(challenge_spend(o->s, &b, STORE_NOW), STORE_OK);
}

static struct invite
invite_of(uint64_t id, uint64_t uses)
{
	struct invite i = {
		.id = id, .uses_left = uses, .created = STORE_NOW, .expires = STORE_NOW + 100
	};

	snprintf(i.label, sizeof(i.label), "for the club");
	return i;
}

static void
an_invitation_lets_in_as_often_as_it_says(void **state)
{
	struct owners *o = *state;
	struct hash32 hash = test_hash("a"), other = test_hash("b");
	struct invite i = invite_of(1, 2);

	assert_int_equal(invite_create(o->s, &i, &hash), STORE_OK);
	assert_int_equal(invite_use(o->s, &other, STORE_NOW), STORE_NONE);
	assert_int_equal(invite_use(o->s, &hash, STORE_NOW + 100), STORE_NONE);
	assert_int_equal(invite_use(o->s, &hash, STORE_NOW + 99), STORE_OK);
	assert_int_equal(invite_use(o->s, &hash, STORE_NOW), STORE_OK);
	assert_int_equal(invite_use(o->s, &hash, STORE_NOW), STORE_NONE);
	assert_int_equal(owner_number(o, "SELECT uses_left FROM invites"), 0);

	assert_int_equal(invite_create(o->s, &i, &other), STORE_CONFLICT);
	i.id = 2;
	assert_int_equal(invite_create(o->s, &i, &hash), STORE_CONFLICT);
}

static void
invitations_are_listed_and_withdrawn(void **state)
{
	static const uint64_t ids[] = { 5, UINT64_MAX, 9 };
	struct owners *o = *state;
	uint64_t after = 0;

	for (size_t n = 0; n < 3; n++) {
		struct invite i = invite_of(ids[n], n + 1);
		struct hash32 hash = test_hash(n == 0 ? "0" : n == 1 ? "1" : "2");

		assert_int_equal(invite_create(o->s, &i, &hash), STORE_OK);
	}
	page_begin(99);
	for (size_t pages = 0; pages < 3; pages++) {
		assert_int_equal(invite_list(o->s, after, 1, invite_seen, &page), STORE_OK);
		after = page.numbers[page.count - 1];
	}
	assert_int_equal(page.count, 3);
	assert_true(page.numbers[0] == UINT64_MAX);
	assert_int_equal(page.numbers[1], 5);
	assert_int_equal(page.invite.id, 9);
	assert_string_equal(page.invite.label, "for the club");
	assert_int_equal(page.invite.uses_left, 3);
	assert_int_equal(page.invite.created, STORE_NOW);
	assert_int_equal(page.invite.expires, STORE_NOW + 100);

	assert_int_equal(invite_delete(o->s, UINT64_MAX), STORE_OK);
	assert_int_equal(invite_delete(o->s, UINT64_MAX), STORE_NONE);
	page_begin(1);
	assert_int_equal(invite_list(o->s, 0, 9, invite_seen, &page), STORE_OK);
	assert_int_equal(page.count, 1);
}

#define RACERS 8
#define TRIES  20
#define USES   50

struct racer {
	struct session *s;
	struct hash32 invite;
	struct account_id account;
	unsigned number, invites, challenges, tokens, errors;
};

static void
count(struct racer *r, unsigned *won, enum store_result result)
{
	if (result == STORE_OK)
		(*won)++;
	else if (result != STORE_NONE && result != STORE_CONFLICT && result != STORE_FULL)
		r->errors++;
}

static void *
race(void *arg)
{
	struct racer *r = arg;

	for (unsigned i = 0; i < TRIES; i++) {
		struct token t = { .id = r->number * TRIES + i + 1, .scope = SCOPE_READ };
		struct hash32 token, challenge;
		char text[32];

		snprintf(text, sizeof(text), "token %u", (unsigned)t.id);
		token = test_hash(text);
		snprintf(text, sizeof(text), "challenge %u", i);
		challenge = test_hash(text);
		t.created = STORE_NOW;
		t.used_day = STORE_NOW / 86400;
		count(r, &r->invites, invite_use(r->s, &r->invite, STORE_NOW));
		count(r, &r->challenges, challenge_spend(r->s, &challenge, STORE_NOW));
		count(r, &r->tokens, token_create(r->s, r->account, &t, &token, 7, false));
	}
	return NULL;
}

/* As many processes would: sessions that know nothing of each other. */
static void
nobody_wins_twice(void **state)
{
	struct test_store t;
	struct racer racers[RACERS], sum = { .number = 0 };
	pthread_t threads[RACERS];
	struct account_id anna;
	struct invite i = invite_of(1, USES);
	struct hash32 hash = test_hash("invite");
	struct fault why;

	(void)state;
	test_store_begin(&t, NULL);
	t.options.busy_ms = 30000;
	test_store_again(&t);
	anna = test_account(t.writer, "anna");
	assert_int_equal(invite_create(t.writer, &i, &hash), STORE_OK);
	for (unsigned n = 0; n < RACERS; n++) {
		racers[n] = (struct racer){ .invite = hash, .account = anna, .number = n };
		racers[n].s = session_open_writer(t.store, &why);
		assert_non_null(racers[n].s);
	}
	for (unsigned n = 0; n < RACERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, race, &racers[n]), 0);
	for (unsigned n = 0; n < RACERS; n++) {
		assert_int_equal(pthread_join(threads[n], NULL), 0);
		session_close(racers[n].s);
		sum.invites += racers[n].invites;
		sum.challenges += racers[n].challenges;
		sum.tokens += racers[n].tokens;
		sum.errors += racers[n].errors;
	}
	assert_int_equal(sum.errors, 0);
	assert_int_equal(sum.invites, USES);
	assert_int_equal(sum.challenges, TRIES);
	assert_int_equal(sum.tokens, 7);
	test_store_end(&t);
}

int
main(void)
{
#define OWNED(test) cmocka_unit_test_setup_teardown(test, owners_begin, owners_end)
	const struct CMUnitTest tests[] = {
		OWNED(events_are_listed_newest_first),
		OWNED(the_oldest_events_go),
		OWNED(a_first_answer_is_found_until_it_ends),
		OWNED(a_first_answer_stays_the_first),
		OWNED(the_last_answers_of_an_account_are_kept),
		OWNED(a_challenge_is_spent_once),
		OWNED(an_invitation_lets_in_as_often_as_it_says),
		OWNED(invitations_are_listed_and_withdrawn),
		cmocka_unit_test(nobody_wins_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

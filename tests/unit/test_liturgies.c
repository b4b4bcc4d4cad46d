/* SPDX-License-Identifier: ISC */
#include "cathedral/state/liturgies.h"

#include "cathedral/state/tunnels.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;
static const struct flock_id flock = { 0xcafeba00 };

static struct liturgies *
make(size_t capacity)
{
	struct liturgies *l = liturgies_create(capacity, &randomness);

	assert_non_null(l);
	return l;
}

/* A line of a story: who says what, where, when. */
struct line {
	uint8_t number;
	uint16_t group;
	bool signalling, hidden;
	const uint8_t *calls; /* numbers it names, ended by 0; NULL: none */
	bool wants_remembrance, federated;
	struct flock_id flock;   /* 0: the usual one */
	struct device_id device; /* 0: 1000 + number */
	uint16_t port;           /* 0: the usual one, of its number */
	uint8_t listener;
	double at_s;     /* after T0 */
	unsigned said_s; /* by the device's clock */
};

static struct liturgy
liturgy_of(const struct line *n)
{
	struct liturgy what = {
		.id = n->number,
		.group = n->group,
		.hidden = n->hidden,
		.flags = (n->signalling ? LITURGY_SIGNALLING : 0) |
			 (n->wants_remembrance ? LITURGY_WANTS_REMEMBRANCE : 0),
	};

	for (const uint8_t *c = n->calls; c != NULL && *c != 0; c++)
		what.peers[*c] = 1;
	return what;
}

static bool
try(struct liturgies *l, struct line n, struct liturgy_outcome *ret)
{
	struct liturgy what = liturgy_of(&n);
	struct liturgy_heard heard = {
		.flock = n.flock.value != 0 ? n.flock : flock,
		.device.value = n.device.value != 0 ? n.device.value : 1000u + n.number,
		.liturgy = &what,
		.from = endpoint_from_ipv4(
		    (uint8_t[]){ 192, 0, 2, n.number }, n.port != 0 ? n.port : 1000),
		.listener = n.listener,
		.said_s = 1700000000 + n.said_s,
		.federated = n.federated,
		.now_ns = T0 + (uint64_t)(n.at_s * 1e9),
	};

	memset(ret, 0xee, sizeof(*ret));
	return liturgies_hear(l, &heard, ret);
}

static struct liturgy_outcome
hear(struct liturgies *l, struct line n)
{
	struct liturgy_outcome out;

	assert_true(try(l, n, &out));
	return out;
}

/* The numbers in an answer, as text: "1 2 254". */
static const char *
named(const struct liturgy_outcome *out)
{
	static char text[5 * LITURGY_PEERS];
	char *at = text;

	assert_true(out->answer);
	text[0] = '\0';
	for (unsigned n = 0; n < LITURGY_PEERS; n++) {
		if (out->peers[n] != 0)
			at += sprintf(at, at == text ? "%u" : " %u", n);
	}
	return text;
}

#define EXPECT_NAMED(l, want, ...)                                                                 \
	do {                                                                                       \
		struct liturgy_outcome out_ = hear(l, (struct line){ __VA_ARGS__ });               \
		assert_string_equal(named(&out_), want);                                           \
	} while (0)

/* Who is told of it, and whether it is at another cathedral. */
static void
expect_group(struct liturgies *l, uint16_t group, const char *want, double at_s)
{
	EXPECT_NAMED(l, want, .number = 99, .group = group, .at_s = at_s, .said_s = (unsigned)at_s,
	    .device = { 99 });
}

/* What was under way for long: by another cathedral, or from where the device was before. */
static void
what_was_overtaken_is_left_alone(void **state)
{
	struct liturgies *l = make(1000);
	struct liturgy_outcome out;

	(void)state;
	hear(l, (struct line){ .number = 1, .group = 7, .said_s = 10, .at_s = 10 });
	hear(l,
	    (struct line){ .number = 1, .group = 8, .said_s = 9, .federated = true, .at_s = 11 });
	expect_group(l, 7, "1", 12);
	out =
	    hear(l, (struct line){ .number = 1, .group = 8, .said_s = 5, .port = 77, .at_s = 13 });
	assert_false(out.answer || out.remember || out.quota);
	assert_int_equal(out.tell, TELL_NOBODY);
	expect_group(l, 7, "1", 16);

	/* In the same second the later one counts. */
	hear(l, (struct line){ .number = 1, .group = 9, .said_s = 10, .at_s = 17 });
	expect_group(l, 9, "1", 20);

	/* Another kind is another entry, another device another one's. */
	hear(l,
	    (struct line){ .number = 1, .group = 9, .signalling = true, .said_s = 2, .at_s = 21 });
	hear(l, (struct line){ .number = 1, .group = 5, .device = { 5 }, .said_s = 3, .at_s = 22 });
	expect_group(l, 5, "1", 24);
	liturgies_destroy(l);
}

/* Only as long as it could be accepted at all: a device may have put its clock back. */
static void
a_clock_that_was_put_back_is_believed_later(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	hear(l, (struct line){ .number = 1, .group = 7, .said_s = 10, .at_s = 10 });
	hear(l, (struct line){ .number = 1, .group = 8, .said_s = 5, .at_s = 15 });
	hear(l, (struct line){ .number = 1, .group = 8, .said_s = 9, .at_s = 29.9 });
	expect_group(l, 7, "1", 29.9);
	hear(l, (struct line){ .number = 1, .group = 8, .said_s = 9, .at_s = 30 });
	expect_group(l, 8, "1", 33);
	liturgies_destroy(l);
}

static void
a_group_hears_of_its_own(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 7, .group = 1);
	EXPECT_NAMED(l, "7", .number = 3, .group = 1);
	EXPECT_NAMED(l, "", .number = 9, .group = 2);
	EXPECT_NAMED(l, "3 7", .number = 200, .group = 1);
	EXPECT_NAMED(l, "3 200", .number = 7, .group = 1, .at_s = 5);
	EXPECT_NAMED(l, "", .number = 50, .group = 257); /* 16 bits, not 8 */
	liturgies_destroy(l);
	liturgies_destroy(NULL);
}

static void
flocks_and_domains_are_apart(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 1);
	EXPECT_NAMED(l, "", .number = 2, .flock = { flock.value | 1 });
	EXPECT_NAMED(l, "", .number = 3, .flock = { 0x123400 });
	EXPECT_NAMED(l, "2", .number = 1, .flock = { flock.value | 1 });
	EXPECT_NAMED(l, "1", .number = 4);
	liturgies_destroy(l);
}

static void
who_moves_to_another_group_leaves_the_old(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 1, .group = 1);
	EXPECT_NAMED(l, "", .number = 2, .group = 2);
	EXPECT_NAMED(l, "2", .number = 1, .group = 2, .at_s = 5);
	EXPECT_NAMED(l, "1", .number = 2, .group = 2, .at_s = 5);
	EXPECT_NAMED(l, "", .number = 3, .group = 1, .at_s = 5);
	liturgies_destroy(l);
}

/* Two hidden ones do not see each other; everybody else does. */
static void
the_hidden_hide_from_each_other(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 1, .hidden = true);
	EXPECT_NAMED(l, "", .number = 2, .hidden = true);
	EXPECT_NAMED(l, "1 2", .number = 3);
	EXPECT_NAMED(l, "3", .number = 1, .hidden = true, .at_s = 5);
	liturgies_destroy(l);
}

/* Of two that signal one must name the other; it does not matter which. */
static void
signalling_wants_a_call(void **state)
{
	struct liturgies *l = make(1000);
	static const uint8_t calls_2[] = { 2, 0 };

	(void)state;
	EXPECT_NAMED(l, "", .number = 1, .signalling = true, .calls = calls_2);
	EXPECT_NAMED(l, "", .number = 3, .signalling = true);
	EXPECT_NAMED(l, "1", .number = 2, .signalling = true);
	EXPECT_NAMED(l, "2", .number = 1, .signalling = true, .calls = calls_2, .at_s = 5);
	/* A call taken back. */
	EXPECT_NAMED(l, "", .number = 1, .signalling = true, .at_s = 10);
	EXPECT_NAMED(l, "", .number = 2, .signalling = true, .at_s = 10);
	/* With others of the group as in discovery, whatever they name. */
	EXPECT_NAMED(l, "1 2 3", .number = 4, .at_s = 10);
	EXPECT_NAMED(l, "4", .number = 2, .signalling = true, .at_s = 15);
	liturgies_destroy(l);
}

static void
hidden_counts_between_the_kinds_too(void **state)
{
	struct liturgies *l = make(1000);
	static const uint8_t calls_2[] = { 2, 0 };

	(void)state;
	EXPECT_NAMED(l, "", .number = 1, .signalling = true, .hidden = true, .calls = calls_2);
	EXPECT_NAMED(l, "", .number = 2, .signalling = true, .hidden = true);
	EXPECT_NAMED(l, "", .number = 3, .hidden = true);
	EXPECT_NAMED(l, "1 2 3", .number = 4);
	liturgies_destroy(l);
}

/* One entry of each kind: a change of one leaves the other. */
static void
a_device_has_an_entry_of_each_kind(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 1, .group = 1);
	EXPECT_NAMED(l, "", .number = 1, .group = 2, .signalling = true);
	EXPECT_NAMED(l, "1", .number = 2, .group = 1);
	EXPECT_NAMED(l, "1", .number = 3, .group = 2);
	assert_int_equal(liturgies_count(l), 4);
	liturgies_destroy(l);
}

/* The list has places 0 to 254: number 255 is left out of it, and may ask all the same. */
static void
number_255_asks_but_is_not_named(void **state)
{
	struct liturgies *l = make(1000);
	struct liturgy_outcome out;

	(void)state;
	EXPECT_NAMED(l, "", .number = 255);
	EXPECT_NAMED(l, "", .number = 254);
	EXPECT_NAMED(l, "254", .number = 1);
	EXPECT_NAMED(l, "1 254", .number = 255, .at_s = 5);
	EXPECT_NAMED(l, "1", .number = 254, .at_s = 5);
	out = hear(l, (struct line){ .number = 255, .signalling = true });
	assert_string_equal(named(&out), "1 254");
	liturgies_destroy(l);
}

static void
an_entry_lives_120_seconds(void **state)
{
	struct liturgies *l = make(1000);

	(void)state;
	EXPECT_NAMED(l, "", .number = 1);
	EXPECT_NAMED(l, "1", .number = 2, .at_s = 119.999);
	EXPECT_NAMED(l, "2", .number = 3, .at_s = 120);
	/* What is remembered of it is gone, too. */
	assert_false(hear(l, (struct line){ .number = 1, .port = 5, .at_s = 125 }).unproven);
	liturgies_destroy(l);
}

static void
a_sweep_removes_what_expired(void **state)
{
	struct liturgies *l = make(20000);
	size_t gone = 0;

	(void)state;
	for (unsigned n = 1; n <= 100; n++)
		hear(l, (struct line){ .number = (uint8_t)n, .at_s = n > 50 });
	for (int part = 0; part < 100; part++)
		gone += liturgies_sweep(l, 100, T0 + ENTRY_TTL_NS);
	assert_int_equal(gone, 50);
	assert_int_equal(liturgies_count(l), 50);
	/* Those that are left are still found. */
	EXPECT_NAMED(l,
	    "51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 "
	    "79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100",
	    .number = 150, .at_s = 120.5);
	liturgies_destroy(l);
}

static void
answers_have_a_rhythm(void **state)
{
	struct liturgies *l = make(1000);
	static const struct {
		double at_s;
		bool answer, tell, remember;
	} cases[] = {
		{ 0, true, true, true },
		{ 0.5, false, false, false },
		{ 2.999, false, false, false },
		{ 3, true, true, false },
		{ 5, false, false, false },
		{ 6, true, true, false },
		{ 14.999, true, true, false },
		{ 15, false, false, true },
		{ 18, true, true, false },
		{ 30, true, true, true },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct liturgy_outcome out = hear(l,
		    (struct line){ .number = 1, .wants_remembrance = true, .at_s = cases[n].at_s });

		assert_int_equal(out.answer, cases[n].answer);
		assert_int_equal(out.tell != TELL_NOBODY, cases[n].tell);
		assert_int_equal(out.remember, cases[n].remember);
		assert_false(out.unproven);
	}
	assert_false(hear(l, (struct line){ .number = 1, .at_s = 60 }).remember); /* not asked */
	/* Each entry has its own. */
	assert_true(hear(l, (struct line){ .number = 2, .at_s = 60.1 }).answer);
	assert_true(hear(l, (struct line){ .number = 1, .signalling = true, .at_s = 60.1 }).answer);
	liturgies_destroy(l);
}

/* A known entry from elsewhere gets one answer at most, until it speaks from there again. */
static void
a_new_address_gets_one_answer(void **state)
{
	struct liturgies *l = make(1000);
	struct line n = { .number = 1, .wants_remembrance = true };
	struct liturgy_outcome out = hear(l, n);

	(void)state;
	assert_true(!out.unproven && out.answer && out.remember);

	n.port = 2000;
	n.at_s = 20;
	out = hear(l, n);
	assert_true(out.unproven && out.answer && !out.remember);
	n.at_s = 21;
	out = hear(l, n);
	assert_true(!out.unproven && !out.answer && out.remember);

	/* When no answer is due it may be the remembrance. */
	n.port = 3000;
	n.at_s = 37;
	hear(l, n);
	n.port = 4000;
	n.at_s = 37.5;
	out = hear(l, n);
	assert_true(out.unproven && !out.answer && out.remember);

	n.listener = 1;
	n.at_s = 50;
	assert_true(hear(l, n).unproven); /* another listener is another way */
	assert_false(hear(l, n).unproven);
	liturgies_destroy(l);
}

/* From another cathedral: it counts, but nothing follows from it. */
static void
what_is_federated_is_only_kept(void **state)
{
	struct liturgies *l = make(1000);
	struct line far = { .number = 1, .wants_remembrance = true, .federated = true };
	struct liturgy_outcome out = hear(l, far);

	(void)state;
	assert_false(out.answer || out.tell != TELL_NOBODY || out.remember);
	EXPECT_NAMED(l, "1", .number = 2);

	/* It comes here itself: known, but its address is new. */
	far.federated = false;
	far.at_s = 1;
	out = hear(l, far);
	assert_true(out.unproven && out.answer && out.tell == TELL_CHANGE && !out.remember);
	liturgies_destroy(l);
}

/* What other cathedrals keep of it, and nothing else, is news for them. */
static void
news_are_told_at_once(void **state)
{
	static const uint8_t two[] = { 2, 0 }, three[] = { 3, 0 };
	static const struct line lines[] = {
		{ .number = 1, .at_s = 100 },
		{ .number = 1, .hidden = true, .at_s = 100.1 },
		{ .number = 1, .hidden = true, .group = 1, .at_s = 100.2 },
		{ .number = 1, .group = 1, .signalling = true, .calls = two, .at_s = 100.3 },
		{ .number = 1, .group = 1, .signalling = true, .calls = three, .at_s = 100.4 },
	};
	struct liturgies *l = make(1000);

	(void)state;
	for (size_t n = 0; n < sizeof(lines) / sizeof(lines[0]); n++) {
		struct line same = lines[n];

		assert_int_equal(hear(l, lines[n]).tell, TELL_CHANGE);
		same.at_s += 0.05;
		same.port = 2000;
		same.wants_remembrance = true;
		assert_int_equal(hear(l, same).tell, TELL_NOBODY);
		assert_int_equal(hear(l, lines[n]).tell, TELL_NOBODY);
	}
	liturgies_destroy(l);
}

static void
a_number_may_pass_to_another_device(void **state)
{
	struct liturgies *l = make(1000);
	struct line n = { .number = 1, .group = 4, .wants_remembrance = true };
	struct liturgy_outcome out;

	(void)state;
	hear(l, n);
	/* It is new in all respects: answered at once, wherever it is. */
	n.device.value = 5;
	n.port = 2000;
	n.at_s = 1;
	out = hear(l, n);
	assert_true(!out.unproven && out.answer && out.tell == TELL_CHANGE && out.remember);
	assert_int_equal(liturgies_count(l), 1);
	EXPECT_NAMED(l, "1", .number = 2, .group = 4, .at_s = 2);
	liturgies_destroy(l);
}

static void
a_full_table_refuses_new_ones(void **state)
{
	struct liturgies *l = make(16);
	struct liturgy_outcome out;
	unsigned heard = 0, refused = 0;

	(void)state;
	/* All of one flock live in one shard. */
	for (unsigned n = 1; n < 255; n++) {
		if (try(l, (struct line){ .number = (uint8_t)n }, &out))
			heard++;
		else
			refused++;
	}
	assert_true(heard >= 16 && refused > 0);
	assert_int_equal(liturgies_count(l), heard);
	assert_true(try(l, (struct line){ .number = 1, .at_s = 3 }, &out)); /* is there already */
	assert_int_equal(hear(l, (struct line){ .number = 1, .at_s = 6 }).peers[2], 1);
	assert_false(try(l, (struct line){ .number = 254, .at_s = 119.9 }, &out));
	assert_true(try(l, (struct line){ .number = 254, .at_s = 120 }, &out)); /* others expired */
	liturgies_destroy(l);
}

struct visited {
	unsigned count, signalling, hidden, federated;
	uint8_t drop; /* this number is removed */
};

static bool
visit(const struct liturgy_entry *e, void *arg)
{
	struct visited *v = arg;

	v->count++;
	v->signalling += e->signalling;
	v->hidden += e->hidden;
	v->federated += e->federated;
	assert_true(flock_equal(e->flock, flock));
	assert_int_equal(e->device.value, 1000 + e->number);
	assert_int_equal(e->group, e->number * 2);
	assert_int_equal(e->at.ip[15], e->number);
	assert_true(e->seen_ns == T0);
	return e->number != v->drop;
}

/* A device may be in many domains, but not in all of them: others want room, too. */
static void
a_device_has_its_quota(void **state)
{
	struct liturgies *l = make(100000);
	unsigned heard = 0, refused = 0;

	(void)state;
	for (unsigned domain = 0; domain < 256; domain++) {
		struct liturgy said = { .id = 7 };
		struct liturgy_heard h = {
			.flock = { 0xcafeba00 | domain },
			.device = { 7 },
			.liturgy = &said,
			.now_ns = T0,
		};
		struct liturgy_outcome out;

		if (liturgies_hear(l, &h, &out))
			heard++;
		else
			refused += out.quota;
	}
	assert_int_equal(heard, LITURGIES_PER_DEVICE);
	assert_int_equal(heard + refused, 256);
	liturgies_destroy(l);
}

static void
a_visit_sees_entries_and_may_remove(void **state)
{
	struct liturgies *l = make(1000);
	struct visited v = { .drop = 0 };

	(void)state;
	hear(l, (struct line){ .number = 1, .group = 2 });
	hear(l, (struct line){ .number = 2, .group = 4, .signalling = true });
	hear(l, (struct line){ .number = 3, .group = 6, .hidden = true });
	hear(l, (struct line){ .number = 4, .group = 8, .federated = true });
	liturgies_each(l, visit, &v);
	assert_int_equal(v.count, 4); /* and nothing of how they are kept */
	assert_int_equal(v.signalling, 1);
	assert_int_equal(v.hidden, 1);
	assert_int_equal(v.federated, 1);
	assert_int_equal(liturgies_count(l), 4);
	v.drop = 2;
	liturgies_each(l, visit, &v);
	assert_int_equal(liturgies_count(l), 3);
	EXPECT_NAMED(l, "", .number = 9, .group = 4);
	assert_true(liturgies_capacity(l) >= 1000);
	liturgies_destroy(l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_overtaken_is_left_alone),
		cmocka_unit_test(a_clock_that_was_put_back_is_believed_later),
		cmocka_unit_test(a_group_hears_of_its_own),
		cmocka_unit_test(flocks_and_domains_are_apart),
		cmocka_unit_test(who_moves_to_another_group_leaves_the_old),
		cmocka_unit_test(the_hidden_hide_from_each_other),
		cmocka_unit_test(signalling_wants_a_call),
		cmocka_unit_test(hidden_counts_between_the_kinds_too),
		cmocka_unit_test(a_device_has_an_entry_of_each_kind),
		cmocka_unit_test(number_255_asks_but_is_not_named),
		cmocka_unit_test(an_entry_lives_120_seconds),
		cmocka_unit_test(a_sweep_removes_what_expired),
		cmocka_unit_test(answers_have_a_rhythm),
		cmocka_unit_test(a_new_address_gets_one_answer),
		cmocka_unit_test(what_is_federated_is_only_kept),
		cmocka_unit_test(news_are_told_at_once),
		cmocka_unit_test(a_number_may_pass_to_another_device),
		cmocka_unit_test(a_full_table_refuses_new_ones),
		cmocka_unit_test(a_device_has_its_quota),
		cmocka_unit_test(a_visit_sees_entries_and_may_remove),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("liturgies", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* What one site leaves to another: all of it, then what changed; and what an heir refuses. */
#include "cathedral/relay/bequest.h"

#include "tests/support/heritage.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct small_site giver, heir;
	struct heritage_stream stream;
	struct bequest *bequest;
	struct bequest_counts counts;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bequest_sink sink;

	assert_non_null(f);
	small_site_open(&f->giver);
	small_site_open(&f->heir);
	random_for_test(&f->giver.random);
	heritage_listen(f->giver.site, 3);
	heritage_listen(f->heir.site, 3);
	sink = heritage_sink(&f->stream);
	f->bequest = bequest_create(f->giver.site, &sink, BEQUEST_PROCESS);
	assert_non_null(f->bequest);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	bequest_destroy(f->bequest);
	small_site_close(&f->giver);
	small_site_close(&f->heir);
	free(f->stream.bytes);
	free(f);
	return 0;
}

static void
write_more(struct fixture *f)
{
	f->counts = (struct bequest_counts){ 0 };
	assert_true(bequest_write(f->bequest, clock_now(), &f->counts));
}

static void
take(struct fixture *f, struct heir *heir)
{
	struct fault why = { "" };

	if (!heritage_take(heir, &f->stream, clock_now(), &why))
		fail_msg("%s", why.text);
}

static void
assert_same(struct fixture *f)
{
	size_t given_len, taken_len;
	uint8_t *given = heritage_dump(f->giver.site, &given_len);
	uint8_t *taken = heritage_dump(f->heir.site, &taken_len);

	assert_int_equal(given_len, taken_len);
	assert_memory_equal(given, taken, given_len);
	free(given);
	free(taken);
}

static void
test_all_of_it_arrives(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);

	heritage_fill(&f->giver, 3000);
	write_more(f);
	assert_int_equal(f->counts.tunnels, 3000);
	assert_int_equal(f->counts.liturgies, LITURGIES_PER_DEVICE / 2);
	assert_int_equal(f->counts.replays, 200);
	take(f, &heir);
	assert_int_equal(heir.counts.tunnels, 3000);
	assert_int_equal(heir.counts.left, 0);
	assert_same(f);
}

static uint64_t
used_by(struct small_site *s)
{
	struct budget_report r;

	budget_tick(s->site->budget, clock_now(), NULL, NULL);
	assert_true(budget_report_flock(s->site->budget, (struct flock_id){ 0xcafeba00 }, &r));
	return r.used;
}

/* What was sent until the last moment, and who has no budgets goes without. */
static void
test_budgets_go_along(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);

	small_site_add_budget(&f->giver, 0, 1000000, 5000);
	write_more(f);
	assert_int_equal(f->counts.budgets, 2);
	take(f, &heir);
	assert_int_equal(heir.counts.budgets, 0);
	assert_int_equal(heir.counts.left, 2);
	small_site_add_budget(&f->heir, 0, 1000000, 0);
	meter_count(
	    &budget_flock_meters(f->giver.site->budget, (struct flock_id){ 0xcafeba00 })[0], 700);
	write_more(f);
	heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	take(f, &heir);
	assert_int_equal(heir.counts.left, 0);
	assert_int_equal(used_by(&f->heir), 5700);
}

static void
test_then_what_changed(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);

	heritage_fill(&f->giver, 1000);
	write_more(f);
	heritage_stir(&f->giver, 50);
	write_more(f);
	assert_int_equal(f->counts.tunnels, 50);
	assert_in_range(f->counts.liturgies, 1, 2);
	assert_int_equal(f->counts.replays, 1);
	write_more(f);
	assert_int_equal(f->counts.tunnels, 0);
	assert_int_equal(f->counts.replays, 0);
	take(f, &heir);
	assert_same(f);
}

static unsigned
frames_in(const struct heritage_stream *stream)
{
	struct cursor c = cursor_over(stream->bytes, stream->len);
	unsigned count = 0;
	struct frame f;

	for (; c.left > 0; count++)
		assert_true(frame_take(&f, &c));
	return count;
}

/* Each message costs two processes a turn while nobody serves: few changes are few messages. */
static void
test_few_changes_are_few_frames(void **state)
{
	struct fixture *f = *state;
	unsigned before;

	heritage_fill(&f->giver, 1000);
	write_more(f);
	heritage_stir(&f->giver, 100);
	before = frames_in(&f->stream);
	write_more(f);
	assert_int_equal(f->counts.tunnels, 100);
	/* The head, and what changed of tunnels, liturgies, identities and replays. */
	assert_in_range(frames_in(&f->stream) - before, 2, 5);
}

/* Whoever is to be left is so whoever serves in its place. */
static void
test_draining_goes_on(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);

	heritage_fill(&f->giver, 10);
	write_more(f);
	take(f, &heir);
	assert_false(f->heir.site->draining);
	atomic_store(&f->giver.site->draining, true);
	heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	free(f->stream.bytes);
	f->stream = (struct heritage_stream){ 0 };
	write_more(f);
	take(f, &heir);
	assert_true(f->heir.site->draining);
}

static void
test_what_the_heir_knows_newer_stays(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	size_t before_len, after_len;
	uint8_t *before, *after;

	heritage_fill(&f->giver, 100);
	write_more(f);
	heritage_stir(&f->heir, 10); /* later than all that was written */
	before = heritage_dump(f->heir.site, &before_len);
	take(f, &heir);
	after = heritage_dump(f->heir.site, &after_len);
	for (size_t n = 0; n < 10; n++)
		assert_non_null(
		    memmem(after, after_len, before + n * HERITAGE_CELL, HERITAGE_CELL));
	free(before);
	free(after);
}

static void
test_an_offer_stays_a_repeat(void **state)
{
	struct fixture *f = *state;
	const struct offer_header header = { .flock_src = { 0xcafeba00 }, .seed = { 1, 2, 3 } };
	struct replay_mark mark = replay_mark(f->giver.site->replay, &header);
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	uint64_t now_ns = clock_now().mono_ns;

	assert_int_equal(replay_admit(f->giver.site->replay, &mark, now_ns), REPLAY_NEW);
	write_more(f);
	take(f, &heir);
	mark = replay_mark(f->heir.site->replay, &header);
	assert_int_equal(replay_admit(f->heir.site->replay, &mark, now_ns), REPLAY_SEEN);
	assert_false(replay_seen(f->heir.site->replay, &mark, now_ns + REPLAY_TTL_NS + NS_PER_S));
}

static bool
count_listener(const struct tunnel *t, void *arg)
{
	size_t *counts = arg;

	counts[t->listener]++;
	return true;
}

static void
test_listeners_are_found_by_address_and_kind(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	struct site_options *o = &f->heir.site->options;
	struct listener first = o->listeners[0];
	size_t given[3] = { 0 }, taken[3] = { 0 };

	/* The first two change places; the third is of the other kind now. */
	o->listeners[0] = o->listeners[1];
	o->listeners[1] = first;
	o->listeners[2].shrouded = !o->listeners[2].shrouded;
	heritage_fill(&f->giver, 500);
	write_more(f);
	take(f, &heir);
	tunnels_each(f->giver.site->tunnels, count_listener, given);
	tunnels_each(f->heir.site->tunnels, count_listener, taken);
	assert_int_equal(given[0], taken[1]);
	assert_int_equal(given[1], taken[0]);
	assert_int_equal(taken[2], 0);
	assert_true(given[2] > 0);
	assert_int_equal(heir.counts.left, given[2]);
}

static void
set_place(struct tunnel *t, bool created, void *arg)
{
	(void)created;
	(void)arg;
	t->at = endpoint_from_ipv4((const uint8_t[]){ 192, 0, 2, 1 }, 1);
}

static void
test_whom_the_heir_does_not_serve_is_left(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	const struct flock_id stranger = { 0x1234500 };
	struct tunnel_key key = tunnel_key(stranger, stranger, tunnel_between(1, 2));

	tunnels_change(f->giver.site->tunnels, &key, (struct device_id){ 1 }, true,
	    clock_now().mono_ns, set_place, NULL);
	write_more(f);
	take(f, &heir);
	assert_int_equal(heir.counts.tunnels, 0);
	assert_int_equal(heir.counts.left, 1);
}

static void
test_what_has_expired_is_left(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	struct instant later = clock_now();
	struct fault why = { "" };

	heritage_fill(&f->giver, 100);
	write_more(f);
	later.mono_ns += ENTRY_TTL_NS + NS_PER_S;
	later.wall_s += 121;
	assert_true(heritage_take(&heir, &f->stream, later, &why));
	assert_int_equal(heir.counts.tunnels, 0);
	assert_int_equal(heir.counts.liturgies, 0);
	assert_int_equal(tunnels_count(f->heir.site->tunnels), 0);
}

/* ---- refusals ---- */

static void
expect_refusal(struct heir *heir, const struct frame *f, const char *text)
{
	struct fault why = { "" };

	assert_false(heir_take(heir, f, clock_now(), &why));
	assert_string_equal(why.text, text);
}

static struct frame
frame_of(uint16_t kind, uint16_t version, bool needed)
{
	return (struct frame){ .kind = kind, .version = version, .needed = needed };
}

static void
test_what_is_not_known_is_left_out_or_refused(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	struct frame newer = frame_of(BEQUEST_LITURGIES, 2, false);
	struct frame unknown = frame_of(99, 1, false), needed = frame_of(99, 3, true);
	struct frame newer_tunnels = frame_of(BEQUEST_TUNNELS, 2, true);
	struct fault why;

	assert_true(heir_take(&heir, &newer, clock_now(), &why));
	assert_true(heir_take(&heir, &unknown, clock_now(), &why));
	assert_int_equal(heir.skipped, 2);
	expect_refusal(
	    &heir, &needed, "needs part 99 in version 3, which this version does not know");
	expect_refusal(
	    &heir, &newer_tunnels, "needs part 2 in version 2, which this version does not know");
}

static void
test_the_order_is_looked_at(void **state)
{
	struct fixture *f = *state;
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	struct frame tunnels = frame_of(BEQUEST_TUNNELS, 1, true);
	struct frame key = frame_of(BEQUEST_REPLAY_KEY, 1, true);
	struct frame end = frame_of(BEQUEST_END, 1, true);
	struct frame replays = frame_of(BEQUEST_REPLAYS, 1, true);
	const uint8_t zeros[32] = { 0 };
	uint8_t far[32];

	expect_refusal(&heir, &tunnels, "begins without its head");
	write_more(f);
	take(f, &heir);
	key.body = zeros;
	key.len = 16;
	expect_refusal(&heir, &key, "the key of its replays is wrong"); /* twice */
	tunnels.body = zeros;
	tunnels.len = 1;
	expect_refusal(&heir, &tunnels, "one of its tunnels is wrong");
	memset(far, 0xff, sizeof(far));
	replays.body = far; /* of a domain, and for ever */
	replays.len = sizeof(far);
	expect_refusal(&heir, &replays, "one of its replays is wrong");
	end.body = zeros;
	end.len = 8;
	expect_refusal(&heir, &end, "something of it is missing");
	expect_refusal(&heir, &tunnels, "goes on behind its end");
}

static void
test_other_clocks_are_refused(void **state)
{
	struct fixture *f = *state;
	struct instant now = clock_now(), before = now, after = now, reset = now;
	struct fault why = { "" };
	struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);

	write_more(f);
	before.mono_ns -= 20 * NS_PER_S; /* its clock began later than ours */
	after.mono_ns += 20 * NS_PER_S;  /* time went on for one clock only */
	reset.wall_s -= 3600;
	assert_false(heritage_take(&heir, &f->stream, before, &why));
	assert_string_equal(
	    why.text, "written before this machine was started, or by other clocks");
	heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	assert_false(heritage_take(&heir, &f->stream, after, &why));
	heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	assert_false(heritage_take(&heir, &f->stream, reset, &why));
	heir = heir_of(f->heir.site, BEQUEST_PROCESS);
	assert_true(heritage_take(&heir, &f->stream, now, &why));
}

/* Whatever comes, it ends with a sentence or with entries, and the tables stay whole. */
static void
test_damage_is_survived(void **state)
{
	struct fixture *f = *state;
	struct heritage_stream damaged;
	struct random *r = &f->giver.random;

	heritage_fill(&f->giver, 50);
	write_more(f);
	damaged = (struct heritage_stream){ malloc(f->stream.len), f->stream.len };
	assert_non_null(damaged.bytes);
	for (int round = 0; round < 3000; round++) {
		struct heir heir = heir_of(f->heir.site, BEQUEST_PROCESS);
		struct fault why = { "" };
		struct cursor c;
		struct frame frame;

		memcpy(damaged.bytes, f->stream.bytes, f->stream.len);
		for (uint32_t n = random_below(r, 4); n < 4; n++)
			random_bytes(
			    r, damaged.bytes + random_below(r, (uint32_t)f->stream.len - 2), 2);
		c = cursor_over(damaged.bytes, random_below(r, (uint32_t)f->stream.len + 1));
		while (frame_take(&frame, &c)) {
			if (!heir_take(&heir, &frame, clock_now(), &why))
				break;
		}
	}
	free(damaged.bytes);
}

static bool
refuse_to_put(void *arg, const uint8_t *frame, size_t len)
{
	int *left = arg;

	(void)frame;
	(void)len;
	return (*left)-- > 0;
}

static void
test_a_sink_may_end_it(void **state)
{
	struct fixture *f = *state;

	heritage_fill(&f->giver, 3000);
	for (int frames = 0; frames < 16; frames++) {
		int left = frames;
		const struct bequest_sink sink = { refuse_to_put, &left };
		struct bequest *b = bequest_create(f->giver.site, &sink, BEQUEST_PROCESS);

		assert_non_null(b);
		assert_false(bequest_write(b, clock_now(), &f->counts));
		bequest_destroy(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_of_it_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budgets_go_along, setup, teardown),
		cmocka_unit_test_setup_teardown(test_then_what_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_draining_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_changes_are_few_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_the_heir_knows_newer_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_offer_stays_a_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_listeners_are_found_by_address_and_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_whom_the_heir_does_not_serve_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_has_expired_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_is_not_known_is_left_out_or_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_order_is_looked_at, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_clocks_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage_is_survived, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_sink_may_end_it, setup, teardown),
	};

	return cmocka_run_group_tests_name("bequest", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Entries as bytes and back, and what no cathedral could have written. */
#include "cathedral/state/records.h"

#include "cathedral/state/frame.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW (1000 * NS_PER_S)

static const struct record_limits limits = { .now_ns = NOW, .now_s = 1700000000, .listeners = 2 };

static struct endpoint
at(uint8_t last, uint16_t port)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, last }, port);
}

static struct tunnel
some_tunnel(void)
{
	struct tunnel t;

	memset(&t, 0, sizeof(t));
	t.key = tunnel_key((struct flock_id){ 0xcafeba07 }, (struct flock_id){ 0xbeef0007 },
	    tunnel_between(0xca, 0xfe));
	t.seen_ns = NOW - 1;
	t.instance = UINT64_C(0x1122334455667788);
	t.cooldown_ns = NOW + 15 * NS_PER_S;
	t.said_s = 1700000020;
	t.rhythm = (struct rhythm){ NOW + 1, NOW + 120 * NS_PER_S, NOW + 3, RHYTHM_REPEATS, 255 };
	t.remembered_ns = NOW - 3;
	t.learned_ns = NOW - 4;
	t.bucket_ns = NOW - 5;
	t.credit = UINT32_MAX * NS_PER_S;
	t.device = (struct device_id){ 0x0badf00d };
	t.generation = 0x01020304;
	t.rx_active = 0xcafe0001;
	t.rx_pending = 0xcafe0002;
	t.rx_learned = 0xcafe0003;
	t.at = at(1, 4500);
	t.p2p = at(2, 4501);
	t.listener = 1;
	t.federated = t.wants_ambry = t.bucket_set = true;
	return t;
}

/* Into a buffer of exactly its size; the caller frees it. */
static uint8_t *
tunnel_bytes(const struct tunnel *t)
{
	uint8_t *bytes = malloc(RECORD_TUNNEL);
	struct writer w = writer_over(bytes, RECORD_TUNNEL);

	record_tunnel_put(&w, t);
	assert_false(w.failed);
	assert_int_equal(w.left, 0);
	return bytes;
}

static bool
tunnel_passes(const struct tunnel *t)
{
	uint8_t *bytes = tunnel_bytes(t);
	struct cursor c = cursor_over(bytes, RECORD_TUNNEL);
	struct tunnel back;
	bool ok = record_tunnel_get(&back, &c, &limits);

	if (ok) {
		assert_true(cursor_done(&c));
		assert_memory_equal(&back, t, sizeof(back));
	}
	free(bytes);
	return ok;
}

static void
test_tunnels_come_back_as_they_were(void **state)
{
	struct tunnel t = some_tunnel();

	(void)state;
	assert_true(tunnel_passes(&t));
	t.federated = t.wants_ambry = t.bucket_set = false;
	t.proven = t.p2p_usable = t.p2p_news = true;
	t.p2p = (struct endpoint){ 0 };
	assert_true(tunnel_passes(&t));
}

static void
test_tunnels_that_cannot_be_are_refused(void **state)
{
	struct tunnel t;

	(void)state;
#define REFUSED(change)                                                                            \
	t = some_tunnel();                                                                         \
	change;                                                                                    \
	assert_false(tunnel_passes(&t));
	REFUSED(t.key.src.value = 0x07)
	REFUSED(t.key.dst.value = 0)
	REFUSED(t.key.id = 0x00fe)
	REFUSED(t.key.id = 0xca00)
	REFUSED(t.listener = 2)
	REFUSED(t.at.port = 0)
	REFUSED(t.seen_ns = NOW + NS_PER_S + 1)
	REFUSED(t.said_s++)
	REFUSED(t.rhythm.next_ns = UINT64_MAX)
	REFUSED(t.rhythm.due_ns = UINT64_MAX)
	REFUSED(t.rhythm.ahead_ns = UINT64_MAX)
	REFUSED(t.rhythm.repeats++)
	REFUSED(t.remembered_ns = UINT64_MAX)
	REFUSED(t.learned_ns = UINT64_MAX)
	REFUSED(t.bucket_ns = UINT64_MAX)
	REFUSED(t.cooldown_ns = NOW + 122 * NS_PER_S)
	REFUSED(t.credit++)
#undef REFUSED
}

static void
test_unknown_flags_and_short_records_are_refused(void **state)
{
	struct tunnel t = some_tunnel(), back;
	uint8_t *bytes = tunnel_bytes(&t);

	(void)state;
	for (size_t len = 0; len < RECORD_TUNNEL; len++) {
		uint8_t *part = malloc(len + 1);
		struct cursor c = cursor_over(part, len);

		memcpy(part, bytes, len);
		assert_false(record_tunnel_get(&back, &c, &limits));
		free(part);
	}
	for (int bit = 6; bit < 8; bit++) {
		struct cursor c = cursor_over(bytes, RECORD_TUNNEL);

		bytes[0] ^= (uint8_t)(1 << bit);
		assert_false(record_tunnel_get(&back, &c, &limits));
		bytes[0] ^= (uint8_t)(1 << bit);
	}
	free(bytes);
}

static void
test_liturgies(void **state)
{
	struct liturgy_entry right, wrong[6], back;
	uint8_t bytes[RECORD_LITURGY];

	(void)state;
	memset(&right, 0, sizeof(right)); /* what is between its members is compared, too */
	right.flock.value = 0xcafeba07;
	right.number = 255;
	right.listener = 1;
	right.signalling = right.hidden = true;
	right.group = 77;
	right.device.value = 0xfe;
	right.at = at(3, 1);
	right.seen_ns = NOW;
	right.answered_ns = 1;
	right.rhythm.next_ns = 1;
	right.rhythm.due_ns = 2;
	right.rhythm.ahead_ns = 3;
	right.rhythm.repeats = 4;
	right.rhythm.changes = 5;
	right.remembered_ns = 3;
	right.peers[0] = 1;
	right.peers[1] = 2;
	right.peers[2] = 3;
	right.peers[3] = UINT64_MAX;
	for (size_t n = 0; n < 6; n++)
		memcpy(&wrong[n], &right, sizeof(right));
	wrong[0].number = 0;
	wrong[1].listener = 2;
	wrong[2].at.port = 0;
	wrong[3].seen_ns = NOW + 2 * NS_PER_S;
	wrong[4].flock.value = 7;
	wrong[5].rhythm.due_ns = UINT64_MAX;
	for (size_t n = 0; n <= 6; n++) {
		const struct liturgy_entry *e = n == 6 ? &right : &wrong[n];
		struct writer w = writer_over(bytes, sizeof(bytes));
		struct cursor c = cursor_over(bytes, sizeof(bytes));

		record_liturgy_put(&w, e);
		assert_int_equal(w.left, 0);
		memset(&back, 0, sizeof(back));
		assert_int_equal(record_liturgy_get(&back, &c, &limits), n == 6);
	}
	assert_memory_equal(&back, &right, sizeof(back));
}

static bool
identity_passes(const struct identity_record *r)
{
	uint8_t bytes[RECORD_IDENTITY];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct identity_record back;

	record_identity_put(&w, r);
	assert_int_equal(w.left, 0);
	if (!record_identity_get(&back, &c, &limits))
		return false;
	assert_memory_equal(&back, r, sizeof(back));
	return true;
}

static void
test_identities(void **state)
{
	struct identity_record r;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.who = (struct identity){ { 0xcafeba00 }, { 0xbeef0000 }, { 7 }, 0 };
	r.ns = NOW + 20 * NS_PER_S;
	r.piece = IDENTITY_CANDIDATE;
	r.id[0] = 1;
	r.id[15] = 2;
	assert_true(identity_passes(&r));
	r.piece = IDENTITY_PROVEN; /* seen in the time to come */
	assert_false(identity_passes(&r));
	r.ns = NOW;
	assert_true(identity_passes(&r));
	memset(r.id, 0, sizeof(r.id));
	r.at = at(9, 4500);
	r.piece = IDENTITY_AT_ENDPOINT;
	assert_true(identity_passes(&r));
	r.piece = IDENTITY_AT_ADDRESS; /* has no port */
	assert_false(identity_passes(&r));
	r.at.port = 0;
	assert_true(identity_passes(&r));
	r.who.own.value |= 1;
	assert_false(identity_passes(&r));
	r.who.own.value = 0;
	assert_false(identity_passes(&r));
	r.who.own.value = 0xcafeba00;
	r.piece = (enum identity_piece)5;
	assert_false(identity_passes(&r));
	r.piece = (enum identity_piece)0;
	assert_false(identity_passes(&r));
}

static void
test_replays(void **state)
{
	struct replay_record r = { .mark = { .bytes = { 1, 2, 3 }, .flock = { 0xcafeba00 } },
		.until_ns = NOW + REPLAY_TTL_NS },
			     back;
	uint8_t bytes[RECORD_REPLAY];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct cursor c = cursor_over(bytes, sizeof(bytes));

	(void)state;
	record_replay_put(&w, &r);
	assert_int_equal(w.left, 0);
	assert_true(record_replay_get(&back, &c, &limits));
	assert_memory_equal(&back, &r, sizeof(back));

	/* Letters of other cathedrals are no flock's. */
	r.mark.flock = (struct flock_id){ 0 };
	w = writer_over(bytes, sizeof(bytes));
	c = cursor_over(bytes, sizeof(bytes));
	record_replay_put(&w, &r);
	assert_true(record_replay_get(&back, &c, &limits));
	assert_memory_equal(&back, &r, sizeof(back));

	r.mark.flock = (struct flock_id){ 0xcafeba01 }; /* with a domain */
	w = writer_over(bytes, sizeof(bytes));
	c = cursor_over(bytes, sizeof(bytes));
	record_replay_put(&w, &r);
	assert_false(record_replay_get(&back, &c, &limits));
	r.mark.flock = (struct flock_id){ 0xcafeba00 };

	r.until_ns = UINT64_MAX; /* for ever */
	w = writer_over(bytes, sizeof(bytes));
	c = cursor_over(bytes, sizeof(bytes));
	record_replay_put(&w, &r);
	assert_false(record_replay_get(&back, &c, &limits));
}

static void
test_frames(void **state)
{
	uint8_t bytes[FRAME_HEAD + 3] = { 0 };
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct frame f;

	(void)state;
	frame_head(bytes, 7, 2, true, 3);
	assert_true(frame_take(&f, &c));
	assert_int_equal(f.kind, 7);
	assert_int_equal(f.version, 2);
	assert_true(f.needed);
	assert_int_equal(f.len, 3);
	assert_ptr_equal(f.body, bytes + FRAME_HEAD);
	assert_true(cursor_done(&c));

	for (size_t len = 0; len < sizeof(bytes); len++) {
		c = cursor_over(bytes, len);
		assert_false(frame_take(&f, &c));
	}
	frame_head(bytes, 7, 2, true, FRAME_BODY + 1);
	c = cursor_over(bytes, sizeof(bytes));
	assert_false(frame_take(&f, &c));
	frame_head(bytes, 7, 2, true, 3);
	bytes[7] = 2; /* neither needed nor not */
	c = cursor_over(bytes, sizeof(bytes));
	assert_false(frame_take(&f, &c));
}

/* ---- budgets ---- */

static bool
budget_passes(const struct budget_record *r)
{
	uint8_t *bytes = malloc(RECORD_BUDGET);
	struct writer w = writer_over(bytes, RECORD_BUDGET);
	struct cursor c = cursor_over(bytes, RECORD_BUDGET);
	struct budget_record back;
	bool ok;

	record_budget_put(&w, r);
	assert_int_equal(w.left, 0);
	ok = record_budget_get(&back, &c, &limits);
	if (ok)
		assert_memory_equal(&back, r, sizeof(back));
	c = cursor_over(bytes, RECORD_BUDGET - 1);
	assert_false(record_budget_get(&back, &c, &limits));
	free(bytes);
	return ok;
}

static void
test_budgets(void **state)
{
	struct budget_record r;

	(void)state;
	memset(&r, 0, sizeof(r));
	r.month = 682;
	r.flock.value = 0xcafeba00;
	r.used = BUDGET_USED_MAX;
	assert_true(budget_passes(&r));
	r.flock.value = 0; /* the host */
	assert_true(budget_passes(&r));
	r.flock.value = 0xcafeba01;
	assert_false(budget_passes(&r));
	r.flock.value = 0xcafeba00;
	r.used = BUDGET_USED_MAX + 1;
	assert_false(budget_passes(&r));
	r.used = 0;
	assert_false(budget_passes(&r));
	r.used = 1;
	r.month = 96360; /* the year 10000 */
	assert_false(budget_passes(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_tunnels_come_back_as_they_were),
		cmocka_unit_test(test_tunnels_that_cannot_be_are_refused),
		cmocka_unit_test(test_unknown_flags_and_short_records_are_refused),
		cmocka_unit_test(test_liturgies),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Every verdict of verdict.h comes up, and none that drops a packet is answered. */
#include "cathedral/state/verdict.h"

#include "protocol/crypto/aead.h"
#include "tests/support/seed.h"
#include "tests/support/shortage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static const struct flock_id a = { STAGE_A };

static enum verdict
info_from(struct stage *s, struct actor *who, uint16_t port)
{
	who->at.port = port;
	return stage_info(s, who);
}

static enum verdict
give_bytes(struct stage *s, uint8_t listener, const uint8_t *bytes, size_t len)
{
	struct arrival in = {
		.from = stage_peer(50), .listener = listener, .bytes = bytes, .len = len
	};

	return stage_give(s, &in);
}

/* An offer of actor one, changed by hand before it is sealed. */
static enum verdict
give_offer(struct stage *s, struct actor *who, struct offer_header h, const struct offer *o)
{
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	h.magic = MAGIC_KATEDRAL;
	device_make_offer(&who->d, &m, &h, o, &p);
	return stage_packet(s, who, &p);
}

static struct offer_header
header_of(const struct actor *who)
{
	return (struct offer_header){ .flock_src = who->d.config.flock,
		.flock_dst = who->d.config.flock_dst,
		.spi = who->d.config.id.value };
}

static struct offer
info_at(const struct actor *who, int64_t wall_s)
{
	return (struct offer){ .type = OFFER_INFO,
		.timestamp = (uint64_t)wall_s,
		.info = { .tunnel = who->d.config.tunnel, .instance = who->d.instance } };
}

static enum verdict
relayed(struct stage *s)
{
	struct pair p = known_pair(s);

	return stage_data(s, &p.one, 100);
}

static enum verdict
consumed(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	return stage_info(s, &p.one);
}

static enum verdict
size_short(struct stage *s)
{
	static const uint8_t zeros[PACKET_MIN - 1];

	return give_bytes(s, 0, zeros, sizeof(zeros));
}

static enum verdict
size_long(struct stage *s)
{
	static const uint8_t zeros[PACKET_MAX + 1];

	return give_bytes(s, 0, zeros, sizeof(zeros));
}

static enum verdict
size_cut_off(struct stage *s)
{
	return give_bytes(s, 0, NULL, 0);
}

static enum verdict
size_short_with_shroud(struct stage *s)
{
	static const uint8_t zeros[SHROUD_HEADER_SIZE + PACKET_MIN - 1];

	return give_bytes(s, 1, zeros, sizeof(zeros));
}

static enum verdict
port_0(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	return info_from(s, &p.one, 0);
}

static enum verdict
port_0_with_shroud(struct stage *s)
{
	struct pair p = pair_on(s, 1, 1);

	return info_from(s, &p.one, 0);
}

static enum verdict
unknown_identity(struct stage *s)
{
	struct pair p = pair_on(s, 1, 1);

	return stage_info(s, &p.one);
}

static enum verdict
identity_budget(struct stage *s)
{
	struct pair p = pair_on(s, 1, 1);

	stage_info(s, &p.one);
	return info_from(s, &p.one, 2000);
}

static enum verdict
short_for_its_kind(struct stage *s)
{
	uint8_t bytes[OFFER_SIZE - 1] = "KATEDRAL";

	return give_bytes(s, 0, bytes, sizeof(bytes));
}

static enum verdict
nothing_under_the_shroud(struct stage *s)
{
	struct pair p = pair_on(s, 1, 1);
	struct device_moment m = { s->now, &s->random };
	struct device_packet packet;

	stage_info(s, &p.one);
	stage_look_up(s);
	do /* until there is so much padding that it is let in */
		device_make_raw(&p.one.d, &m, "0123456789", 10, &packet);
	while (packet.len < SHROUD_HEADER_SIZE + PACKET_MIN);
	return stage_packet(s, &p.one, &packet);
}

static enum verdict
probe_on_the_main_port(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	p.one.d.cathedrals[0].nat_port = s->options.listeners[0].main.port;
	return stage_probe(s, &p.one);
}

static enum verdict
info_on_the_nat_port(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	p.one.d.cathedrals[0].at.port = s->options.listeners[0].nat_port;
	return stage_info(s, &p.one);
}

static enum verdict
unknown_flock(struct stage *s)
{
	struct actor who = stage_actor(
	    s, &s->a[0], (struct flock_id){ 0x123400 }, (struct flock_id){ 0x123400 }, 2, 0);

	return stage_info(s, &who);
}

static enum verdict
another_domain(struct stage *s)
{
	struct actor who = stage_actor(s, &s->a[0], flock_with_domain(a, 1), a, 2, 0);

	return stage_info(s, &who);
}

static enum verdict
another_number(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	p.one.d.config.tunnel = tunnel_between(3, 2);
	return stage_info(s, &p.one);
}

static enum verdict
another_number_in_a_liturgy(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	p.one.d.config.tunnel = tunnel_between(3, 2);
	return stage_liturgy(s, &p.one);
}

static enum verdict
data_of_unknown_flocks(struct stage *s)
{
	uint8_t bytes[100] = { 0, 1, 0, 2 };

	return give_bytes(s, 0, bytes, sizeof(bytes));
}

static enum verdict
bad_seal(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct device_moment m = { s->now, &s->random };
	struct device_packet packet;

	device_make_info(&p.one.d, &m, &packet);
	packet.bytes[OFFER_SIZE - 1] ^= 1;
	return stage_packet(s, &p.one, &packet);
}

/* A probe's magic in the place of the info's: the header is sealed, too. */
static enum verdict
bad_magic(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct device_moment m = { s->now, &s->random };
	struct device_packet packet;

	device_make_probe(&p.one.d, &m, &packet);
	memcpy(packet.bytes, "KATEDRAL", 8);
	packet.to.port = s->options.listeners[0].main.port;
	return stage_packet(s, &p.one, &packet);
}

static enum verdict
stale(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer o = info_at(&p.one, s->now.wall_s - OFFER_WINDOW_S - 1);

	return give_offer(s, &p.one, header_of(&p.one), &o);
}

static enum verdict
replay(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct device_moment m = { s->now, &s->random };
	struct device_packet packet;

	device_make_info(&p.one.d, &m, &packet);
	stage_packet(s, &p.one, &packet);
	p.one.at = stage_peer(66); /* where the attacker is */
	return stage_packet(s, &p.one, &packet);
}

static void
few_replays(struct stage *s)
{
	s->options.replays_max = 1;
}

static enum verdict
replay_full(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer_header h = { .magic = 1 };

	for (int n = 0; n < 20000; n++) {
		struct replay_mark mark;

		h.flock_src.value += 0x100; /* none has more than its part */
		mark = replay_mark(s->site->replay, &h);
		replay_admit(s->site->replay, &mark, s->now.mono_ns);
	}
	return stage_info(s, &p.one);
}

static void
slow_devices(struct stage *s)
{
	s->options.offer_rate = 2;
}

static enum verdict
device_limit(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	for (int n = 0; n < 4; n++)
		stage_info(s, &p.one);
	return stage_info(s, &p.one);
}

static enum verdict
bad_signature(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	p.one.d.keys.cosk = s->a[1].keys.cosk;
	return stage_info(s, &p.one);
}

static enum verdict
type_of_a_cathedral(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer o = { .type = OFFER_REMEMBRANCE, .timestamp = (uint64_t)s->now.wall_s };

	return give_offer(s, &p.one, header_of(&p.one), &o);
}

static enum verdict
type_of_the_federation(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer o = { .type = OFFER_P2P_INFO,
		.timestamp = (uint64_t)s->now.wall_s,
		.p2p = { .tunnel = p.one.d.config.tunnel } };

	return give_offer(s, &p.one, header_of(&p.one), &o);
}

static enum verdict
type_that_is_none(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer_header h = header_of(&p.one);
	struct offer o = info_at(&p.one, s->now.wall_s);
	struct device_packet packet = { .to = s->options.listeners[0].main, .len = OFFER_SIZE };
	struct offer_key key;
	struct envelope e;

	h.magic = MAGIC_KATEDRAL;
	offer_key_device(&key, &p.one.d.keys.cs, h.seed, h.flock_src);
	envelope_signed(&e, &o, &p.one.d.keys.cosk);
	e.data[0] = 99;
	envelope_seal(packet.bytes, &h, &e, &key);
	return stage_packet(s, &p.one, &packet);
}

/* A liturgy goes to no flock, an info to one. */
static enum verdict
info_to_no_flock(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer_header h = header_of(&p.one);
	struct offer o = info_at(&p.one, s->now.wall_s);

	h.flock_dst.value = 0;
	return give_offer(s, &p.one, h, &o);
}

static enum verdict
liturgy_to_a_flock(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer o = {
		.type = OFFER_LITURGY, .timestamp = (uint64_t)s->now.wall_s, .liturgy = { .id = 1 }
	};

	return give_offer(s, &p.one, header_of(&p.one), &o);
}

static enum verdict
liturgy_on_the_nat_port(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct device_moment m = { s->now, &s->random };
	struct offer_header h = header_of(&p.one);
	struct offer o = {
		.type = OFFER_LITURGY, .timestamp = (uint64_t)s->now.wall_s, .liturgy = { .id = 1 }
	};
	struct device_packet packet;

	h.flock_dst.value = 0;
	h.magic = MAGIC_CIBORIUM;
	device_make_offer(&p.one.d, &m, &h, &o, &packet);
	packet.to.port = s->options.listeners[0].nat_port;
	return stage_packet(s, &p.one, &packet);
}

static void
few_tunnels(struct stage *s)
{
	s->options.tunnels_max = 1;
}

static void
ignore(struct tunnel *t, bool created, void *arg)
{
	(void)t;
	(void)created;
	(void)arg;
}

static enum verdict
table_full(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	for (uint32_t n = 0; n < 20000; n++) {
		struct flock_id other = { 0x123400 | n >> 8 };
		struct tunnel_key key =
		    tunnel_key(other, a, tunnel_between((uint8_t)n, (uint8_t)(n >> 8)));

		tunnels_change(s->site->tunnels, &key, (struct device_id){ n % 64 }, true,
		    s->now.mono_ns, ignore, NULL);
	}
	return stage_info(s, &p.one);
}

static void
one_tunnel_each(struct stage *s)
{
	s->options.tunnels_per_device = 1;
}

static enum verdict
quota(struct stage *s)
{
	struct actor one = stage_actor(s, &s->a[0], a, a, 2, 0),
		     more = stage_actor(s, &s->a[0], a, a, 3, 0);

	stage_info(s, &one);
	return stage_info(s, &more);
}

static enum verdict
no_tunnel(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	stage_info(s, &p.one);
	return stage_data(s, &p.one, 100);
}

static enum verdict
probe_without_tunnel(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	return stage_probe(s, &p.one);
}

static enum verdict
another_spi(struct stage *s)
{
	struct pair p = known_pair(s);

	p.one.d.tx_spi ^= 1;
	return stage_data(s, &p.one, 100);
}

static enum verdict
another_sender(struct stage *s)
{
	struct pair p = known_pair(s);

	p.one.at.port++;
	return stage_data(s, &p.one, 100);
}

/* Under its own shroud it may not speak as another. */
static enum verdict
another_device_under_a_shroud(struct stage *s)
{
	struct pair p = pair_on(s, 1, 1);

	stage_info(s, &p.one);
	stage_look_up(s);
	p.one.d.config.id = s->a[1].id;
	p.one.d.config.tunnel = tunnel_between(2, 1);
	p.one.d.keys = s->a[1].keys;
	return stage_info(s, &p.one);
}

static void
one_peer(struct stage *s)
{
	s->peers[0].at = stage_peer(0);
	s->peer_count = 1;
}

static enum verdict
loop(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);
	struct offer_header h = header_of(&p.two);
	struct offer o = info_at(&p.two, s->now.wall_s);
	struct envelope e;
	struct data_header data = { .spi = p.one.d.tx_spi, .flock_src = a, .flock_dst = a };
	uint8_t bytes[100] = { 0 };
	struct arrival in = { .from = stage_peer(0), .bytes = bytes, .len = sizeof(bytes) };

	o.info.rx_active = p.one.d.tx_spi;
	envelope_signed(&e, &o, &p.two.d.keys.cosk);
	stage_catacomb(s, 0, &h, &e);
	data_header_encode(&data, bytes);
	return stage_give(s, &in);
}

static enum verdict
stranger(struct stage *s)
{
	uint8_t bytes[OFFER_SIZE] = "CATACOMB";

	return give_bytes(s, 0, bytes, sizeof(bytes));
}

static enum verdict
too_large(struct stage *s)
{
	struct pair p = pair_on(s, 0, 1);

	stage_info(s, &p.one);
	stage_info(s, &p.two);
	stage_look_up(s);
	return stage_data(s, &p.one, 1474 - DATA_HEADER_SIZE); /* with its shroud 1523 bytes */
}

static const struct {
	enum verdict want;
	enum verdict (*act)(struct stage *s);
	void (*change)(struct stage *s); /* before the stage opens */
} acts[] = {
	{ VERDICT_RELAYED, relayed, NULL },
	{ VERDICT_QUEUED, shortage_queued, shortage_narrow_host },
	{ VERDICT_CONSUMED, consumed, NULL },
	{ VERDICT_DROP_SIZE, size_short, NULL },
	{ VERDICT_DROP_SIZE, size_long, NULL },
	{ VERDICT_DROP_SIZE, size_cut_off, NULL },
	{ VERDICT_DROP_SIZE, size_short_with_shroud, NULL },
	{ VERDICT_DROP_SOURCE_PORT, port_0, NULL },
	{ VERDICT_DROP_SOURCE_PORT, port_0_with_shroud, NULL },
	{ VERDICT_DROP_UNKNOWN_IDENTITY, unknown_identity, NULL },
	{ VERDICT_DROP_IDENTITY_BUDGET, identity_budget, NULL },
	{ VERDICT_DROP_UNKNOWN_KIND, short_for_its_kind, NULL },
	{ VERDICT_DROP_UNKNOWN_KIND, nothing_under_the_shroud, NULL },
	{ VERDICT_DROP_WRONG_PORT, probe_on_the_main_port, NULL },
	{ VERDICT_DROP_WRONG_PORT, info_on_the_nat_port, NULL },
	{ VERDICT_DROP_NOT_ALLOWED, unknown_flock, NULL },
	{ VERDICT_DROP_NOT_ALLOWED, another_domain, NULL },
	{ VERDICT_DROP_NOT_ALLOWED, another_number, NULL },
	{ VERDICT_DROP_NOT_ALLOWED, another_number_in_a_liturgy, NULL },
	{ VERDICT_DROP_NOT_ALLOWED, data_of_unknown_flocks, NULL },
	{ VERDICT_DROP_BAD_SEAL, bad_seal, NULL },
	{ VERDICT_DROP_BAD_SEAL, bad_magic, NULL },
	{ VERDICT_DROP_STALE, stale, NULL },
	{ VERDICT_DROP_REPLAY, replay, NULL },
	{ VERDICT_DROP_REPLAY_FULL, replay_full, few_replays },
	{ VERDICT_DROP_DEVICE_LIMIT, device_limit, slow_devices },
	{ VERDICT_DROP_BAD_SIGNATURE, bad_signature, NULL },
	{ VERDICT_DROP_BAD_TYPE, type_of_a_cathedral, NULL },
	{ VERDICT_DROP_BAD_TYPE, type_of_the_federation, NULL },
	{ VERDICT_DROP_BAD_TYPE, type_that_is_none, NULL },
	{ VERDICT_DROP_BAD_TYPE, info_to_no_flock, NULL },
	{ VERDICT_DROP_BAD_TYPE, liturgy_to_a_flock, NULL },
	{ VERDICT_DROP_BAD_TYPE, liturgy_on_the_nat_port, NULL },
	{ VERDICT_DROP_TABLE_FULL, table_full, few_tunnels },
	{ VERDICT_DROP_QUOTA, quota, one_tunnel_each },
	{ VERDICT_DROP_NO_TUNNEL, no_tunnel, NULL },
	{ VERDICT_DROP_NO_TUNNEL, probe_without_tunnel, NULL },
	{ VERDICT_DROP_SPI, another_spi, NULL },
	{ VERDICT_DROP_SENDER, another_sender, NULL },
	{ VERDICT_DROP_SENDER, another_device_under_a_shroud, NULL },
	{ VERDICT_DROP_CAP, shortage_cap, shortage_slow_receiver },
	{ VERDICT_DROP_BUDGET_SLOW, shortage_budget_slow, shortage_poor_flocks },
	{ VERDICT_DROP_BUDGET, shortage_budget, shortage_poor_flocks },
	{ VERDICT_DROP_LOOP, loop, one_peer },
	{ VERDICT_DROP_STRANGER, stranger, NULL },
	{ VERDICT_DROP_TOO_LARGE, too_large, NULL },
};

static void
perform(size_t row)
{
	static struct stage s;
	enum verdict got;

	stage_plan(&s, &randomness);
	if (acts[row].change != NULL)
		acts[row].change(&s);
	stage_open(&s);
	got = acts[row].act(&s);
	if (got != acts[row].want)
		fail_msg("row %zu: %s instead of %s", row,
		    got == VERDICT_COUNT ? "something else" : verdict_name(got),
		    verdict_name(acts[row].want));
	assert_true(s.counted_once);
	/* What is dropped is never answered. */
	if (got != VERDICT_RELAYED && got != VERDICT_CONSUMED)
		assert_int_equal(s.replies, 0);
	stage_close(&s);
}

static void
every_verdict_comes_up(void **state)
{
	bool seen[VERDICT_COUNT] = { false };

	(void)state;
	for (size_t row = 0; row < sizeof(acts) / sizeof(acts[0]); row++) {
		perform(row);
		seen[acts[row].want] = true;
	}
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (!seen[v])
			fail_msg("nothing ends in %s", verdict_name((enum verdict)v));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_comes_up),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static const struct endpoint
    home = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 1000 },
    elsewhere = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, 1000 },
    neighbour = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, 2000 },
    cathedral = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 1 }, 4500 },
    sixth = { { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 1000 };

/* An end that has been here for long, and could be reached directly. */
static struct tunnel
settled(struct endpoint at)
{
	return (struct tunnel){
		.instance = 7,
		.seen_ns = T0 - NS_PER_S,
		.cooldown_ns = T0 - 100 * NS_PER_S,
		.at = at,
		.p2p = at,
		.p2p_usable = true,
		.proven = true,
	};
}

static const struct info quiet = { .instance = 7 };

static struct info_facts
facts(const struct info *info, struct endpoint from)
{
	return (struct info_facts){ .info = info, .from = from, .now_ns = T0 };
}

static struct info_facts
facts_with_peer(const struct info *info, struct tunnel reverse)
{
	struct info_facts f = facts(info, home);

	f.reverse_known = true;
	f.reverse = reverse;
	return f;
}

static struct info_outcome
decide(struct tunnel *t, bool created, const struct info_facts *f)
{
	struct info_outcome out;

	memset(&out, 0xee, sizeof(out));
	info_decide(t, created, f, &out);
	return out;
}

/* ---- which answers ---- */

/* One info of a device: what is known before, what it asks, and what follows. */
static void
answers_follow_the_facts(void **state)
{
	enum { CREATED = 1, RESTARTED = 2, MOVED = 4 }; /* how it comes */
	static const struct {
		const char *why;
		int how;
		bool reverse, reverse_far, sync; /* the other end: known, at another cathedral */
		bool has_ambry, wants_ambry, current, wants_remembrance;
		bool answer, remember, ambry;
	} cases[] = {
		{ "nothing to say", 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 },
		{ "the other end is here", 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0 },
		{ "... with everything", 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1 },
		{ "no ambry that it has", 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0 },
		{ "no ambry that it does not want", 0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0 },
		{ "no ambry that is not there", 0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0 },
		{ "a remembrance alone", 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0 },
		{ "far away without sync", 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1 },
		{ "far away with sync", 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1 },

		{ "a new one is answered in full", CREATED, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1 },
		{ "a new one alone", CREATED, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1 },

		{ "a restart: the ambry only", RESTARTED, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1 },
		{ "a restart: nothing", RESTARTED, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0 },

		{ "from elsewhere: the ambry", MOVED, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1 },
		{ "... else the info", MOVED, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0 },
		{ "... else the remembrance", MOVED, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0 },
		{ "... else nothing", MOVED, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0 },
		{ "... far away without sync", MOVED, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0 },
		{ "moved and restarted", MOVED | RESTARTED, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1 },
		{ "... without ambry", MOVED | RESTARTED, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct tunnel t = settled(cases[n].how & MOVED ? elsewhere : home), fresh = { 0 };
		struct info info = {
			.instance = cases[n].how & RESTARTED ? 8 : 7,
			.flags = (cases[n].wants_ambry ? 0 : INFO_NO_AMBRY) |
				 (cases[n].wants_remembrance ? INFO_WANTS_REMEMBRANCE : 0),
			.ambry_generation = cases[n].current ? 5 : 4,
		};
		struct info_facts f = facts_with_peer(&info, settled(elsewhere));
		struct info_outcome out;

		f.reverse_known = cases[n].reverse;
		f.reverse.federated = cases[n].reverse_far;
		f.p2p_sync = cases[n].sync;
		f.has_ambry = cases[n].has_ambry;
		f.generation = 5;
		out = decide(cases[n].how & CREATED ? &fresh : &t, cases[n].how & CREATED, &f);
		if (out.answer != cases[n].answer || out.remember != cases[n].remember ||
		    out.ambry != cases[n].ambry)
			fail_msg("%s: info %d, remembrance %d, ambry %d", cases[n].why, out.answer,
			    out.remember, out.ambry);
		assert_int_equal(out.created, (cases[n].how & CREATED) != 0);
		assert_int_equal(out.moved, (cases[n].how & MOVED) != 0);
	}
}

/* One answer to a new address, until a second offer has come from there. */
static void
an_address_is_proven_by_the_second_offer(void **state)
{
	const struct info info = { .instance = 7, .flags = INFO_WANTS_REMEMBRANCE };
	struct info_facts f = facts_with_peer(&info, settled(elsewhere));
	struct tunnel t = { 0 };
	struct info_outcome out = decide(&t, true, &f);

	(void)state;
	assert_true(!out.moved && out.answer && out.remember);
	assert_true(t.proven);

	f.from = neighbour;
	f.now_ns = T0 + 20 * NS_PER_S;
	out = decide(&t, false, &f);
	assert_true(out.moved && out.answer && !out.remember);
	assert_false(t.proven);

	out = decide(&t, false, &f);
	assert_true(!out.moved && out.answer && out.remember);
	assert_true(t.proven);

	f.listener = 1; /* another listener is another way */
	assert_true(decide(&t, false, &f).moved);
}

static void
remembrances_have_a_rhythm(void **state)
{
	static const struct {
		uint64_t at_s;
		bool remember;
	} cases[] = { { 0, true }, { 5, false }, { 14, false }, { 15, true }, { 29, false },
		{ 30, true } };
	const struct info info = { .instance = 7, .flags = INFO_WANTS_REMEMBRANCE };
	struct info_facts f = facts(&info, home);
	struct tunnel t = settled(home);

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		f.now_ns = T0 + cases[n].at_s * NS_PER_S;
		assert_int_equal(decide(&t, false, &f).remember, cases[n].remember);
	}
	f.now_ns = T0 + 45 * NS_PER_S - 1;
	assert_false(decide(&t, false, &f).remember);
	f.now_ns++;
	assert_true(decide(&t, false, &f).remember);
}

/* What other cathedrals keep of a tunnel, and nothing else, is news for them. */
static void
news_are_told_at_once(void **state)
{
	static const struct {
		struct info info;
		bool elsewhere, sync;
		enum tell want;
	} cases[] = {
		{ { .instance = 7 }, false, false, TELL_NOBODY },
		{ { .instance = 7, .flags = INFO_NO_AMBRY | INFO_WANTS_REMEMBRANCE }, false, false,
		    TELL_NOBODY },
		{ { .instance = 7, .ambry_generation = 9 }, false, false, TELL_NOBODY },
		{ { .instance = 7, .rx_active = 1 }, false, false, TELL_CHANGE },
		{ { .instance = 7, .rx_pending = 1 }, false, false, TELL_CHANGE },
		{ { .instance = 8 }, false, false, TELL_CHANGE },
		/* Of where a device is they are told with p2p sync only. */
		{ { .instance = 7 }, true, false, TELL_NOBODY },
		{ { .instance = 7 }, true, true, TELL_CHANGE },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct info_facts f = facts(&quiet, home);
		struct tunnel t = { 0 };

		assert_int_equal(decide(&t, true, &f).tell, TELL_CHANGE);
		f = facts(&cases[n].info, cases[n].elsewhere ? elsewhere : home);
		f.now_ns++;
		f.p2p_sync = cases[n].sync;
		assert_int_equal(decide(&t, false, &f).tell, cases[n].want);
		f.now_ns++;
		assert_int_equal(decide(&t, false, &f).tell, TELL_NOBODY);
	}
}

/* That a device can be reached, or cannot any more, is told with its next info. */
static void
usability_is_news(void **state)
{
	struct info_facts f = facts(&quiet, home);
	struct tunnel t = { 0 };
	bool usable = false;

	(void)state;
	f.p2p_sync = true;
	f.rhythm.refresh_ns = 40 * NS_PER_S;
	f.rhythm.draw = 39 * NS_PER_S;
	decide(&t, true, &f);
	for (int n = 0; n < 4; n++) {
		usable = !usable;
		f.now_ns += 20 * NS_PER_S;
		info_probe(&t, usable ? &home : &neighbour, f.now_ns);
		info_probe(&t, usable ? &home : &neighbour, f.now_ns);
		assert_int_equal(decide(&t, false, &f).tell, TELL_CHANGE);
		assert_int_equal(t.p2p_usable, usable);
		f.now_ns++;
		info_probe(&t, usable ? &home : &neighbour, f.now_ns);
		assert_int_equal(decide(&t, false, &f).tell, TELL_NOBODY);
	}
}

static void
what_was_said_is_stored(void **state)
{
	const struct info info = { .instance = UINT64_C(0x1122334455667788),
		.flags = INFO_NO_AMBRY,
		.rx_active = 0x01020304,
		.rx_pending = 0x01020305,
		.ambry_generation = 99 };
	struct info_facts f = facts(&info, home);
	struct tunnel t = { .federated = true };

	(void)state;
	f.listener = 4;
	decide(&t, false, &f);
	assert_true(t.instance == info.instance);
	assert_int_equal(t.rx_active, 0x01020304);
	assert_int_equal(t.rx_pending, 0x01020305);
	assert_int_equal(t.generation, 99);
	assert_false(t.wants_ambry);
	assert_false(t.federated); /* it is here now */
	assert_int_equal(t.listener, 4);
	assert_true(endpoint_equal(&t.at, &home));
	assert_true(t.seen_ns == T0);
}

/* ---- where the peer is ---- */

static void
peers_are_direct_or_relayed(void **state)
{
	static const struct {
		const char *why;
		const struct endpoint *here, *there;
		bool usable_here, usable_there;
		int cool_here_s, cool_there_s; /* the cooldown ends so long from now */
		bool direct, same;
	} cases[] = {
		{ "both can be reached", &home, &elsewhere, 1, 1, -9, -9, 1, 0 },
		{ "only this one", &home, &elsewhere, 1, 0, -9, -9, 0, 0 },
		{ "only the other", &home, &elsewhere, 0, 1, -9, -9, 0, 0 },
		{ "neither, at different addresses", &home, &elsewhere, 0, 0, -9, -9, 0, 0 },
		{ "one address for both", &home, &neighbour, 1, 1, -9, -9, 0, 1 },
		{ "... whether they can be reached or not", &home, &neighbour, 0, 0, -9, -9, 0, 1 },
		{ "... this one's cooldown", &home, &neighbour, 1, 1, 1, -9, 0, 0 },
		{ "... the other's cooldown", &home, &neighbour, 1, 1, -9, 1, 0, 0 },
		{ "... over this moment", &home, &neighbour, 1, 1, 0, 0, 0, 1 },
		{ "an IPv6 address has no place in the answer", &home, &sixth, 1, 1, -9, -9, 0, 0 },
		{ "IPv6 on both sides", &sixth, &sixth, 1, 1, -9, -9, 0, 0 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct tunnel t = settled(*cases[n].here), peer = settled(*cases[n].there);
		struct info_facts f = facts_with_peer(&quiet, peer);
		struct info_outcome out;

		f.from = *cases[n].here;
		t.p2p_usable = cases[n].usable_here;
		f.reverse.p2p_usable = cases[n].usable_there;
		t.cooldown_ns = T0 + (uint64_t)(cases[n].cool_here_s * (int64_t)NS_PER_S);
		f.reverse.cooldown_ns = T0 + (uint64_t)(cases[n].cool_there_s * (int64_t)NS_PER_S);
		f.reverse.p2p.port = 7777; /* as the probe saw it */
		out = decide(&t, false, &f);
		assert_true(out.answer);
		if (out.direct != cases[n].direct || out.same_address != cases[n].same)
			fail_msg(
			    "%s: direct %d, same %d", cases[n].why, out.direct, out.same_address);
		if (out.direct) {
			assert_true(endpoint_same_ip(&out.peer, cases[n].there));
			assert_int_equal(out.peer.port, 7777);
		}
	}
}

/* Of an end at another cathedral only what that one tells about it is known. */
static void
a_peer_far_away_is_where_its_cathedral_says(void **state)
{
	static const struct {
		const char *why;
		struct p2p_info told;
		bool direct, same;
	} cases[] = {
		{ "nothing told: the cathedral's own address is not the device's", { .flags = 0 },
		    0, 0 },
		{ "usable, elsewhere", { .ip = { 192, 0, 2, 2 }, .port = 9, .flags = P2P_USABLE },
		    1, 0 },
		{ "not usable, elsewhere", { .ip = { 192, 0, 2, 2 }, .port = 9 }, 0, 0 },
		{ "usable, the same address",
		    { .ip = { 192, 0, 2, 1 }, .port = 9, .flags = P2P_USABLE }, 0, 1 },
		{ "not usable, the same address", { .ip = { 192, 0, 2, 1 }, .port = 9 }, 0, 1 },
		{ "usable without a port", { .ip = { 192, 0, 2, 2 }, .flags = P2P_USABLE }, 0, 0 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		/* The cathedral has the address of this very device, to be mistaken for it. */
		const struct endpoint from = { .ip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
						   192, 0, 2, 1 },
			.port = 4500 };
		struct tunnel t = settled(home), far = settled(from);
		struct info_facts f;
		struct info_outcome out;

		far.federated = true;
		far.p2p_usable = false;
		far.p2p = (struct endpoint){ .port = 0 };
		info_p2p(&far, &from, &cases[n].told);
		f = facts_with_peer(&quiet, far);
		f.p2p_sync = true;
		out = decide(&t, false, &f);
		assert_true(out.answer);
		if (out.direct != cases[n].direct || out.same_address != cases[n].same)
			fail_msg(
			    "%s: direct %d, same %d", cases[n].why, out.direct, out.same_address);
	}
}

/* ---- p2p: cooldown and probes ---- */

static void
a_probe_must_come_from_the_same_place(void **state)
{
	struct tunnel t = settled(home);

	(void)state;
	t.p2p_usable = false;
	info_probe(&t, &home, T0);
	assert_true(t.p2p_usable);
	assert_true(endpoint_equal(&t.p2p, &home));

	info_probe(&t, &neighbour, T0); /* another port: symmetric */
	assert_false(t.p2p_usable);
	info_probe(&t, &home, T0);
	assert_true(t.p2p_usable);
	info_probe(&t, &elsewhere, T0);
	assert_false(t.p2p_usable);

	t = settled(sixth);
	info_probe(&t, &sixth, T0);
	assert_false(t.p2p_usable); /* no info answer can name it */
}

static void
probes_count_after_the_cooldown(void **state)
{
	struct tunnel t = { 0 };
	const struct info_facts f = facts(&quiet, home);

	(void)state;
	decide(&t, true, &f);
	assert_false(t.p2p_usable);
	info_probe(&t, &home, T0 + 15 * NS_PER_S - 1);
	assert_false(t.p2p_usable);
	info_probe(&t, &home, T0 + 15 * NS_PER_S);
	assert_true(t.p2p_usable);
}

static void
a_probe_says_nothing_about_an_end_far_away(void **state)
{
	struct tunnel t = settled(cathedral);

	(void)state;
	t.federated = true;
	info_probe(&t, &elsewhere, T0);
	assert_true(t.p2p_usable);
	assert_true(endpoint_equal(&t.p2p, &cathedral));
}

static void
a_restart_begins_a_cooldown(void **state)
{
	const struct info again = { .instance = 8 };
	struct info_facts f = facts_with_peer(&again, settled(elsewhere));
	struct tunnel t = settled(home);
	struct info_outcome out = decide(&t, false, &f);

	(void)state;
	assert_false(t.p2p_usable);
	assert_true(t.cooldown_ns == T0 + 15 * NS_PER_S);
	assert_false(out.answer);
	assert_false(out.p2p_usable);
	/* The next one is answered; the peer is relayed until a probe has shown the way. */
	out = decide(&t, false, &f);
	assert_true(out.answer && !out.direct);
}

/* What was told to others with the info is what holds after it. */
static void
a_new_place_must_be_probed_anew(void **state)
{
	struct info_facts f = facts_with_peer(&quiet, settled(elsewhere));
	struct tunnel t = settled(home);

	(void)state;
	assert_true(decide(&t, false, &f).p2p_usable);
	f.from = neighbour;
	assert_false(decide(&t, false, &f).p2p_usable);
	assert_false(decide(&t, false, &f).direct);
	info_probe(&t, &neighbour, T0);
	assert_true(decide(&t, false, &f).direct);
}

/* ---- SPIs learned from key exchanges ---- */

static void
a_learned_spi_holds_until_an_info_names_it(void **state)
{
	static const struct {
		uint32_t active, pending;
		uint64_t after_s;
		bool kept;
	} cases[] = {
		{ 10, 0, 1, true },                          /* sent before the exchange was over */
		{ 10, 20, 1, true }, { 10, 30, 1, false },   /* named: pending ... */
		{ 30, 10, 1, false },                        /* ... or active */
		{ 10, 20, 14, true }, { 10, 20, 15, false }, /* it was never taken up */
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		const struct info info = {
			.instance = 7, .rx_active = cases[n].active, .rx_pending = cases[n].pending
		};
		struct tunnel t = settled(home);
		struct info_facts f = facts(&info, home);

		t.rx_learned = 30;
		t.learned_ns = T0;
		f.now_ns = T0 + cases[n].after_s * NS_PER_S;
		decide(&t, false, &f);
		assert_int_equal(t.rx_learned, cases[n].kept ? 30 : 0);
	}
}

/* ---- federation ---- */

static void
a_federated_info_makes_it_far(void **state)
{
	const struct info info = { .instance = 7, .rx_active = 5, .flags = INFO_WANTS_REMEMBRANCE };
	struct info_facts f = facts(&info, cathedral);
	struct tunnel t = settled(home);

	(void)state;
	t.wants_ambry = true;
	t.rhythm = (struct rhythm){ .next_ns = T0 + 3 * NS_PER_S, .due_ns = T0 + 9 * NS_PER_S };
	info_federated(&t, false, &f);
	assert_true(t.federated);
	assert_false(t.wants_ambry); /* its own cathedral sends it */
	assert_true(endpoint_equal(&t.at, &cathedral));
	assert_int_equal(t.rx_active, 5);
	assert_true(t.seen_ns == T0);
	assert_false(t.p2p_usable); /* until a p2p info says so */
	assert_true(t.cooldown_ns == T0 + 15 * NS_PER_S);
	assert_true(t.remembered_ns == 0);

	/* Back here: local at once, its address not proven, and others are told at once. */
	f = facts_with_peer(&info, settled(elsewhere));
	f.now_ns = T0 + NS_PER_S;
	{
		struct info_outcome out = decide(&t, false, &f);

		assert_false(t.federated);
		assert_true(out.moved && out.tell == TELL_CHANGE && out.answer && !out.remember);
		assert_false(t.p2p_usable);
	}
}

/* What was said before the device moved arrives after what it said since. */
static void
what_was_overtaken_is_ignored(void **state)
{
	static const struct {
		bool federated;
		int said_s, after_s;
		bool believed;
	} cases[] = {
		{ false, 100, 1, true },
		{ false, 99, 1, false },
		{ false, 99, 19, false },
		{ false, 99, 20, true }, /* it has put its clock back */
		{ false, 101, 1, true },
		{ true, 100, 1, true },
		{ true, 99, 1, false },
		{ true, 101, 1, true },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct info_facts f = facts(&quiet, home);
		struct endpoint before;
		struct tunnel t = { 0 };

		f.said_s = 100;
		if (cases[n].federated)
			info_federated(&t, true, &f);
		else
			decide(&t, true, &f);
		before = t.at;
		f.from = cathedral;
		f.said_s = (uint64_t)cases[n].said_s;
		f.now_ns += (uint64_t)cases[n].after_s * NS_PER_S;
		info_federated(&t, false, &f);
		assert_true(endpoint_equal(&t.at, cases[n].believed ? &cathedral : &before));
		assert_int_equal(t.federated, cases[n].federated || cases[n].believed);
	}
}

/* Devices that come and go: their cathedral cannot know who was told of them meanwhile. */
static void
the_absent_are_news(void **state)
{
	struct info_facts f = facts(&quiet, home);
	struct tunnel t = { 0 };

	(void)state;
	f.rhythm.refresh_ns = 40 * NS_PER_S;
	f.rhythm.draw = 31 * NS_PER_S;
	for (unsigned n = 0; n < 8; n++) {
		decide(&t, n == 0, &f);
		f.now_ns += 5 * NS_PER_S;
	}
	assert_int_equal(decide(&t, false, &f).tell, TELL_NOBODY);
	f.now_ns += 15 * NS_PER_S - 1;
	assert_int_equal(decide(&t, false, &f).tell, TELL_NOBODY);
	f.now_ns += 15 * NS_PER_S;
	assert_int_equal(decide(&t, false, &f).tell, TELL_CHANGE);
}

static void
a_p2p_info_is_believed_from_its_cathedral_only(void **state)
{
	const struct p2p_info told = { .ip = { 198, 51, 100, 9 }, .port = 99, .flags = P2P_USABLE },
			      zeros = { .flags = 0 };
	struct info_facts f = facts(&quiet, cathedral);
	struct tunnel t = { 0 }, local = settled(home);

	(void)state;
	info_federated(&t, true, &f);
	info_p2p(&t, &elsewhere, &told);
	assert_false(t.p2p_usable);
	info_p2p(&t, &cathedral, &told);
	assert_true(t.p2p_usable);
	assert_int_equal(t.p2p.port, 99);
	assert_int_equal(t.p2p.ip[12], 198);

	/* The next info leaves it; another instance takes it away. */
	info_federated(&t, false, &f);
	assert_true(t.p2p_usable);
	info_p2p(&t, &cathedral, &zeros);
	assert_false(t.p2p_usable);

	info_p2p(&local, &home, &told);
	assert_true(endpoint_equal(&local.p2p, &home));
}

static void
a_restart_far_away_begins_a_cooldown_here(void **state)
{
	const struct info again = { .instance = 8 };
	struct info_facts f = facts(&quiet, cathedral);
	struct tunnel t = { 0 };

	(void)state;
	info_federated(&t, true, &f);
	t.p2p_usable = true;
	f.now_ns = T0 + 20 * NS_PER_S;
	info_federated(&t, false, &f);
	assert_true(t.p2p_usable && t.cooldown_ns == T0 + 15 * NS_PER_S);
	f.info = &again;
	info_federated(&t, false, &f);
	assert_true(!t.p2p_usable && t.cooldown_ns == T0 + 35 * NS_PER_S);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_follow_the_facts),
		cmocka_unit_test(an_address_is_proven_by_the_second_offer),
		cmocka_unit_test(remembrances_have_a_rhythm),
		cmocka_unit_test(news_are_told_at_once),
		cmocka_unit_test(usability_is_news),
		cmocka_unit_test(what_was_said_is_stored),
		cmocka_unit_test(peers_are_direct_or_relayed),
		cmocka_unit_test(a_peer_far_away_is_where_its_cathedral_says),
		cmocka_unit_test(a_probe_must_come_from_the_same_place),
		cmocka_unit_test(probes_count_after_the_cooldown),
		cmocka_unit_test(a_probe_says_nothing_about_an_end_far_away),
		cmocka_unit_test(a_restart_begins_a_cooldown),
		cmocka_unit_test(a_new_place_must_be_probed_anew),
		cmocka_unit_test(a_learned_spi_holds_until_an_info_names_it),
		cmocka_unit_test(a_federated_info_makes_it_far),
		cmocka_unit_test(what_was_overtaken_is_ignored),
		cmocka_unit_test(the_absent_are_news),
		cmocka_unit_test(a_p2p_info_is_believed_from_its_cathedral_only),
		cmocka_unit_test(a_restart_far_away_begins_a_cooldown_here),
	};

	return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}

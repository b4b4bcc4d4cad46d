/* SPDX-License-Identifier: ISC */
/* Letters that come. */
#include "cathedral/relay/letters.h"

#include "cathedral/relay/offers.h"
#include "protocol/sealed_letter.h"

#include <string.h>

/*
 * All cathedrals share a secret, so a letter could be sent on to others, or back, in somebody
 * else's name: but it says which instance has written it.
 */
static bool
is_writers_own(const struct pipeline *p, const struct packet *pkt, uint64_t instance)
{
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	if (instance == 0 || instance == p->site->instance)
		return false;
	for (size_t n = 0; n < count; n++) {
		const struct peer_stats *s = peers[n].stats;

		if (s != pkt->peer->stats && peer_speaks(s, p->now.mono_ns) &&
		    atomic_load_explicit(&s->instance, memory_order_relaxed) == instance)
			return false;
	}
	return true;
}

/* A letter is no flock's: all of them share the room that one flock's offers may have. */
static enum verdict
admit(struct pipeline *p, const struct letter_header *h)
{
	struct offer_header as_offer = { .magic = MAGIC_LETTER };
	struct replay_mark mark;

	memcpy(as_offer.seed, h->seed, sizeof(h->seed));
	mark = replay_mark(p->site->replay, &as_offer);
	return offers_admit(p, &mark);
}

/* One announcement, as if it had come by itself. */
static enum verdict
hear_leaf(struct pipeline *p, const struct packet *pkt, const struct letter_leaf *leaf)
{
	struct opened o = { .header = {
				.magic = MAGIC_CATACOMB,
				.flock_src = leaf->src,
				.flock_dst = leaf->dst,
				.spi = leaf->device.value,
			    } };
	enum verdict v;

	memcpy(o.envelope.data, leaf->data, sizeof(o.envelope.data));
	memcpy(o.envelope.extra, leaf->extra, sizeof(o.envelope.extra));
	v = offers_check_told(p, pkt, &o);
	return v == VERDICT_CONSUMED ? catacomb_believe(p, pkt, &o) : v;
}

static bool
is_whole(struct cursor body)
{
	struct letter_leaf leaf;

	while (body.left > 0 && !body.failed)
		letter_leaf_read(&body, &leaf);
	return cursor_done(&body);
}

/* All of it is read before any of it counts. */
static enum verdict
hear_page(struct pipeline *p, const struct packet *pkt, struct cursor *body)
{
	struct peer_stats *stats = pkt->peer->stats;
	struct letter_leaf leaf;

	if (!is_whole(*body))
		return VERDICT_DROP_BAD_TYPE;
	while (body->left > 0) {
		bool good;

		letter_leaf_read(body, &leaf);
		good = hear_leaf(p, pkt, &leaf) == VERDICT_CONSUMED;
		atomic_fetch_add_explicit(
		    good ? &stats->offers_in : &stats->offers_bad, 1, memory_order_relaxed);
		stats_add(good ? &p->stats->federated_in : &p->stats->federated_bad, 1);
	}
	stats_add(&p->stats->letters_in, 1);
	return VERDICT_CONSUMED;
}

/* Later versions may ask for more behind it. */
static enum verdict
hear_hello(struct pipeline *p, const struct packet *pkt, struct cursor *body)
{
	uint32_t asked = letter_asked_read(body);

	if (!cursor_ok(body))
		return VERDICT_DROP_BAD_TYPE;
	peer_heard_hello(pkt->peer->stats, asked, p->now.mono_ns);
	stats_add(&p->stats->hellos_in, 1);
	return VERDICT_CONSUMED;
}

static enum verdict
hear(struct pipeline *p, struct packet *pkt)
{
	struct letter_header h;
	struct letter_head head;
	struct cursor body;
	enum verdict v;

	if (!letter_header_decode(&h, pkt->head, pkt->len))
		return VERDICT_DROP_SIZE;
	if (h.version != LETTER_VERSION)
		return VERDICT_DROP_BAD_TYPE;
	if (!sealed_letter_open(
		pkt->head, pkt->len, &registry_federation(p->registry)->secret, &body))
		return VERDICT_DROP_BAD_SEAL;
	letter_head_read(&body, &head);
	if (!offer_fresh(head.timestamp, p->now.wall_s))
		return VERDICT_DROP_STALE;
	if (!is_writers_own(p, pkt, head.instance))
		return VERDICT_DROP_SENDER;
	v = admit(p, &h);
	if (v != VERDICT_CONSUMED)
		return v;
	peer_heard_letter(pkt->peer->stats, head.instance, p->now.mono_ns);
	switch (h.kind) {
	case LETTER_HELLO:
		return hear_hello(p, pkt, &body);
	case LETTER_PAGE:
		return hear_page(p, pkt, &body);
	default:
		return VERDICT_DROP_BAD_TYPE;
	}
}

enum verdict
letters_handle(struct pipeline *p, struct packet *pkt)
{
	enum verdict v;

	if (!p->site->options.letters)
		return VERDICT_DROP_UNKNOWN_KIND;
	if (pkt->peer == NULL || !registry_federation(p->registry)->present)
		return VERDICT_DROP_STRANGER;
	v = hear(p, pkt);
	if (v != VERDICT_CONSUMED)
		atomic_fetch_add_explicit(&pkt->peer->stats->offers_bad, 1, memory_order_relaxed);
	return v;
}

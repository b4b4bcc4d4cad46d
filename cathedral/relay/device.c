/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/device.h"

#include "cathedral/relay/answers.h"
#include "cathedral/relay/catacomb.h"
#include "cathedral/relay/info.h"
#include "cathedral/relay/offers.h"

#include <string.h>

static struct announcement
announcement_of(const struct opened *o, struct flock_id dst, enum tell tell)
{
	return (struct announcement){
		.src = o->header.flock_src,
		.dst = dst,
		.device = o->party.device->id,
		.envelope = &o->envelope,
		.is_signed = true,
		.tell = tell,
	};
}

/* ---- info ---- */

struct info_change {
	const struct info_facts *facts;
	struct info_outcome outcome;
};

static void
info_change(struct tunnel *t, bool created, void *arg)
{
	struct info_change *c = arg;

	info_decide(t, created, c->facts, &c->outcome);
}

static struct info_facts
info_facts(struct pipeline *p, const struct packet *pkt, const struct opened *o,
    const struct tunnel_key *key)
{
	const struct bundle_head *head = ambry_head(&o->party, p->now.wall_s);
	struct tunnel_key reverse = tunnel_key_reverse(*key);
	struct info_facts facts = {
		.info = &o->offer.info,
		.said_s = o->offer.timestamp,
		.from = pkt->from,
		.listener = pkt->listener,
		.now_ns = p->now.mono_ns,
		.p2p_sync = p->site->options.p2p_sync,
		.rhythm = catacomb_rhythm(p),
		.has_ambry = head != NULL,
		.generation = head == NULL ? 0 : head->generation,
	};

	facts.reverse_known =
	    tunnels_find(p->site->tunnels, &reverse, p->now.mono_ns, &facts.reverse);
	return facts;
}

/* docs/protocol.md, "Info answer": where the peer is, and where the device is seen. */
static void
answer_info(struct pipeline *p, const struct recipient *to, const struct info_outcome *out)
{
	const struct listener *l = &p->site->options.listeners[to->listener];
	const struct endpoint *peer = out->direct ? &out->peer : &l->advertised;
	struct offer o = { .type = OFFER_INFO, .timestamp = (uint64_t)p->now.wall_s };

	endpoint_ipv4(peer, o.info.peer_ip);
	o.info.peer_port = peer->port;
	endpoint_ipv4(&to->to, o.info.local_ip);
	o.info.local_port = to->to.port;
	o.info.flags = out->same_address ? INFO_SAME_ADDRESS : 0;
	answer_send(p, to, &o);
	stats_add(&p->stats->info_answers, 1);
}

static void
tell_info(struct pipeline *p, const struct packet *pkt, const struct opened *o,
    const struct info_outcome *out)
{
	struct tunnel_key key =
	    tunnel_key(o->header.flock_src, o->header.flock_dst, o->offer.info.tunnel);
	struct announcement a = announcement_of(o, key.dst, out->tell);
	struct place place = { &pkt->from, out->p2p_usable };

	a.tunnel = &key;
	a.changes = out->changes;
	catacomb_tell(p, &a);
	catacomb_tell_p2p(p, &a, &place);
}

static enum verdict
device_info(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	const struct info *info = &o->offer.info;
	struct tunnel_key key = tunnel_key(o->header.flock_src, o->header.flock_dst, info->tunnel);
	struct info_facts facts = info_facts(p, pkt, o, &key);
	struct info_change change = { .facts = &facts };
	const struct info_outcome *out = &change.outcome;
	struct recipient to;
	enum verdict v = offers_table_verdict(tunnels_change(p->site->tunnels, &key,
	    o->party.device->id, true, p->now.mono_ns, info_change, &change));

	if (v != VERDICT_CONSUMED)
		return v;
	stats_add(&p->stats->tunnels_created, out->created);
	stats_add(&p->stats->tunnels_moved, out->moved);
	to = recipient_of(pkt, &o->party, o->header.flock_src, !out->moved);
	if (out->answer)
		answer_info(p, &to, out);
	if (out->remember)
		answer_remembrance(p, &to);
	if (out->ambry)
		answer_ambry(p, &to, o->header.flock_dst, info->tunnel);
	if (out->tell != TELL_NOBODY)
		tell_info(p, pkt, o, out);
	return v;
}

/* ---- liturgy ---- */

static void
answer_liturgy(struct pipeline *p, const struct recipient *to, const struct liturgy *asked,
    const struct liturgy_outcome *out)
{
	struct offer o = { .type = OFFER_LITURGY, .timestamp = (uint64_t)p->now.wall_s };

	o.liturgy.group = asked->group;
	memcpy(o.liturgy.peers, out->peers, sizeof(o.liturgy.peers));
	answer_send(p, to, &o);
	stats_add(&p->stats->liturgy_answers, 1);
}

static enum verdict
device_liturgy(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	struct liturgy_outcome out;
	struct recipient to;
	struct liturgy_heard heard = {
		.flock = o->header.flock_src,
		.device = o->party.device->id,
		.liturgy = &o->offer.liturgy,
		.said_s = o->offer.timestamp,
		.from = pkt->from,
		.listener = pkt->listener,
		.now_ns = p->now.mono_ns,
		.rhythm = catacomb_rhythm(p),
	};

	if (!liturgies_hear(p->site->liturgies, &heard, &out))
		return out.quota ? VERDICT_DROP_QUOTA : VERDICT_DROP_TABLE_FULL;
	to = recipient_of(pkt, &o->party, o->header.flock_src, !out.unproven);
	if (out.remember)
		answer_remembrance(p, &to);
	if (out.answer)
		answer_liturgy(p, &to, &o->offer.liturgy, &out);
	if (out.tell != TELL_NOBODY) {
		struct announcement a = announcement_of(o, o->header.flock_src, out.tell);

		catacomb_tell(p, &a);
	}
	return VERDICT_CONSUMED;
}

enum verdict
device_offer(struct pipeline *p, const struct packet *pkt)
{
	struct opened o;
	enum verdict v = offers_open_device(p, pkt, &o);

	if (v != VERDICT_CONSUMED)
		return v;
	return o.offer.type == OFFER_LITURGY ? device_liturgy(p, pkt, &o) : device_info(p, pkt, &o);
}

/* ---- NAT probe ---- */

struct probe_change {
	const struct endpoint *from;
	uint64_t now_ns;
};

static void
probe_change(struct tunnel *t, bool created, void *arg)
{
	const struct probe_change *c = arg;

	(void)created;
	info_probe(t, c->from, c->now_ns);
}

enum verdict
device_probe(struct pipeline *p, const struct packet *pkt)
{
	struct probe_change change = { &pkt->from, p->now.mono_ns };
	struct tunnel_key key;
	struct opened o;
	enum verdict v = offers_open_device(p, pkt, &o);

	if (v != VERDICT_CONSUMED)
		return v;
	if (o.offer.type != OFFER_INFO)
		return VERDICT_DROP_BAD_TYPE;
	key = tunnel_key(o.header.flock_src, o.header.flock_dst, o.offer.info.tunnel);
	return offers_table_verdict(tunnels_change(p->site->tunnels, &key, o.party.device->id,
	    false, p->now.mono_ns, probe_change, &change));
}

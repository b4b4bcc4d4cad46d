/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/info.h"

#define COOLDOWN_NS       (15 * NS_PER_S)
#define REMEMBER_EVERY_NS (15 * NS_PER_S)
/* Silent for so long, it may have been at another cathedral, which knew nobody to tell of it. */
#define ABSENT_NS  (15 * NS_PER_S)
#define LEARNED_NS (15 * NS_PER_S) /* three infos */

static void
p2p_set_usable(struct tunnel *t, bool usable)
{
	t->p2p_news = t->p2p_news || t->p2p_usable != usable;
	t->p2p_usable = usable;
}

static void
p2p_forget(struct tunnel *t, uint64_t now_ns)
{
	p2p_set_usable(t, false);
	t->p2p = (struct endpoint){ 0 };
	t->cooldown_ns = now_ns + COOLDOWN_NS;
}

/*
 * An SPI learned from a key exchange holds until an info names it.  One that does not may have been
 * sent before the exchange was over: that must not take it away.
 */
static void
spis_store(struct tunnel *t, const struct info *info, uint64_t now_ns)
{
	t->rx_active = info->rx_active;
	t->rx_pending = info->rx_pending;
	if (t->rx_learned == info->rx_active || t->rx_learned == info->rx_pending ||
	    now_ns >= t->learned_ns + LEARNED_NS)
		t->rx_learned = 0;
}

static void
info_store(struct tunnel *t, const struct info_facts *f)
{
	spis_store(t, f->info, f->now_ns);
	t->instance = f->info->instance;
	t->said_s = f->said_s;
	t->at = f->from;
	t->listener = f->listener;
	t->seen_ns = f->now_ns;
}

static bool
is_due(uint64_t *last_ns, uint64_t every_ns, uint64_t now_ns)
{
	if (*last_ns != 0 && now_ns < *last_ns + every_ns)
		return false;
	*last_ns = now_ns;
	return true;
}

/* Where an end is seen from outside: of one far away, what its cathedral told, usable or not. */
static bool
external_address(const struct tunnel *t, struct endpoint *ret)
{
	*ret = t->federated ? t->p2p : t->at;
	return endpoint_is_ipv4(ret) && !endpoint_is_any(ret);
}

static void
peer_decide(const struct tunnel *t, const struct info_facts *f, struct info_outcome *ret)
{
	const struct tunnel *peer = &f->reverse;
	struct endpoint here, there;
	bool known = external_address(t, &here) && external_address(peer, &there);
	bool same = known && endpoint_same_ip(&here, &there);

	ret->direct = t->p2p_usable && peer->p2p_usable && known && !same;
	if (ret->direct)
		ret->peer = peer->p2p;
	else
		ret->same_address =
		    same && f->now_ns >= t->cooldown_ns && f->now_ns >= peer->cooldown_ns;
}

static void
answers_decide(
    struct tunnel *t, bool restarted, const struct info_facts *f, struct info_outcome *ret)
{
	const struct info *info = f->info;
	bool relayed_only = f->reverse.federated && !f->p2p_sync;

	ret->ambry = f->has_ambry && t->wants_ambry && f->generation != info->ambry_generation;
	if (!restarted)
		ret->answer = f->reverse_known && !relayed_only;
	if (ret->moved && ret->ambry)
		ret->answer = false;
	if (restarted || (ret->moved && (ret->ambry || ret->answer)))
		return;
	if (info->flags & INFO_WANTS_REMEMBRANCE)
		ret->remember = is_due(&t->remembered_ns, REMEMBER_EVERY_NS, f->now_ns);
}

/*
 * Whether anything is new of what other cathedrals keep; of the SPI learned before (or 0) that it
 * is forgotten, which they do when they hear of the tunnel again.
 */
static bool
is_news(const struct tunnel *t, bool new, const struct info_facts *f)
{
	bool forgets = t->rx_learned != 0 && f->now_ns >= t->learned_ns + LEARNED_NS;

	return new || forgets || f->now_ns >= t->seen_ns + ABSENT_NS || t->federated ||
	       t->rx_active != f->info->rx_active || t->rx_pending != f->info->rx_pending;
}

/* The same for where the device can be reached, of which they are told only with p2p sync. */
static bool
is_p2p_news(struct tunnel *t, bool moved, const struct info_facts *f)
{
	bool news = f->p2p_sync && (t->p2p_news || moved);

	t->p2p_news = false;
	return news;
}

void
info_decide(struct tunnel *t, bool created, const struct info_facts *f, struct info_outcome *ret)
{
	bool restarted = !created && t->instance != f->info->instance;
	bool same_place =
	    !t->federated && t->listener == f->listener && endpoint_equal(&t->at, &f->from);

	bool news = is_news(t, created || restarted, f);

	*ret = (struct info_outcome){ .created = created, .moved = !created && !same_place };
	if (created || restarted)
		p2p_forget(t, f->now_ns);
	if (ret->moved)
		p2p_set_usable(t, false);
	t->proven = !ret->moved;
	t->federated = false;
	t->generation = f->info->ambry_generation;
	t->wants_ambry = !(f->info->flags & INFO_NO_AMBRY);
	info_store(t, f);

	answers_decide(t, restarted, f, ret);
	if (ret->answer)
		peer_decide(t, f, ret);
	news = is_p2p_news(t, ret->moved, f) || news;
	ret->tell = rhythm_next(&t->rhythm, news, f->now_ns, &f->rhythm);
	ret->p2p_usable = t->p2p_usable;
	ret->changes = t->rhythm.changes;
}

/*
 * What was under way when the device left for another cathedral arrives after what that one told.
 * Only as long as it may still be fresh: a device may have put its clock back.
 */
static bool
is_overtaken(const struct tunnel *t, const struct info_facts *f)
{
	return f->said_s < t->said_s && f->now_ns < t->seen_ns + 2 * OFFER_WINDOW_S * NS_PER_S;
}

void
info_federated(struct tunnel *t, bool created, const struct info_facts *f)
{
	if (!created && is_overtaken(t, f))
		return;
	/* A device that left for another cathedral is, for p2p, a new one. */
	if (created || !t->federated || t->instance != f->info->instance)
		p2p_forget(t, f->now_ns);
	t->federated = true;
	t->proven = true;
	t->wants_ambry = false;
	t->rhythm = (struct rhythm){ 0 };
	info_store(t, f);
}

void
info_probe(struct tunnel *t, const struct endpoint *from, uint64_t now_ns)
{
	if (t->federated)
		return;
	if (!endpoint_equal(&t->at, from) || !endpoint_is_ipv4(from)) {
		p2p_set_usable(
		    t, false); /* a symmetric NAT, or none that an info answer could name */
	} else if (now_ns >= t->cooldown_ns) {
		p2p_set_usable(t, true);
		t->p2p = *from;
	}
}

void
info_p2p(struct tunnel *t, const struct endpoint *cathedral, const struct p2p_info *p2p)
{
	if (!t->federated || !endpoint_equal(&t->at, cathedral))
		return;
	t->p2p = endpoint_from_ipv4(p2p->ip, p2p->port);
	t->p2p_usable = (p2p->flags & P2P_USABLE) != 0 && p2p->port != 0;
}

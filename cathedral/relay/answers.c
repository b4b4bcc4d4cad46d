/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/answers.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"
#include "protocol/envelope.h"

#include <string.h>

/* A cathedral that was heard this recently is there. */
#define HEARD_NS (120 * NS_PER_S)

struct recipient
recipient_of(
    const struct packet *pkt, const struct party *party, struct flock_id flock, bool proven)
{
	return (struct recipient){
		.party = party,
		.flock = flock,
		.to = pkt->from,
		.listener = pkt->listener,
		.most = proven ? SIZE_MAX : pkt->wire_len,
	};
}

/* What an offer takes on the wire at least. */
static size_t
least_size(bool shrouded)
{
	return shrouded ? SHROUD_HEADER_SIZE + OFFER_SIZE + 1 : OFFER_SIZE;
}

void
answer_send(struct pipeline *p, const struct recipient *to, const struct offer *o)
{
	const struct site_options *options = &p->site->options;
	bool shrouded = options->listeners[to->listener].shrouded;
	struct offer_header header = { .magic = MAGIC_KATEDRAL };
	struct offer_key key;
	struct envelope e;
	struct packet *pkt;

	/* A proven device gets its answer however small the MTU is. */
	if (least_size(shrouded) > to->most) {
		stats_add(&p->stats->answers_withheld, 1);
		return;
	}
	header.flock_src.value = random_u64(&p->random);
	header.flock_dst.value = random_u64(&p->random);
	header.spi = to->party->device->id.value;
	random_bytes(&p->random, header.seed, sizeof(header.seed));
	offer_key_device(&key, &to->party->device->cs, header.seed, to->flock);
	envelope_unsigned(&e, o, &p->random);

	pkt = outbox_answer(p->outbox);
	pkt->len = OFFER_SIZE;
	envelope_seal(pkt->head, &header, &e, &key);
	pkt->to = to->to;
	pkt->to_listener = to->listener;
	pkt->to_mask = shrouded ? &to->party->shroud->mask : NULL;
	pkt->below = to->most < options->mtu ? to->most + 1 : options->mtu;
	secret_wipe(&key, sizeof(key));
	secret_wipe(&e, sizeof(e));
}

/* Where devices that talk to a listener of this kind find the other cathedral; 0: not known. */
static uint16_t
peer_port(const struct pipeline *p, const struct registry_peer *peer, bool shrouded)
{
	uint16_t told = shrouded ? peer->shroud_port : peer->clear_port;

	if (told != 0 || peer->only_told)
		return told;
	return p->site->options.listeners[0].shrouded == shrouded ? peer->at.port : 0;
}

static void
remember(struct remembrance *r, const struct endpoint *at, uint16_t port)
{
	if (r->count == REMEMBRANCE_MAX || port == 0 || !endpoint_is_ipv4(at))
		return;
	endpoint_ipv4(at, r->cathedrals[r->count].ip);
	r->cathedrals[r->count++].port = port;
}

static bool
is_heard(const struct registry_peer *peer, uint64_t now_ns)
{
	uint64_t heard = atomic_load_explicit(&peer->stats->heard_ns, memory_order_relaxed);

	return heard != 0 && now_ns < heard + HEARD_NS;
}

/* Those who are there first, and of these the ones in this region. */
#define RANKS 4

static unsigned
rank_of(const struct registry_peer *peer, uint64_t now_ns)
{
	return (is_heard(peer, now_ns) ? 0 : 2) + (peer->near ? 0 : 1);
}

void
answer_remembrance(struct pipeline *p, const struct recipient *to)
{
	const struct listener *l = &p->site->options.listeners[to->listener];
	struct offer o = { .type = OFFER_REMEMBRANCE, .timestamp = (uint64_t)p->now.wall_s };
	bool draining = atomic_load_explicit(&p->site->draining, memory_order_relaxed);
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	if (!draining)
		remember(&o.remembrance, &l->advertised, l->advertised.port);
	for (unsigned rank = 0; rank < RANKS; rank++) {
		for (size_t n = 0; n < count; n++) {
			if (!peers[n].draining && rank_of(&peers[n], p->now.mono_ns) == rank)
				remember(&o.remembrance, &peers[n].at,
				    peer_port(p, &peers[n], l->shrouded));
		}
	}
	/* Where it is no device has to go; but who is told of nobody else goes on here. */
	if (draining)
		remember(&o.remembrance, &l->advertised, l->advertised.port);
	answer_send(p, to, &o);
	stats_add(&p->stats->remembrances, 1);
}

const struct bundle_head *
ambry_head(const struct party *party, int64_t now_s)
{
	const struct bundle_head *head = &party->ambries->bundle.head;

	if (!party->ambries->present || bundle_expired(head->expires, now_s))
		return NULL;
	return head;
}

static void
leave_to_lookups(
    struct pipeline *p, const struct recipient *to, struct flock_id other, struct tunnel_id tunnel)
{
	struct lookup what = {
		.kind = LOOKUP_AMBRY,
		.from = to->to,
		.listener = to->listener,
		.own = to->flock,
		.other = other,
		.device = to->party->device->id,
		.tunnel = tunnel,
		.most = to->most,
	};

	/* When its place is taken the device asks again. */
	lookups_offer(p->site->lookups, &what);
}

bool
answer_ambry(
    struct pipeline *p, const struct recipient *to, struct flock_id other, struct tunnel_id tunnel)
{
	const struct bundle_head *head = ambry_head(to->party, p->now.wall_s);
	struct offer o = { .type = OFFER_AMBRY, .timestamp = (uint64_t)p->now.wall_s };
	struct bundle_entry entry;

	if (head == NULL)
		return false;
	switch (registry_find_ambry(to->party->ambries, to->flock, tunnel, &entry)) {
	case REGISTRY_HERE:
		break;
	case REGISTRY_ON_DISK:
		if (!p->looking_up) {
			leave_to_lookups(p, to, other, tunnel);
			return true;
		}
		if (registry_read_ambry(to->party->ambries, to->flock, tunnel, &entry))
			break;
		return false;
	case REGISTRY_NOWHERE:
		return false;
	}
	o.ambry.tunnel = tunnel;
	o.ambry.expires = head->expires;
	o.ambry.generation = head->generation;
	memcpy(o.ambry.seed, head->seed, sizeof(o.ambry.seed));
	memcpy(o.ambry.key, entry.key, sizeof(o.ambry.key));
	memcpy(o.ambry.tag, entry.tag, sizeof(o.ambry.tag));
	answer_send(p, to, &o);
	stats_add(&p->stats->ambry_answers, 1);
	return true;
}

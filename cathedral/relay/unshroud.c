/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/unshroud.h"

#include "protocol/crypto/kdf.h"
#include "protocol/wire/header.h"
#include "protocol/wire/offer.h"

#include <string.h>

/* Who: the federated cathedral whose address and port it comes from, on the listener it talks to.
 */
static const struct registry_peer *
peer_of(const struct pipeline *p, const struct packet *pkt)
{
	if (pkt->listener != 0 || pkt->nat_port)
		return NULL;
	return registry_peer_at(p->registry, &pkt->from);
}

/* One KMAC each, together: whether the packet shows an identity of one of them. */
static bool
is_one_of(const struct pipeline *p, const struct packet *pkt, const struct identity *who,
    size_t count, struct identity *ret)
{
	struct kmac_job jobs[IDENTITY_HINTS_MAX];
	uint8_t shown[IDENTITY_HINTS_MAX][SHROUD_IDENTITY_SIZE];
	size_t whose[IDENTITY_HINTS_MAX], job_count = 0;

	for (size_t n = 0; n < count; n++) {
		struct party party;

		if (!registry_party(p->registry, who[n].own, who[n].other, who[n].device, &party))
			continue;
		kmac_prefix_fetch(&party.shroud->identity);
		jobs[job_count] = shroud_identity_job(
		    shown[job_count], &party.shroud->identity, pkt->head + SHROUD_SEED_ID_AT);
		whose[job_count++] = n;
	}
	if (job_count == 0)
		return false;
	kmac_run(jobs, job_count);
	for (size_t n = 0; n < job_count; n++) {
		if (memcmp(shown[n], pkt->head, SHROUD_IDENTITY_SIZE) == 0) {
			*ret = who[whose[n]];
			return true;
		}
	}
	return false;
}

/*
 * Those who were heard from where this packet comes from.  Where many are, strangers who pretend to
 * be there as well would make every packet of theirs cost much: an address gets so many guesses.
 */
static bool
find_by_source(struct pipeline *p, const struct packet *pkt, struct identity *ret)
{
	struct identities *known = p->site->identities;
	struct identity hints[IDENTITY_HINTS_MAX];
	size_t near = identities_hints_near(known, &pkt->from, hints), all;

	if (is_one_of(p, pkt, hints, near, ret))
		return true;
	all = identities_hints_around(known, &pkt->from, hints, near);
	return all > near &&
	       limiter_allow(p->guesses, pkt->from.ip, sizeof(pkt->from.ip), p->now.mono_ns) &&
	       is_one_of(p, pkt, hints + near, all - near, ret);
}

static enum verdict
leave_to_search(struct pipeline *p, const struct packet *pkt)
{
	struct lookup what = {
		.kind = LOOKUP_IDENTITY,
		.from = pkt->from,
		.listener = pkt->listener,
		.nat_port = pkt->nat_port,
		.len = pkt->len,
	};

	if (p->looking_up)
		return VERDICT_DROP_UNKNOWN_IDENTITY;
	memcpy(what.bytes, pkt->head, pkt->len);
	return lookups_offer(p->site->lookups, &what) ? VERDICT_DROP_UNKNOWN_IDENTITY
						      : VERDICT_DROP_IDENTITY_BUDGET;
}

bool
unshroud_knows(struct pipeline *p, struct packet *pkt)
{
	struct identities *known = p->site->identities;

	memcpy(pkt->shown, pkt->head, sizeof(pkt->shown));
	if (identities_find(known, pkt->shown, p->now.mono_ns, &pkt->who))
		return true;
	if (!find_by_source(p, pkt, &pkt->who))
		return false;
	stats_add(&p->stats->identity_hits, 1);
	identities_suggest(known, pkt->shown, &pkt->who, p->now.mono_ns);
	return true;
}

/* The flock that a packet says it comes from; 0 when it says none. */
static struct flock_id
source_flock(const uint8_t *packet, size_t len)
{
	struct sacrament_header exchange = { 0 };
	struct data_header data = { 0 };
	struct offer_header offer = { 0 };

	switch (wire_kind(packet, len)) {
	case WIRE_DATA:
		data_header_decode(&data, packet, len);
		return flock_base(data.flock_src);
	case WIRE_SACRAMNT:
		sacrament_header_decode(&exchange, packet, len);
		return flock_base(exchange.flock_src);
	case WIRE_KATEDRAL:
	case WIRE_CIBORIUM:
		offer_header_decode(&offer, packet, len);
		return flock_base(offer.flock_src);
	case WIRE_CATACOMB:
	case WIRE_LETTER:
	case WIRE_UNKNOWN:
		break;
	}
	return (struct flock_id){ 0 };
}

/* Whether the packet, taken out of this shroud, says that it comes from the flock. */
static bool
says_flock(const struct packet *pkt, const struct registry_shroud *shroud, struct flock_id flock)
{
	size_t len = pkt->len - SHROUD_HEADER_SIZE;
	uint8_t body[PACKET_MAX];
	struct kmac_job job = shroud_job(&shroud->mask, pkt->head, body, len);

	memcpy(body, pkt->head + SHROUD_HEADER_SIZE, len);
	kmac_mask(&job, 1);
	return flock_equal(source_flock(body, len), flock);
}

/*
 * Two devices that bear the same number in the two flocks of a pair show identities of one base:
 * only what is under the mask tells which of them it is.  That costs such a pair a mask more.
 */
static void
tell_twins_apart(const struct pipeline *p, struct packet *pkt)
{
	struct identity twin = { pkt->who.other, pkt->who.own, pkt->who.device, 0 };
	struct party first, second;

	if (flock_equal(twin.own, twin.other) ||
	    !registry_party(p->registry, twin.own, twin.other, twin.device, &second))
		return;
	if (registry_party(p->registry, twin.other, twin.own, twin.device, &first) &&
	    says_flock(pkt, first.shroud, twin.other))
		return;
	if (says_flock(pkt, second.shroud, twin.own))
		pkt->who = twin;
}

static bool
is_as_before(struct pipeline *p, struct packet *pkt, const struct kmac_prefix **mask)
{
	if (p->last.mask == NULL || memcmp(p->last.shown, pkt->head, sizeof(p->last.shown)) != 0)
		return false;
	memcpy(pkt->shown, pkt->head, sizeof(pkt->shown));
	pkt->who = p->last.who;
	*mask = p->last.mask;
	return true;
}

static void
keep_for_next(struct pipeline *p, const struct packet *pkt, const struct kmac_prefix *mask)
{
	/* Of twins every packet says for itself which one it comes from. */
	p->last.mask = flock_equal(pkt->who.own, pkt->who.other) ? mask : NULL;
	memcpy(p->last.shown, pkt->shown, sizeof(p->last.shown));
	p->last.who = pkt->who;
}

static enum verdict
mask_of(struct pipeline *p, struct packet *pkt, const struct kmac_prefix **mask)
{
	const struct registry_federation *federation = registry_federation(p->registry);
	struct party party;

	if (pkt->peer != NULL) {
		*mask = &federation->mask;
		return VERDICT_NONE;
	}
	if (is_as_before(p, pkt, mask))
		return VERDICT_NONE;
	if (!unshroud_knows(p, pkt))
		return leave_to_search(p, pkt);
	tell_twins_apart(p, pkt);
	/* The identity may be remembered longer than its device is allowed. */
	if (!registry_party(p->registry, pkt->who.own, pkt->who.other, pkt->who.device, &party))
		return VERDICT_DROP_NOT_ALLOWED;
	*mask = &party.shroud->mask;
	keep_for_next(p, pkt, *mask);
	return VERDICT_NONE;
}

enum verdict
unshroud_begin(struct pipeline *p, struct packet *pkt, struct kmac_job *job)
{
	const struct kmac_prefix *mask = NULL;
	enum verdict v;

	*job = (struct kmac_job){ 0 };
	pkt->wire_len = pkt->len;
	pkt->shrouded = p->site->options.listeners[pkt->listener].shrouded;
	if (pkt->len < PACKET_MIN || pkt->len > PACKET_MAX)
		return VERDICT_DROP_SIZE;
	if (pkt->from.port == 0)
		return VERDICT_DROP_SOURCE_PORT;
	pkt->peer = peer_of(p, pkt);
	if (!pkt->shrouded)
		return VERDICT_NONE;
	if (pkt->len < SHROUD_HEADER_SIZE + PACKET_MIN)
		return VERDICT_DROP_SIZE;
	v = mask_of(p, pkt, &mask);
	if (v == VERDICT_NONE)
		*job = shroud_job(
		    mask, pkt->head, pkt->head + SHROUD_HEADER_SIZE, pkt->len - SHROUD_HEADER_SIZE);
	return v;
}

void
unshroud_end(struct packet *pkt)
{
	if (!packet_pull(pkt, SHROUD_HEADER_SIZE))
		return;
	pkt->len = shroud_unpadded(pkt->head, pkt->len);
}

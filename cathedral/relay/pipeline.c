/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/pipeline.h"

#include "cathedral/relay/answers.h"
#include "cathedral/relay/catacomb.h"
#include "cathedral/relay/device.h"
#include "cathedral/relay/forward.h"
#include "cathedral/relay/letters.h"
#include "cathedral/relay/search.h"
#include "cathedral/relay/turns.h"
#include "cathedral/relay/unshroud.h"

#include <stdlib.h>
#include <string.h>

/* Unknown identities from an address where others are that are compared with theirs. */
#define GUESSES_A_SECOND 1000

struct pipeline *
pipeline_create(struct site *site, unsigned slot, struct sender *sender, struct stats *stats,
    struct random *seed)
{
	struct pipeline *p = aligned_alloc(_Alignof(struct pipeline), sizeof(*p));
	uint32_t rate = site->options.offer_rate;

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->site = site;
	p->slot = slot;
	p->stats = stats;
	random_split(&p->random, seed);
	p->limiter = limiter_create(rate, 2 * rate, seed);
	p->guesses = limiter_create(GUESSES_A_SECOND, 2 * GUESSES_A_SECOND, seed);
	p->outbox = outbox_create(sender, &p->random, stats);
	p->letters = letters_create();
	if (!p->limiter || !p->guesses || !p->outbox || !p->letters) {
		pipeline_destroy(p);
		return NULL;
	}
	p->outbox->egress = site->egress;
	if (site->budget != NULL)
		p->outbox->meter = budget_host_meter(site->budget, slot);
	return p;
}

bool
pipeline_take_turns(struct pipeline *p, struct random *seed)
{
	if (p->site->egress != NULL && p->turns == NULL)
		p->turns = turns_create(p->site->egress, p->site->waiters, p->slot, seed);
	return p->site->egress == NULL || p->turns != NULL;
}

void
pipeline_destroy(struct pipeline *p)
{
	if (p == NULL)
		return;
	limiter_destroy(p->limiter);
	limiter_destroy(p->guesses);
	outbox_destroy(p->outbox);
	letters_destroy(p->letters);
	turns_destroy(p->turns);
	free(p);
}

/* The NAT port is for probes, and probes are for the NAT port. */
static enum verdict
decide(struct pipeline *p, struct packet *pkt)
{
	enum wire_kind kind = wire_kind(pkt->head, pkt->len);

	if (kind != WIRE_UNKNOWN && pkt->nat_port != (kind == WIRE_CIBORIUM))
		return VERDICT_DROP_WRONG_PORT;
	switch (kind) {
	case WIRE_DATA:
		return forward_data(p, pkt);
	case WIRE_KATEDRAL:
		return device_offer(p, pkt);
	case WIRE_CIBORIUM:
		return device_probe(p, pkt);
	case WIRE_SACRAMNT:
		return forward_sacrament(p, pkt);
	case WIRE_CATACOMB:
		return catacomb_handle(p, pkt);
	case WIRE_LETTER:
		return letters_handle(p, pkt);
	case WIRE_UNKNOWN:
		break;
	}
	return VERDICT_DROP_UNKNOWN_KIND;
}

/* Takes the masks off all packets of a batch together. */
static void
unshroud_batch(struct pipeline *p, struct packet *const *packets, size_t count)
{
	struct kmac_job jobs[PIPELINE_BATCH] = { 0 };
	size_t masked = 0;

	for (size_t n = 0; n < count; n++) {
		packets[n]->verdict = unshroud_begin(p, packets[n], &jobs[masked]);
		if (packets[n]->verdict == VERDICT_NONE && jobs[masked].out != NULL)
			masked++;
	}
	kmac_mask(jobs, masked);
	for (size_t n = 0; n < count; n++) {
		if (packets[n]->verdict == VERDICT_NONE && packets[n]->shrouded)
			unshroud_end(packets[n]);
	}
}

static void
run_batch(struct pipeline *p, struct packet *const *packets, size_t count)
{
	unshroud_batch(p, packets, count);
	if (p->turns != NULL)
		turns_begin(p);
	for (size_t n = 0; n < count; n++) {
		struct packet *pkt = packets[n];

		if (pkt->verdict == VERDICT_NONE)
			pkt->verdict = decide(p, pkt);
		stats_add(&p->stats->verdicts[pkt->verdict], 1);
	}
	letters_send(p);
	outbox_flush(p->outbox);
	if (p->turns != NULL)
		turns_end(p);
}

static void
begin(struct pipeline *p, struct instant now)
{
	p->now = now;
	p->registry = publish_enter(p->site->publish, p->slot);
	p->last.mask = NULL;
	p->ends.known = false;
}

static void
end(struct pipeline *p)
{
	p->registry = NULL;
	publish_leave(p->site->publish, p->slot);
}

void
pipeline_run(struct pipeline *p, struct packet *const *packets, size_t count, struct instant now)
{
	assert(count <= PIPELINE_BATCH);
	begin(p, now);
	run_batch(p, packets, count);
	end(p);
}

uint64_t
pipeline_due_ns(const struct pipeline *p)
{
	uint64_t letters_ns = letters_due_ns(p->letters);
	uint64_t turns_ns = p->turns == NULL ? UINT64_MAX : turns_due_ns(p->turns);

	return letters_ns < turns_ns ? letters_ns : turns_ns;
}

void
pipeline_tick(struct pipeline *p, struct instant now)
{
	begin(p, now);
	run_batch(p, NULL, 0);
	end(p);
}

void
pipeline_settle(struct pipeline *p, struct instant now)
{
	begin(p, now);
	if (p->turns != NULL)
		turns_clear(p);
	run_batch(p, NULL, 0);
	end(p);
}

void
pipeline_greet(struct pipeline *p, struct instant now)
{
	begin(p, now);
	letters_greet(p);
	outbox_flush(p->outbox);
	end(p);
}

/* ---- what the workers left aside ---- */

static void
put_packet(struct packet *room, const struct lookup *what)
{
	packet_reset(room, what->len);
	memcpy(room->head, what->bytes, what->len);
	room->from = what->from;
	room->listener = what->listener;
	room->nat_port = what->nat_port;
}

/* Found: whether it was an offer, and accepted. */
static bool
run_found(struct pipeline *p, struct packet *room)
{
	stats_add(&p->stats->identity_found, 1);
	run_batch(p, &room, 1);
	return room->verdict == VERDICT_CONSUMED;
}

static size_t
look_up_identities(
    struct pipeline *p, const struct lookup *const *what, size_t count, struct packet *room)
{
	struct wanted wanted[LOOKUPS_TOGETHER];
	size_t accepted = 0;

	stats_add(&p->stats->identity_scans, count);
	for (size_t n = 0; n < count; n++)
		wanted[n].header = what[n]->bytes;
	search_devices(p->registry, wanted, count);
	for (size_t n = 0; n < count; n++) {
		if (!wanted[n].found)
			continue;
		identities_suggest(
		    p->site->identities, wanted[n].header, &wanted[n].who, p->now.mono_ns);
		put_packet(room, what[n]);
		accepted += run_found(p, room);
	}
	return accepted;
}

static void
look_up_ambry(struct pipeline *p, const struct lookup *what)
{
	struct party party;
	struct recipient to = {
		.party = &party,
		.flock = what->own,
		.to = what->from,
		.listener = what->listener,
		.most = what->most,
	};

	if (registry_party(p->registry, what->own, what->other, what->device, &party))
		answer_ambry(p, &to, what->other, what->tunnel);
	outbox_flush(p->outbox);
}

size_t
pipeline_look_up(struct pipeline *p, const struct lookup *what, size_t count, struct packet *room,
    struct instant now)
{
	const struct lookup *unknown[LOOKUPS_TOGETHER];
	size_t unknown_count = 0, accepted = 0;

	assert(count <= LOOKUPS_TOGETHER);
	begin(p, now);
	p->looking_up = true;
	for (size_t n = 0; n < count; n++) {
		if (what[n].kind == LOOKUP_AMBRY) {
			look_up_ambry(p, &what[n]);
			continue;
		}
		/* It may have become known while it waited, by another packet or an earlier search.
		 */
		put_packet(room, &what[n]);
		if (unshroud_knows(p, room))
			accepted += run_found(p, room);
		else
			unknown[unknown_count++] = &what[n];
	}
	accepted += look_up_identities(p, unknown, unknown_count, room);
	end(p);
	return accepted;
}

/* ---- new bundles ---- */

struct push {
	struct pipeline *p;
	struct tunnel *due;
	size_t count, room;
};

/* A device gets only what it would get for its next info. */
static bool
push_is_due(struct pipeline *p, const struct tunnel *t, struct party *party)
{
	const struct bundle_head *head;

	if (t->federated || !t->proven || !t->wants_ambry ||
	    p->now.mono_ns >= t->seen_ns + ENTRY_TTL_NS)
		return false;
	if (!registry_party(p->registry, t->key.src, t->key.dst, t->device, party))
		return false;
	head = ambry_head(party, p->now.wall_s);
	return head != NULL && head->generation != t->generation;
}

static bool
push_collect(const struct tunnel *t, void *arg)
{
	struct push *push = arg;
	struct party party;

	if (!push_is_due(push->p, t, &party))
		return true;
	if (push->count == push->room) {
		size_t room = push->room == 0 ? 256 : 2 * push->room;
		struct tunnel *due = realloc(push->due, room * sizeof(*due));

		/* Those that do not fit get it with their next info. */
		if (due == NULL)
			return true;
		push->due = due;
		push->room = room;
	}
	push->due[push->count++] = *t;
	return true;
}

static void
push_collect_all(struct push *push, const struct registry_touched *touched)
{
	struct tunnels *tunnels = push->p->site->tunnels;

	if (touched == NULL || touched->all) {
		tunnels_each(tunnels, push_collect, push);
		return;
	}
	for (size_t n = 0; n < touched->count; n++)
		tunnels_each_of(tunnels, touched->flocks[n], push_collect, push);
}

size_t
pipeline_push_ambries(
    struct pipeline *p, const struct registry_touched *touched, struct instant now)
{
	struct push push = { .p = p };
	size_t sent = 0;

	begin(p, now);
	/* First collect, then send: nothing is sealed or sent under the tables' locks. */
	push_collect_all(&push, touched);
	for (size_t n = 0; n < push.count; n++) {
		const struct tunnel *t = &push.due[n];
		struct party party;
		struct recipient to = {
			.party = &party,
			.flock = t->key.src,
			.to = t->at,
			.listener = t->listener,
			.most = SIZE_MAX,
		};

		if (push_is_due(p, t, &party))
			sent += answer_ambry(p, &to, t->key.dst, (struct tunnel_id){ t->key.id });
	}
	outbox_flush(p->outbox);
	stats_add(&p->stats->ambry_pushes, sent);
	end(p);
	free(push.due);
	return sent;
}

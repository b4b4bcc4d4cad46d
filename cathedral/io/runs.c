/* SPDX-License-Identifier: ISC */
#include "cathedral/io/runs.h"

#include <string.h>

/* Looked at for a destination, before it is left without a group. */
#define PROBES 8

/* So many packets go one by one before a refused destination is tried again. */
#define REFUSED_FOR 65536

/*
 * No secret in it: who makes destinations collide gets them sent one by one, in order, and that is
 * all there is to it.
 */
static uint32_t
endpoint_hash(const struct endpoint *e)
{
	uint64_t high, low;

	memcpy(&high, e->ip, sizeof(high));
	memcpy(&low, e->ip + sizeof(high), sizeof(low));
	low = (low ^ e->port) * UINT64_C(0x9e3779b97f4a7c15) + high;
	low = (low ^ low >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(low >> 32);
}

/* ---- destinations that did not take runs ---- */

static struct refusal *
refusal_place(struct refusals *r, const struct endpoint *to)
{
	return &r->places[endpoint_hash(to) % REFUSALS];
}

void
refusals_add(struct refusals *r, const struct endpoint *to, size_t segment)
{
	*refusal_place(r, to) = (struct refusal){ *to, segment, REFUSED_FOR };
	r->any = true;
}

/* Whether a packet of this size may begin a run. */
static bool
may_run(struct refusals *r, const struct packet *pkt)
{
	struct refusal *known;

	if (!r->any)
		return true;
	known = refusal_place(r, &pkt->to);
	if (known->segment == 0 || pkt->len < known->segment ||
	    !endpoint_equal(&known->to, &pkt->to))
		return true;
	if (--known->left == 0)
		known->segment = 0;
	return false;
}

/* ---- groups: by destination ---- */

static size_t
group_new(struct runs *r, uint16_t packet)
{
	r->groups[r->group_count].first = r->groups[r->group_count].last = packet;
	return r->group_count++;
}

static void
group_add(struct runs *r, size_t group, uint16_t packet)
{
	r->next[r->groups[group].last] = packet;
	r->groups[group].last = packet;
}

/*
 * Nothing is taken out of the slots while a batch is sorted, so a destination is found where it was
 * put; one for which there was no place is a new group each time, and those stay in order, too.
 */
static void
group_find(struct runs *r, struct packet *const *packets, uint16_t n)
{
	const struct endpoint *to = &packets[n]->to;
	uint32_t at = endpoint_hash(to);

	for (unsigned probe = 0; probe < PROBES; probe++, at++) {
		uint16_t *slot = &r->slots[at % RUNS_SLOTS];

		if (*slot == 0) {
			*slot = (uint16_t)(group_new(r, n) + 1);
			return;
		}
		if (endpoint_equal(&packets[r->groups[*slot - 1].first]->to, to)) {
			group_add(r, *slot - 1u, n);
			return;
		}
	}
	group_new(r, n);
}

static void
group_all(struct runs *r, struct packet *const *packets, size_t count, uint8_t listener)
{
	r->group_count = 0;
	memset(r->slots, 0, sizeof(r->slots));
	for (size_t n = 0; n < count; n++) {
		r->next[n] = 0; /* 0 follows none: it ends a chain */
		if (packets[n]->to_listener == listener)
			group_find(r, packets, (uint16_t)n);
	}
}

/* ---- runs ---- */

/* A shorter packet ends a run; a longer one, or one of no bytes, cannot be in it. */
static bool
run_takes(const struct run *run, const struct packet *pkt, size_t most)
{
	return run->count < most && run->bytes == run->count * run->segment &&
	       pkt->len <= run->segment && pkt->len > 0 && run->bytes + pkt->len <= RUN_BYTES_MAX;
}

static void
run_begin(struct runs *r, const struct packet *pkt)
{
	r->runs[r->count++] = (struct run){ .first = r->packets, .segment = pkt->len };
}

static void
group_to_runs(
    struct runs *r, size_t group, struct packet *const *packets, const struct runs_rules *rules)
{
	uint16_t n = r->groups[group].first;
	size_t most = 0; /* of the run that is being made */

	do {
		struct packet *pkt = packets[n];
		struct run *run = &r->runs[r->count];

		if (most == 0 || !run_takes(run - 1, pkt, most)) {
			run_begin(r, pkt);
			most = may_run(rules->refusals, pkt) ? rules->most : 1;
		} else {
			run--;
		}
		run->count++;
		run->bytes += pkt->len;
		r->order[r->packets++] = pkt;
		n = r->next[n];
	} while (n != 0);
}

void
runs_make(
    struct runs *r, struct packet *const *packets, size_t count, const struct runs_rules *rules)
{
	assert(count <= OUTBOX_MAX);
	group_all(r, packets, count, rules->listener);
	r->count = r->packets = 0;
	for (size_t g = 0; g < r->group_count; g++)
		group_to_runs(r, g, packets, rules);
}

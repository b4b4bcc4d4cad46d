/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/letters.h"

#include "protocol/sealed_letter.h"

#include <stdlib.h>
#include <string.h>

/* What is in no hurry waits so long for a page to fill. */
#define GATHER_NS (250 * NS_PER_MS)

/* The smallest page holds the largest announcement. */
#define BODY_MIN (LETTER_HEAD_SIZE + LETTER_LEAF_MAX)

/* A letter that is being written: the head is put in front when it is sent. */
struct page {
	size_t len; /* of what is in leaves */
	size_t count;
	uint64_t since_ns;
	bool urgent;
	uint8_t leaves[LETTER_BODY_MAX - LETTER_HEAD_SIZE];
};

/*
 * A change that is told again before the device itself says it again: 300 ms, 1 s and 3 s after it
 * happened.  When there is no room for one it waits for the device.
 */
#define REPEATS      1024
#define REPEAT_STEPS 3
#define REPEAT_SIZE  160 /* of an info or a p2p info; none is longer */

static const uint64_t repeat_after_ns[REPEAT_STEPS] = { 300 * NS_PER_MS, 700 * NS_PER_MS,
	2000 * NS_PER_MS };

struct repeat {
	struct tunnel_key tunnel;
	uint8_t changes; /* of the tunnel's rhythm: another one came since if that has moved on */
	uint8_t step;
	uint16_t len;
	uint8_t leaf[REPEAT_SIZE];
};

struct letters {
	struct page all, late;
	size_t repeat_count, repeat_at;
	uint64_t repeat_ns;       /* the next of them */
	uint64_t due_ns[REPEATS]; /* 0: free */
	struct repeat repeats[REPEATS];
};

struct letters *
letters_create(void)
{
	struct letters *l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->repeat_ns = UINT64_MAX;
	return l;
}

void
letters_destroy(struct letters *l)
{
	free(l);
}

/* ---- sending ---- */

static size_t
body_max(const struct pipeline *p)
{
	size_t most = LETTER_BODY_MAX;
	size_t around = LETTER_HEADER_SIZE + LETTER_TAG_SIZE + SHROUD_HEADER_SIZE + 2;

	if (p->site->options.listeners[0].shrouded && most + around > p->site->options.mtu)
		most = p->site->options.mtu - around;
	return most < BODY_MIN ? BODY_MIN : most;
}

/* Seals a body of which the head is still to be written; the rest is behind it already. */
static size_t
seal(struct pipeline *p, uint8_t *out, enum letter_kind kind, size_t body_len)
{
	struct letter_header h = { .version = LETTER_VERSION, .kind = (uint8_t)kind };
	struct letter_head head = { (uint64_t)p->now.wall_s, p->site->instance };
	struct writer w = writer_over(out + LETTER_HEADER_SIZE, LETTER_HEAD_SIZE);

	letter_head_write(&w, &head);
	random_bytes(&p->random, h.seed, sizeof(h.seed));
	return sealed_letter_make(out, &h, body_len, &registry_federation(p->registry)->secret);
}

/* Sealed once; each reader's copy gets a shroud of its own. */
static void
page_send(struct pipeline *p, struct page *page, bool late)
{
	uint8_t sealed[LETTER_MAX];
	size_t count, readers = 0, len = 0;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	for (size_t n = 0; n < count; n++) {
		struct peer_stats *s = peers[n].stats;

		if (!peer_speaks(s, p->now.mono_ns) || (late && !peer_is_late(s, p->now.mono_ns)))
			continue;
		if (readers++ == 0) {
			memcpy(sealed + LETTER_HEADER_SIZE + LETTER_HEAD_SIZE, page->leaves,
			    page->len);
			len = seal(p, sealed, LETTER_PAGE, LETTER_HEAD_SIZE + page->len);
		}
		memcpy(catacomb_packet(p, &peers[n], len)->head, sealed, len);
	}
	stats_add(&p->stats->federated_out, readers * page->count);
	stats_add(&p->stats->letters_out, readers);
	page->len = page->count = 0;
	page->urgent = false;
}

static void
page_add(struct pipeline *p, struct page *page, const uint8_t *leaf, size_t len, bool urgent)
{
	if (page->len + len > body_max(p) - LETTER_HEAD_SIZE)
		page_send(p, page, page == &p->letters->late);
	if (page->count == 0)
		page->since_ns = p->now.mono_ns;
	memcpy(page->leaves + page->len, leaf, len);
	page->len += len;
	page->count++;
	page->urgent = page->urgent || urgent;
}

static void
page_send_when_due(struct pipeline *p, struct page *page, bool late)
{
	if (page->count > 0 &&
	    (page->urgent || p->looking_up || p->now.mono_ns >= page->since_ns + GATHER_NS))
		page_send(p, page, late);
}

/* ---- repeats ---- */

static void
repeat_later(struct letters *l, size_t n, uint64_t now_ns)
{
	l->due_ns[n] = now_ns + repeat_after_ns[l->repeats[n].step];
	if (l->due_ns[n] < l->repeat_ns)
		l->repeat_ns = l->due_ns[n];
}

static void
repeat_add(struct pipeline *p, const struct announcement *a, const uint8_t *leaf, size_t len)
{
	struct letters *l = p->letters;
	struct repeat *r;

	/* The scanner's pipeline does not come back in time. */
	if (l->repeat_count == REPEATS || len > REPEAT_SIZE || p->looking_up)
		return;
	while (l->due_ns[l->repeat_at] != 0)
		l->repeat_at = (l->repeat_at + 1) % REPEATS;
	r = &l->repeats[l->repeat_at];
	*r = (struct repeat){ .tunnel = *a->tunnel, .changes = a->changes, .len = (uint16_t)len };
	memcpy(r->leaf, leaf, len);
	l->repeat_count++;
	repeat_later(l, l->repeat_at, p->now.mono_ns);
}

/* Whether the tunnel is still here, and as it was. */
static bool
still_holds(struct pipeline *p, const struct repeat *r)
{
	struct tunnel t;

	return tunnels_find(p->site->tunnels, &r->tunnel, p->now.mono_ns, &t) && !t.federated &&
	       t.rhythm.changes == r->changes;
}

static void
repeat_one(struct pipeline *p, size_t n)
{
	struct letters *l = p->letters;
	struct repeat *r = &l->repeats[n];
	bool holds = still_holds(p, r);

	l->due_ns[n] = 0;
	if (holds)
		page_add(p, &l->all, r->leaf, r->len, true);
	if (holds && ++r->step < REPEAT_STEPS)
		repeat_later(l, n, p->now.mono_ns);
	else
		l->repeat_count--;
}

static void
repeat_all(struct pipeline *p)
{
	struct letters *l = p->letters;
	uint64_t next_ns = UINT64_MAX;

	if (p->now.mono_ns < l->repeat_ns)
		return;
	for (size_t n = 0; n < REPEATS; n++) {
		if (l->due_ns[n] != 0 && l->due_ns[n] <= p->now.mono_ns)
			repeat_one(p, n);
		if (l->due_ns[n] != 0 && l->due_ns[n] < next_ns)
			next_ns = l->due_ns[n];
	}
	l->repeat_ns = next_ns;
}

/* ---- what is to be sent ---- */

void
letters_add(struct pipeline *p, const struct announcement *a)
{
	struct page *page = a->tell == TELL_LATE ? &p->letters->late : &p->letters->all;
	struct letter_leaf leaf = {
		.src = a->src, .dst = a->dst, .device = a->device, .is_signed = a->is_signed
	};
	uint8_t bytes[LETTER_LEAF_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	size_t len;

	memcpy(leaf.data, a->envelope->data, sizeof(leaf.data));
	memcpy(leaf.extra, a->envelope->extra, sizeof(leaf.extra));
	letter_leaf_write(&w, &leaf);
	len = sizeof(bytes) - w.left;
	page_add(p, page, bytes, len, a->tell == TELL_CHANGE);
	if (a->tell == TELL_CHANGE && a->tunnel != NULL)
		repeat_add(p, a, bytes, len);
}

void
letters_send(struct pipeline *p)
{
	repeat_all(p);
	page_send_when_due(p, &p->letters->all, false);
	page_send_when_due(p, &p->letters->late, true);
}

uint64_t
letters_due_ns(const struct letters *l)
{
	uint64_t due_ns = l->repeat_ns;

	if (l->all.count > 0 && l->all.since_ns + GATHER_NS < due_ns)
		due_ns = l->all.since_ns + GATHER_NS;
	if (l->late.count > 0 && l->late.since_ns + GATHER_NS < due_ns)
		due_ns = l->late.since_ns + GATHER_NS;
	return due_ns;
}

static void
greet(struct pipeline *p, const struct registry_peer *peer)
{
	uint8_t sealed[LETTER_MIN + sizeof(uint32_t)];
	struct writer w =
	    writer_over(sealed + LETTER_HEADER_SIZE + LETTER_HEAD_SIZE, sizeof(uint32_t));
	size_t len;

	letter_asked_write(&w, atomic_load_explicit(&peer->stats->ask, memory_order_relaxed));
	len = seal(p, sealed, LETTER_HELLO, LETTER_HEAD_SIZE + sizeof(uint32_t));
	memcpy(catacomb_packet(p, peer, len)->head, sealed, len);
	stats_add(&p->stats->hellos_out, 1);
}

void
letters_greet(struct pipeline *p)
{
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	if (!registry_federation(p->registry)->present || !p->site->options.letters)
		return;
	for (size_t n = 0; n < count; n++) {
		if (peer_greet(peers[n].stats, p->now.mono_ns))
			greet(p, &peers[n]);
	}
}

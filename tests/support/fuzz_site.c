/* SPDX-License-Identifier: ISC */
#include "tests/support/fuzz_site.h"

#include "cathedral/relay/letters.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/world_parts.h"

#include <string.h>

/* ---- what is sent ---- */

static struct fuzz_place *
place_at(struct fuzz_site *f, const struct endpoint *at)
{
	for (size_t n = 0; n < FUZZ_PLACES; n++)
		if (endpoint_equal(&f->places[n].at, at))
			return &f->places[n];
	return NULL;
}

/* Relayed packets are those of the batch; the others are the cathedral's own. */
static bool
is_relayed(struct fuzz_site *f, const struct packet *pkt)
{
	return pkt >= f->w->room && pkt < f->w->room + PIPELINE_BATCH;
}

static void
sent(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct fuzz_site *f = (struct fuzz_site *)(void *)sender;

	for (size_t n = 0; n < count; n++) {
		const struct packet *pkt = packets[n];
		struct fuzz_place *place = place_at(f, &pkt->to);

		fuzz_expect(place != NULL);
		fuzz_expect(pkt->to.port != 0);
		fuzz_expect(pkt->len >= PACKET_MIN && pkt->len <= PACKET_MAX);
		fuzz_expect(pkt->to_listener < f->c->options.listener_count);
		fuzz_expect(
		    f->c->options.listeners[pkt->to_listener].shrouded == (pkt->to_mask != NULL));
		place->sent_any = true;
		if (!is_relayed(f, pkt))
			place->sent += pkt->len;
	}
}

/* ---- the cathedral ---- */

static const struct world_listener listeners[] = { { .shrouded = true }, { .shrouded = false } };

static void
keep_variant(struct fuzz_site *f, unsigned n)
{
	struct fuzz_variant *v = &f->variants[n];

	/* Builds what changed; the registry itself is not needed. */
	registry_free(world_registry(f->w, 0, NULL));
	for (unsigned i = 0; i < 2; i++) {
		v->flocks[i] = f->w->flocks[i].built;
		v->flocks[i]->references++;
		v->ambries[i] = v->flocks[i]->ambries.bytes;
	}
	v->pair = f->w->pairs[0].built;
	v->pair->references++;
	v->ambries[2] = v->pair->ambries.bytes;
}

/* All; another bundle; one that is gone; its number another's; and in that one no pair. */
static void
make_variants(struct fuzz_site *f)
{
	struct world *w = f->w;

	keep_variant(f, 0);
	world_renew(w, 0, 10);
	world_renew_pair(w, 0, 10);
	keep_variant(f, 1);
	w->flocks[0].members[1].gone = true;
	world_touch(w, 0);
	keep_variant(f, 2);
	w->flocks[0].members[2].number = w->flocks[0].members[1].number;
	world_touch(w, 0);
	keep_variant(f, 3);
	registry_xflock_release(f->variants[3].pair);
	f->variants[3].pair = NULL;
}

static void
make_devices(struct fuzz_site *f)
{
	struct world *w = f->w;

	for (unsigned n = 0; n < FUZZ_DEVICES; n++) {
		for (unsigned partner = 0; partner < FUZZ_PARTNERS; partner++) {
			for (unsigned listener = 0; listener < 2; listener++) {
				struct world_end end = {
					.flock = n / FUZZ_MEMBERS,
					.member = n % FUZZ_MEMBERS,
					.peer_flock = (n / FUZZ_MEMBERS + partner) % 2,
					.listener = listener,
				};
				unsigned made = world_add_device(w, &end);

				f->devices[n][partner][listener] = w->devices[made].d;
			}
		}
	}
}

static void
make_site(struct fuzz_site *f)
{
	static const uint8_t numbers[FUZZ_MEMBERS] = { 1, 2, 77, 255 };
	struct world *w = world_create(1);

	f->w = w;
	f->c = &w->cathedrals[world_add_cathedral(w, listeners, 2)];
	world_add_cathedral(w, listeners, 2);
	world_add_flock(w);
	world_add_flock(w);
	for (unsigned n = 0; n < FUZZ_MEMBERS; n++)
		world_add_member(w, 0, numbers[n], n == 1);
	world_add_member(w, 1, 1, 0);
	world_add_pair(w, 0, 1);
	make_devices(f);
	make_variants(f);
	f->c->options.tunnels_max = 256;
	f->c->options.liturgies_max = 256;
	f->c->options.identities_max = 256;
	f->c->options.replays_max = 256;
	f->c->options.lookups_max = 4;
	f->c->options.tunnels_per_device = FUZZ_PER_DEVICE;
	f->c->options.identities_per_device = FUZZ_PER_DEVICE;
	f->c->options.p2p_sync = true;
	/* Once as the world does it; from then on only what an input can change is made anew. */
	world_start(w, 0);
	f->sender.send = sent;
	for (unsigned n = 0; n < 3; n++)
		f->c->pipelines[n]->outbox->sender = &f->sender;
}

static struct registry *
variant_registry(struct fuzz_site *f, unsigned n, const struct registry *old)
{
	struct fuzz_variant v = f->variants[n % FUZZ_VARIANTS];
	struct settings_peer peer = { .at = f->w->cathedrals[1].options.listeners[0].main };
	struct registry_parts parts = {
		.flocks = v.flocks,
		.flock_count = 2,
		.xflocks = &v.pair,
		.xflock_count = v.pair != NULL,
		.peers = &peer,
		.peer_count = 1,
		.secret = &f->w->secret,
	};
	struct registry *r;

	for (unsigned i = 0; i < 2; i++)
		v.flocks[i]->references++;
	if (v.pair != NULL)
		v.pair->references++;
	r = registry_create(&parts, old);
	fuzz_expect(r != NULL);
	return r;
}

static void
put_back(struct fuzz_site *f)
{
	struct world_cathedral *c = f->c;

	random_from_seed(&f->random, 2);
	site_destroy(c->site);
	c->site = site_create(&c->options, variant_registry(f, 0, NULL), 3, &f->random);
	fuzz_expect(c->site != NULL);
	memset(c->stats, 0, 3 * sizeof(*c->stats));
	for (unsigned n = 0; n < 3; n++) {
		struct pipeline *p = c->pipelines[n];

		p->site = c->site;
		random_split(&p->random, &f->random);
		limiter_destroy(p->limiter);
		p->limiter =
		    limiter_create(c->options.offer_rate, c->options.offer_rate, &f->random);
		letters_destroy(p->letters);
		p->letters = letters_create();
		fuzz_expect(p->limiter != NULL && p->letters != NULL);
	}
	f->w->now_ns = 0;
	f->waiting = f->taken = f->kept_next = 0;
	memset(f->kept, 0, sizeof(f->kept));
	memset(f->places, 0, sizeof(f->places));
	for (unsigned n = 0; n < FUZZ_DEVICES; n++) {
		f->places[n].at = endpoint_from_ipv4((uint8_t[]){ 10, 1, 0, 1 }, 7000);
		f->places[n].at.ip[15] = (uint8_t)(1 + n / 2); /* two behind each address */
		f->places[n].at.port = (uint16_t)(7000 + n);
		for (unsigned i = 0; i < 4; i++) {
			f->devices[n][i / 2][i % 2].seed_id_until_ns = 0;
			f->devices[n][i / 2][i % 2].sent = 0;
		}
	}
	endpoint_parse(&f->places[FUZZ_STRANGER].at, "198.51.100.66:6666");
	endpoint_parse(&f->places[FUZZ_STRANGER_IPV6].at, "[2001:db8::66]:6666");
	f->places[FUZZ_OTHER_CATHEDRAL].at = f->w->cathedrals[1].options.listeners[0].main;
}

struct fuzz_site *
fuzz_site_begin(void)
{
	static struct fuzz_site site;

	if (site.w == NULL)
		make_site(&site);
	put_back(&site);
	return &site;
}

struct instant
fuzz_site_now(const struct fuzz_site *f)
{
	return world_cathedral_now(f->w, 0);
}

static uint64_t
verdicts(struct fuzz_site *f, unsigned slot)
{
	uint64_t sum = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		sum += stats_get(&f->c->stats[slot].verdicts[v]);
	return sum;
}

/* ---- what an offer may bring in answers ---- */

struct known {
	const struct fuzz_packet *offer;
	uint64_t now_ns;
	bool elsewhere;
};

static bool
match_liturgy(const struct liturgy_entry *e, void *arg)
{
	struct known *k = arg;
	const struct fuzz_packet *a = k->offer;

	if (flock_equal(e->flock, a->about.key.src) && e->number == a->about.number &&
	    e->signalling == a->about.signalling && e->device.value == a->about.device.value &&
	    k->now_ns < e->seen_ns + ENTRY_TTL_NS)
		k->elsewhere = e->federated || !endpoint_equal(&e->at, &a->from);
	return true;
}

/*
 * Whether an offer would be the first from its place of something that is known elsewhere: then it
 * may bring no more than its own size.
 */
static bool
moves(struct fuzz_site *f, const struct fuzz_packet *a)
{
	struct known k = { .offer = a, .now_ns = fuzz_site_now(f).mono_ns };
	struct tunnel t;

	switch (a->about.what) {
	case FUZZ_TUNNEL:
		return tunnels_find(
			   f->c->site->tunnels, &a->about.key, fuzz_site_now(f).mono_ns, &t) &&
		       t.device.value == a->about.device.value &&
		       (t.federated || t.listener != a->listener ||
			   !endpoint_equal(&t.at, &a->from));
	case FUZZ_LITURGY:
		liturgies_each(f->c->site->liturgies, match_liturgy, &k);
		return k.elsewhere;
	case FUZZ_NOTHING:
		break;
	}
	return false;
}

/* After a batch (or what the scanner made of a packet): from whom offers were accepted. */
static void
check_answers(struct fuzz_site *f, const struct packet *packets, size_t count, bool alone_and_moved)
{
	for (size_t n = 0; n < count; n++) {
		struct fuzz_place *place = place_at(f, &packets[n].from);

		fuzz_expect(packets[n].verdict < VERDICT_COUNT);
		/* A probe proves nothing and is not answered. */
		if (place == NULL || packets[n].verdict != VERDICT_CONSUMED || packets[n].nat_port)
			continue;
		place->whole |= place->heard || !alone_and_moved;
		place->heard = true;
	}
	for (size_t n = 0; n < FUZZ_PLACES; n++) {
		struct fuzz_place *place = &f->places[n];

		place->answered += place->sent;
		if (n != FUZZ_OTHER_CATHEDRAL) {
			fuzz_expect(!place->sent_any || place->heard);
			fuzz_expect(place->whole || place->answered <= place->received);
		}
		place->sent = 0;
		place->sent_any = false;
	}
}

static bool
looked_up_moves(struct fuzz_site *f, const struct lookup *what)
{
	for (size_t n = 0; n < FUZZ_KEPT; n++) {
		struct fuzz_packet *a = &f->kept[n];

		if (a->len == what->len && memcmp(a->bytes, what->bytes, a->len) == 0 &&
		    endpoint_equal(&a->from, &what->from))
			return moves(f, a);
	}
	return false;
}

void
fuzz_site_scan(struct fuzz_site *f)
{
	struct world *w = f->w;

	while (lookups_next(f->c->site->lookups, w->lookups, 1, 0)) {
		uint64_t found = stats_get(&f->c->stats[1].identity_found);
		bool moved = looked_up_moves(f, w->lookups);

		pipeline_look_up(f->c->pipelines[1], w->lookups, 1, &w->room[0], fuzz_site_now(f));
		found = stats_get(&f->c->stats[1].identity_found) - found;
		check_answers(f, &w->room[0], found, moved);
	}
	fuzz_expect(verdicts(f, 1) == stats_get(&f->c->stats[1].identity_found));
}

void
fuzz_site_flush(struct fuzz_site *f)
{
	struct packet *packets[PIPELINE_BATCH];
	bool moved = f->waiting == 1 && moves(f, &f->last);

	for (size_t n = 0; n < f->waiting; n++)
		packets[n] = &f->w->room[n];
	f->taken += f->waiting;
	pipeline_run(f->c->pipelines[0], packets, f->waiting, fuzz_site_now(f));
	fuzz_expect(verdicts(f, 0) == f->taken);
	check_answers(f, f->w->room, f->waiting, moved);
	f->waiting = 0;
}

void
fuzz_site_put(struct fuzz_site *f, const struct fuzz_packet *packet, bool wait)
{
	struct packet *pkt = &f->w->room[f->waiting++];
	struct fuzz_place *place = place_at(f, &packet->from);

	f->last = *packet;
	packet_reset(pkt, packet->len > PACKET_MAX ? 0 : packet->len);
	memcpy(pkt->head, packet->bytes, pkt->len);
	pkt->from = packet->from;
	pkt->listener = packet->listener;
	pkt->nat_port = packet->nat_port;
	if (place != NULL)
		place->received += packet->len;
	if (!wait || f->waiting == PIPELINE_BATCH)
		fuzz_site_flush(f);
}

struct fuzz_packet *
fuzz_site_keep(struct fuzz_site *f)
{
	return &f->kept[f->kept_next++ % FUZZ_KEPT];
}

void
fuzz_site_publish(struct fuzz_site *f, unsigned variant)
{
	struct site *s = f->c->site;

	fuzz_expect(
	    publish_swap(s->publish, variant_registry(f, variant, publish_current(s->publish))));
	site_purge(s, NULL);
	pipeline_push_ambries(f->c->pipelines[2], NULL, fuzz_site_now(f));
	fuzz_expect(publish_reclaim(s->publish));
	check_answers(f, NULL, 0, false);
}

void
fuzz_site_tick(struct fuzz_site *f)
{
	pipeline_tick(f->c->pipelines[0], fuzz_site_now(f));
	pipeline_greet(f->c->pipelines[2], fuzz_site_now(f));
	check_answers(f, NULL, 0, false);
}

/* ---- the end ---- */

static void
nothing(struct tunnel *tunnel, bool created, void *arg)
{
	(void)tunnel;
	(void)created;
	(void)arg;
}

void
fuzz_site_end(struct fuzz_site *f)
{
	const struct site *s = f->c->site;

	f->w->now_ns += 700 * NS_PER_S;
	while (tunnels_count(s->tunnels) + liturgies_count(s->liturgies) +
		   identities_count(s->identities) + replay_count(s->replay) >
	       0)
		site_sweep(f->c->site, fuzz_site_now(f).mono_ns);
	for (unsigned n = 0; n < FUZZ_DEVICES; n++) {
		const struct device_config *c = &f->devices[n][0][0].config;

		for (unsigned peer = 0; peer <= FUZZ_PER_DEVICE; peer++) {
			struct tunnel_key key = tunnel_key(
			    c->flock, c->flock_dst, tunnel_between((uint8_t)n, (uint8_t)peer));

			fuzz_expect(tunnels_change(s->tunnels, &key, c->id, true,
					fuzz_site_now(f).mono_ns, nothing, NULL) ==
				    (peer < FUZZ_PER_DEVICE ? TUNNELS_OK : TUNNELS_QUOTA));
		}
	}
}

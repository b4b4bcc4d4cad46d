/* SPDX-License-Identifier: ISC */
/*
 * A whole cathedral: the input is a list of steps of eight bytes, most of which are packets.  Those
 * of devices and of the other cathedral are built from fields, sealed and signed, so that inputs
 * get behind the cryptography; raw bytes come as well, and what came once comes again.
 *
 * For every input: each packet has one verdict and is counted once; nothing goes to where no
 * accepted offer came from; a known tunnel's new address gets no more bytes of answers than it sent
 * until its second offer; and in the end everything expires and every quota is whole.
 */
#include "protocol/crypto/kdf.h"
#include "protocol/envelope.h"
#include "protocol/wire/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/world.h"
#include "tests/support/world_parts.h"

#include <string.h>

#define STEP_SIZE  8
#define STEPS_MAX  96
#define PER_DEVICE 3
#define MEMBERS    4 /* of the first flock; one more is in the second */
#define DEVICES    (MEMBERS + 1)
#define PLACES     8 /* where packets come from */
#define AGAIN      8 /* packets kept to come again */
#define VARIANTS   4

/* Places 0 .. 4 are devices' own, then a stranger, one with IPv6, and the other cathedral. */
enum { STRANGER = DEVICES, STRANGER_IPV6, OTHER_CATHEDRAL };

/* A device as it talks to its own flock or to the other, with or without shroud. */
enum { WITHIN = 0, BETWEEN, PARTNERS };

struct place {
	struct endpoint at;
	bool heard; /* an accepted offer came from here */
	bool whole; /* more than one, or a tunnel began here: answers are not limited */
	uint64_t received, answered;
};

struct registry_variant {
	struct registry_flock *flocks[2];
	struct registry_xflock *pair; /* or NULL */
	const uint8_t *ambries[3]; /* so that they are seen from here: flocks are secret memory */
};

/* Which entry an offer is about, if it is one. */
struct about {
	enum { NOTHING = 0, TUNNEL, LITURGY } what;
	struct tunnel_key key;
	struct device_id device;
	uint8_t number;
	bool signalling;
};

struct again {
	struct about about;
	struct endpoint from;
	uint8_t listener;
	bool nat_port;
	size_t len;
	uint8_t bytes[DEVICE_PACKET_MAX];
};

/* Made once; what an input changes is put back by begin(). */
static struct scene {
	struct world *w;
	struct world_cathedral *c;
	struct device devices[DEVICES][PARTNERS][2];
	struct registry_variant variants[VARIANTS];
	struct sender sender;

	struct random random;
	struct place places[PLACES];
	struct again again[AGAIN];
	size_t again_next;
	struct again last; /* put into the batch */
	size_t waiting;    /* packets of the batch that is collected */
	uint64_t taken;
} scene;

/* ---- what is sent ---- */

static struct place *
place_at(const struct endpoint *at)
{
	for (size_t n = 0; n < PLACES; n++)
		if (endpoint_equal(&scene.places[n].at, at))
			return &scene.places[n];
	return NULL;
}

/* Relayed packets are those of the batch; the others are the cathedral's own. */
static bool
is_relayed(const struct packet *pkt)
{
	return pkt >= scene.w->room && pkt < scene.w->room + PIPELINE_BATCH;
}

static uint64_t sent_to[PLACES]; /* in this batch, of its own */
static bool sent_any[PLACES];

static void
sent(struct sender *sender, struct packet *const *packets, size_t count)
{
	(void)sender;
	for (size_t n = 0; n < count; n++) {
		const struct packet *pkt = packets[n];
		struct place *place = place_at(&pkt->to);

		fuzz_expect(place != NULL);
		fuzz_expect(pkt->to.port != 0);
		fuzz_expect(pkt->len >= PACKET_MIN && pkt->len <= PACKET_MAX);
		fuzz_expect(pkt->to_listener < scene.c->options.listener_count);
		fuzz_expect(scene.c->options.listeners[pkt->to_listener].shrouded ==
			    (pkt->to_mask != NULL));
		sent_any[place - scene.places] = true;
		if (!is_relayed(pkt))
			sent_to[place - scene.places] += pkt->len;
	}
}

/* ---- the cathedral ---- */

static const struct world_listener listeners[] = { { .shrouded = true }, { .shrouded = false } };

static void
keep_variant(unsigned n)
{
	struct registry_variant *v = &scene.variants[n];

	/* Builds what changed; the registry itself is not needed. */
	registry_free(world_registry(scene.w, 0, NULL));
	for (unsigned f = 0; f < 2; f++) {
		v->flocks[f] = scene.w->flocks[f].built;
		v->flocks[f]->references++;
		v->ambries[f] = v->flocks[f]->ambries.bytes;
	}
	v->pair = scene.w->pairs[0].built;
	v->pair->references++;
	v->ambries[2] = v->pair->ambries.bytes;
}

/* All; another bundle; one that is gone; its number another's; and in that one no pair. */
static void
make_variants(void)
{
	struct world *w = scene.w;

	keep_variant(0);
	world_renew(w, 0, 10);
	world_renew_pair(w, 0, 10);
	keep_variant(1);
	w->flocks[0].members[1].gone = true;
	world_touch(w, 0);
	keep_variant(2);
	w->flocks[0].members[2].number = w->flocks[0].members[1].number;
	world_touch(w, 0);
	keep_variant(3);
	registry_xflock_release(scene.variants[3].pair);
	scene.variants[3].pair = NULL;
}

static void
make_devices(void)
{
	struct world *w = scene.w;

	for (unsigned n = 0; n < DEVICES; n++) {
		for (unsigned partner = 0; partner < PARTNERS; partner++) {
			for (unsigned listener = 0; listener < 2; listener++) {
				struct world_end end = {
					.flock = n / MEMBERS,
					.member = n % MEMBERS,
					.peer_flock = (n / MEMBERS + partner) % 2,
					.listener = listener,
				};
				unsigned made = world_add_device(w, &end);

				scene.devices[n][partner][listener] = w->devices[made].d;
			}
		}
	}
}

static void
make_scene(void)
{
	static const uint8_t numbers[MEMBERS] = { 1, 2, 77, 255 };
	struct world *w = world_create(1);

	scene.w = w;
	scene.c = &w->cathedrals[world_add_cathedral(w, listeners, 2)];
	world_add_cathedral(w, listeners, 2);
	world_add_flock(w);
	world_add_flock(w);
	for (unsigned n = 0; n < MEMBERS; n++)
		world_add_member(w, 0, numbers[n], n == 1);
	world_add_member(w, 1, 1, 0);
	world_add_pair(w, 0, 1);
	make_devices();
	make_variants();
	scene.c->options.tunnels_max = 256;
	scene.c->options.liturgies_max = 256;
	scene.c->options.identities_max = 256;
	scene.c->options.replays_max = 256;
	scene.c->options.lookups_max = 4;
	scene.c->options.tunnels_per_device = PER_DEVICE;
	scene.c->options.identities_per_device = PER_DEVICE;
	scene.c->options.p2p_sync = true;
	/* Once as the world does it; from then on only what an input can change is made anew. */
	world_start(w, 0);
	scene.sender.send = sent;
	for (unsigned n = 0; n < 3; n++)
		scene.c->pipelines[n]->outbox->sender = &scene.sender;
}

static struct registry *
variant_registry(unsigned n, const struct registry *old)
{
	struct registry_variant v = scene.variants[n % VARIANTS];
	struct settings_peer peer = { .at = scene.w->cathedrals[1].options.listeners[0].main };
	struct registry_parts parts = {
		.flocks = v.flocks,
		.flock_count = 2,
		.xflocks = &v.pair,
		.xflock_count = v.pair != NULL,
		.peers = &peer,
		.peer_count = 1,
		.secret = &scene.w->secret,
	};
	struct registry *r;

	for (unsigned f = 0; f < 2; f++)
		v.flocks[f]->references++;
	if (v.pair != NULL)
		v.pair->references++;
	r = registry_create(&parts, old);
	fuzz_expect(r != NULL);
	return r;
}

static void
begin(void)
{
	struct world_cathedral *c = scene.c;

	random_from_seed(&scene.random, 2);
	site_destroy(c->site);
	c->site = site_create(&c->options, variant_registry(0, NULL), 3, &scene.random);
	fuzz_expect(c->site != NULL);
	memset(c->stats, 0, 3 * sizeof(*c->stats));
	for (unsigned n = 0; n < 3; n++) {
		c->pipelines[n]->site = c->site;
		random_split(&c->pipelines[n]->random, &scene.random);
	}
	/* So long a time that limiters forget. */
	scene.w->now_ns += 1000 * NS_PER_S;
	scene.waiting = scene.taken = scene.again_next = 0;
	memset(scene.again, 0, sizeof(scene.again));
	memset(scene.places, 0, sizeof(scene.places));
	for (unsigned n = 0; n < DEVICES; n++) {
		scene.places[n].at = endpoint_from_ipv4((uint8_t[]){ 10, 1, 0, 1 }, 7000);
		scene.places[n].at.ip[15] = (uint8_t)(1 + n / 2); /* two behind each address */
		scene.places[n].at.port = (uint16_t)(7000 + n);
		for (unsigned i = 0; i < 4; i++)
			scene.devices[n][i / 2][i % 2].seed_id_until_ns = 0;
	}
	endpoint_parse(&scene.places[STRANGER].at, "198.51.100.66:6666");
	endpoint_parse(&scene.places[STRANGER_IPV6].at, "[2001:db8::66]:6666");
	scene.places[OTHER_CATHEDRAL].at = scene.w->cathedrals[1].options.listeners[0].main;
}

static struct instant
now(void)
{
	return world_cathedral_now(scene.w, 0);
}

static uint64_t
verdicts(unsigned slot)
{
	uint64_t sum = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		sum += stats_get(&scene.c->stats[slot].verdicts[v]);
	return sum;
}

/* ---- what an offer may bring in answers ---- */

struct known {
	const struct again *offer;
	bool elsewhere;
};

static bool
match_liturgy(const struct liturgy_entry *e, void *arg)
{
	struct known *k = arg;
	const struct again *a = k->offer;

	if (flock_equal(e->flock, a->about.key.src) && e->number == a->about.number &&
	    e->signalling == a->about.signalling && e->device.value == a->about.device.value &&
	    now().mono_ns < e->seen_ns + ENTRY_TTL_NS)
		k->elsewhere = e->federated || !endpoint_equal(&e->at, &a->from);
	return true;
}

/*
 * Whether an offer would be the first from its place of something that is known elsewhere: then it
 * may bring no more than its own size.
 */
static bool
moves(const struct again *a)
{
	struct known k = { .offer = a };
	struct tunnel t;

	switch (a->about.what) {
	case TUNNEL:
		return tunnels_find(scene.c->site->tunnels, &a->about.key, now().mono_ns, &t) &&
		       t.device.value == a->about.device.value &&
		       (t.federated || t.listener != a->listener ||
			   !endpoint_equal(&t.at, &a->from));
	case LITURGY:
		liturgies_each(scene.c->site->liturgies, match_liturgy, &k);
		return k.elsewhere;
	case NOTHING:
		break;
	}
	return false;
}

/* After a batch (or what the scanner made of a packet): from whom offers were accepted. */
static void
check_answers(const struct packet *packets, size_t count, bool alone_and_moved)
{
	for (size_t n = 0; n < count; n++) {
		struct place *place = place_at(&packets[n].from);

		fuzz_expect(packets[n].verdict < VERDICT_COUNT);
		/* A probe proves nothing and is not answered. */
		if (place == NULL || packets[n].verdict != VERDICT_CONSUMED || packets[n].nat_port)
			continue;
		place->whole |= place->heard || !alone_and_moved;
		place->heard = true;
	}
	for (size_t n = 0; n < PLACES; n++) {
		struct place *place = &scene.places[n];

		place->answered += sent_to[n];
		if (n == OTHER_CATHEDRAL)
			continue;
		fuzz_expect(!sent_any[n] || place->heard);
		fuzz_expect(place->whole || place->answered <= place->received);
	}
	memset(sent_to, 0, sizeof(sent_to));
	memset(sent_any, 0, sizeof(sent_any));
}

static bool
looked_up_moves(const struct lookup *what)
{
	for (size_t n = 0; n < AGAIN; n++) {
		struct again *a = &scene.again[n];

		if (a->len == what->len && memcmp(a->bytes, what->bytes, a->len) == 0 &&
		    endpoint_equal(&a->from, &what->from))
			return moves(a);
	}
	return false;
}

static void
scan(void)
{
	struct world *w = scene.w;

	while (lookups_next(scene.c->site->lookups, &w->lookup, 0)) {
		uint64_t found = stats_get(&scene.c->stats[1].identity_found);
		bool moved = looked_up_moves(&w->lookup);

		pipeline_look_up(scene.c->pipelines[1], &w->lookup, &w->room[0], now());
		found = stats_get(&scene.c->stats[1].identity_found) - found;
		check_answers(&w->room[0], found, moved);
	}
	fuzz_expect(verdicts(1) == stats_get(&scene.c->stats[1].identity_found));
}

static void
flush(void)
{
	struct packet *packets[PIPELINE_BATCH];
	bool moved = scene.waiting == 1 && moves(&scene.last);

	for (size_t n = 0; n < scene.waiting; n++)
		packets[n] = &scene.w->room[n];
	scene.taken += scene.waiting;
	pipeline_run(scene.c->pipelines[0], packets, scene.waiting, now());
	fuzz_expect(verdicts(0) == scene.taken);
	check_answers(scene.w->room, scene.waiting, moved);
	scene.waiting = 0;
}

/* ---- steps ---- */

struct step {
	uint8_t kind, who, where, a, b, c, d, e;
};

static void
put(const struct again *from, bool wait)
{
	struct packet *pkt = &scene.w->room[scene.waiting++];
	struct place *place = place_at(&from->from);

	scene.last = *from;
	packet_reset(pkt, from->len > PACKET_MAX ? 0 : from->len);
	memcpy(pkt->head, from->bytes, pkt->len);
	pkt->from = from->from;
	pkt->listener = from->listener;
	pkt->nat_port = from->nat_port;
	if (place != NULL)
		place->received += from->len;
	if (!wait || scene.waiting == PIPELINE_BATCH)
		flush();
}

static const struct about nothing_known;

/*
 * where: three bits say from which place (the device's own when the fourth is set), then NAT port,
 * then whether the packet waits for others, then whether it comes from port 0.
 */
static void
post(const struct step *s, const struct about *about, unsigned listener, unsigned home,
    const struct device_packet *packet)
{
	struct again *a = &scene.again[scene.again_next++ % AGAIN];

	a->about = *about;
	a->from = scene.places[s->where & 8 ? home : s->where & 7].at;
	a->listener = (uint8_t)listener;
	a->nat_port = (s->where & 16) != 0;
	a->len = packet->len;
	memcpy(a->bytes, packet->bytes, packet->len);
	if ((s->where & 0xc0) == 0xc0)
		a->from.port = 0;
	put(a, (s->where & 32) != 0);
}

static unsigned
device_of(const struct step *s)
{
	return (s->who & 7) % DEVICES;
}

static unsigned
partner_of(const struct step *s)
{
	return s->who >> 3 & 1;
}

/* The device as the step has it: in one of four domains, with one of the others or with itself. */
static struct device *
choose(const struct step *s, struct device_moment *m)
{
	struct device *d = &scene.devices[device_of(s)][partner_of(s)][s->who >> 7];
	const struct device *peer =
	    &scene.devices[(s->c >> 4) % DEVICES][partner_of(s)][s->who >> 7];
	uint8_t domain = s->who >> 5 & 3;

	d->config.flock = flock_with_domain(d->config.flock, domain);
	d->config.flock_dst = flock_with_domain(d->config.flock_dst, domain);
	d->config.tunnel =
	    tunnel_between(tunnel_own(d->config.tunnel), tunnel_own(peer->config.tunnel));
	m->now = now();
	m->random = &scene.random;
	return d;
}

/* Wrong in one of several ways, or, mostly, not at all. */
static void
tamper(const struct step *s, struct device *d, struct offer_header *h)
{
	const struct device_keys *others = &scene.devices[(s->e >> 4) % DEVICES][0][0].keys;

	switch (s->e & 15) {
	case 1:
		d->keys.cosk = others->cosk;
		break;
	case 2:
		d->keys.cs = others->cs;
		break;
	case 3:
		h->spi = s->d;
		break;
	case 4:
		h->flock_dst.value ^= 1;
		break;
	case 5:
		h->flock_src.value ^= 0x100;
		break;
	case 6:
		h->flock_dst.value = s->d;
		break;
	default:
		break;
	}
}

static void
post_offer(const struct step *s, uint64_t magic, struct offer *o)
{
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct offer_header h = {
		.magic = magic,
		.flock_src = d->config.flock,
		.flock_dst = d->config.flock_dst,
		.spi = d->config.id.value,
	};
	struct device_keys keys = d->keys;
	struct device_packet packet;
	struct about about = {
		.what = TUNNEL,
		.key = tunnel_key(h.flock_src, h.flock_dst, o->info.tunnel),
		.device = d->config.id,
	};

	if (o->type == OFFER_LITURGY) {
		h.flock_dst.value = 0;
		about.what = LITURGY;
		about.number = o->liturgy.id;
		about.signalling = (o->liturgy.flags & LITURGY_SIGNALLING) != 0;
	}
	tamper(s, d, &h);
	device_make_offer(d, &m, &h, o, &packet);
	d->keys = keys;
	post(s, &about, s->who >> 7, device_of(s), &packet);
}

static uint64_t
timestamp(const struct step *s)
{
	return (uint64_t)(now().wall_s + (int8_t)(s->b & 0xf8) / 8);
}

static uint32_t
spi_of(const struct device *d, uint8_t low)
{
	return low == 0 ? 0 : (uint32_t)d->config.tunnel.value << 16 | low;
}

static struct offer
info_of(const struct step *s)
{
	struct device_moment m;
	const struct device *d = choose(s, &m);
	struct offer o = { .type = OFFER_INFO, .timestamp = timestamp(s) };

	o.info.flags = s->a & 3;
	o.info.tunnel = d->config.tunnel;
	o.info.instance = s->a >> 2 & 3;
	o.info.ambry_generation =
	    s->a & 16 ? scene.variants[s->a >> 5 & 1].flocks[0]->ambries.bundle.head.generation : 0;
	o.info.rx_active = spi_of(d, s->c & 15);
	o.info.rx_pending = spi_of(d, s->d);
	if (s->a & 128)
		o.info.tunnel = tunnel_reverse(o.info.tunnel);
	return o;
}

static struct offer
liturgy_of(const struct step *s)
{
	struct device_moment m;
	const struct device *d = choose(s, &m);
	struct offer o = { .type = OFFER_LITURGY, .timestamp = timestamp(s) };

	o.liturgy.id = s->a & 128 ? s->d : tunnel_own(d->config.tunnel);
	o.liturgy.flags = s->a & 3;
	o.liturgy.hidden = s->a >> 2 & 1;
	o.liturgy.group = s->a >> 3 & 3;
	memset(o.liturgy.peers, s->d & 1, sizeof(o.liturgy.peers));
	return o;
}

static void
step_offer(const struct step *s)
{
	struct offer o = s->kind & 1 ? liturgy_of(s) : info_of(s);

	if (s->kind == 2)
		o.type = (enum offer_type)(2 + s->d % 6);
	post_offer(s, s->where & 16 ? MAGIC_CIBORIUM : MAGIC_KATEDRAL, &o);
}

static void
step_relayed(const struct step *s)
{
	static const uint8_t body[1900];
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct device_exchange x = { .new_spi = spi_of(d, s->a), .body = body };
	size_t len = (size_t)s->b * 7;
	struct device_packet packet;

	if (s->kind & 1) {
		x.len = len;
		fuzz_expect(device_make_sacrament(d, &m, &x, &packet));
	} else {
		d->tx_spi = (uint32_t)tunnel_reverse(d->config.tunnel).value << 16 | s->a;
		fuzz_expect(device_make_data(d, &m, body, len, &packet));
	}
	post(s, &nothing_known, s->who >> 7, device_of(s), &packet);
}

static void
shroud_of_cathedrals(struct device_packet *packet)
{
	const struct registry *r = publish_current(scene.c->site->publish);
	uint8_t *body = packet->bytes + SHROUD_HEADER_SIZE;
	struct kmac_job job;

	memmove(body, packet->bytes, packet->len);
	body[packet->len++] = 0xff;
	random_bytes(&scene.random, packet->bytes, SHROUD_HEADER_SIZE);
	job = shroud_job(&registry_federation(r)->mask, packet->bytes, body, packet->len);
	kmac_mask(&job, 1);
	packet->len += SHROUD_HEADER_SIZE;
}

/* What the other cathedral says about a device; under its shroud on the shrouded listener. */
static void
step_told(const struct step *s)
{
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct offer o = s->kind & 1 ? liturgy_of(s) : info_of(s);
	struct offer_header h = { .magic = MAGIC_CATACOMB,
		d->config.flock,
		d->config.flock_dst,
		d->config.id.value,
		{ 0 } };
	struct device_keys keys = d->keys;
	struct device_packet packet;
	struct offer_key key;
	struct envelope e;

	if (s->e & 128) {
		o = (struct offer){ .type = OFFER_P2P_INFO, .timestamp = timestamp(s) };
		o.p2p.tunnel = d->config.tunnel;
		o.p2p.port = s->d;
		o.p2p.flags = s->a & 1;
	}
	tamper(s, d, &h);
	random_bytes(&scene.random, h.seed, sizeof(h.seed));
	offer_key_catacomb(&key, &scene.w->secret, h.seed, h.flock_src);
	envelope_signed(&e, &o, &d->keys.cosk);
	d->keys = keys;
	packet.len = OFFER_SIZE;
	envelope_seal(packet.bytes, &h, &e, &key);
	if (s->who >> 7 == 0)
		shroud_of_cathedrals(&packet);
	post(s, &nothing_known, s->who >> 7, OTHER_CATHEDRAL, &packet);
}

/* Any bytes, as they are or under the device's shroud. */
static void
step_raw(const struct step *s, struct cursor *in)
{
	size_t len = (size_t)s->a << 8 | s->b;
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct device_packet packet;

	len = len % 1700 < in->left ? len % 1700 : in->left;
	if (s->kind & 1) {
		fuzz_expect(device_make_raw(d, &m, in->at, len, &packet));
	} else {
		packet.len = len;
		if (len > 0)
			memcpy(packet.bytes, in->at, len);
	}
	post(s, &nothing_known, s->who >> 7, device_of(s), &packet);
	cursor_skip(in, len);
}

static void
step_again(const struct step *s)
{
	struct again a = scene.again[s->a % AGAIN];

	if (a.from.port == 0)
		return;
	if (!(s->where & 8))
		a.from = scene.places[s->where & 7].at;
	if (a.len > 0)
		a.bytes[s->b * a.len / 256] ^= s->c;
	put(&a, (s->where & 32) != 0);
}

static void
step_registry(const struct step *s)
{
	struct site *site = scene.c->site;

	fuzz_expect(
	    publish_swap(site->publish, variant_registry(s->a, publish_current(site->publish))));
	site_purge(site);
	pipeline_push_ambries(scene.c->pipelines[2], now());
	fuzz_expect(publish_reclaim(site->publish));
	check_answers(NULL, 0, false);
}

static void
step_time(const struct step *s)
{
	static const uint64_t units[] = { NS_PER_MS, 100 * NS_PER_MS, NS_PER_S, 5 * NS_PER_S };

	scene.w->now_ns += s->a * units[s->b & 3];
	if (s->c & 1)
		site_sweep(scene.c->site, now().mono_ns);
}

static void
run_step(const struct step *s, struct cursor *in)
{
	if (s->kind >= 10)
		flush();
	switch (s->kind) {
	case 0:
	case 1:
	case 2:
		step_offer(s);
		break;
	case 3:
		step_again(s);
		break;
	case 4:
	case 5:
		step_relayed(s);
		break;
	case 6:
	case 7:
		step_told(s);
		break;
	case 8:
	case 9:
		step_raw(s, in);
		break;
	case 10:
		step_registry(s);
		break;
	case 11:
		scan();
		break;
	default:
		step_time(s);
		break;
	}
}

/* ---- the end ---- */

static void
nothing(struct tunnel *tunnel, bool created, void *arg)
{
	(void)tunnel;
	(void)created;
	(void)arg;
}

static void
expect_nothing_left(void)
{
	const struct site *site = scene.c->site;

	scene.w->now_ns += 700 * NS_PER_S;
	while (tunnels_count(site->tunnels) + liturgies_count(site->liturgies) +
		   identities_count(site->identities) + replay_count(site->replay) >
	       0)
		site_sweep(scene.c->site, now().mono_ns);
	for (unsigned n = 0; n < DEVICES; n++) {
		const struct device_config *c = &scene.devices[n][0][0].config;

		for (unsigned peer = 0; peer <= PER_DEVICE; peer++) {
			struct tunnel_key key = tunnel_key(
			    c->flock, c->flock_dst, tunnel_between((uint8_t)n, (uint8_t)peer));

			fuzz_expect(
			    tunnels_change(site->tunnels, &key, c->id, true, now().mono_ns, nothing,
				NULL) == (peer < PER_DEVICE ? TUNNELS_OK : TUNNELS_QUOTA));
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor in = cursor_over(data, len);

	if (scene.w == NULL)
		make_scene();
	begin();
	for (unsigned n = 0; n < STEPS_MAX && in.left >= STEP_SIZE; n++) {
		struct step s;

		cursor_take(&in, &s, sizeof(s));
		s.kind %= 13;
		run_step(&s, &in);
		/* The scanner is there unless it is told to rest for this step. */
		if (!(s.where & 64) && scene.waiting == 0)
			scan();
	}
	flush();
	scan();
	expect_nothing_left();
	return 0;
}

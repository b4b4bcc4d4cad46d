/* SPDX-License-Identifier: ISC */
#include "tests/support/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct federation_secret stage_secret = { { 0xfe, 0xde, 0x7a } };

static void *
have(void *at)
{
	if (at == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return at;
}

static struct endpoint
here(uint16_t port)
{
	return endpoint_from_ipv4((uint8_t[]){ 203, 0, 113, 1 }, port);
}

struct endpoint
stage_peer(unsigned n)
{
	return endpoint_from_ipv4((uint8_t[]){ 203, 0, 113, (uint8_t)(100 + n) }, 4500);
}

void
stage_plan(struct stage *s, struct random *seed)
{
	const struct site_options options = SITE_OPTIONS_DEFAULT;
	struct flock_id a = { STAGE_A }, b = { STAGE_B };

	memset(s, 0, sizeof(*s));
	random_split(&s->random, seed);
	s->now = (struct instant){ 1000 * NS_PER_S, STAGE_NOW_S };
	s->options = options;
	s->options.tunnels_max = s->options.liturgies_max = s->options.identities_max = 4096;
	s->options.replays_max = 65536;
	s->options.lookups_max = 8192;
	s->options.listener_count = 2;
	s->options.listeners[0] = (struct listener){ here(4500), 4501, false, here(4500) };
	s->options.listeners[1] = (struct listener){ here(4600), 4601, true, here(4600) };
	for (unsigned n = 0; n < 3; n++)
		s->a[n] = member_make(n + 1, (uint8_t)(n + 1), 0, &s->random);
	for (unsigned n = 0; n < 2; n++)
		s->b[n] = member_make(n + 11, (uint8_t)(n + 1), 0, &s->random);
	s->a_count = 3;
	s->b_count = 2;
	s->pair = s->has_bundles = true;
	s->bundle_a = (struct bundle_plan){ a, a, 60000, 1 };
	s->bundle_pair = (struct bundle_plan){ a, b, 60000, 2 };
	tray_init(&s->tray);
}

static void
give_bundles(const struct stage *s, struct registry_flock *a, struct registry_xflock *pair)
{
	struct fault why;
	size_t len;
	uint8_t *bytes = bundle_write(&s->bundle_a, &len);
	bool ok = registry_flock_set_ambries(a, bytes, len, &why);

	free(bytes);
	if (ok && pair != NULL) {
		bytes = bundle_write(&s->bundle_pair, &len);
		ok = registry_xflock_set_ambries(pair, bytes, len, &why);
		free(bytes);
	}
	have(ok ? a : NULL);
}

static struct registry *
registry_now(const struct stage *s, const struct registry *old)
{
	struct registry_flock *flocks[2] = {
		members_flock((struct flock_id){ STAGE_A }, s->a, s->a_count),
		members_flock((struct flock_id){ STAGE_B }, s->b, s->b_count),
	};
	struct registry_xflock *pair =
	    s->pair ? have(registry_xflock_create(flocks[0], flocks[1])) : NULL;
	struct registry_parts parts = {
		.flocks = flocks,
		.flock_count = 2,
		.xflocks = &pair,
		.xflock_count = s->pair,
		.peers = s->peers,
		.peer_count = s->peer_count,
		.secret = s->peer_count > 0 ? &stage_secret : NULL,
	};

	if (s->has_bundles)
		give_bundles(s, flocks[0], pair);
	return have(registry_create(&parts, old));
}

void
stage_open(struct stage *s)
{
	s->site = have(site_create(&s->options, registry_now(s, NULL), 2, &s->random));
	s->pipeline = have(pipeline_create(s->site, 0, &s->tray.sender, &s->stats, &s->random));
	s->scanner =
	    have(pipeline_create(s->site, 1, &s->tray.sender, &s->scanner_stats, &s->random));
}

void
stage_publish(struct stage *s)
{
	struct registry *next = registry_now(s, publish_current(s->site->publish));

	site_meter(s->site, next, NULL);
	have(publish_swap(s->site->publish, next) ? s : NULL);
	site_purge(s->site, NULL);
	publish_reclaim(s->site->publish);
}

void
stage_close(struct stage *s)
{
	pipeline_destroy(s->pipeline);
	pipeline_destroy(s->scanner);
	site_destroy(s->site);
}

void
stage_pass(struct stage *s, uint64_t ns)
{
	uint64_t wall_ns = s->now.mono_ns % NS_PER_S + ns;

	s->now.wall_s += (int64_t)(wall_ns / NS_PER_S);
	s->now.mono_ns += ns;
}

/* Whether of all verdicts this one alone was counted, once. */
static bool
counted_once(const struct stats_sum *before, const struct stats *after, enum verdict verdict)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		uint64_t want = before->verdicts[v] + (v == (int)verdict);

		if (stats_get(&after->verdicts[v]) != want)
			return false;
	}
	return true;
}

enum verdict
stage_give(struct stage *s, const struct arrival *in)
{
	size_t sent = s->tray.count;
	struct packet pkt, *at = &pkt;
	struct stats_sum before;

	memset(&before, 0, sizeof(before));
	stats_sum_add(&before, &s->stats);
	memset(&pkt, 0xee, sizeof(pkt));
	packet_reset(&pkt, in->len);
	if (in->len > 0)
		memcpy(pkt.head, in->bytes, in->len);
	pkt.from = in->from;
	pkt.listener = in->listener;
	pkt.nat_port = in->nat_port;
	pipeline_run(s->pipeline, &at, 1, s->now);
	s->replies = s->tray.count - sent;
	s->counted_once = counted_once(&before, &s->stats, pkt.verdict);
	return pkt.verdict;
}

size_t
stage_look_up(struct stage *s)
{
	static struct lookup what;
	static struct packet room;
	size_t count = 0;

	while (lookups_next(s->site->lookups, &what, 1, 0)) {
		pipeline_look_up(s->scanner, &what, 1, &room, s->now);
		count++;
	}
	return count;
}

struct actor
stage_actor(struct stage *s, const struct member *m, struct flock_id from, struct flock_id to,
    uint8_t peer, uint8_t listener)
{
	const struct listener *l = &s->options.listeners[listener];
	struct device_moment moment = { s->now, &s->random };
	struct member_way way = { from, to, peer, l->shrouded, l->main, l->nat_port };

	return (struct actor){
		.d = member_device(m, &way, &moment),
		.at = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, (uint8_t)m->id.value }, 1000),
		.listener = listener,
	};
}

enum verdict
stage_packet(struct stage *s, const struct actor *a, const struct device_packet *p)
{
	const struct listener *l = &s->options.listeners[a->listener];
	struct arrival in = { .from = a->at,
		.listener = a->listener,
		.nat_port = p->to.port == l->nat_port,
		.bytes = p->bytes,
		.len = p->len };

	return stage_give(s, &in);
}

enum verdict
stage_info(struct stage *s, struct actor *a)
{
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	device_make_info(&a->d, &m, &p);
	return stage_packet(s, a, &p);
}

enum verdict
stage_probe(struct stage *s, struct actor *a)
{
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	device_make_probe(&a->d, &m, &p);
	return stage_packet(s, a, &p);
}

enum verdict
stage_liturgy(struct stage *s, struct actor *a)
{
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	device_make_liturgy(&a->d, &m, &p);
	return stage_packet(s, a, &p);
}

enum verdict
stage_data(struct stage *s, struct actor *a, size_t payload)
{
	static const uint8_t bytes[DEVICE_PAYLOAD_MAX] = { 0xda, 0x7a };
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	device_make_data(&a->d, &m, bytes, payload, &p);
	return stage_packet(s, a, &p);
}

enum verdict
stage_sacrament(struct stage *s, struct actor *a, uint32_t new_spi)
{
	static const uint8_t body[100] = { 0x5a };
	const struct device_exchange x = { new_spi, body, sizeof(body) };
	struct device_moment m = { s->now, &s->random };
	struct device_packet p;

	device_make_sacrament(&a->d, &m, &x, &p);
	return stage_packet(s, a, &p);
}

struct device_event
stage_receive(struct stage *s, struct actor *a, size_t n)
{
	struct sent *sent = &s->tray.sent[n];

	if (n >= s->tray.count || !endpoint_equal(&sent->to, &a->at) ||
	    sent->listener != a->listener)
		return (struct device_event){ .kind = DEVICE_WRONG_SOURCE };
	return device_receive(
	    &a->d, sent->bytes, sent->len, &s->options.listeners[sent->listener].main, s->now);
}

enum verdict
stage_from_peer(struct stage *s, unsigned n, const uint8_t *packet, size_t len)
{
	uint8_t wire[PACKET_ROOM], *body = wire + SHROUD_HEADER_SIZE;
	struct arrival in = { .from = stage_peer(n), .bytes = packet, .len = len };
	struct shroud_key key;
	struct kmac_prefix mask;
	struct kmac_job job;

	if (!s->options.listeners[0].shrouded)
		return stage_give(s, &in);
	random_bytes(&s->random, wire, SHROUD_HEADER_SIZE);
	memcpy(body, packet, len);
	body[len] = 0xff;
	shroud_key_federation(&key, &stage_secret);
	shroud_mask_prefix(&mask, &key);
	job = shroud_job(&mask, wire, body, len + 1);
	kmac_mask(&job, 1);
	in.bytes = wire;
	in.len = SHROUD_HEADER_SIZE + len + 1;
	return stage_give(s, &in);
}

enum verdict
stage_catacomb(struct stage *s, unsigned n, struct offer_header *h, const struct envelope *e)
{
	uint8_t packet[OFFER_SIZE];
	struct offer_key key;

	h->magic = MAGIC_CATACOMB;
	random_bytes(&s->random, h->seed, sizeof(h->seed));
	offer_key_catacomb(&key, &stage_secret, h->seed, h->flock_src);
	envelope_seal(packet, h, e, &key);
	return stage_from_peer(s, n, packet, sizeof(packet));
}

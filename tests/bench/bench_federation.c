/* SPDX-License-Identifier: ISC */
/*
 * What one of 32 cathedrals sends to the 31 others, and what that costs it and them, when 100,000
 * tunnels of the federation do not change: 3,125 of them here.  Devices speak every 5 s.  As ever:
 * two packets for each tunnel, cathedral and word of a device, as sanctum's do; patient: the same
 * packets, but of what did not change only every 40 s; by letter: many announcements in one.
 * Virtual time; all traffic between cathedrals is shrouded.
 */
#include "cathedral/relay/letters.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/sign.h"
#include "tests/support/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CATHEDRALS 32
#define TUNNELS    (100000 / CATHEDRALS)
#define DEVICES    64
#define STEPS      50 /* of 100 ms, in which each tunnel's device speaks once */
#define WARM_UP_S  90
#define KEPT       4096

enum manner { AS_EVER, PATIENT, BY_LETTER, MANNERS };

static struct random randomness;
static const struct flock_id flock = { 0xcafeba00 };
static const struct federation_secret secret = { "all of them know this" };
static struct cathedral_secret cs[DEVICES];
static struct cosk_secret cosk[DEVICES];
static struct cosk_public public[DEVICES];

static struct endpoint
cathedral_at(unsigned n)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, (uint8_t)(1 + n) }, 4500);
}

static void *
have(void *at)
{
	if (at == NULL) {
		fputs("out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return at;
}

/* ---- a cathedral ---- */

/* Counts what is sent, and keeps what goes to one cathedral. */
struct post {
	struct sender sender;
	uint64_t packets, bytes;
	bool keeps;
	size_t kept;
	struct packet *packets_kept;
};

struct rig {
	struct post post;
	struct stats stats;
	struct site *site;
	struct pipeline *pipeline;
	struct instant now;
	uint64_t cpu_ns;
};

static void
post_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct post *post = (struct post *)(void *)sender;
	struct endpoint second = cathedral_at(1);

	for (size_t n = 0; n < count; n++) {
		struct packet *keep = &post->packets_kept[post->kept];

		if (packets[n]->to_listener != 0)
			continue; /* an answer to a device */
		post->packets++;
		post->bytes += packets[n]->len;
		if (!post->keeps || post->kept == KEPT || !endpoint_equal(&packets[n]->to, &second))
			continue;
		packet_reset(keep, packets[n]->len);
		memcpy(keep->head, packets[n]->head, packets[n]->len);
		keep->from = cathedral_at(0);
		post->kept++;
	}
}

static struct registry *
make_registry(unsigned own)
{
	struct registry_spec_device specs[DEVICES];
	struct settings_peer peers[CATHEDRALS];
	struct registry_flock *flocks[1];
	struct registry_parts parts = { .flocks = flocks,
		.flock_count = 1,
		.peers = peers,
		.secret = &secret,
		.hash = hash_key_new(&randomness) };

	memset(specs, 0, sizeof(specs));
	memset(peers, 0, sizeof(peers));
	for (unsigned n = 0; n < DEVICES; n++)
		specs[n] = (struct registry_spec_device){ { n + 1 }, (uint8_t)(n + 1), 0, cs[n],
			public[n] };
	for (unsigned n = 0; n < CATHEDRALS; n++)
		if (n != own)
			peers[parts.peer_count++].at = cathedral_at(n);
	flocks[0] = have(registry_flock_create(flock, specs, DEVICES));
	return have(registry_create(&parts, NULL));
}

static void
rig_open(struct rig *r, unsigned own, enum manner manner)
{
	struct site_options o = SITE_OPTIONS_DEFAULT;

	memset(r, 0, sizeof(*r));
	o.listener_count = 2;
	o.listeners[0] = (struct listener){ .main = cathedral_at(own), .shrouded = true };
	o.listeners[1] = (struct listener){ .main = cathedral_at(own) };
	o.listeners[1].main.port = 4600;
	o.p2p_sync = true;
	o.offer_rate = 1 << 20;
	o.refresh_s = manner == AS_EVER ? 3 : RHYTHM_REFRESH_S;
	o.letters = manner == BY_LETTER;
	r->now = (struct instant){ 1000 * NS_PER_S, 1790000000 };
	r->site = have(site_create(&o, make_registry(own), 1, &randomness));
	r->post.sender.send = post_send;
	r->post.packets_kept = have(calloc(KEPT, sizeof(struct packet)));
	r->pipeline = have(pipeline_create(r->site, 0, &r->post.sender, &r->stats, &randomness));
}

static void
rig_close(struct rig *r)
{
	pipeline_destroy(r->pipeline);
	site_destroy(r->site);
	free(r->post.packets_kept);
}

static void
rig_run(struct rig *r, struct packet *packets, size_t count)
{
	struct packet *batch[PIPELINE_BATCH];
	uint64_t start = clock_thread_cpu_ns();

	for (size_t done = 0; done < count;) {
		size_t n = 0;

		while (n < PIPELINE_BATCH && done < count)
			batch[n++] = &packets[done++];
		pipeline_run(r->pipeline, batch, n, r->now);
	}
	if (pipeline_due_ns(r->pipeline) <= r->now.mono_ns)
		pipeline_tick(r->pipeline, r->now);
	if (r->site->options.letters)
		pipeline_greet(r->pipeline, r->now);
	r->cpu_ns += clock_thread_cpu_ns() - start;
}

/* ---- its devices ---- */

static void
make_info(struct packet *pkt, unsigned tunnel, int64_t wall_s)
{
	unsigned device = tunnel % DEVICES;
	struct offer o = { .type = OFFER_INFO,
		.timestamp = (uint64_t)wall_s,
		.info = { .flags = INFO_NO_AMBRY,
		    .tunnel =
			tunnel_between((uint8_t)(device + 1), (uint8_t)(100 + tunnel / DEVICES)),
		    .ambry_generation = 0x12345678,
		    .rx_active = 0x01020304 + tunnel,
		    .instance = UINT64_C(0x1122334455667788) + tunnel } };
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL, .flock_src = flock, .flock_dst = flock, .spi = device + 1
	};
	struct offer_key key;
	struct envelope e;

	random_bytes(&randomness, h.seed, sizeof(h.seed));
	offer_key_device(&key, &cs[device], h.seed, flock);
	envelope_signed(&e, &o, &cosk[device]);
	packet_reset(pkt, OFFER_SIZE);
	envelope_seal(pkt->head, &h, &e, &key);
	pkt->from = endpoint_from_ipv4(
	    (uint8_t[]){ 198, 51, (uint8_t)(tunnel >> 8), (uint8_t)tunnel }, 1000);
	pkt->listener = 1;
	pkt->nat_port = false;
}

/* The others are there, and, if that is the manner, write letters. */
static void
others_speak(struct rig *r)
{
	size_t count;
	const struct registry_peer *peers =
	    registry_peers(publish_current(r->site->publish), &count);

	for (size_t n = 0; n < count; n++) {
		if (r->site->options.letters)
			peer_heard_letter(peers[n].stats, 1000 + n, r->now.mono_ns);
		else
			peer_heard_plain(peers[n].stats, r->now.mono_ns);
	}
}

/* So many seconds of what the devices say. */
static void
live(struct rig *r, unsigned seconds)
{
	static struct packet infos[TUNNELS / STEPS + 1];

	for (unsigned step = 0; step < 10 * seconds; step++) {
		size_t count = 0;

		for (unsigned n = step % STEPS; n < TUNNELS; n += STEPS)
			make_info(&infos[count++], n, r->now.wall_s);
		others_speak(r);
		rig_run(r, infos, count);
		site_sweep(r->site, r->now.mono_ns);
		r->now.mono_ns += 100 * NS_PER_MS;
		if (step % 10 == 9)
			r->now.wall_s++;
	}
}

/* ---- figures ---- */

struct result {
	double packets, bytes, cpu_ms; /* a second */
	double hear_ns;                /* for each announcement */
};

/* What it costs another to hear what was kept, which was all said just now. */
static double
hear(const struct rig *from, enum manner manner)
{
	static struct rig to;
	uint64_t heard;

	rig_open(&to, 1, manner);
	to.now = from->now;
	rig_run(&to, from->post.packets_kept, from->post.kept);
	heard = stats_get(&to.stats.federated_in);
	if (heard == 0 || stats_get(&to.stats.federated_bad) != 0) {
		fputs("what was told was not believed\n", stderr);
		exit(EXIT_FAILURE);
	}
	rig_close(&to);
	return (double)to.cpu_ns / (double)heard;
}

static struct result
measure(enum manner manner, unsigned seconds)
{
	static struct rig r;
	struct result result;

	rig_open(&r, 0, manner);
	/* As ever there is nothing that calms down. */
	live(&r, manner == AS_EVER ? 30 : WARM_UP_S);
	r.post.packets = r.post.bytes = r.cpu_ns = 0;
	live(&r, seconds);
	result = (struct result){ (double)r.post.packets / seconds, (double)r.post.bytes / seconds,
		(double)r.cpu_ns / 1e6 / seconds, 0 };
	r.post.keeps = true;
	live(&r, 4);
	result.hear_ns = hear(&r, manner);
	rig_close(&r);
	return result;
}

static void
print(const char *manner, const char *what, double value, const char *unit, double ever)
{
	char name[80];
	struct figure f = { name, value, unit, ever == 0 ? 0 : value / ever,
		ever == 0 ? NULL : "as ever", NULL };

	snprintf(name, sizeof(name), "%s: %s", manner, what);
	figure_print(&f);
}

int
main(void)
{
	static const char *const names[] = { "as ever", "patient", "by letter" };
	unsigned seconds = bench_is_short() ? 5 : 70;
	struct result ever = { 0 };

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	for (unsigned n = 0; n < DEVICES; n++) {
		uint8_t seed[32];

		random_bytes(&randomness, seed, sizeof(seed));
		random_bytes(&randomness, &cs[n], sizeof(cs[n]));
		sign_key_pair(&cosk[n], &public[n], seed);
	}
	printf("%u tunnels at one of %u cathedrals, which tells %u others\n", TUNNELS, CATHEDRALS,
	    CATHEDRALS - 1);
	for (int m = 0; m < MANNERS; m++) {
		struct result r = measure((enum manner)m, m == AS_EVER ? 10 : seconds);

		if (m == AS_EVER)
			ever = r;
		print(names[m], "packets to other cathedrals", r.packets, "1/s", ever.packets);
		print(names[m], "bytes to other cathedrals", r.bytes, "B/s", ever.bytes);
		print(names[m], "CPU, with all that devices ask", r.cpu_ms, "ms/s", ever.cpu_ms);
		print(names[m], "CPU to hear an announcement", r.hear_ns, "ns", ever.hear_ns);
	}
	return EXIT_SUCCESS;
}

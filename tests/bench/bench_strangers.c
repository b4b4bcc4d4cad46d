/* SPDX-License-Identifier: ISC */
/*
 * What a worker spends on a packet that nobody should have sent, by kind, while 100,000 devices are
 * known; beside what it takes to receive it at all, with nothing done to it.
 */
#include "cathedral/relay/pipeline.h"
#include "protocol/crypto/aead.h"
#include "protocol/wire/header.h"
#include "protocol/wire/offer.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOCKS   50000
#define IN_SHORT 1000
#define ROUNDS   41
#define BATCHES  64 /* in a round, of 64 packets each */
#define LEN      700

static struct random randomness;
static struct crowd_batch *batch;
static size_t flocks;
static struct instant now = { 1000 * NS_PER_S, 1790000000 };

static const struct crowd_places places = {
	.first = { { [10] = 0xff, [11] = 0xff, [12] = 11, [15] = 1 }, 5000 },
	.second = { { [10] = 0xff, [11] = 0xff, [12] = 11, [15] = 2 }, 5000 },
};

/* The address that a whole office of devices is behind. */
static const struct endpoint office = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 }, 5000 };

static struct endpoint
anywhere(void)
{
	uint8_t ip[4];

	random_bytes(&randomness, ip, sizeof(ip));
	return endpoint_from_ipv4(ip, (uint16_t)(1 + random_below(&randomness, 65535)));
}

/* ---- the kinds ---- */

static void
put_short(struct packet *pkt)
{
	packet_reset(pkt, 40);
}

static void
put_noise(struct packet *pkt)
{
	packet_reset(pkt, LEN);
	random_bytes(&randomness, pkt->head, pkt->len);
}

static void
put_noise_from_office(struct packet *pkt)
{
	put_noise(pkt);
	pkt->from = office;
}

/* In the name of a device, or of one that there is not. */
static void
put_offer_of(struct packet *pkt, size_t flock)
{
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL,
		.flock_src = crowd_flock(flock, 0),
		.flock_dst = crowd_flock(flock, 0),
		.spi = 1,
	};

	packet_reset(pkt, OFFER_SIZE);
	random_bytes(&randomness, pkt->head, pkt->len);
	random_bytes(&randomness, h.seed, sizeof(h.seed));
	offer_header_encode(&h, pkt->head);
}

static void
put_offer(struct packet *pkt)
{
	put_offer_of(pkt, random_below(&randomness, (uint32_t)flocks));
}

static void
put_offer_of_nobody(struct packet *pkt)
{
	put_offer_of(pkt, flocks + random_below(&randomness, 1000));
}

/* In the name of a tunnel that is known, from where its device is not. */
static void
put_data(struct packet *pkt)
{
	struct flock_id flock = crowd_flock(random_below(&randomness, (uint32_t)flocks), 0);
	struct data_header h = { .spi = 0x02010007, .flock_src = flock, .flock_dst = flock };

	put_noise(pkt);
	data_header_encode(&h, pkt->head);
}

static const struct kind {
	const char *name;
	void (*put)(struct packet *pkt);
	uint8_t listener; /* 0: clear, 1: shrouded */
	bool slowly;      /* no more of them than guesses are allowed */
} kinds[] = {
	{ "too short", put_short, 0, false },
	{ "clear: noise, data of no tunnel", put_noise, 0, false },
	{ "clear: data of a tunnel, not from there", put_data, 0, false },
	{ "clear: offer of no device", put_offer_of_nobody, 0, false },
	{ "clear: offer of a device, not sealed", put_offer, 0, false },
	{ "shrouded: unknown identity", put_noise, 1, false },
	{ "shrouded: the same from where 20 devices are", put_noise_from_office, 1, true },
	{ "shrouded: the same at full speed", put_noise_from_office, 1, false },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the ground ---- */

static void
open_office(struct site *site)
{
	for (uint32_t n = 0; n < IDENTITY_HINTS_MAX; n++) {
		struct identity who = { crowd_flock(n, 0), crowd_flock(n, 0), { 1 }, 0 };
		struct endpoint from = office;
		uint8_t id[16];

		from.port = (uint16_t)(office.port + (n < 4 ? 0 : n));
		random_bytes(&randomness, id, sizeof(id));
		identities_prove(site->identities, id, &who, &from, now.mono_ns);
	}
}

static struct site *
open_site(void)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct site *site;

	options.listener_count = 2;
	for (size_t n = 0; n < 2; n++) {
		options.listeners[n].main =
		    endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, (uint16_t)(4500 + n));
		options.listeners[n].shrouded = n == 1;
	}
	site = site_create(&options, crowd_registry(flocks, 2, &randomness), 1, &randomness);
	if (site == NULL)
		return NULL;
	open_office(site);
	return site;
}

static double
measure(struct pipeline *p, const struct kind *k)
{
	uint64_t total_ns = 0;

	for (size_t b = 0; b < BATCHES; b++) {
		uint64_t start_ns;

		for (size_t n = 0; n < PIPELINE_BATCH; n++) {
			struct packet *pkt = batch->at[n];

			pkt->from = anywhere();
			pkt->listener = k->listener;
			pkt->nat_port = false;
			k->put(pkt);
		}
		if (k->slowly)
			now.mono_ns += PIPELINE_BATCH * NS_PER_MS;
		start_ns = clock_thread_cpu_ns();
		pipeline_run(p, batch->at, PIPELINE_BATCH, now);
		total_ns += clock_thread_cpu_ns() - start_ns;
	}
	return (double)total_ns / BATCHES / PIPELINE_BATCH;
}

/* ---- receiving alone ---- */

struct wire {
	int in, out;
	struct mmsghdr messages[PIPELINE_BATCH];
	struct iovec vectors[PIPELINE_BATCH];
	struct sockaddr_storage from[PIPELINE_BATCH];
	uint8_t room[PIPELINE_BATCH][2048];
};

static bool
wire_open(struct wire *w)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	w->in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w->out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		w->vectors[n] = (struct iovec){ w->room[n], sizeof(w->room[n]) };
		w->messages[n].msg_hdr.msg_iov = &w->vectors[n];
		w->messages[n].msg_hdr.msg_iovlen = 1;
	}
	return bind(w->in, (struct sockaddr *)&at, len) == 0 &&
	       getsockname(w->in, (struct sockaddr *)&at, &len) == 0 &&
	       connect(w->out, (struct sockaddr *)&at, len) == 0;
}

static double
receive_alone(struct wire *w)
{
	uint64_t total_ns = 0, count = 0;

	for (size_t b = 0; b < BATCHES; b++) {
		uint64_t start_ns;
		int got;

		for (size_t n = 0; n < PIPELINE_BATCH; n++) {
			w->vectors[n].iov_len = sizeof(w->room[n]);
			w->messages[n].msg_hdr.msg_name = &w->from[n];
			w->messages[n].msg_hdr.msg_namelen = sizeof(w->from[n]);
			if (send(w->out, w->room[n], LEN, 0) == -1)
				return 0;
		}
		start_ns = clock_thread_cpu_ns();
		got = recvmmsg(w->in, w->messages, PIPELINE_BATCH, MSG_DONTWAIT, NULL);
		total_ns += clock_thread_cpu_ns() - start_ns;
		count += got > 0 ? (uint64_t)got : 0;
	}
	return count == 0 ? 0 : (double)total_ns / (double)count;
}

int
main(void)
{
	static double ns[KINDS + 1][ROUNDS];
	static struct wire wire;
	size_t rounds = bench_is_short() ? 5 : ROUNDS;
	struct pipeline *p = NULL;
	struct stats stats = { 0 };
	struct drain drain;
	struct site *site;
	double bare;

	random_from_seed(&randomness, 1);
	drain_init(&drain);
	batch = crowd_batch_create();
	flocks = bench_is_short() ? IN_SHORT : FLOCKS;
	site = aead_init() && wire_open(&wire) ? open_site() : NULL;
	if (site != NULL)
		p = pipeline_create(site, 0, &drain.sender, &stats, &randomness);
	if (p == NULL)
		return EXIT_FAILURE;
	for (size_t round = 0; round < rounds; round++) {
		crowd_meet(site, flocks, &places, now.mono_ns);
		for (size_t k = 0; k < KINDS; k++)
			ns[k][round] = measure(p, &kinds[k]);
		ns[KINDS][round] = receive_alone(&wire);
	}
	bare = median(ns[KINDS], rounds);
	figure_print(&(struct figure){ "receiving alone", bare, "ns", 0, NULL, NULL });
	for (size_t k = 0; k < KINDS; k++) {
		double each = median(ns[k], rounds);

		figure_print(
		    &(struct figure){ kinds[k].name, each, "ns", each / bare, "receiving", NULL });
	}
	if (stats_get(&stats.verdicts[VERDICT_RELAYED]) > 0 || drain.packets > 0)
		return EXIT_FAILURE;
	pipeline_destroy(p);
	site_destroy(site);
	close(wire.in);
	close(wire.out);
	free(batch);
	return EXIT_SUCCESS;
}

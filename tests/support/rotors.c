/* SPDX-License-Identifier: ISC */
#include "tests/support/rotors.h"

#include "cathedral/io/state_file.h"
#include "cathedral/relay/bequest.h"
#include "tests/support/crowd.h"
#include "tools/device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_FLOCK   2
#define PER_NAT     40
#define NAT_SHARE   10 /* one in so many is behind one */
#define INFO_NS     (100 * NS_PER_S)
#define TICK_NS     (NS_PER_S / 10)
#define START_WALL  1790000000
#define START_NS    (1000 * NS_PER_S)
#define TOP_OF_OWN  10 /* the first byte of an address of one's own, and that of a NAT */
#define TOP_OF_NATS 11

struct rotors {
	size_t count;
	struct device *devices;
	bool shrouded, moved;
	struct random random;
	uint64_t passed_ns;
	size_t next; /* info in all; device next % count sends it */

	struct site *site;
	struct drain drain;
	struct stats stats;
	struct pipeline *pipeline, *scanner;
	struct crowd_batch *batch;
	struct device_packet made;
	struct rotors_count told;
};

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
address_of(const struct rotors *r, size_t n)
{
	bool nat = n % NAT_SHARE == 0;
	size_t host = nat ? n / NAT_SHARE / PER_NAT : n;
	uint8_t ip[4] = { nat ? TOP_OF_NATS : TOP_OF_OWN, (uint8_t)(host >> 16),
		(uint8_t)(host >> 8), (uint8_t)host };

	if (r->moved)
		ip[0] += 10;
	return endpoint_from_ipv4(ip, (uint16_t)(10000 + (nat ? n / NAT_SHARE % PER_NAT : 0)));
}

static struct instant
moment(const struct rotors *r)
{
	return (struct instant){ START_NS + r->passed_ns,
		(int64_t)(START_WALL + r->passed_ns / NS_PER_S) };
}

static void
device_ready(struct rotors *r, size_t n)
{
	struct device_moment m = { moment(r), &r->random };
	struct device_config config = device_config_default();
	uint8_t own = (uint8_t)(1 + n % PER_FLOCK);
	struct device_keys keys = crowd_keys(n / PER_FLOCK, own);

	config.flock = config.flock_dst = crowd_flock(n / PER_FLOCK, 0);
	config.id.value = own;
	config.tunnel = tunnel_between(own, (uint8_t)(PER_FLOCK + 1 - own));
	config.no_ambry = true;
	config.shroud = r->shrouded;
	device_init(&r->devices[n], &config, &keys, &m);
	device_add_cathedral(&r->devices[n], &r->site->options.listeners[0].main, 0);
}

static void
open_site(struct rotors *r)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 1;
	options.listeners[0] = (struct listener){
		.main = endpoint_from_ipv4((uint8_t[]){ 203, 0, 113, 1 }, 4500),
		.shrouded = r->shrouded,
	};
	options.listeners[0].advertised = options.listeners[0].main;
	r->site = have(site_create(&options,
	    crowd_registry((r->count + PER_FLOCK - 1) / PER_FLOCK, PER_FLOCK, &r->random), 2,
	    &r->random));
	r->pipeline = have(pipeline_create(r->site, 0, &r->drain.sender, &r->stats, &r->random));
	r->scanner = have(pipeline_create(r->site, 1, &r->drain.sender, &r->stats, &r->random));
}

struct rotors *
rotors_create(size_t devices, bool shrouded, struct random *r)
{
	struct rotors *all = have(calloc(1, sizeof(*all)));

	random_split(&all->random, r);
	all->shrouded = shrouded;
	all->count = devices;
	all->devices = have(calloc(devices, sizeof(all->devices[0])));
	drain_init(&all->drain);
	open_site(all);
	all->batch = crowd_batch_create();
	for (size_t n = 0; n < devices; n++)
		device_ready(all, n);
	return all;
}

void
rotors_destroy(struct rotors *r)
{
	for (size_t n = 0; n < r->count; n++)
		device_wipe(&r->devices[n]);
	pipeline_destroy(r->pipeline);
	pipeline_destroy(r->scanner);
	site_destroy(r->site);
	free(r->batch);
	free(r->devices);
	free(r);
}

void
rotors_move_all(struct rotors *r)
{
	r->moved = true;
}

/* The first info of all: under an identity that the cathedral knows already. */
static void
introduce(struct rotors *r, const struct device *d, const struct endpoint *from)
{
	const struct identity who = { flock_base(d->config.flock), flock_base(d->config.flock_dst),
		d->config.id, 0 };

	identities_prove(
	    r->site->identities, d->identity[DEVICE_SHROUD_PAIR], &who, from, moment(r).mono_ns);
}

static void
put_info(struct rotors *r, struct packet *pkt)
{
	struct device_moment m = { moment(r), &r->random };
	size_t n = r->next++ % r->count;
	struct device *d = &r->devices[n];
	uint64_t until = d->seed_id_until_ns;

	device_make_info(d, &m, &r->made);
	r->told.infos++;
	packet_reset(pkt, r->made.len);
	memcpy(pkt->head, r->made.bytes, r->made.len);
	pkt->from = address_of(r, n);
	pkt->listener = 0;
	pkt->nat_port = false;
	if (!r->shrouded)
		return;
	if (until == 0)
		introduce(r, d, &pkt->from);
	else if (until != d->seed_id_until_ns)
		r->told.rotations++;
}

/* What the scanner's thread does, without its budget. */
static void
search(struct rotors *r)
{
	static struct lookup what[LOOKUPS_TOGETHER];
	static struct packet room;
	size_t count;

	while ((count = lookups_next(r->site->lookups, what, LOOKUPS_TOGETHER, 0)) > 0)
		pipeline_look_up(r->scanner, what, count, &room, moment(r));
}

static bool
is_due(const struct rotors *r)
{
	return r->next * INFO_NS / r->count <= r->passed_ns;
}

void
rotors_run_s(struct rotors *r, uint64_t seconds)
{
	for (uint64_t ticks = seconds * (NS_PER_S / TICK_NS); ticks > 0; ticks--) {
		while (is_due(r)) {
			size_t n = 0;

			while (n < PIPELINE_BATCH && is_due(r))
				put_info(r, r->batch->at[n++]);
			pipeline_run(r->pipeline, r->batch->at, n, moment(r));
			search(r);
		}
		site_sweep(r->site, moment(r).mono_ns);
		r->passed_ns += TICK_NS;
	}
}

/* ---- started again ---- */

struct takeover {
	struct heir heir;
	struct instant now;
};

static bool
take(void *arg, const uint8_t *bytes, size_t len)
{
	struct takeover *to = arg;
	struct cursor c = cursor_over(bytes, len);
	struct frame f;
	struct fault why;

	return frame_take(&f, &c) && heir_take(&to->heir, &f, to->now, &why);
}

static bool
hand_over(struct site *from, struct rotors *r)
{
	struct takeover to = { heir_of(r->site, BEQUEST_PROCESS), moment(r) };
	const struct bequest_sink sink = { take, &to };
	struct bequest *b = bequest_create(from, &sink, BEQUEST_PROCESS);
	struct bequest_counts counts = { 0 };
	bool ok = b != NULL && bequest_write(b, moment(r), &counts);

	bequest_destroy(b);
	return ok;
}

static void
pass(struct rotors *r, uint64_t seconds)
{
	r->passed_ns += seconds * NS_PER_S;
	while (is_due(r))
		r->next++;
}

uint64_t
rotors_restart(struct rotors *r, enum rotors_left left, uint64_t pause_s, const char *path)
{
	struct site *before = r->site;
	const struct state_file file = { path, BEQUEST_STATE };
	struct bequest_counts counts;
	struct fault why = { "what was told is wrong" };
	uint64_t start_ns;
	bool ok = true;

	if (left == ROTORS_FILE)
		ok = state_file_write(&file, before, moment(r), &counts, &why);
	pipeline_destroy(r->pipeline);
	pipeline_destroy(r->scanner);
	pass(r, pause_s);
	open_site(r);
	start_ns = clock_thread_cpu_ns();
	if (left == ROTORS_FILE)
		ok = ok && state_file_read(&file, r->site, moment(r), &counts, &why) == STATE_READ;
	if (left == ROTORS_TOLD)
		ok = hand_over(before, r);
	if (!ok) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	start_ns = clock_thread_cpu_ns() - start_ns;
	site_destroy(before);
	return start_ns;
}

struct rotors_return
rotors_come_back(struct rotors *r, size_t devices)
{
	struct rotors_return took = { 0 };

	for (size_t sent = 0; sent < devices;) {
		uint64_t before_ns, between_ns;
		size_t n = 0;

		while (n < PIPELINE_BATCH && sent < devices) {
			put_info(r, r->batch->at[n++]);
			sent++;
		}
		before_ns = clock_thread_cpu_ns();
		pipeline_run(r->pipeline, r->batch->at, n, moment(r));
		between_ns = clock_thread_cpu_ns();
		search(r);
		took.worker_ns += between_ns - before_ns;
		took.scanner_ns += clock_thread_cpu_ns() - between_ns;
	}
	return took;
}

struct rotors_count
rotors_count(const struct rotors *r)
{
	struct rotors_count c = r->told;

	c.accepted = stats_get(&r->stats.verdicts[VERDICT_CONSUMED]);
	c.hinted = stats_get(&r->stats.identity_hits);
	c.searched = stats_get(&r->stats.identity_scans);
	c.known = identities_count(r->site->identities);
	return c;
}

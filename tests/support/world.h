/* SPDX-License-Identifier: ISC */
/*
 * Whole cathedrals and devices in one process and in virtual time: the pipelines are the daemon's,
 * the sockets between them are queues.  Everything that happens follows from one seed.
 *
 *	w = world_create(seed);
 *	flocks, members, bundles, cathedrals, devices are added;
 *	world_open(w);
 *	world_run(w, 10 * NS_PER_S);
 *
 * What must never happen in any world is looked for at every step and kept in w->violation; tests
 * expect it to be empty.  Fields may be read by tests, and written where that is said.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "cathedral/relay/pipeline.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/follow.h"
#include "tools/device/device.h"

#define WORLD_FLOCKS     4
#define WORLD_MEMBERS    32
#define WORLD_PAIRS      3
#define WORLD_CATHEDRALS 40
#define WORLD_WORKERS    3
#define WORLD_DEVICES    40
#define WORLD_HOSTS      (WORLD_CATHEDRALS + WORLD_DEVICES)

/* ---- who there is ---- */

struct world_member {
	struct device_id id;
	uint8_t number;
	uint32_t mbit;
	bool gone; /* may be written; counts from the next world_publish() on, as all of them */
	struct device_keys keys;
	struct cosk_public public;
};

struct world_bundle {
	bool present;
	struct bundle_head head;
	uint8_t seed[32]; /* of the tunnels' secrets */
};

struct world_flock {
	struct flock_id id;
	struct world_member members[WORLD_MEMBERS];
	unsigned member_count;
	struct world_bundle bundle;
	const char *bundle_path; /* may be written: the whole bundle lies there, too; NULL: not */
	bool changed;
	struct registry_flock *built;
};

/* Two flocks that may talk. */
struct world_pair {
	unsigned a, b;
	struct world_bundle bundle;
	bool cut; /* may be written: they may not any more */
	bool changed;
	struct registry_xflock *built;
};

/* ---- cathedrals ---- */

struct world;

struct world_sender {
	struct sender sender;
	struct world *world;
	unsigned cathedral;
};

struct world_cathedral {
	struct site_options options; /* may be written until it starts */
	unsigned workers;            /* likewise; 1 at first */
	uint64_t ahead_ns;           /* its monotonic clock; may be written before world_open() */
	int64_t skew_s;              /* its wall clock; may be written */
	bool alone;                  /* knows no other cathedral; from the next publish on */
	bool draining, gone;         /* in the fleet of a world that is fed; likewise */
	bool scanner_rests;          /* may be written: lookups wait */

	/* NULL while it is down. */
	struct site *site;
	struct pipeline *pipelines[WORLD_WORKERS + 2]; /* workers, scanner, main thread */
	struct stats *stats;                           /* as many */
	struct follow *follow;                         /* of a world that is fed */
	struct world_sender sender;
	uint64_t sweep_due_ns, scan_due_ns;
	uint64_t taken[WORLD_WORKERS]; /* packets each worker was given */
};

/* ---- devices ---- */

struct world_device {
	struct device d;
	bool off;           /* may be written */
	struct endpoint at; /* as the world sees it; may be written: it moves */
	bool symmetric;     /* behind a NAT with another port for every destination */
	unsigned flock, member;

	/* What came in. */
	uint64_t events[DEVICE_EVENT_KINDS];
	struct device_event info, liturgy, remembrance; /* the last of each */
	uint64_t info_ns, liturgy_ns, remembrance_ns;   /* and when; 0: never */
	uint64_t data, direct;
	uint64_t moves; /* times it gave a cathedral up */
};

/* Data that was sent, by its serial number. */
struct world_datum {
	unsigned sender;
	size_t len;
	uint64_t sent_ns;
	unsigned arrived; /* how often */
};

/* ---- the network ---- */

/* How datagrams travel. */
struct world_line {
	uint64_t delay_ns, jitter_ns; /* jitter: up to so much more, which also reorders */
	uint32_t lost, twice;         /* of 1000 */
	uint32_t lost_between;        /* of 1000, of those between cathedrals, besides */
};

struct world_datagram {
	struct endpoint from, to;
	size_t len;
	uint8_t bytes[];
};

struct world_flight {
	uint64_t at_ns, order;
	struct world_datagram *datagram;
};

struct world {
	uint64_t seed;
	struct random random;
	uint64_t now_ns;
	int64_t wall_s;    /* when now_ns was 0 */
	uint64_t sweep_ns; /* how often cathedrals sweep; may be written */

	struct world_flock flocks[WORLD_FLOCKS];
	struct world_pair pairs[WORLD_PAIRS];
	struct world_cathedral cathedrals[WORLD_CATHEDRALS];
	struct world_device devices[WORLD_DEVICES];
	unsigned flock_count, pair_count, cathedral_count, device_count;
	struct federation_secret secret;
	struct world_feed *feed; /* NULL: registries are made of flocks and pairs directly */

	struct world_line line;             /* may be written */
	bool cut[WORLD_HOSTS][WORLD_HOSTS]; /* may be written; by numbers of hosts */
	struct world_flight *flights;       /* a heap, the next one first */
	size_t flight_count, flight_room;
	uint64_t order;
	struct packet *room; /* for a batch */
	struct lookup lookups[LOOKUPS_TOGETHER];

	struct world_datum *data;
	size_t data_count, data_room;

	/* Sees every datagram that a cathedral or a device sends; may be written. */
	void (*tap)(struct world *w, const struct world_datagram *d, void *arg);
	void *tap_arg;

	/* Sees everything that a device makes of a datagram; may be written. */
	void (*heard)(struct world *w, unsigned device, const struct device_event *ev, void *arg);
	void *heard_arg;

	char violation[200]; /* the first thing that must never happen */
};

struct world *world_create(uint64_t seed);
void world_destroy(struct world *w);

/* ---- building; everything returns its index ---- */

unsigned world_add_flock(struct world *w);
unsigned world_add_member(struct world *w, unsigned flock, uint8_t number, uint32_t mbit);
unsigned world_add_pair(struct world *w, unsigned a, unsigned b);

/* A new bundle with other secrets; ends so many days from now.  world_publish() hands it out. */
void world_renew(struct world *w, unsigned flock, int days);
void world_renew_pair(struct world *w, unsigned pair, int days);

/* Marks a flock, and the pairs that it is in, as changed: the next publish builds it anew. */
void world_touch(struct world *w, unsigned flock);

struct world_listener {
	bool shrouded, ipv6;
};

unsigned world_add_cathedral(struct world *w, const struct world_listener *listeners, size_t count);

/* One end of a tunnel, and the listener of the cathedral that it knows at first. */
struct world_end {
	unsigned flock, member;
	unsigned peer_flock, peer_member;
	uint8_t domain;
	unsigned cathedral, listener;
};

/* Shrouded and IPv6 as the listener is. */
unsigned world_add_device(struct world *w, const struct world_end *end);

/* Two devices that talk to each other; returns the first, the other follows it. */
unsigned world_add_tunnel(
    struct world *w, const struct world_end *end, unsigned peer_cathedral, unsigned peer_listener);

/* The device gets to know one more cathedral, as if it had been configured with it. */
void world_add_fallback(struct world *w, unsigned device, unsigned cathedral, unsigned listener);

/*
 * Before it is opened: cathedrals follow a registry.db, which every publish writes to.  All of them
 * the same one, each by itself.
 */
void world_follow(struct world *w);

/* Starts all cathedrals. */
void world_open(struct world *w);

/* ---- what happens to them ---- */

void world_start(struct world *w, unsigned cathedral);
void world_crash(struct world *w, unsigned cathedral);

/* A cathedral reads its registry again, as the main thread does it: swap, purge, push. */
void world_publish(struct world *w, unsigned cathedral);
void world_publish_all(struct world *w);

/* Numbers for w->cut; a cathedral's is its own. */
static inline unsigned
world_host_of_device(unsigned device)
{
	return WORLD_CATHEDRALS + device;
}

void world_cut(struct world *w, unsigned host_a, unsigned host_b, bool cut); /* both ways */
void world_heal(struct world *w);

/* ---- time ---- */

/* Does the next thing that is due before until_ns; false when nothing is: then it is until_ns. */
bool world_step(struct world *w, uint64_t until_ns);
void world_run(struct world *w, uint64_t ns); /* for so long */

struct instant world_cathedral_now(const struct world *w, unsigned cathedral);
struct device_moment world_moment(struct world *w);

/* ---- traffic ---- */

/* The bytes go from any address to any other, like a datagram of a stranger. */
void world_post(struct world *w, const struct endpoint *from, const struct endpoint *to,
    const void *bytes, size_t len);

/* What the device made goes out; also the way for what a test made in its name. */
void world_send(struct world *w, unsigned device, const struct device_packet *packet);

/* Data from the device to its peer with a payload of len bytes; returns its serial number. */
size_t world_send_data(struct world *w, unsigned device, size_t len);
unsigned world_arrived(const struct world *w, size_t serial);

#define WORLD_PAYLOAD_MIN DEVICE_PAYLOAD_MIN

/* ---- looking ---- */

/* The device at the other end that is not off, or w->device_count. */
unsigned world_peer(const struct world *w, unsigned device);

/* What both ends should hold once they opened their ambries of the current bundle. */
bool world_current_secret(const struct world *w, unsigned device, struct tunnel_secret *ret);
uint32_t world_current_generation(const struct world *w, unsigned device);

struct stats_sum world_stats(const struct world *w, unsigned cathedral);
uint64_t world_verdicts(const struct world *w, unsigned cathedral, enum verdict v);

const struct listener *world_listener(const struct world *w, unsigned cathedral, unsigned listener);

/* The cathedral that has an address, and what on it; false when none has. */
bool world_find_cathedral(const struct world *w, const struct endpoint *at, unsigned *cathedral,
    uint8_t *listener, bool *nat_port);
bool world_shrouded(const struct world *w, unsigned device);

void world_violate(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

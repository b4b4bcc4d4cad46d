/* SPDX-License-Identifier: ISC */
/*
 * The device's side of the protocol (docs/protocol.md) without sockets, clocks or globals: what a
 * sanctum device sends to its cathedral and accepts from it.  Time and randomness come in with
 * every call, packets go out in the caller's buffer; so a probe drives one over a socket, and a
 * simulation thousands of them in virtual time.
 *
 *	while ((did = device_step(d, &m, &packet)) != DEVICE_IDLE)
 *		if (did == DEVICE_SENDS)
 *			send packet.bytes to packet.to
 *	wait until device_due(d), or for a packet that device_receive() is given
 */
#ifndef TOOLS_DEVICE_DEVICE_H
#define TOOLS_DEVICE_DEVICE_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/keys.h"
#include "base/random.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/kmac.h"
#include "protocol/crypto/shroud.h"
#include "protocol/wire/bundle.h"
#include "protocol/wire/header.h"
#include "protocol/wire/kind.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_CATHEDRALS  REMEMBRANCE_MAX
#define DEVICE_PACKET_MAX  2048 /* more than a cathedral takes: tests send too much on purpose */
#define DEVICE_PAYLOAD_MIN (PACKET_MIN - DATA_HEADER_SIZE)
#define DEVICE_PAYLOAD_MAX (DEVICE_PACKET_MAX - SHROUD_HEADER_SIZE - 1 - DATA_HEADER_SIZE)

struct device_keys {
	struct cathedral_secret cs;
	struct cosk_secret cosk;
	struct kek kek;
	bool has_kek; /* without one ambries come in but stay shut */
};

struct device_cathedral {
	struct endpoint at;
	uint16_t nat_port; /* 0: no NAT probes */
};

struct device_liturgy {
	bool on;
	uint16_t group;
	bool signalling, hidden;
	struct kek_set peers; /* whom a signalling liturgy calls */
};

struct device_config {
	struct flock_id flock, flock_dst; /* with their domains; the same within one flock */
	struct device_id id;
	struct tunnel_id tunnel; /* its upper half is the device's KEK number */
	bool shroud;
	size_t mtu;       /* shrouded packets are padded to random lengths below it; 0: no zeros */
	bool info;        /* off for a device that only sends liturgies */
	bool no_ambry;    /* asks for no ambries */
	bool remembrance; /* asks for remembrances, and takes them */
	bool direct;      /* takes packets from the peer's own address, too */
	struct device_liturgy liturgy;
	uint64_t info_ns, liturgy_ns; /* between two offers */
	uint64_t seed_id_ns;          /* how long one shroud identity is shown */
	uint64_t give_up_ns;          /* without an answer, until the next cathedral's turn */
};

/* How real devices behave: shroud, mtu 1373, info, 5 s, 5 s, 300 s, 45 s.  Names are the caller's.
 */
struct device_config device_config_default(void);

/* What a call may need of the world. */
struct device_moment {
	struct instant now;
	struct random *random;
};

/* The two shrouds between a device and its cathedrals; the same within one flock. */
enum device_shroud {
	DEVICE_SHROUD_PAIR = 0, /* of the pair of flocks: all but liturgies */
	DEVICE_SHROUD_OWN,      /* of the own flock alone */
	DEVICE_SHROUDS
};

/* Small, so that a test can hold thousands.  To be read by anyone; written by what is named. */
struct device {
	struct device_config config;
	struct device_keys keys;

	/* Cathedrals: those that it was given, then those of the last remembrance. */
	struct device_cathedral cathedrals[DEVICE_CATHEDRALS];
	uint8_t cathedral_count, cathedral_given, cathedral; /* cathedral: the one in use */
	uint64_t answered_ns;                                /* or when it turned to this one */

	/* What info offers say; a test may write these. */
	uint64_t instance;
	uint32_t generation; /* of the ambry that it opened last, 0: none */
	uint32_t rx_active, rx_pending;
	uint32_t tx_spi; /* under which the peer receives */
	uint64_t sent;   /* data packets; their numbers on the wire */

	bool has_secret, has_peer;
	struct tunnel_secret secret; /* from that ambry */
	struct endpoint peer;        /* the peer's own address, when an info answer named one */

	uint64_t info_due_ns, liturgy_due_ns;
	bool probe_due;

	uint64_t seed_id_until_ns; /* 0: none drawn yet */
	uint8_t seed_id[16];
	uint8_t identity[DEVICE_SHROUDS][SHROUD_IDENTITY_SIZE];
	struct kmac_prefix mask[DEVICE_SHROUDS];
	struct kmac_prefix peer_mask; /* for packets to the peer's own address, from secret */
};

_Static_assert(sizeof(struct device) <= 2048, "tests hold thousands of devices");

/* A packet to be sent; the bytes are the wire's, shroud included. */
struct device_packet {
	struct endpoint to;
	size_t len;
	uint8_t bytes[DEVICE_PACKET_MAX];
};

/*
 * Readies a device; everything is copied.  It must be given a cathedral before anything else is
 * asked of it.  The first offers are due at once.
 */
void device_init(struct device *d, const struct device_config *config,
    const struct device_keys *keys, const struct device_moment *m);

/* The first is its first choice, the others for when that gives no answers.  False when full. */
bool device_add_cathedral(struct device *d, const struct endpoint *at, uint16_t nat_port);

/* As if the process had been started again: new instance, no secret; it keeps its cathedral. */
void device_restart(struct device *d, const struct device_moment *m);

/* Wipes every secret in it. */
void device_wipe(struct device *d);

/*
 * The SPI under which a device receives unless it is told otherwise: its tunnel, then 16 bits that
 * depend on flock and tunnel alone.  So both ends know both without a key exchange.
 */
uint32_t device_default_spi(struct flock_id flock, struct tunnel_id tunnel);

static inline const struct endpoint *
device_cathedral(const struct device *d)
{
	return &d->cathedrals[d->cathedral].at;
}

enum device_did {
	DEVICE_IDLE = 0, /* nothing more before device_due() */
	DEVICE_SENDS,    /* out is to be sent */
	DEVICE_MOVED,    /* it gave its cathedral up for another one; out is untouched */
};

/* Does the next thing that is due of itself: infos, NAT probes, liturgies, giving up. */
enum device_did device_step(
    struct device *d, const struct device_moment *m, struct device_packet *out);

/* When device_step() has something to do, on the monotonic clock. */
uint64_t device_due(const struct device *d);

/*
 * Packets by themselves, to the cathedral in use.  device_step() makes the first three when they
 * are due; data and key exchanges are the caller's to time.
 */
void device_make_info(struct device *d, const struct device_moment *m, struct device_packet *out);
void device_make_probe(struct device *d, const struct device_moment *m, struct device_packet *out);
void device_make_liturgy(
    struct device *d, const struct device_moment *m, struct device_packet *out);

/*
 * Any offer in this device's name and under its seal: for tests of what a cathedral refuses.
 * The seed in h is drawn here and left there.  A liturgy goes under the shroud of the own flock.
 */
void device_make_offer(struct device *d, const struct device_moment *m, struct offer_header *h,
    const struct offer *o, struct device_packet *out);

/*
 * A data packet with this payload, which a real device would have encrypted.  False when it does
 * not fit out.  Payloads below DEVICE_PAYLOAD_MIN are made, but no cathedral relays them.
 */
bool device_make_data(struct device *d, const struct device_moment *m, const void *payload,
    size_t len, struct device_packet *out);

/*
 * The same to the peer's own address; false also when that is not known, or when there is no
 * secret to shroud it with.
 */
bool device_make_direct(struct device *d, const struct device_moment *m, const void *payload,
    size_t len, struct device_packet *out);

/* What a key exchange looks like to a cathedral: new_spi in the head, then an opaque body. */
struct device_exchange {
	uint32_t new_spi;
	const void *body;
	size_t len;
};

bool device_make_sacrament(struct device *d, const struct device_moment *m,
    const struct device_exchange *x, struct device_packet *out);

/*
 * Puts any bytes onto the wire, shrouded like a packet: for tests of other content.  False when
 * they do not fit.
 */
bool device_make_raw(struct device *d, const struct device_moment *m, const void *bytes, size_t len,
    struct device_packet *out);

/* What became of a packet that came in: exactly one of these. */
enum device_event_kind {
	DEVICE_INFO = 0,
	DEVICE_AMBRY,
	DEVICE_LITURGY,
	DEVICE_REMEMBRANCE,
	DEVICE_DATA,
	DEVICE_SACRAMENT,
	/* from here on: refused, nothing changed */
	DEVICE_WRONG_SOURCE, /* neither its cathedral's address and port nor the peer's */
	DEVICE_BAD_SHROUD,   /* none of its shrouds opens it */
	DEVICE_BAD_KIND,     /* too short, or what no cathedral sends to a device */
	DEVICE_BAD_SEAL,     /* an offer not sealed with its secret */
	DEVICE_WRONG_ID,     /* an offer for another identity */
	DEVICE_STALE,        /* an offer more than 10 s off */
	DEVICE_BAD_OFFER,    /* an offer of a type that no cathedral sends to a device */
	DEVICE_WRONG_TUNNEL, /* an ambry for another tunnel */
	DEVICE_WRONG_SPI,    /* relayed, but for other flocks or under an SPI not its own */
	DEVICE_EVENT_KINDS   /* always last */
};

/* "info", "wrong source", and so on. */
const char *device_event_name(enum device_event_kind kind);

static inline bool
device_refused(enum device_event_kind kind)
{
	return kind >= DEVICE_WRONG_SOURCE;
}

struct device_event {
	enum device_event_kind kind;
	bool direct; /* from the peer's own address instead of the cathedral's */
	union {
		struct {
			struct endpoint peer, local;
			bool relayed;      /* peer is the cathedral: packets go through it */
			bool same_address; /* both ends share one external address */
		} info;
		struct {
			uint32_t generation;
			uint16_t expires;
			bool opened; /* with the KEK; generation and secret are now the device's */
		} ambry;
		struct {
			uint16_t group;
			struct kek_set peers;
		} liturgy;
		struct remembrance remembrance;
		struct {
			struct data_header header;
			const uint8_t *payload; /* inside the bytes given to device_receive() */
			size_t len;
		} data;
		struct {
			struct sacrament_header header;
			const uint8_t *body; /* likewise */
			size_t len;
		} sacrament;
	};
};

/*
 * Takes a packet as it came from the wire, refusing what a real device refuses.  The bytes are
 * unmasked in place.
 */
struct device_event device_receive(
    struct device *d, uint8_t *bytes, size_t len, const struct endpoint *from, struct instant now);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Offers as values (docs/protocol.md, "Offers").  An offer on the wire is
 *
 *     header 92 | data 451 | extra 64 | tag 16
 *
 * with data and extra sealed.  Here: the header, and data as a value.  Sealing is envelope.h's.
 */
#ifndef PROTOCOL_WIRE_OFFER_H
#define PROTOCOL_WIRE_OFFER_H

#include "base/endpoint.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OFFER_HEADER_SIZE 92
#define OFFER_DATA_SIZE   451
#define OFFER_EXTRA_SIZE  64
#define OFFER_TAG_SIZE    16
#define OFFER_SIZE        623
#define OFFER_UNION_SIZE  442
#define OFFER_WINDOW_S    10 /* timestamps this far off, either way, are still fresh */
#define REMEMBRANCE_MAX   32
#define LITURGY_PEERS     255 /* KEK numbers 0 .. 254; 255 has no place in the list */

struct offer_header {
	uint64_t magic;
	struct flock_id flock_src, flock_dst;
	uint32_t spi; /* the device identity, but for SACRAMNT */
	uint8_t seed[64];
};

enum offer_type {
	OFFER_AMBRY = 2,
	OFFER_INFO = 3,
	OFFER_LITURGY = 4,
	OFFER_REMEMBRANCE = 5,
	OFFER_EXCHANGE = 6,
	OFFER_P2P_INFO = 7,
};

struct ambry {
	struct tunnel_id tunnel;
	uint16_t expires;
	uint32_t generation;
	uint8_t seed[64];
	uint8_t key[32];
	uint8_t tag[16];
};

#define INFO_WANTS_REMEMBRANCE 0x1u /* from a device */
#define INFO_NO_AMBRY          0x2u /* from a device */
#define INFO_SAME_ADDRESS      0x2u /* from a cathedral */

struct info {
	uint32_t flags;
	uint8_t peer_ip[4];
	uint16_t peer_port;
	uint8_t local_ip[4];
	uint16_t local_port;
	struct tunnel_id tunnel;
	uint32_t ambry_generation;
	uint32_t rx_active, rx_pending;
	uint64_t instance;
};

#define LITURGY_WANTS_REMEMBRANCE 0x1u
#define LITURGY_SIGNALLING        0x2u

struct liturgy {
	uint8_t id; /* own KEK number */
	uint16_t group;
	uint8_t peers[LITURGY_PEERS]; /* 0 or not 0, by KEK number */
	uint8_t hidden;
	uint32_t flags;
};

struct remembrance {
	size_t count;
	struct {
		uint8_t ip[4];
		uint16_t port;
	} cathedrals[REMEMBRANCE_MAX];
};

struct exchange {
	uint64_t id;
	uint32_t spi, salt;
	uint8_t state, fragment;
	uint8_t ecdh[32];
	uint8_t kem[392];
};

#define P2P_USABLE 0x1u

struct p2p_info {
	uint8_t ip[4];
	uint16_t port;
	struct tunnel_id tunnel;
	uint32_t flags;
};

struct offer {
	enum offer_type type;
	uint64_t timestamp; /* Unix seconds */
	union {
		struct ambry ambry;
		struct info info;
		struct liturgy liturgy;
		struct remembrance remembrance;
		struct exchange exchange;
		struct p2p_info p2p;
	};
};

/* Reads the first 92 bytes; what follows does not matter. */
bool offer_header_decode(struct offer_header *ret, const uint8_t *packet, size_t len);
void offer_header_encode(const struct offer_header *h, uint8_t out[static OFFER_HEADER_SIZE]);

/*
 * The 451 bytes of data.  False for types that are not in enum offer_type; what stands in the
 * unused rest of the union is ignored.  Remembrance ends at its first zero address or port.
 */
bool offer_data_decode(struct offer *ret, const uint8_t data[static OFFER_DATA_SIZE]);

/* The unused rest of the union is zero. */
void offer_data_encode(const struct offer *o, uint8_t data[static OFFER_DATA_SIZE]);

/* Whether the timestamp lies within the window around now_s; safe for any value. */
bool offer_fresh(uint64_t timestamp, int64_t now_s);

#endif

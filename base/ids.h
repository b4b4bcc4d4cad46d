/* SPDX-License-Identifier: ISC */
/*
 * The names of things, each a type of its own so that the compiler rejects a flock in the place
 * of a device (docs/protocol.md, "Names").
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* A flock of devices: the upper 56 bits name the flock, the low 8 the domain inside it. */
struct flock_id {
	uint64_t value;
};

/* A device within its flock; names its cathedral secret and its signing key. */
struct device_id {
	uint32_t value;
};

/* One end of a tunnel: own KEK number << 8 | the peer's KEK number. */
struct tunnel_id {
	uint16_t value;
};

#define KEK_NUMBER_MIN 1
#define KEK_NUMBER_MAX 255

static inline struct flock_id
flock_base(struct flock_id flock)
{
	return (struct flock_id){ flock.value & ~UINT64_C(0xff) };
}

static inline uint8_t
flock_domain(struct flock_id flock)
{
	return (uint8_t)flock.value;
}

static inline struct flock_id
flock_with_domain(struct flock_id flock, uint8_t domain)
{
	return (struct flock_id){ flock_base(flock).value | domain };
}

static inline bool
flock_equal(struct flock_id a, struct flock_id b)
{
	return a.value == b.value;
}

static inline struct tunnel_id
tunnel_between(uint8_t own, uint8_t peer)
{
	return (struct tunnel_id){ (uint16_t)(own << 8 | peer) };
}

static inline uint8_t
tunnel_own(struct tunnel_id tunnel)
{
	return (uint8_t)(tunnel.value >> 8);
}

static inline uint8_t
tunnel_peer(struct tunnel_id tunnel)
{
	return (uint8_t)tunnel.value;
}

/* The same tunnel as its other end names it. */
static inline struct tunnel_id
tunnel_reverse(struct tunnel_id tunnel)
{
	return tunnel_between(tunnel_peer(tunnel), tunnel_own(tunnel));
}

/* The tunnel id that an SPI carries in its upper half. */
static inline struct tunnel_id
spi_tunnel(uint32_t spi)
{
	return (struct tunnel_id){ (uint16_t)(spi >> 16) };
}

#endif

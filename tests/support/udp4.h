/* SPDX-License-Identifier: ISC */
/* One UDP datagram in an IPv4 packet, as a router sees it: read, readdressed, checksummed. */
#ifndef TESTS_SUPPORT_UDP4_H
#define TESTS_SUPPORT_UDP4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host order. */
struct udp4_end {
	uint32_t ip;
	uint16_t port;
};

struct udp4 {
	struct udp4_end from, to;
	uint8_t ttl;
};

static inline bool
udp4_same_end(struct udp4_end a, struct udp4_end b)
{
	return a.ip == b.ip && a.port == b.port;
}

/* False for what is not a whole UDP datagram, is a fragment, or has a wrong checksum. */
bool udp4_read(struct udp4 *ret, const uint8_t *packet, size_t len);

/* Writes addresses, ports and TTL into a packet that udp4_read() took, and both checksums. */
void udp4_write(uint8_t *packet, size_t len, const struct udp4 *as);

#endif

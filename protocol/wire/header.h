/* SPDX-License-Identifier: ISC */
/* The clear heads of relayed packets (docs/protocol.md, "Data", "Key exchange"). */
#ifndef PROTOCOL_WIRE_HEADER_H
#define PROTOCOL_WIRE_HEADER_H

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_HEADER_SIZE 32

struct data_header {
	uint32_t spi; /* upper half: the receiver's tunnel id */
	uint32_t seq;
	uint64_t pn;
	struct flock_id flock_src, flock_dst;
};

bool data_header_decode(struct data_header *ret, const uint8_t *packet, size_t len);
void data_header_encode(const struct data_header *h, uint8_t out[static DATA_HEADER_SIZE]);

/* Reads the head of a SACRAMNT packet: what follows is the devices' own. */
struct sacrament_header {
	struct flock_id flock_src, flock_dst;
	uint32_t spi; /* upper half: the sender's tunnel id; the SPI it will receive under */
};

#define SACRAMENT_HEADER_SIZE 28

bool sacrament_header_decode(struct sacrament_header *ret, const uint8_t *packet, size_t len);
void sacrament_header_encode(
    const struct sacrament_header *h, uint8_t out[static SACRAMENT_HEADER_SIZE]);

#endif

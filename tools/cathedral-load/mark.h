/* SPDX-License-Identifier: ISC */
/*
 * What a data packet of the load carries: whose it is, which one, and when it was sent.  Packets
 * are made and masked beforehand; as a mask is XORed, what is different in each is XORed in when
 * it is sent, without making the mask again.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_MARK_H
#define TOOLS_CATHEDRAL_LOAD_MARK_H

#include "protocol/wire/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Behind the SPI: the rest of the header is the mark's, too, so that seq and pn count. */
#define MARK_AT     4
#define MARK_SIZE   (DATA_HEADER_SIZE + 32 - MARK_AT)
#define MARK_PACKET (MARK_AT + MARK_SIZE) /* the shortest packet that bears one */

struct mark {
	uint32_t run;    /* drawn anew for each measurement */
	uint32_t tunnel; /* its number in the run */
	uint64_t number; /* in its tunnel, from 1 */
	uint64_t sent_ns;
};

/*
 * Writes the mark into the prepared packet: at is its byte MARK_AT on the wire, as are the bytes in
 * blank, which hold what stood there when the mark was zeros, and seq and pn as well.
 */
void mark_put(uint8_t *at, const uint8_t blank[static MARK_SIZE], const struct mark *m);

/* From a packet without shroud, or from its first MARK_PACKET bytes; false when it bears none. */
bool mark_read(struct mark *ret, const uint8_t *packet, size_t len);

#endif

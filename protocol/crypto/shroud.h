/* SPDX-License-Identifier: ISC */
/*
 * The mask over a whole packet (docs/protocol.md, "Shroud"):
 *
 *     id 16 | seed_id 16 | seed_data 16 | (packet || 0xff || zeros) XOR mask
 */
#ifndef PROTOCOL_CRYPTO_SHROUD_H
#define PROTOCOL_CRYPTO_SHROUD_H

#include "base/random.h"
#include "protocol/crypto/kmac.h"

#include <stddef.h>
#include <stdint.h>

#define SHROUD_HEADER_SIZE  48
#define SHROUD_SEED_ID_AT   16
#define SHROUD_SEED_DATA_AT 32

/*
 * The job that masks or unmasks the len bytes at body (behind their header) in place; header and
 * body must stay where they are until kmac_mask() ran.
 */
struct kmac_job shroud_job(
    const struct kmac_prefix *mask, const uint8_t *header, uint8_t *body, size_t len);

/* Length of the packet in len unmasked bytes, padding stripped (0 when nothing is left). */
size_t shroud_unpadded(const uint8_t *body, size_t len);

/*
 * How many zeros to put behind 0xff: uniformly random such that the whole stays below limit,
 * none when it is there already.  packet_len without header and 0xff.
 */
size_t shroud_padding(struct random *r, size_t packet_len, size_t limit);

#endif

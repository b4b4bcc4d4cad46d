/* SPDX-License-Identifier: ISC */
/* The first bytes under a shroud, for a single permutation, however long the packet is. */
#ifndef TOOLS_CATHEDRAL_LOAD_PEEK_H
#define TOOLS_CATHEDRAL_LOAD_PEEK_H

#include "protocol/crypto/keccak_wide.h"
#include "protocol/crypto/kmac.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define PEEK_SIZE KECCAK_RATE_256

/* Of the packet as it came from the wire, which stays as it is; false when it is shorter. */
bool peek(uint8_t out[static PEEK_SIZE], const struct kmac_prefix *mask, const uint8_t *packet,
    size_t len);

/* The same of several packets under one mask, at most PEEK_MANY, all of them long enough. */
#define PEEK_MANY KECCAK_WIDE

void peek_many(uint8_t out[][PEEK_SIZE], const struct kmac_prefix *mask,
    const struct iovec *packets, size_t count);

#endif

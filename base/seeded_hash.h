/* SPDX-License-Identifier: ISC */
/* Keyed hashing (SipHash-2-4) for tables whose keys a stranger may choose. */
#ifndef BASE_SEEDED_HASH_H
#define BASE_SEEDED_HASH_H

#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint8_t bytes[16];
};

struct hash_key hash_key_new(struct random *r);
uint64_t seeded_hash(const struct hash_key *key, const void *data, size_t len);

/* The 128-bit variant, where a collision must not be found either. */
void seeded_hash_128(
    const struct hash_key *key, const void *data, size_t len, uint8_t out[static 16]);

#endif

/* SPDX-License-Identifier: ISC */
#include "base/seeded_hash.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(struct hash_key) == crypto_shorthash_KEYBYTES, "SipHash-2-4 key");
_Static_assert(sizeof(struct hash_key) == crypto_shorthash_siphashx24_KEYBYTES, "128-bit key");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "64-bit hash");
_Static_assert(crypto_shorthash_siphashx24_BYTES == 16, "128-bit hash");

struct hash_key
hash_key_new(struct random *r)
{
	struct hash_key key;

	random_bytes(r, key.bytes, sizeof(key.bytes));
	return key;
}

uint64_t
seeded_hash(const struct hash_key *key, const void *data, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, data, len, key->bytes);
	memcpy(&hash, out, sizeof(hash));
	return le64toh(hash);
}

void
seeded_hash_128(const struct hash_key *key, const void *data, size_t len, uint8_t out[static 16])
{
	crypto_shorthash_siphashx24(out, data, len, key->bytes);
}

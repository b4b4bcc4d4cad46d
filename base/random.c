/* SPDX-License-Identifier: ISC */
#include "base/random.h"

#include <sodium.h>
#include <string.h>

/* Key and pool become fresh stream: what was handed out cannot be computed from what is left. */
static void
refill(struct random *r)
{
	static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	uint8_t stream[sizeof(r->key) + sizeof(r->pool)];

	crypto_stream_chacha20(stream, sizeof(stream), nonce, r->key);
	memcpy(r->key, stream, sizeof(r->key));
	memcpy(r->pool, stream + sizeof(r->key), sizeof(r->pool));
	r->left = sizeof(r->pool);
	sodium_memzero(stream, sizeof(stream));
}

void
random_from_system(struct random *r)
{
	memset(r, 0, sizeof(*r));
	randombytes_buf(r->key, sizeof(r->key));
}

void
random_from_seed(struct random *r, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < sizeof(seed); i++)
		r->key[i] = (uint8_t)(seed >> (8 * i));
}

void
random_split(struct random *child, struct random *parent)
{
	memset(child, 0, sizeof(*child));
	random_bytes(parent, child->key, sizeof(child->key));
}

void
random_bytes(struct random *r, void *out, size_t len)
{
	uint8_t *to = out;

	while (len > 0) {
		uint8_t *from;
		size_t n;

		if (r->left == 0)
			refill(r);
		n = len < r->left ? len : r->left;
		from = r->pool + sizeof(r->pool) - r->left;
		memcpy(to, from, n);
		memset(from, 0, n);
		r->left -= n;
		to += n;
		len -= n;
	}
}

uint64_t
random_u64(struct random *r)
{
	uint8_t bytes[8];
	uint64_t value = 0;

	random_bytes(r, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

uint32_t
random_below(struct random *r, uint32_t limit)
{
	uint32_t skip, value;

	if (limit == 0)
		return 0;
	/* The lowest 2^32 mod limit values are drawn again, so that each remainder is as likely. */
	skip = -limit % limit;
	do {
		value = (uint32_t)random_u64(r);
	} while (value < skip);
	return value % limit;
}

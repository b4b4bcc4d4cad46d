/* SPDX-License-Identifier: ISC */
#include "protocol/wrapping.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/kmac.h"
#include "protocol/crypto/secret.h"
#include "protocol/wire/cursor.h"

#include <assert.h>
#include <string.h>

#define LABEL_AMBRY "SANCTUM.AMBRY.KDF"

#define KEY_INPUT_SIZE (1 + 64 + 1 + 8 + 1 + 8 + 1 + 4 + 1 + 2)
#define AAD_SIZE       (2 + 2 + 8 + 8 + 4 + 64)

/* k2: every part stands behind its length. */
static void
ambry_key_derive(struct ambry_key *out, const struct kek_unwrap_key *k1,
    const struct bundle_head *head, const struct ambry_place *place)
{
	uint8_t input[KEY_INPUT_SIZE];
	struct writer w = writer_over(input, sizeof(input));

	writer_u8(&w, sizeof(head->seed));
	writer_put(&w, head->seed, sizeof(head->seed));
	writer_u8(&w, sizeof(place->flock_src.value));
	writer_be64(&w, place->flock_src.value);
	writer_u8(&w, sizeof(place->flock_dst.value));
	writer_be64(&w, place->flock_dst.value);
	writer_u8(&w, sizeof(head->generation));
	writer_be32(&w, head->generation);
	writer_u8(&w, sizeof(place->tunnel.value));
	writer_be16(&w, place->tunnel.value);
	assert(!w.failed && w.left == 0);

	kmac256(out->bytes, sizeof(out->bytes), k1->bytes, sizeof(k1->bytes), input, sizeof(input),
	    LABEL_AMBRY);
}

static void
aad_put(
    uint8_t aad[static AAD_SIZE], const struct bundle_head *head, const struct ambry_place *place)
{
	struct writer w = writer_over(aad, AAD_SIZE);

	writer_be16(&w, place->tunnel.value);
	writer_be16(&w, head->expires);
	writer_be64(&w, place->flock_src.value);
	writer_be64(&w, place->flock_dst.value);
	writer_be32(&w, head->generation);
	writer_put(&w, head->seed, sizeof(head->seed));
	assert(!w.failed && w.left == 0);
}

void
ambry_wrap(uint8_t key[static 32], uint8_t tag[static 16], const struct tunnel_secret *secret,
    const struct kek_unwrap_key *k1, const struct bundle_head *head,
    const struct ambry_place *place)
{
	uint8_t aad[AAD_SIZE];
	struct ambry_key k2;

	ambry_key_derive(&k2, k1, head, place);
	aad_put(aad, head, place);
	memcpy(key, secret->bytes, sizeof(secret->bytes));
	aead_seal(key, sizeof(secret->bytes), tag, aad, sizeof(aad), k2.bytes);
	secret_wipe(&k2, sizeof(k2));
}

bool
ambry_unwrap(struct tunnel_secret *ret, const uint8_t key[static 32], const uint8_t tag[static 16],
    const struct kek_unwrap_key *k1, const struct bundle_head *head,
    const struct ambry_place *place)
{
	uint8_t aad[AAD_SIZE];
	struct tunnel_secret secret;
	struct ambry_key k2;
	bool ok;

	ambry_key_derive(&k2, k1, head, place);
	aad_put(aad, head, place);
	memcpy(secret.bytes, key, sizeof(secret.bytes));
	ok = aead_open(secret.bytes, sizeof(secret.bytes), tag, aad, sizeof(aad), k2.bytes);
	if (ok)
		*ret = secret;
	secret_wipe(&k2, sizeof(k2));
	secret_wipe(&secret, sizeof(secret));
	return ok;
}

/* SPDX-License-Identifier: ISC */
#include "protocol/sealed_letter.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

_Static_assert(LETTER_TAG_SIZE == AEAD_TAG_SIZE, "tag of a letter");
_Static_assert(LETTER_SEED_SIZE == LETTER_KEY_SEED_SIZE, "seed of a letter");

bool
sealed_letter_open(
    uint8_t *packet, size_t len, const struct federation_secret *secret, struct cursor *body)
{
	uint8_t *at = packet + LETTER_HEADER_SIZE;
	struct letter_header h;
	struct letter_key key;
	size_t body_len;
	bool ok;

	if (len < LETTER_MIN || !letter_header_decode(&h, packet, len))
		return false;
	body_len = len - LETTER_HEADER_SIZE - LETTER_TAG_SIZE;
	letter_key_derive(&key, secret, h.seed);
	ok = aead_open(at, body_len, at + body_len, packet, LETTER_HEADER_SIZE, key.bytes);
	secret_wipe(&key, sizeof(key));
	if (ok)
		*body = cursor_over(at, body_len);
	return ok;
}

size_t
sealed_letter_make(uint8_t *out, const struct letter_header *h, size_t body_len,
    const struct federation_secret *secret)
{
	uint8_t *at = out + LETTER_HEADER_SIZE;
	struct letter_key key;

	letter_header_encode(h, out);
	letter_key_derive(&key, secret, h->seed);
	aead_seal(at, body_len, at + body_len, out, LETTER_HEADER_SIZE, key.bytes);
	secret_wipe(&key, sizeof(key));
	return LETTER_HEADER_SIZE + body_len + LETTER_TAG_SIZE;
}

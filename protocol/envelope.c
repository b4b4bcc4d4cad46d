/* SPDX-License-Identifier: ISC */
#include "protocol/envelope.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"

#include <string.h>

#define SEALED_SIZE (OFFER_DATA_SIZE + OFFER_EXTRA_SIZE)
#define TAG_AT      (OFFER_HEADER_SIZE + SEALED_SIZE)

/* data and extra are sealed as one piece, so they must lie side by side. */
_Static_assert(sizeof(struct envelope) == SEALED_SIZE, "envelope without gaps");
_Static_assert(TAG_AT + OFFER_TAG_SIZE == OFFER_SIZE, "parts of an offer");
_Static_assert(OFFER_TAG_SIZE == AEAD_TAG_SIZE, "tag of an offer");
_Static_assert(OFFER_EXTRA_SIZE == SIGNATURE_SIZE, "a signature fills extra");

bool
envelope_open(struct envelope *ret, const uint8_t *packet, size_t len, const struct offer_key *key)
{
	struct envelope e;

	if (len < OFFER_SIZE)
		return false;
	memcpy(&e, packet + OFFER_HEADER_SIZE, SEALED_SIZE);
	if (!aead_open(
		(uint8_t *)&e, SEALED_SIZE, packet + TAG_AT, packet, OFFER_HEADER_SIZE, key->bytes))
		return false;
	*ret = e;
	return true;
}

void
envelope_seal(uint8_t out[static OFFER_SIZE], const struct offer_header *header,
    const struct envelope *e, const struct offer_key *key)
{
	offer_header_encode(header, out);
	memcpy(out + OFFER_HEADER_SIZE, e, SEALED_SIZE);
	aead_seal(
	    out + OFFER_HEADER_SIZE, SEALED_SIZE, out + TAG_AT, out, OFFER_HEADER_SIZE, key->bytes);
}

void
envelope_signed(struct envelope *e, const struct offer *o, const struct cosk_secret *secret)
{
	offer_data_encode(o, e->data);
	sign_make(e->extra, e->data, sizeof(e->data), secret);
}

void
envelope_unsigned(struct envelope *e, const struct offer *o, struct random *r)
{
	offer_data_encode(o, e->data);
	random_bytes(r, e->extra, sizeof(e->extra));
}

bool
envelope_verify(const struct envelope *e, const struct cosk_public *public)
{
	return sign_verify(e->extra, e->data, sizeof(e->data), public);
}

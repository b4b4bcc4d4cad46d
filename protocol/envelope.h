/* SPDX-License-Identifier: ISC */
/*
 * Sealed offers: where the layout of offers and their encryption meet.  Both ends use it, device
 * and cathedral (docs/protocol.md, "Offers").
 */
#ifndef PROTOCOL_ENVELOPE_H
#define PROTOCOL_ENVELOPE_H

#include "base/keys.h"
#include "base/random.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was inside: data as it came (the signature is over these bytes) and the 64 extra bytes. */
struct envelope {
	uint8_t data[OFFER_DATA_SIZE];
	uint8_t extra[OFFER_EXTRA_SIZE];
};

/* Opens packet (at least OFFER_SIZE bytes; more is padding) with its key; false: not sealed so. */
bool envelope_open(
    struct envelope *ret, const uint8_t *packet, size_t len, const struct offer_key *key);

/* Writes the OFFER_SIZE bytes of the sealed packet. */
void envelope_seal(uint8_t out[static OFFER_SIZE], const struct offer_header *header,
    const struct envelope *e, const struct offer_key *key);

/* Fills e from an offer, signed (a device's) or with random extra (a cathedral's). */
void envelope_signed(struct envelope *e, const struct offer *o, const struct cosk_secret *secret);
void envelope_unsigned(struct envelope *e, const struct offer *o, struct random *r);

/* Whether extra is the owner's signature over data. */
bool envelope_verify(const struct envelope *e, const struct cosk_public *public);

#endif

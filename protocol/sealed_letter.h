/* SPDX-License-Identifier: ISC */
/* Letters sealed: where their layout and their encryption meet (docs/protocol.md, "Letters"). */
#ifndef PROTOCOL_SEALED_LETTER_H
#define PROTOCOL_SEALED_LETTER_H

#include "base/keys.h"
#include "protocol/wire/letter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens the body of the packet in place: *body points into it.  False: it is not sealed under this
 * secret.
 */
bool sealed_letter_open(
    uint8_t *packet, size_t len, const struct federation_secret *secret, struct cursor *body);

/*
 * Puts header and tag around the body, which lies at out + LETTER_HEADER_SIZE already, with room
 * behind it.  h's seed must be fresh.  Returns the length of the whole.
 */
size_t sealed_letter_make(uint8_t *out, const struct letter_header *h, size_t body_len,
    const struct federation_secret *secret);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Letters: what cathedrals of this project say to each other besides catacomb offers
 * (docs/protocol.md, "Letters").  On the wire a letter is
 *
 *     header 64 | body, sealed | tag 16
 *
 * and its body begins with when and by whom it was written.  Then, in a hello, what its writer asks
 * for; in a page, announcements up to the end.  Here: bytes and values.  Sealing is
 * protocol/sealed_letter.h's.
 */
#ifndef PROTOCOL_WIRE_LETTER_H
#define PROTOCOL_WIRE_LETTER_H

#include "base/ids.h"
#include "protocol/wire/cursor.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LETTER_VERSION     1
#define LETTER_HEADER_SIZE 64
#define LETTER_SEED_SIZE   32
#define LETTER_TAG_SIZE    16
#define LETTER_HEAD_SIZE   16   /* of the body */
#define LETTER_MAX         1200 /* below the path MTU, shrouded or not */
#define LETTER_BODY_MAX    (LETTER_MAX - LETTER_HEADER_SIZE - LETTER_TAG_SIZE)
#define LETTER_MIN         (LETTER_HEADER_SIZE + LETTER_HEAD_SIZE + LETTER_TAG_SIZE)

enum letter_kind { LETTER_HELLO = 1, LETTER_PAGE = 2 };

struct letter_header {
	uint8_t version;
	uint8_t kind; /* enum letter_kind, or one that is not known */
	uint8_t seed[LETTER_SEED_SIZE];
};

/* False when it is no letter, or not as it must be for a cathedral that knows none to drop it. */
bool letter_header_decode(struct letter_header *ret, const uint8_t *packet, size_t len);
void letter_header_encode(const struct letter_header *h, uint8_t out[static LETTER_HEADER_SIZE]);

/* Who writes, and when. */
struct letter_head {
	uint64_t timestamp; /* Unix seconds */
	uint64_t instance;  /* another one each time that a cathedral starts; not 0 */
};

void letter_head_read(struct cursor *c, struct letter_head *ret);
void letter_head_write(struct writer *w, const struct letter_head *head);

/* What a hello has behind it: raised each time that the writer has missed things of the reader. */
uint32_t letter_asked_read(struct cursor *c);
void letter_asked_write(struct writer *w, uint32_t asked);

/* An announcement: an offer without its header, seal, and zeros. */
struct letter_leaf {
	struct flock_id src, dst;
	struct device_id device;
	bool is_signed; /* else extra is nothing */
	uint8_t data[OFFER_DATA_SIZE];
	uint8_t extra[OFFER_EXTRA_SIZE];
};

/* What one takes at most. */
#define LETTER_LEAF_MAX (2 + 1 + 8 + 8 + 4 + OFFER_EXTRA_SIZE + OFFER_DATA_SIZE + 4)

/* Reads the next one; when something is wrong c is failed from then on. */
void letter_leaf_read(struct cursor *c, struct letter_leaf *ret);

/* Fails w when there is no room; never with LETTER_LEAF_MAX. */
void letter_leaf_write(struct writer *w, const struct letter_leaf *leaf);

#endif

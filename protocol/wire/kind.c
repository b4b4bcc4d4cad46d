/* SPDX-License-Identifier: ISC */
#include "protocol/wire/kind.h"

#include "protocol/wire/cursor.h"
#include "protocol/wire/offer.h"

/* What is longer than min is padding, or the devices' own. */
static const struct {
	uint64_t magic;
	size_t min;
	enum wire_kind kind;
} rules[] = {
	{ MAGIC_KATEDRAL, OFFER_SIZE, WIRE_KATEDRAL },
	{ MAGIC_CIBORIUM, OFFER_SIZE, WIRE_CIBORIUM },
	{ MAGIC_CATACOMB, OFFER_SIZE, WIRE_CATACOMB },
	{ MAGIC_SACRAMNT, PACKET_MIN, WIRE_SACRAMNT },
};

/*
 * Traffic may begin with any SPI and sequence number, also with those that spell the magic; but it
 * names its flocks, and a letter none.
 */
static enum wire_kind
data_or_letter(uint64_t magic, struct cursor *behind)
{
	if (magic != MAGIC_LETTER)
		return WIRE_DATA;
	cursor_skip(behind, 8);
	return cursor_be64(behind) == 0 && cursor_be64(behind) == 0 ? WIRE_LETTER : WIRE_DATA;
}

enum wire_kind
wire_kind(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	uint64_t magic;

	if (len < PACKET_MIN || len > PACKET_MAX)
		return WIRE_UNKNOWN;

	magic = cursor_be64(&c);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].magic == magic)
			return len < rules[i].min ? WIRE_UNKNOWN : rules[i].kind;

	return data_or_letter(magic, &c);
}

/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/peek.h"

#include "protocol/crypto/shroud.h"

#include <endian.h>
#include <string.h>

/*
 * KMAC256's last block (docs/protocol.md, "Shroud"): the header of the shroud, the length of the
 * mask in bits, right-encoded, then the padding.  All of it fits one block, since the prefix ends
 * at the end of one.
 */
static void
last_block(uint8_t block[static KECCAK_RATE_256], const uint8_t *header, size_t masked)
{
	size_t bits = masked * 8, at = SHROUD_HEADER_SIZE;
	uint8_t bytes = bits > 0xffff ? 3 : bits > 0xff ? 2 : 1;

	memset(block, 0, KECCAK_RATE_256);
	memcpy(block, header, SHROUD_HEADER_SIZE);
	for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
		block[at++] = (uint8_t)(bits >> shift);
	block[at++] = bytes;
	block[at] = 0x04;
	block[KECCAK_RATE_256 - 1] |= 0x80;
}

bool
peek(uint8_t out[static PEEK_SIZE], const struct kmac_prefix *mask, const uint8_t *packet,
    size_t len)
{
	uint8_t block[KECCAK_RATE_256];
	uint64_t state[KECCAK_LANES], word;

	if (len < SHROUD_HEADER_SIZE + PEEK_SIZE)
		return false;
	last_block(block, packet, len - SHROUD_HEADER_SIZE);
	memcpy(state, mask->state, sizeof(state));
	for (size_t i = 0; i < KECCAK_RATE_256; i += 8) {
		memcpy(&word, block + i, 8);
		state[i / 8] ^= le64toh(word);
	}
	keccak_permute(state);
	for (size_t i = 0; i < PEEK_SIZE; i += 8) {
		memcpy(&word, packet + SHROUD_HEADER_SIZE + i, 8);
		word ^= htole64(state[i / 8]);
		memcpy(out + i, &word, 8);
	}
	return true;
}

/* State n of them, before it is permuted. */
static void
absorb(struct keccak_wide *s, size_t n, const struct kmac_prefix *mask, const uint8_t *header,
    size_t masked)
{
	uint8_t block[KECCAK_RATE_256];
	uint64_t word;

	last_block(block, header, masked);
	for (size_t i = 0; i < KECCAK_LANES; i++)
		s->lanes[i][n] = mask->state[i];
	for (size_t i = 0; i < KECCAK_RATE_256; i += 8) {
		memcpy(&word, block + i, 8);
		s->lanes[i / 8][n] ^= le64toh(word);
	}
}

static void
permute(struct keccak_wide *s, size_t count)
{
	enum keccak_way way = keccak_best_way();
	uint64_t one[KECCAK_LANES];

	if (keccak_way_width(way) >= count) {
		keccak_permute_wide(s, count, way);
		return;
	}
	for (size_t n = 0; n < count; n++) {
		for (size_t i = 0; i < KECCAK_LANES; i++)
			one[i] = s->lanes[i][n];
		keccak_permute(one);
		for (size_t i = 0; i < KECCAK_LANES; i++)
			s->lanes[i][n] = one[i];
	}
}

void
peek_many(uint8_t out[][PEEK_SIZE], const struct kmac_prefix *mask, const struct iovec *packets,
    size_t count)
{
	size_t most = keccak_way_width(keccak_best_way());
	struct keccak_wide s;
	uint64_t word;

	/* What cannot be permuted at once goes in parts. */
	for (; most > 1 && count > most; out += most, packets += most, count -= most)
		peek_many(out, mask, packets, most);
	for (size_t n = 0; n < count; n++)
		absorb(&s, n, mask, packets[n].iov_base, packets[n].iov_len - SHROUD_HEADER_SIZE);
	if (count > 0)
		permute(&s, count);
	for (size_t n = 0; n < count; n++) {
		const uint8_t *packet = (const uint8_t *)packets[n].iov_base + SHROUD_HEADER_SIZE;

		for (size_t i = 0; i < PEEK_SIZE; i += 8) {
			memcpy(&word, packet + i, 8);
			word ^= htole64(s.lanes[i / 8][n]);
			memcpy(out[n] + i, &word, 8);
		}
	}
}

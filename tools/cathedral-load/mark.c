/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/mark.h"

#include "protocol/wire/cursor.h"

#include <endian.h>
#include <string.h>

#define MAGIC   UINT64_C(0x6c6f616420763120)
#define BODY_AT 28 /* where the payload begins, behind seq, pn and the flocks, which stay */

void
mark_put(uint8_t *at, const uint8_t blank[static MARK_SIZE], const struct mark *m)
{
	/* At 0, 4, 28, ...: words, since this is done for every packet. */
	const uint32_t seq = htobe32((uint32_t)m->number);
	const uint64_t number = htobe64(m->number);
	const uint64_t body[] = { htobe64(MAGIC), htobe64((uint64_t)m->run << 32 | m->tunnel),
		number, htobe64(m->sent_ns) };
	uint32_t half;
	uint64_t word;

	memcpy(&half, blank, sizeof(half));
	half ^= seq;
	memcpy(at, &half, sizeof(half));
	memcpy(&word, blank + sizeof(half), sizeof(word));
	word ^= number;
	memcpy(at + sizeof(half), &word, sizeof(word));
	for (size_t n = 0; n < sizeof(body) / sizeof(body[0]); n++) {
		memcpy(&word, blank + BODY_AT + n * sizeof(word), sizeof(word));
		word ^= body[n];
		memcpy(at + BODY_AT + n * sizeof(word), &word, sizeof(word));
	}
}

bool
mark_read(struct mark *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	uint64_t magic;
	struct mark m;

	cursor_skip(&c, DATA_HEADER_SIZE);
	magic = cursor_be64(&c);
	m.run = cursor_be32(&c);
	m.tunnel = cursor_be32(&c);
	m.number = cursor_be64(&c);
	m.sent_ns = cursor_be64(&c);
	if (!cursor_ok(&c) || magic != MAGIC)
		return false;
	*ret = m;
	return true;
}

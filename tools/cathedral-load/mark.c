/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/mark.h"

#include "protocol/wire/cursor.h"

#define MAGIC     UINT64_C(0x6c6f616420763120)
#define HEAD_SIZE 12 /* seq and pn; the flocks behind them stay */
#define BODY_AT   28 /* where the payload begins */

void
mark_put(uint8_t *at, const uint8_t blank[static MARK_SIZE], const struct mark *m)
{
	uint8_t bytes[MARK_SIZE] = { 0 };
	struct writer head = writer_over(bytes, HEAD_SIZE);
	struct writer body = writer_over(bytes + BODY_AT, MARK_SIZE - BODY_AT);

	writer_be32(&head, (uint32_t)m->number);
	writer_be64(&head, m->number);
	writer_be64(&body, MAGIC);
	writer_be32(&body, m->run);
	writer_be32(&body, m->tunnel);
	writer_be64(&body, m->number);
	writer_be64(&body, m->sent_ns);
	for (size_t i = 0; i < MARK_SIZE; i++)
		at[i] = blank[i] ^ bytes[i];
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

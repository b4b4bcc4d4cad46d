/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/stamp.h"

#include "base/seeded_hash.h"
#include "protocol/wire/cursor.h"

#include <assert.h>

#define STAMP_MAGIC UINT64_C(0x70726f6265207631)

/* Against damage, not against people: anybody may know this key. */
static const struct hash_key checksum_key = { "cathedral-probe" };

#define CHECKED_FROM 16 /* behind magic and checksum */

void
stamp_write(const struct stamp *s, uint8_t *payload, size_t len)
{
	struct writer w = writer_over(payload, len);
	uint8_t fill = (uint8_t)s->number;

	assert(len >= STAMP_SIZE);
	writer_be64(&w, STAMP_MAGIC);
	writer_be64(&w, 0);
	writer_be64(&w, s->run);
	writer_be64(&w, s->number);
	writer_be64(&w, s->sent_ns);
	writer_u8(&w, s->flags);
	while (w.left > 0)
		writer_u8(&w, fill++);

	w = writer_over(payload + 8, 8);
	writer_be64(&w, seeded_hash(&checksum_key, payload + CHECKED_FROM, len - CHECKED_FROM));
}

bool
stamp_read(struct stamp *ret, const uint8_t *payload, size_t len)
{
	struct cursor c = cursor_over(payload, len);
	uint64_t magic = cursor_be64(&c), checksum = cursor_be64(&c);
	struct stamp s;

	s.run = cursor_be64(&c);
	s.number = cursor_be64(&c);
	s.sent_ns = cursor_be64(&c);
	s.flags = cursor_u8(&c);

	if (!cursor_ok(&c) || magic != STAMP_MAGIC ||
	    checksum != seeded_hash(&checksum_key, payload + CHECKED_FROM, len - CHECKED_FROM))
		return false;
	*ret = s;
	return true;
}

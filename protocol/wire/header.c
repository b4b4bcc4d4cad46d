/* SPDX-License-Identifier: ISC */
#include "protocol/wire/header.h"

#include "protocol/wire/cursor.h"
#include "protocol/wire/kind.h"

bool
data_header_decode(struct data_header *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	struct data_header h;

	h.spi = cursor_be32(&c);
	h.seq = cursor_be32(&c);
	h.pn = cursor_be64(&c);
	h.flock_src.value = cursor_be64(&c);
	h.flock_dst.value = cursor_be64(&c);

	if (!cursor_ok(&c))
		return false;
	*ret = h;
	return true;
}

void
data_header_encode(const struct data_header *h, uint8_t out[static DATA_HEADER_SIZE])
{
	struct writer w = writer_over(out, DATA_HEADER_SIZE);

	writer_be32(&w, h->spi);
	writer_be32(&w, h->seq);
	writer_be64(&w, h->pn);
	writer_be64(&w, h->flock_src.value);
	writer_be64(&w, h->flock_dst.value);
}

bool
sacrament_header_decode(struct sacrament_header *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	uint64_t magic = cursor_be64(&c);
	struct sacrament_header h;

	h.flock_src.value = cursor_be64(&c);
	h.flock_dst.value = cursor_be64(&c);
	h.spi = cursor_be32(&c);

	if (!cursor_ok(&c) || magic != MAGIC_SACRAMNT)
		return false;
	*ret = h;
	return true;
}

void
sacrament_header_encode(const struct sacrament_header *h, uint8_t out[static SACRAMENT_HEADER_SIZE])
{
	struct writer w = writer_over(out, SACRAMENT_HEADER_SIZE);

	writer_be64(&w, MAGIC_SACRAMNT);
	writer_be64(&w, h->flock_src.value);
	writer_be64(&w, h->flock_dst.value);
	writer_be32(&w, h->spi);
}
